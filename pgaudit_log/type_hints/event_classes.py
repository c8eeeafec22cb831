"""Event classes: the source of a class of typed events as type checkers are shown it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from django.db import models

from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.reading.event_classes import event_model_of
from pgaudit_log.reading.event_model import Event
from pgaudit_log.reading.shown_fields import tracked_fields
from pgaudit_log.type_hints.field_types import type_of
from pgaudit_log.type_hints.names import Names
from pgaudit_log.values.tables import Field, concrete

_COMMON = {field.name for field in Event._meta.get_fields()}
"""The fields that all events have, which type checkers know from ``Event``."""


def source(declaration: Declaration, names: Names) -> list[str]:
    """Return the lines of the class of a declaration's events, as the body of its module has them."""
    event_model = event_model_of(declaration)
    names.taken = {field.name for field in event_model._meta.fields} | set(declaration.attrs)
    object_name = names.of(concrete(declaration.tracked_model), otherwise=models.Model)
    return [
        f"class {event_model.__name__}(Event):",
        f'    """A typed event of {declaration.label}."""',
        "",
        *(f"    {line}" for line in _fields(declaration, names)),
        *(f"    {line}" for line in _attributes(declaration, names)),
        "",
        f"    def revert(self, using: str | None = None) -> {object_name}: ...",
        f"    async def arevert(self, using: str | None = None) -> {object_name}: ...",
    ]


def _fields(declaration: Declaration, names: Names) -> Iterator[str]:
    """Yield the fields: those of the object's key, then those that are tracked."""
    tracked = tracked_fields(declaration)
    own: list[Field] = [
        field for field in event_model_of(declaration)._meta.fields if field.name not in _COMMON
    ]
    for field in sorted(own, key=lambda field: not field.name.startswith("pgh_obj")):
        if field.name not in declaration.attrs:
            yield from _field(field, tracked.get(field.name, field), names)


def _field(field: Field, tracked: Field, names: Names) -> Iterator[str]:
    """Yield a field of events, with what Django makes beside it."""
    if isinstance(field, models.ForeignObject):
        # Not of the tracked one, whose key may be in a parent's table.
        yield _annotated(field.name, type_of(field, names))
        if isinstance(field, models.ForeignKey):
            yield _annotated(field.attname, type_of(_key_of(field), names))
        return
    yield _annotated(field.name, type_of(tracked, names))
    if field.choices:
        # The plugin of django-stubs puts one there, too, of a field that is never None; which of
        # the two mypy sees first depends on the order of the files.
        method = f"def get_{field.name}_display(self) -> str | None: ..."
        yield f"{method}  # type: ignore[no-redef, unused-ignore]"


def _annotated(name: str, type_name: str) -> str:
    return f"{name}: EventField[{type_name}]"


def _key_of(field: models.ForeignKey[Any, Any]) -> Field:
    """Return the field whose values a foreign key has: through those that are foreign keys, too."""
    target: Field = field.target_field
    return _key_of(target) if isinstance(target, models.ForeignKey) else target


def _attributes(declaration: Declaration, names: Names) -> Iterator[str]:
    """Yield what ``attrs=`` gives the class, as far as it has a type."""
    for name, value in declaration.attrs.items():
        if name.startswith("__"):
            continue
        if isinstance(value, property | cached_property):
            function = value.fget if isinstance(value, property) else value.func
            yield "@property"
            yield f"def {name}(self) -> {names.returned_by(function)}: ..."
        elif inspect.isfunction(value):
            yield (
                f"def {name}(self, *args: Any, **kwargs: Any) -> {names.returned_by(value)}: ..."
            )
        else:
            yield f"{name}: ClassVar[Any]"
