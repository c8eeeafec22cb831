"""Event fields: for a tracked field, one of a typed event, which reads what was stored and does no more.

The class of a field may watch its instances: an ``ImageField`` measures its picture as soon as an
object is made, a field of a state machine refuses to be set, a ``MoneyField`` needs the column of its
currency. An event is no such object. It has the columns that are tracked, and the past in them.
"""

from __future__ import annotations

import copy
import functools
from functools import cache
from typing import Any

from django.db import models
from django.db.models.fields import NOT_PROVIDED
from django.db.models.fields.files import FileDescriptor
from django.db.models.fields.related import resolve_relation
from django.db.models.query_utils import DeferredAttribute
from django.utils.functional import cached_property

from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.reading.light_fields import light_copy, lightened
from pgaudit_log.values.json_fields import class_reading_anything
from pgaudit_log.values.tables import Field

_SERIALS: dict[type[Field], type[Field]] = {
    models.SmallAutoField: models.SmallIntegerField,
    models.BigAutoField: models.BigIntegerField,
    models.AutoField: models.IntegerField,
}

_CONSTRAINTS = (
    "primary_key",
    "unique",
    "db_index",
    "db_column",
    "db_default",
    "unique_for_date",
    "unique_for_month",
    "unique_for_year",
)


_UNCONSTRAINED: dict[str, Any] = {
    "name": None,
    "null": True,
    "primary_key": False,
    "_unique": False,
    "db_index": False,
    "db_column": None,
    "db_default": NOT_PROVIDED,
    "unique_for_date": None,
    "unique_for_month": None,
    "unique_for_year": None,
}
"""What a field of events has instead of the constraints of the tracked one."""


def event_field(field: Field) -> Field:
    """Return a field of a typed event for a tracked field: the same values, none of its constraints.

    Raises:
        DeclarationError: when the field's class cannot make another of its kind.
    """
    for auto_field, plain in _SERIALS.items():
        if isinstance(field, auto_field):
            return lightened(plain(null=True, verbose_name=field.verbose_name))
    if isinstance(field, models.GeneratedField):
        assert field.output_field is not None
        return event_field(field.output_field)
    if isinstance(field, models.ForeignKey):
        return lightened(_reference(field))
    own = own_attribute(field)
    field_class: Any = type(field)
    if field_class.__module__.startswith("django.db.models."):
        return _copied(field, _reading_class(field_class, own is not None), own)
    made = _another(field)
    made_class: Any = type(made)
    made.__class__ = _reading_class(made_class, own is not None)
    if own is not None:
        made.pgh_own_attribute = own  # type: ignore[attr-defined]
    return lightened(made)


def _another(field: Field) -> Field:
    """Return another field of the same class, without its constraints."""
    try:
        # As migrations make it: some libraries make classes for single fields, which a clone has not.
        plain = field.clone()
        _, _, args, kwargs = plain.deconstruct()
        for constraint in _CONSTRAINTS:
            kwargs.pop(constraint, None)
        made = type(plain)(*args, **kwargs)
    except Exception as error:
        raise DeclarationError(
            f"{field} cannot be tracked: {type(field).__name__} does not make another field from"
            f' what its deconstruct() returns ({error}). Mend that class, or exclude=["{field.name}"].'
        ) from error
    # Not as an argument: a class may have its own idea of it, and not take it.
    made.null = True
    return made


def _copied(field: Field, kind: Any, own: Any) -> Field:
    """Return a copy of one of Django's own fields, as it was before it was put on a model.

    To deconstruct it and make it anew, as must be done with others, takes ten times as long, which is
    felt when hundreds of models are tracked.
    """
    field_class: Any = type(field)
    of_model = _of_model(field_class)
    changed = {
        **_UNCONSTRAINED,
        "verbose_name": vars(field)["_verbose_name"],
        # Fields of a model stand in the order in which they were made.
        "creation_counter": models.Field.creation_counter,
    }
    models.Field.creation_counter += 1
    if own is not None:
        changed["pgh_own_attribute"] = own
    made = light_copy(field, kind, of_model, changed)
    if made is None:
        made = copy.copy(field)
        made.__class__ = kind
        for name in of_model & vars(field).keys():
            delattr(made, name)
        vars(made).update(changed)
    return made


