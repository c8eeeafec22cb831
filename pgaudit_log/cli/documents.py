"""Documents: values as JSON has them, so that a program that reads them loses nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.duration import duration_iso_string

from pgaudit_log.constants import ERASED_KEY, JSON_KEY, MASKED_KEY, OPERATIONS
from pgaudit_log.diffs import FieldDiff
from pgaudit_log.models import Events
from pgaudit_log.states import ERASED, JSON_NULL, MASKED, MISSING, Absence

_AS_STORED: dict[Absence, dict[str, Any]] = {
    JSON_NULL: {JSON_KEY: None},
    MASKED: {MASKED_KEY: True},
    ERASED: {ERASED_KEY: True},
}
"""What stands for a value, as the event table has it."""


def dump(document: Any) -> str:
    """Return one JSON document, in ASCII, so that no terminal and no encoding can change it."""
    return json.dumps(plain(document), indent=2, allow_nan=False)


def plain(value: Any) -> Any:
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


def known(**values: Any) -> dict[str, Any]:
    """Return ``values`` without those that are ``MISSING``."""
    return {name: value for name, value in values.items() if value is not MISSING}


def event_head(event: Events) -> dict[str, Any]:
    """Return when and by whom an event was made, and what it is."""
    return {
        "id": event.pgh_id,
        "created_at": event.pgh_created_at,
        "txid": event.pgh_txid,
        "label": event.pgh_label,
        "operation": OPERATIONS[event.pgh_operation],
        "context_id": event.pgh_context_id,
        "context": event.pgh_context,
    }


def event(event: Events) -> dict[str, Any]:
    """Return an event as the event table has it; ``data`` and ``diff`` are keyed by column."""
    return {
        **event_head(event),
        "model": event.pgh_obj_model,
        "object": event.pgh_obj_id,
        "references": event.pgh_refs,
        "data": event.pgh_data,
        "diff": event.pgh_diff,
    }


def field_diff(found: FieldDiff) -> dict[str, Any]:
    """Return what differs in one field; a side that knows nothing of the field is left out."""
    return known(
        field=found.name,
        verbose_name=found.verbose_name,
        column=found.column,
        old=found.old,
        new=found.new,
        old_text=found.old_text if found.old is not MISSING else MISSING,
        new_text=found.new_text if found.new is not MISSING else MISSING,
    )
