"""Light fields: those of typed events, which keep only what differs from other fields of their class.

A field of Django's has some thirty-five attributes, of which all but ten are as they are in nearly every
field: a kilobyte and a half of them. A typed event has thirty fields, and a project may have hundreds
of typed events, so what is common to fields is kept by a class of theirs instead.
"""

from __future__ import annotations

import copy
from functools import cache
from typing import Any, TypeVar

from django.db import models

from pgaudit_log.values.tables import Field

FieldT = TypeVar("FieldT", bound="Field")


def _common() -> dict[str, Any]:
    """Return the attributes that a field has if nothing is said of it."""
    plain: Any = models.Field()
    return {
        name: value
        for name, value in vars(plain).items()
        # Others, such as the count of fields made, are each field's own.
        if value is None or value == [] or isinstance(value, (bool, str, type))
    }


_COMMON = _common()


def lightened(field: FieldT) -> FieldT:
    """Return a field of events as one that keeps only what differs from other fields of its class.

    It goes on being one of its class, by a subclass of that name. Fields of other packages come back
    as they are, because their classes may have their own idea of these attributes.
    """
    lighten(field)
    # What it was made with stays with the first one.
    made = copy.copy(field)
    if made.remote_field:
        made.remote_field.field = made
    return made


def lighten(field: Field) -> None:
    """Take from a field what its class keeps, so that copies of it are light."""
    kind: Any = type(field)
    own = vars(field)
    kept = _kept_by_class(kind)
    # A field that lacks one of these attributes is not to get it back.
    if (
        kind.__module__.partition(".")[0] not in ("django", "pgaudit_log")
        or kept.keys() - own.keys()
    ):
        return
    for name, value in kept.items():
        if own[name] is value or own[name] == value == []:
            del own[name]
    field.__class__ = _light_class(kind)


@cache
def _kept_by_class(field_class: Any) -> dict[str, Any]:
    """Return what a class of fields can keep for all of them: attributes that it does not have itself."""
    return {name: value for name, value in _COMMON.items() if not hasattr(field_class, name)}


@cache
def _light_class(field_class: Any) -> type[Any]:
    def copied(self: Any) -> Any:
        # One by one, so that all fields of the class share the table of their attributes' names.
        made = object.__new__(light_class)
        for name, value in vars(self).items():
            setattr(made, name, value)
        return made

    attributes = {
        "__module__": field_class.__module__,
        "__qualname__": field_class.__qualname__,
        "__copy__": copied,
        **_kept_by_class(field_class),
    }
    light_class: type[Any] = type(field_class.__name__, (field_class,), attributes)
    return light_class