@cache
def _of_model(field_class: Any) -> frozenset[str]:
    """Return the attributes that a field gets with its model, or makes of what it knows of it."""
    kept = {
        name
        for kind in field_class.__mro__
        for name, attribute in vars(kind).items()
        if isinstance(attribute, (cached_property, functools.cached_property))
    }
    return frozenset({"attname", "column", "concrete", "model", *kept})


def _reference(field: models.ForeignKey[Any, Any]) -> models.ForeignKey[Any, Any]:
    """Return a foreign key to the same model that nothing cascades over and nothing points back along."""
    options: dict[str, Any] = {}
    # Not target_field: the other model may be declared only later.
    if field.to_fields[0] is not None:
        options["to_field"] = field.to_fields[0]
    return models.ForeignKey(
        # A field that is added just now may still call its model by name.
        resolve_relation(field.model, field.remote_field.model),
        on_delete=models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=field.verbose_name,
        **options,
    )


def own_attribute(field: Field) -> Any:
    """Return the attribute that a field's class makes of it on its model; ``None`` for a plain one."""
    model = getattr(field, "model", None)
    # What a generated column gives out is on no model.
    if model is None:
        return None
    attribute = next(
        (vars(kind)[field.attname] for kind in model.__mro__ if field.attname in vars(kind)), None
    )
    if type(attribute) is DeferredAttribute or not hasattr(type(attribute), "__get__"):
        return None
    # Another package may have put an attribute of its own there, such as the text in today's language.
    packages = {_package(kind) for kind in type(field).__mro__}
    return attribute if _package(type(attribute)) in packages else None


def _package(kind: type[Any]) -> str:
    return kind.__module__.partition(".")[0]


@cache
def _reading_class(field_class: Any, has_own_attribute: bool) -> Any:
    """Return the class of a field of events for one of a class: it reads anything, and does nothing else."""
    changes_model = field_class.contribute_to_class is not models.Field.contribute_to_class
    if has_own_attribute or changes_model:
        field_class = _only_reading_class(field_class)
    return class_reading_anything(field_class)


@cache
def _only_reading_class(field_class: Any) -> type[Any]:
    """Return a class whose fields do nothing to the events that they are put on."""

    def contribute_to_class(
        self: Any, cls: Any, name: str, private_only: bool = False, **kwargs: Any
    ) -> None:
        models.Field.contribute_to_class(self, cls, name, private_only)
        attribute: Any = DeferredAttribute(self)
        if isinstance(self, models.FileField):
            attribute = FileDescriptor(self)
        elif self.pgh_own_attribute is not None:
            attribute = StoredAttribute(self.attname, self.pgh_own_attribute)
        setattr(cls, self.attname, attribute)

    attributes = {
        "__module__": field_class.__module__,
        "__qualname__": field_class.__qualname__,
        "contribute_to_class": contribute_to_class,
        "pgh_own_attribute": None,
    }
    return type(field_class.__name__, (field_class,), attributes)


class _Stand:
    """What a field's own attribute is shown instead of an event: it may change it, or miss something."""


class StoredAttribute:
    """A field's value as the field's own attribute makes it of what was stored, or else what was stored.

    Setting only stores.
    """

    def __init__(self, name: str, own: Field) -> None:
        self.name = name
        self.own = own

    def __get__(self, event: Any, owner: Any = None) -> Any:
        if event is None:
            return self
        if self.name not in vars(event):
            event.refresh_from_db(fields=[self.name])
        try:
            return self._seen(event)
        except Exception:
            # Made for an object that is whole: an event may lack what was deferred, or not tracked.
            deferred = event.get_deferred_fields()
        if deferred:
            event.refresh_from_db(fields=deferred)
            return self.__get__(event, owner)
        return vars(event)[self.name]

    def _seen(self, event: Any) -> Any:
        stand = _Stand()
        vars(stand).update(vars(event))
        if hasattr(type(self.own), "__set__"):
            stored = vars(stand).pop(self.name)
            self.own.__set__(stand, stored)
        return self.own.__get__(stand, type(stand))

    def __set__(self, event: Any, value: object) -> None:
        vars(event)[self.name] = value
