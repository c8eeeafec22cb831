"""Light fields: those of typed events, which keep only what differs from other fields of their class.

A field of Django's has some thirty-five attributes, of which all but ten are as they are in nearly every
field: a kilobyte and a half of them. A typed event has thirty fields, and a project may have hundreds
of typed events, so what is common to fields is kept by a class of theirs instead.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, TypeVar

from django.db import models
from django.utils.functional import cached_property

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

_ABSENT = object()


def lightened(field: FieldT) -> FieldT:
    """Return a field of events as one that keeps only what differs from other fields of its class.

    It goes on being one of its class, by a subclass of that name. Fields of other packages come back
    as they are, because their classes may have their own idea of these attributes.
    """
    _lighten(field)
    # What it was made with stays with the first one.
    made = copy.copy(field)
    if made.remote_field:
        made.remote_field.field = made
    return made


def light_copy(
    field: Field, kind: Any, without: Collection[str], changed: Mapping[str, Any]
) -> Field | None:
    """Return a light field of the class ``kind`` with the attributes of another; ``None`` if that cannot be.

    It is what a copy of that class that was lightened would be, made at once.

    Args:
        field: the other.
        kind: its class, or one that derives from it and has none of the attributes that are kept.
        without: the names of the attributes that it does not get.
        changed: those that it gets with another value.
    """
    kept = _kept_by_class(kind)
    own = vars(field)
    if not _can_be_light(kind, own):
        return None
    made: Field = object.__new__(_light_class(kind))
    for name, value in own.items():
        default = kept.get(name, _ABSENT)
        # Nearly all are as they are kept, so that this comes first.
        if value is default or name in without or name in changed or (default == [] == value):
            continue
        setattr(made, name, value)
    for name, value in changed.items():
        if name not in kept or value is not kept[name]:
            setattr(made, name, value)
    return made


def _lighten(field: Field) -> None:
    """Take from a field what its class keeps, so that copies of it are light."""
    kind: Any = type(field)
    own = vars(field)
    if not _can_be_light(kind, own):
        return
    for name, value in _kept_by_class(kind).items():
        if own[name] is value or own[name] == value == []:
            del own[name]
    field.__class__ = _light_class(kind)


def lighten_wholly(field: Field) -> None:
    """Take all from a field of an abstract model, so that copies of it have their model, and nothing else.

    Each is called what this one is. What is made of a copy later, such as its validators, is its own.
    """
    is_plain = not (field.remote_field or field.choices)
    own = vars(field)
    kept = {
        name: value
        for name, value in own.items()
        # A class would bind a function. What a field's class makes of it, such as the validators to
        # which a CharField adds its own, would be the class's: a clone would add to that.
        if name != "model"
        and not hasattr(type(value), "__get__")
        and not isinstance(inspect.getattr_static(type(field), name, None), cached_property)
    }
    for name in kept:
        del own[name]
    kind: Any = type(field)

    field_name = kept["name"]
    descriptor = inspect.getattr_static(field.model, field_name)

    def is_as_kept(self: Any, name: str) -> bool:
        # A copy that was given another name or column is no longer what its class says.
        return (name, self.name, self.db_column) == (field_name, field_name, kept["db_column"])

    def set_attributes_from_name(self: Any, name: str) -> None:
        if not is_as_kept(self, name):
            kind.set_attributes_from_name(self, name)

    def contribute_to_class(self: Any, cls: Any, name: str, private_only: bool = False) -> None:
        if not is_as_kept(self, name):
            kind.contribute_to_class(self, cls, name, private_only)
            return
        self.model = cls
        cls._meta.add_field(self, private=private_only)
        setattr(cls, self.attname, descriptor)

    attributes = {
        **kept,
        "set_attributes_from_name": set_attributes_from_name,
        # It goes by the name only, so that one does for all.
        "descriptor_class": staticmethod(lambda field: descriptor),
    }
    if is_plain:
        attributes["__deepcopy__"] = lambda self, memo: copy.copy(self)
        if kind.contribute_to_class is models.Field.contribute_to_class:
            # The rest of what Django's own does here is done, or for choices.
            attributes["contribute_to_class"] = contribute_to_class
    field.__class__ = _light_class_with(kind, attributes)


def _can_be_light(kind: Any, own: Mapping[str, Any]) -> bool:
    # A field that lacks one of these attributes is not to get it back.
    return _is_known(kind) and _kept_by_class(kind).keys() <= own.keys()


@cache
def _is_known(kind: Any) -> bool:
    return kind.__module__.partition(".")[0] in ("django", "pgaudit_log")


@cache
def _kept_by_class(field_class: Any) -> dict[str, Any]:
    """Return what a class of fields can keep for all of them: attributes that it does not have itself."""
    return {name: value for name, value in _COMMON.items() if not hasattr(field_class, name)}


@cache
def _light_class(field_class: Any) -> Any:
    return _light_class_with(field_class, _kept_by_class(field_class))


def _light_class_with(field_class: Any, kept: Mapping[str, Any]) -> Any:
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
        **kept,
    }
    light_class: type[Any] = type(field_class.__name__, (field_class,), attributes)
    return light_class
