"""Changed fields: the condition that an update changed a field, from and to values of its type."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal, DecimalException
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, router
from django.db.models import F, Q, Value
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Cast
from django.db.models.lookups import Exact, IsNull

from pgaudit_log.declaring import declarations, former_names
from pgaudit_log.declaring.masks import is_masked
from pgaudit_log.declaring.trackers import UNSET
from pgaudit_log.exceptions import QueryError
from pgaudit_log.reading.expressions import StoredUnder, StoredValue, any_of, of_model
from pgaudit_log.reading.moments import aware
from pgaudit_log.values.tables import Field, concrete


def field_of(model: type[models.Model], name: str, *, field_names: bool = True) -> Field | None:
    """Return the field of ``model`` that ``name`` means, or ``None`` where it means none.

    ``name`` is a field's name or its column; or what that was called formerly, for which the
    database is asked that events are read from.
    """
    fields = [field for field in concrete(model)._meta.fields if field.column is not None]
    for field in fields:
        if name == field.column or (field_names and name in (field.name, field.attname)):
            return field
    for field in fields:
        using = router.db_for_read(concrete(field.model))
        if any(name == stored.key for stored in former_names.keys_of(field, using)):
            return field
    return None


def unknown(field: str, tracked: Sequence[type[models.Model]]) -> QueryError:
    """Return the error of a field that none of the models ``tracked`` has."""
    names = sorted({f.name for model in tracked for f in concrete(model)._meta.fields})
    of = " or ".join(model._meta.label for model in tracked) or "no model"
    return QueryError(
        f'changed() was given "{field}", which is no field of {of}. Its fields are'
        f" {', '.join(names)}."
    )


def refuse_untracked(field: Field, *, of: type[models.Model] | None = None) -> None:
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
    if not any(field in d.columns for d in declarations.declarations_of(owner)):
        raise QueryError(f"{what} is not tracked, so that its changes are unknown.")


def changed(fields: Iterable[Field], old: Any, new: Any) -> Q:
    """Return the condition that an event changed one of the fields, from ``old``, to ``new``.

    A field that is inherited is looked for in the events of the model that has it.

    Raises:
        QueryError: when a value is none that any of the fields can have.
    """
    conditions: list[Q] = []
    refused: QueryError | None = None
    for field in fields:
        if is_masked(field) and not (old is UNSET and new is UNSET):
            refused = QueryError(
                f"changed() was given a value, but {concrete(field.model)._meta.label}.{field.name} is"
                f" masked: events do not tell from what to what it changed. Leave old= and new= out."
            )
            continue
        change = StoredUnder(F("pgh_diff"), F("pgh_shape"), field=field)
        condition = of_model(concrete(field.model)) & Q(IsNull(change, False))
        try:
            for position, value in (("0", old), ("1", new)):
                if value is not UNSET:
                    was = KeyTransform(position, change)
                    condition &= Q(Exact(was, stored(field, value)))
        except QueryError as error:
            refused = error
            continue
        conditions.append(condition)
    if not conditions and refused is not None:
        raise refused
    return any_of(conditions)


def stored(field: Field, value: object) -> Any:
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
    is_document = isinstance(field, models.JSONField)
    if isinstance(prepared, int) and not isinstance(prepared, bool) and not is_document:
        # Drivers refuse an integer that no column could hold, instead of not finding it.
        return StoredValue(Value(Decimal(prepared)), field=field)
    return StoredValue(Value(prepared, output_field=field), field=field)


def _referred(field: Field, obj: models.Model, what: str) -> Any:
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
