"""JSON fields that read whatever PostgreSQL could store, as ``json_text`` does."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, TypeVar

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.values import json_text
from pgaudit_log.values.json_numbers import ExactEncoder
from pgaudit_log.values.tables import Field

FieldT = TypeVar("FieldT", bound="Field")


def _read(value: str, decoder: Any, levels: int = 0) -> Any:
    try:
        return json_text.read(value, decoder or json_text.PlainDecoder, levels=levels)
    except json.JSONDecodeError:
        # As JSONField does.
        return value


class DocumentField(models.JSONField):
    """A JSON column of events, read by a decoder that is made once, and whatever it holds.

    ``JSONField`` makes one for each value, which takes longer than to decode it; and it
    raises for what Python does not read. What it reads, ``json`` can write; forms, admin pages
    and filters write numbers as the numbers that they are.
    """

    levels = 1
    """How many levels are read of what is too deep: those of the keys."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"encoder": ExactEncoder, **kwargs})

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        """Return what ``JSONField`` would; ``json_text`` says what of values that it cannot read."""
        if not isinstance(value, str):
            return super().from_db_value(value, expression, connection)
        return _read(value, self.decoder or json_text.DocumentDecoder, self.levels)

    def deconstruct(self) -> Any:
        """Return what a plain ``JSONField`` would, for migrations."""
        name, _, args, kwargs = super().deconstruct()
        kwargs.pop("encoder", None)
        return name, "django.db.models.JSONField", args, kwargs


class DiffField(DocumentField):
    """The JSON of a diff: ``{"column": [old, new]}``."""

    levels = 2


def reading_anything(field: FieldT) -> FieldT:
    """Return a field of events that reads what a ``JSONField`` would raise for; others as they are.

    ``field`` itself is changed: give a copy.
    """
    field_class: Any = type(field)
    field.__class__ = class_reading_anything(field_class)
    return field


@cache
def class_reading_anything(field_class: Any) -> Any:
    """Return a class of fields that read what a ``JSONField`` would raise for; other classes as they are."""
    return (
        _reading_anything(field_class) if issubclass(field_class, models.JSONField) else field_class
    )


def _reading_anything(field_class: type[Any]) -> type[Any]:
    def from_db_value(
        self: Any, value: Any, expression: Any, connection: BaseDatabaseWrapper
    ) -> Any:
        if not isinstance(value, str) or not json_text.is_deep(value):
            try:
                return field_class.from_db_value(self, value, expression, connection)
            except (ValueError, RecursionError):
                if not isinstance(value, str):
                    raise
        return _read(value, self.decoder)

    attributes = {
        "__module__": field_class.__module__,
        "__qualname__": field_class.__qualname__,
        "from_db_value": from_db_value,
    }
    return type(field_class.__name__, (field_class,), attributes)
