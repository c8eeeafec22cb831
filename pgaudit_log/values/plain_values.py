"""Plain values: values as JSON has them, so that a program that reads them loses nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.duration import duration_iso_string

from pgaudit_log.constants import ERASED_KEY, JSON_KEY, MASKED_KEY
from pgaudit_log.values.row_json import ERASED, JSON_NULL, MASKED, Absence

_AS_STORED: dict[Absence, dict[str, Any]] = {
    JSON_NULL: {JSON_KEY: None},
    MASKED: {MASKED_KEY: True},
    ERASED: {ERASED_KEY: True},
}
"""What stands for a value, as the event table has it."""


def plain(value: object) -> Any:
    """Return ``value`` with what JSON has: decimals, UUIDs and moments as text, bytes as hex.

    JSON's ``null`` where SQL's is possible too is ``{"pgaudit_log.json": null}``, as in the
    event table. What is ``MISSING`` is for the caller to leave out.
    """
    match value:
        case None | bool() | int():
            return value
        case str():
            return str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case datetime():
            if timezone.is_naive(value) and not settings.USE_TZ:
                value = timezone.make_aware(value)
            return value.isoformat()
        case date() | time():
            return value.isoformat()
        case timedelta():
            return duration_iso_string(value)
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case Mapping():
            return {str(key): plain(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(inner) for inner in value]
        case Absence() if value in _AS_STORED:
            return dict(_AS_STORED[value])
        case _:
            return str(value)
