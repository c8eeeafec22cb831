"""Changed fields: the condition that an update changed a field, from and to values of its type."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal, DecimalException
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q, Value
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Cast
from django.db.models.lookups import Exact

from pgaudit_log import names, registry
from pgaudit_log.exceptions import QueryError
from pgaudit_log.expressions import StoredValue, any_of
from pgaudit_log.moments import aware
from pgaudit_log.names import StoredKey
from pgaudit_log.registry import concrete
from pgaudit_log.trackers import UNSET


def columns_of(
    model: type[models.Model], name: str, using: str, *, field_names: bool = True
) -> tuple[models.Field[Any, Any], Sequence[StoredKey]] | None:
    """Return the field of ``model`` that ``name`` means, and all keys that its column has had.

    ``name`` is a field's name, its column, or what that was called formerly; ``None`` is
    returned where it is none of them.
    """
    found = None
    for field in concrete(model)._meta.fields:
        if field.column is None:
            continue
        own = concrete(field.model)
        keys = names.of(own, using).keys_of(field.column)
        declared = names.declared_columns(own)
        keys += [StoredKey(key=key) for key, column in declared.items() if column == field.column]
        match = field, keys
        if name == field.column or (field_names and name in (field.name, field.attname)):
            return match
        if any(name == stored.key for stored in keys):
            found = found or match
    return found


def refuse_untracked(
    field: models.Field[Any, Any], *, of: type[models.Model] | None = None
) -> None:
    """Raise if events do not tell of changes of a field: none at all, or not those ``of`` a model.

    Raises:
        QueryError: says where they are, if anywhere.
    """
    owner = concrete(field.model)
    what = f'changed() was given "{field.name}", but {owner._meta.label}.{field.name}'
    if of is not None and owner is not concrete(of):
        raise QueryError(
            f"{what} is in the events of {owner._meta.label}, from which {of._meta.label} inherits"
            f" it. Ask for those: across({owner.__name__}), or the typed events."
        )
    if not any(
        field in registry.tracked_columns(d.tracked_model, d.fields, d.exclude)
        for d in registry.declarations_of(owner)
    ):
        raise QueryError(f"{what} is not tracked, so that its changes are unknown.")


def changed(
    matches: Iterable[tuple[models.Field[Any, Any], Sequence[StoredKey]]], old: Any, new: Any
) -> Q:
    """Return the condition that the diff has one of the columns, from ``old``, to ``new``.

    Raises:
        QueryError: when a value is none that any of the fields can have.
    """
    conditions: dict[Any, Q] = {}
    refused: QueryError | None = None
    for field, keys in matches:
        try:
            values = [
                (position, _stored(field, value))
                for position, value in ((0, old), (1, new))
                if value is not UNSET
            ]
        except QueryError as error:
            refused = error
            continue
        for stored in keys:
            condition = Q(pgh_diff__has_key=stored.key) & stored.condition
            for position, value in values:
                was = KeyTransform(str(position), KeyTransform(stored.key, "pgh_diff"))
                condition &= Q(Exact(was, value))
            conditions.setdefault((stored, _kind(field)), condition)
    if not conditions and refused is not None:
        raise refused
    return any_of(conditions.values())


def _kind(field: models.Field[Any, Any]) -> tuple[str, int | None]:
    """Return what says how values are stored, so that two fields alike ask but one question."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return field.get_internal_type(), getattr(field, "decimal_places", None)


def _stored(field: models.Field[Any, Any], value: Any) -> Any:
    """Return the expression of ``value`` as a diff has it; SQL ``NULL`` is a JSON ``null`` there."""
    if value is None:
        return Cast(Value("null"), models.JSONField())
    if hasattr(value, "resolve_expression"):
        return StoredValue(value, field=field)
    what = f"{field.model._meta.label}.{field.name}"
    if isinstance(value, models.Model):
        value = _referred(field, value, what)
    try:
        prepared = field.to_python(value)
    except (TypeError, ValueError, ValidationError, DecimalException) as error:
        raise QueryError(f"changed() was given {value!r}, which {what} can never be.") from error
    if isinstance(prepared, datetime):
        prepared = aware(prepared)
    if isinstance(prepared, int) and not isinstance(prepared, bool):
        # Drivers refuse an integer that no column could hold, instead of not finding it.
        return StoredValue(Value(Decimal(prepared)), field=field)
    return StoredValue(Value(prepared, output_field=field), field=field)


def _referred(field: models.Field[Any, Any], obj: models.Model, what: str) -> Any:
    if not isinstance(field, models.ForeignKey):
        raise QueryError(f"changed() was given {obj!r}, but {what} is no reference.")
    target = concrete(field.remote_field.model)
    if not isinstance(obj, target):
        raise QueryError(
            f"changed() was given {obj!r}, but {what} refers to {target._meta.label} objects."
        )
    value = getattr(obj, field.target_field.attname)
    if value is None:
        raise QueryError(f"changed() was given {obj!r}, which was never saved. Save it first.")
    return value
