"""Past relations: the rows that belonged to an object at a moment, one query for each relation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.forms.models import _get_foreign_key

from pgaudit_log import timetravel
from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.past_entries import rows_of, value_of
from pgaudit_log.declaring.parts import follows, parts_of
from pgaudit_log.exceptions import QueryError, UnknownPastError
from pgaudit_log.reading.moments import Moment
from pgaudit_log.timetravel import recorded_past
from pgaudit_log.values.row_json import Absence
from pgaudit_log.values.tables import Field, concrete

MOST_ROWS = 100
"""How many rows of a relation a page shows."""


@dataclass(frozen=True, kw_only=True)
class Relation:
    """By which fields rows of a model belong to an object, or to rows of another relation."""

    name: str
    """That of the many-to-many field; else where it comes from."""
    label: str
    model: type[models.Model]
    fields: tuple[Field, ...]
    owner_fields: tuple[Field, ...]
    """The fields of the owner whose values ``fields`` have."""
    content_type: str = ""
    """The field with the owner's content type, of a generic relation."""
    other: Field | None = None
    """Of a many-to-many field what points at the other object."""
    above: Relation | None = None
    """By which relation the owners belong to the object; ``None`` for the object itself."""


@dataclass(frozen=True, kw_only=True)
class RelatedRows:
    """The rows of a relation at a moment."""

    relation: Relation
    rows: Sequence[Any]
    has_more: bool = False
    is_unknown: bool = False
    """Whether a retention has removed what they were, or what they pointed with is masked."""

    @property
    def is_of_pairs(self) -> bool:
        """Whether they say nothing but that two objects belong together."""
        return self.relation.other is not None and bool(self.relation.model._meta.auto_created)


def relations_of(access: AdminAccess, model: type[models.Model]) -> list[Relation]:
    """Return the relations that a page of an object shows: what it is tracked with, its many-to-many
    fields, and the inlines of its admin; those to models that may be seen and have a past."""
    found = [*_followed(model), *_many_to_many(model), *_inlines(access, model)]
    once: dict[Any, Relation] = {}
    for relation in found:
        once.setdefault((relation.model, relation.fields), relation)
    return [
        relation
        for relation in once.values()
        if recorded_past.is_tracked(relation.model) and access.may_view(relation.model)
    ]


def _followed(model: type[models.Model]) -> list[Relation]:
    found: dict[Any, Relation] = {}
    for part in parts_of(model) if follows(model) else ():
        if part.is_inherited or part.is_mirror or (part.above and part.above not in found):
            continue
        found[part] = Relation(
            name=part.name,
            label=str(part.model._meta.verbose_name_plural),
            model=part.model,
            fields=part.fields,
            owner_fields=part.owner_fields,
            content_type="" if part.content_type is None else part.content_type.attname,
            other=part.other,
            above=None if part.above is None else found[part.above],
        )
    return [*found.values()]


def _many_to_many(model: type[models.Model]) -> list[Relation]:
    found = []
    field: Any
    for field in model._meta.many_to_many:
        through = concrete(field.remote_field.through)
        source = through._meta.get_field(field.m2m_field_name())
        found.append(
            Relation(
                name=field.name,
                label=str(field.verbose_name),
                model=through,
                fields=(source,),  # type: ignore[arg-type]
                owner_fields=(source.target_field,),  # type: ignore[union-attr]
                other=through._meta.get_field(field.m2m_reverse_field_name()),  # type: ignore[arg-type]
            )
        )
    return found


def _inlines(access: AdminAccess, model: type[models.Model]) -> list[Relation]:
    registered: Any = access.site._registry.get(concrete(model))
    found = []
    for inline in getattr(registered, "inlines", ()):
        own = getattr(inline, "model", None)
        if own is None:
            continue
        label = str(inline.verbose_name_plural or own._meta.verbose_name_plural)
        if hasattr(inline, "ct_field"):
            pointing: Any = own._meta.get_field(inline.ct_fk_field)
            owner, content_type = model._meta.pk, own._meta.get_field(inline.ct_field).attname
        else:
            try:
                pointing = _get_foreign_key(model, own, fk_name=inline.fk_name)
            except ValueError:
                continue  # Django's checks tell it
            owner, content_type = pointing.target_field, ""
        found.append(
            Relation(
                name=own._meta.label,
                label=label,
                model=concrete(own),
                fields=(pointing,),
                owner_fields=(owner,),
                content_type=content_type,
            )
        )
    return found


def load(relations: Sequence[Relation], obj: models.Model, moment: Moment) -> list[RelatedRows]:
    """Return the rows of relations at a moment, with one query for each that has owners."""
    found: dict[int, RelatedRows] = {}
    for relation in relations:
        above = None if relation.above is None else found.get(id(relation.above))
        if relation.above is not None and above is None:
            continue  # the rows above may not be seen
        owners = [obj] if above is None else above.rows
        found[id(relation)] = _load(relation, owners, moment, str(obj._state.db))
    return [*found.values()]


def _load(
    relation: Relation, owners: Sequence[models.Model], moment: Moment, using: str
) -> RelatedRows:
    pairs = zip(relation.fields, relation.owner_fields, strict=True)
    wanted: dict[str, Any] = {}
    for field, owner_field in pairs:
        values = [value_of(owner, owner_field) for owner in owners]
        known = [own for own in values if own is not None and not isinstance(own, Absence)]
        if values and len(known) < len(values) and not known:
            return RelatedRows(relation=relation, rows=(), is_unknown=True)
        single = len(known) == 1
        wanted[field.attname if single else f"{field.attname}__in"] = known[0] if single else known
    if not owners:
        return RelatedRows(relation=relation, rows=())
    if relation.content_type:
        wanted[relation.content_type] = (
            ContentType.objects.db_manager(using).get_for_model(owners[0]).pk
        )
    rows: models.QuerySet[Any, Any] = models.QuerySet(relation.model, using=using)
    try:
        with transaction.atomic(using=using):
            past = timetravel.query(rows, moment).filter(**wanted).order_by("pk")
            found = rows_of(past[: MOST_ROWS + 1])
    except (QueryError, UnknownPastError):
        return RelatedRows(relation=relation, rows=(), is_unknown=True)
    return RelatedRows(relation=relation, rows=found[:MOST_ROWS], has_more=len(found) > MOST_ROWS)
