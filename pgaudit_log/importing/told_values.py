"""Told values: what a peer has written of a field, as a text or as JSON, read as the field's own type."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from django.conf import settings as django_settings
from django.contrib.postgres.fields import ArrayField, RangeField
from django.core.exceptions import FieldError, ValidationError
from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.timezone import get_default_timezone

from pgaudit_log.values.column_json import INTEGERS, TEXTS, sql_type
from pgaudit_log.values.tables import Field

UNREADABLE: Final = object()
"""What stands for a value that cannot be read exactly."""

NONE = "None"
"""How Python writes what is nothing."""

_ERRORS = (ValidationError, FieldError, ValueError, TypeError, InvalidOperation, SyntaxError)
_OVERFLOWS = (AttributeError, KeyError, IndexError, OverflowError, RecursionError, MemoryError)

_READING = (
    *("to_python", "get_prep_value", "get_db_prep_value", "get_db_prep_save"),
    "from_db_value",
)
"""The methods by which a field tells what is stored of a value."""

_EXPRESSION = re.compile(r"\b(F|Value|Now|RawSQL|Subquery|OuterRef)\(| object at 0x")
"""What tells that Python has written an expression of the ORM's, of which PostgreSQL knew the value."""

_RANGE = re.compile(r"([\[(])(.*), (.*)([\])])", re.DOTALL)


@lru_cache(maxsize=4096)
def _type_of(field: Field, alias: str) -> str:
    return sql_type(field, connections[alias]).lower()


def is_of_texts(field: Field, connection: BaseDatabaseWrapper) -> bool:
    """Return whether each text is a value of a field's column."""
    return _type_of(field, connection.alias) in TEXTS


def reason_against(field: Field) -> str | None:
    """Return why no value of a field can be read from what signals saw, or ``None``.

    What the ORM sets while it saves, a peer whose receivers are called before that has not seen.
    """
    if getattr(field, "generated", False):
        return "is computed by the database, after it is recorded there"
    if getattr(field, "auto_now", False):
        return "is set by the ORM after it is recorded there"
    pre_save = type(field).pre_save
    is_stamped = isinstance(field, (models.DateField, models.TimeField))
    is_usual = is_stamped and pre_save.__module__.startswith("django.")
    if pre_save is not models.Field.pre_save and not is_usual:
        return "is set by the ORM after it is recorded there"
    return None


def is_of_django(field: Field) -> bool:
    """Return whether Django itself, not a class of somebody else's, says what is stored of a value."""
    methods = [getattr(type(field), name, None) for name in _READING]
    return all(method.__module__.startswith("django.") for method in methods if method is not None)


def of_text(
    field: Field, text: str, connection: BaseDatabaseWrapper, *, is_new: bool = False
) -> Any:
    """Return what is stored of a value that Python's ``str()`` has written, or :data:`UNREADABLE`.

    Args:
        is_new: whether it was in memory, and not read from the database.
    """
    is_text = is_of_texts(field, connection)
    if is_new and is_text and _EXPRESSION.search(text):
        return UNREADABLE
    if text == NONE and (field.null or not is_text):
        return None
    return _stored(field, lambda: _value_of_text(field, text, is_new), connection, is_new=is_new)


def of_json(
    field: Field, value: Any, connection: BaseDatabaseWrapper, *, is_new: bool = False
) -> Any:
    """Return what is stored of a value that a serializer has written, or :data:`UNREADABLE`."""
    if value is None and not isinstance(field, models.JSONField):
        return None
    return _stored(field, lambda: _value_of_json(field, value), connection, is_new=is_new)


def is_same(one: Any, other: Any) -> bool:
    """Return whether two values are stored alike."""
    return _image(one) == _image(other)


def _stored(
    field: Field, read: Callable[[], Any], connection: BaseDatabaseWrapper, *, is_new: bool
) -> Any:
    """Return what ``read`` gives, if a column can have it.

    A column may have been of another type then: nothing is rounded or cut but what was in memory.
    """
    try:
        value = read()
        if isinstance(value, Decimal) and isinstance(field, models.DecimalField):
            value = _scaled(value, field.decimal_places, is_new=is_new)
        if is_new and isinstance(value, float):
            value += 0.0  # Drivers write -0.0 as 0.
        stored = _for_driver(field, value, connection)
        if not _has_room(field, value, connection):
            return UNREADABLE
    except (*_ERRORS, *_OVERFLOWS):
        return UNREADABLE
    return _Prepared(value, stored)


def _for_driver(field: Field, value: Any, connection: BaseDatabaseWrapper) -> Any:
    if not isinstance(field, models.JSONField):
        return field.get_db_prep_save(value, connection)
    # As it was written: what was null in memory the ORM stores as NULL, where there may be one.
    if value is None and field.null:
        return None
    return connection.ops.adapt_json_value(value, None)


