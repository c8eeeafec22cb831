"""Field types: what the values of a field are in a typed event, as source text."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Callable
from typing import Any

from django.contrib.postgres.fields import ArrayField, HStoreField
from django.contrib.postgres.fields.ranges import RangeField
from django.db import models

from pgaudit_log.declaring.masks import is_masked
from pgaudit_log.reading.event_fields import own_attribute
from pgaudit_log.type_hints.names import Names
from pgaudit_log.values.row_json import Absence
from pgaudit_log.values.tables import Field

_TYPES: dict[type[Field], type[Any]] = {
    models.BooleanField: bool,
    models.CharField: str,
    models.DateField: datetime.date,
    models.DateTimeField: datetime.datetime,
    models.DecimalField: decimal.Decimal,
    models.DurationField: datetime.timedelta,
    models.FilePathField: str,
    models.FloatField: float,
    models.GenericIPAddressField: str,
    models.IntegerField: int,
    models.TextField: str,
    models.TimeField: datetime.time,
    models.UUIDField: uuid.UUID,
}
"""What Django's own fields give; their subclasses the same."""


def type_of(field: Field, names: Names) -> str:
    """Return the type of what a typed event has for a tracked field.

    That is ``None`` too, whatever the model says, because events may be older than a field.
    """
    if is_masked(field):
        return names.of(Absence)
    if isinstance(field, models.FileField):
        # It stands for no file, too.
        return names.of(field.attr_class)
    found = value_type(field, names)
    return found if found in ("Any", "None") or found.endswith(" | None") else f"{found} | None"


def value_type(field: Field, names: Names) -> str:
    """Return the type of a field's values; ``Any`` where nothing is known of it.

    Of a field class that is not Django's, it is what the annotation of its ``from_db_value()`` says.
    """
    if isinstance(field, models.GeneratedField):
        assert field.output_field is not None
        return value_type(field.output_field, names)
    if isinstance(field, models.ForeignObject):
        return names.of(field.related_model, otherwise=models.Model)
    attribute = own_attribute(field)
    if attribute is not None and not _is_of_django(type(attribute)):
        return names.returned_by(type(attribute).__get__)
    for kind in type(field).__mro__:
        if "from_db_value" in vars(kind) and not _is_of_django(kind):
            return names.returned_by(vars(kind)["from_db_value"])
        if kind in _TYPES:
            return names.of(_TYPES[kind])
        if kind in _CONTAINERS:
            return _CONTAINERS[kind](field, names)
    geometry: type[Any] | None = getattr(field, "geom_class", None)
    return "Any" if geometry is None else names.of(geometry)


def _is_of_django(kind: type[Any]) -> bool:
    return kind.__module__.partition(".")[0] == "django"


def _array(field: Any, names: Names) -> str:
    # An element may be NULL, whatever the base field says.
    return f"{names.of(list)}[{type_of(field.base_field, names)}]"


def _binary(field: Any, names: Names) -> str:
    # Of psycopg 3 and of psycopg 2.
    return f"{names.of(bytes)} | {names.of(memoryview)}"


def _hstore(field: Any, names: Names) -> str:
    return f"{names.of(dict)}[{names.of(str)}, {names.of(str)} | None]"


def _range(field: Any, names: Names) -> str:
    name = names.of(field.range_type)
    # That of psycopg 2 is no generic class.
    is_generic = hasattr(field.range_type, "__class_getitem__")
    return f"{name}[{value_type(field.base_field, names)}]" if is_generic else name


_CONTAINERS: dict[type[Field], Callable[[Any, Names], str]] = {
    ArrayField: _array,
    HStoreField: _hstore,
    RangeField: _range,
    models.BinaryField: _binary,
}
