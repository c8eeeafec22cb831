"""Part values: by which text a row of a part says what it belongs to, in events and in its table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Cast

from pgaudit_log.capture_v1.references import reference
from pgaudit_log.declaring import former_names
from pgaudit_log.declaring.followed_relations import Part
from pgaudit_log.declaring.relations import content_type_of
from pgaudit_log.reading import moments
from pgaudit_log.reading.expressions import ShortKey, StoredUnder, any_of, key_of
from pgaudit_log.values.keys import (
    is_shortened,
    key_fields,
    key_text,
    key_text_of_json,
    key_text_of_state,
    parse_key,
    read_part,
    short_key,
)
from pgaudit_log.values.row_json import NULL, State
from pgaudit_log.values.tables import Field, column_of, concrete


def pointing(part: Part, state: State, using: str) -> str | None:
    """Return what a row of a part points at, as :func:`owned` has it; ``None`` for nothing."""
    if part.content_type is not None:
        content_type = state.get(column_of(part.content_type))
        if content_type is None or key_text_of_json(content_type) != _content_type(part, using):
            return None
    named = dict(zip(part.owner_fields, part.fields, strict=True))
    return _text(part, {column_of(own): state.get(column_of(f)) for own, f in named.items()})


def owned(part: Part, state: State) -> str | None:
    """Return what rows of a part point at that belong to a row, where that is not its key."""
    return _text(part, {column_of(f): state.get(column_of(f)) for f in part.owner_fields})


def _text(part: Part, values: Mapping[str, str | None]) -> str | None:
    """Return the text of the values of the columns that a part points at."""
    known = {column: value for column, value in values.items() if value not in (None, NULL)}
    if len(known) < len(values):
        return None
    if part.is_by_key:
        text = key_text_of_state(known, key_fields(part.owner))
        return None if text is None else short_key(text)
    return _joined(key_text_of_json(str(known[column_of(f)])) for f in part.owner_fields)


def _joined(texts: Iterable[str]) -> str:
    return "\0".join(map(short_key, texts))


def pointing_of_values(part: Part, values: Sequence[Any]) -> str | None:
    """Return what :func:`pointing` does, of the values of a part's fields as Python has them."""
    if any(value is None for value in values):
        return None
    if part.generic is not None:
        return short_key(str(values[0]))
    if not part.is_by_key:
        return _joined(key_text(v, [f]) for v, f in zip(values, part.owner_fields, strict=True))
    by_field = dict(zip(part.owner_fields, values, strict=True))
    keys = key_fields(part.owner)
    parts = [by_field[field] for field in keys]
    return key_text(parts if len(keys) > 1 else parts[0], keys)


def owned_of_values(part: Part, values: Sequence[Any]) -> str | None:
    """Return what :func:`owned` does, of the values of the owner's fields as Python has them."""
    return (
        None
        if None in values
        else _joined(key_text(v, [f]) for v, f in zip(values, part.owner_fields, strict=True))
    )


def _content_type(part: Part, using: str) -> str:
    with moments.today():
        return str(content_type_of(part.generic, using))


def events_pointing(part: Part, owners: Sequence[str], using: str) -> Q:
    """Return the condition that an event's row pointed at one of ``owners``, texts of a part.

    It is asked of events of the part's model.
    """
    if part.is_inherited:
        return Q(pgh_obj_id__in=owners)
    if part.content_type is not None:
        target = concrete(part.content_type.remote_field.model)  # type: ignore[union-attr]
        labels = former_names.labels_of(target, using)
        types = [reference(label, _content_type(part, using)) for label in labels]
        [field] = part.fields
        return Q(pgh_refs__overlap=types) & _stored(field, owners)
    if part.is_by_key:
        labels = former_names.labels_of(part.owner, using)
        return Q(pgh_refs__overlap=[reference(label, own) for label in labels for own in owners])
    if len(part.fields) == 1 and isinstance(part.fields[0], models.ForeignKey):
        labels = former_names.reference_labels(part.owner, using, part.owner_fields[0])
        return Q(pgh_refs__overlap=[reference(label, own) for label in labels for own in owners])
    # A ForeignObject that is no primary key's stands in no refs.
    columns = zip(*(own.split("\0") for own in owners), strict=True)
    found = Q()
    for field, values in zip(part.fields, columns, strict=True):
        found &= _stored(field, values)
    return found


def _stored(field: Field, texts: Sequence[str]) -> Q:
    stored = StoredUnder(F("pgh_data"), F("pgh_shape"), field=field)
    text = ShortKey(
        Func(stored, template="(%(expressions)s #>> '{}')", output_field=models.TextField())
    )
    return Q(models.lookups.In(text, list(texts)))


def rows_pointing(part: Part, owners: Sequence[str], using: str) -> models.QuerySet[Any, Any]:
    """Return the rows of today that point at one of ``owners``, as far as these can be asked for."""
    if part.is_inherited:
        return rows_with_keys(part.model, owners, using)
    rows: models.QuerySet[Any, Any] = models.QuerySet(part.model, using=using)
    if part.content_type is not None:
        rows = rows.filter(**{part.content_type.attname: _content_type(part, using)})
    short = [own for own in owners if is_shortened(own)]
    texts = [own for own in owners if not is_shortened(own)]
    if len(part.fields) == 1:
        [field], [target] = part.fields, part.owner_fields
        if part.content_type is not None:
            target = field
        values = _keys(part.owner, texts) if target.primary_key else _values(target, texts)
        found = Q(**{f"{field.attname}__in": values})
        if short:
            # What is left of it does not say the key: each row's has to be looked at.
            text = ShortKey(Cast(F(field.attname), models.TextField()))
            found |= Q(models.lookups.In(text, short))
        return rows.filter(found)
    if part.is_by_key:
        order: Sequence[Field] = key_fields(part.owner)
        keys = _keys(part.owner, texts)
    else:
        order = part.owner_fields
        keys = [
            [read_part(v, f) for v, f in zip(text.split("\0"), order, strict=True)]
            for text in texts
        ]
    names = [part.fields[part.owner_fields.index(own)].attname for own in order]
    return rows.filter(any_of(Q(**dict(zip(names, key, strict=True))) for key in keys))


def rows_with_keys(
    model: type[models.Model], texts: Sequence[str], using: str
) -> models.QuerySet[Any, Any]:
    """Return the rows of ``model`` with keys, as far as these can be asked for."""
    rows: models.QuerySet[Any, Any] = models.QuerySet(model, using=using)
    found = Q(pk__in=_keys(model, [text for text in texts if not is_shortened(text)]))
    if short := [text for text in texts if is_shortened(text)]:
        found |= Q(models.lookups.In(key_of(model), short))
    return rows.filter(found)


def _keys(model: type[models.Model], texts: Iterable[str]) -> list[Any]:
    """Return the keys that texts say, without those that can be none of the model today."""
    return [key for text in texts if (key := parse_key(model, text)) is not None]


def _values(field: Field, texts: Iterable[str]) -> list[Any]:
    found = []
    for text in texts:
        try:
            found.append(read_part(text, field))
        except (TypeError, ValueError, ArithmeticError, ValidationError):
            continue
    return found