class _Prepared:
    """A value, with what a driver is given of it."""

    __slots__ = ("stored", "value")

    def __init__(self, value: Any, stored: Any) -> None:
        self.value, self.stored = value, stored


def prepared(value: Any) -> Any:
    """Return what a driver is given of a value that was read here."""
    return value.stored if isinstance(value, _Prepared) else value


def to_milliseconds(value: Any) -> Any:
    """Return a value that was read here as JSON would tell it, without microseconds."""
    if isinstance(value, _Prepared) and isinstance(value.value, (datetime, time)):
        shorter = value.value.replace(microsecond=value.value.microsecond // 1000 * 1000)
        return _Prepared(shorter, shorter)
    return value


def _scaled(value: Decimal, places: int | None, *, is_new: bool) -> Decimal:
    if places is None or not value.is_finite():
        return value
    has = -int(value.as_tuple().exponent)
    if has == places or (has > places and not is_new):
        return value
    # Not by the context of the thread, which may have fewer digits.
    digits = len(value.as_tuple().digits) + places + abs(has) + 1
    quantum = Decimal(1).scaleb(-places)
    return value.quantize(quantum, rounding=ROUND_HALF_UP, context=Context(prec=digits))


def _has_room(field: Field, value: Any, connection: BaseDatabaseWrapper) -> bool:
    bound = INTEGERS.get(_type_of(field, connection.alias))
    if bound is not None and isinstance(value, int):
        return -bound <= value < bound
    return not (isinstance(value, str) and "\x00" in value)


def _value_of_text(field: Field, text: str, is_new: bool) -> Any:
    match field:
        case models.JSONField():
            return json.loads(text)
        case ArrayField():
            return field.to_python(_literal(text))
        case RangeField():
            return _range(field, text, is_new)
        case models.DateTimeField():
            found = field.to_python(text)
            return with_zone(found)
        case models.ForeignKey():
            return _value_of_text(field.target_field, text, is_new)
        case _:
            return field.to_python(text)


def with_zone(value: Any) -> Any:
    """Return a time that was told without its zone with it, and any other value as it is.

    Peers write the time of UTC without saying so; with ``USE_TZ = False`` it is that of the project.
    """
    if not isinstance(value, datetime) or value.tzinfo is not None:
        return value
    zone = timezone.utc if django_settings.USE_TZ else get_default_timezone()
    return value.replace(tzinfo=zone)


def _value_of_json(field: Field, value: Any) -> Any:
    match field:
        case models.JSONField():
            return value
        case models.ForeignKey():
            return _value_of_json(field.target_field, value)
        case _:
            found = field.to_python(value)
            return with_zone(found)


def _range(field: Any, text: str, is_new: bool) -> Any:
    if text == "empty":
        return field.range_type(empty=True)
    if (found := _RANGE.fullmatch(text)) is None:
        raise ValueError(text)
    opening, lower, upper, closing = found.groups()
    readings = []
    try:
        ends = [
            None if end == NONE else with_zone(field.base_field.to_python(end))
            for end in (lower, upper)
        ]
        readings.append(field.range_type(*ends, opening + closing))
    except _ERRORS:
        pass
    if is_new:
        # A list or a tuple, of which Django makes a range with the usual bounds.
        try:
            ends = _literal(text)
            readings.append(field.range_type(*ends, getattr(field, "default_bounds", "[)")))
        except (*_ERRORS, *_OVERFLOWS):
            pass
    [only] = readings
    return only


_CALLS: Mapping[str, Callable[..., Any]] = {
    "Decimal": Decimal,
    "UUID": UUID,
    "datetime.date": date,
    "datetime.datetime": datetime,
    "datetime.time": time,
    "datetime.timedelta": timedelta,
}
_NAMES: Mapping[str, Any] = {
    "datetime.timezone.utc": timezone.utc,
    "inf": float("inf"),
    "nan": float("nan"),
}


def _literal(text: str) -> Any:
    """Return the value of an expression that Python's ``repr()`` has written of a list or a tuple."""
    return _evaluated(ast.parse(text, mode="eval").body)


def _evaluated(node: ast.expr) -> Any:
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_evaluated(item) for item in items]
        case ast.Call(func=called, args=given, keywords=named):
            options = {one.arg: _evaluated(one.value) for one in named if one.arg}
            return _CALLS[ast.unparse(called)](*map(_evaluated, given), **options)
        case ast.Attribute() | ast.Name():
            return _NAMES[ast.unparse(node)]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluated(operand)
        case ast.Constant(value=value):
            return value
        case _:
            raise ValueError(ast.unparse(node))


def _image(value: Any) -> str:
    value = value.value if isinstance(value, _Prepared) else value
    match value:
        case datetime() if value.tzinfo is not None:
            return value.astimezone(timezone.utc).isoformat()
        case dict() | list():
            return json.dumps(value, sort_keys=True, default=str)
        case memoryview():
            return repr(value.tobytes())
        case float():
            return repr(value + 0.0)
        case _:
            return repr(value)
