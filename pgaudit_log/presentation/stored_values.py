"""Stored values: a value as an event has it, read as a field of today means it, to be shown.

A page of the trail has events of many models. Its values are read here, without the database, which
would have to be asked once for each model. What cannot be read stays as it is stored.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.dateparse import parse_date, parse_datetime, parse_duration, parse_time

from pgaudit_log.values.json_numbers import Number
from pgaudit_log.values.row_json import Absence, unescaped
from pgaudit_log.values.tables import Field


def read(field: Field | None, stored: Any) -> Any:
    """Return a value of an event's JSON as ``field`` has it; ``None`` is of a field that is no more.

    No code of the field's own class runs.
    """
    value = unescaped(stored)
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    if value is None or isinstance(value, Absence) or field is None:
        return value
    try:
        return _read(field, value)
    except (ArithmeticError, TypeError, ValueError):
        return value


def _read(field: Field, value: Any) -> Any:
    match value:
        case bool():
            return value
        case int() | float() | Decimal() | Number():
            if isinstance(field, models.DecimalField):
                return Decimal(str(value))
            return Decimal(value) if isinstance(value, Number) else value
        case str():
            return _of_text(field, value)
        case list() if isinstance(field, ArrayField):
            return [read(field.base_field, own) for own in value]
        case _:
            return value


def _of_text(field: Field, text: str) -> Any:
    match field:
        case models.DateTimeField():
            found = parse_datetime(text)
            return text if not isinstance(found, datetime) else found
        case models.DateField():
            return parse_date(text) or text
        case models.TimeField():
            found_time = parse_time(text)
            return text if found_time is None else found_time
        case models.DurationField():
            found_duration = parse_duration(text)
            return text if found_duration is None else found_duration
        case models.UUIDField():
            return UUID(text)
        case models.BinaryField() if text.startswith("\\x"):
            return bytes.fromhex(text[2:])
        case _:
            return text
