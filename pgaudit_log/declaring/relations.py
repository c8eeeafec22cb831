"""Relations: how a row of one table points at one of another, wherever Django cascades along it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models, router

from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.tables import Field, column_of, concrete


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A ``ForeignKey`` or ``ForeignObject``: fields of one model that have the values of another's."""

    model: type[models.Model]
    """The model whose rows point."""
    name: str
    fields: tuple[Field, ...]
    target: type[models.Model]
    target_fields: tuple[Field, ...]
    on_delete: Any
    has_constraint: bool
    """Whether the database refuses what points at nothing."""

    @property
    def columns(self) -> list[str]:
        """The columns that point."""
        return [column_of(field) for field in self.fields]

    @property
    def target_columns(self) -> list[str]:
        """The columns whose values they have."""
        return [column_of(field) for field in self.target_fields]


def relation_of(field: Field) -> Relation | None:
    """Return the relation that a field makes; ``None`` for one that makes none with columns."""
    if not isinstance(field, models.ForeignObject) or hasattr(field, "object_id_field_name"):
        return None
    pairs = field.related_fields
    if any(own.column is None or target.column is None for own, target in pairs):
        return None
    return Relation(
        model=concrete(field.model),
        name=field.name,
        fields=tuple(own for own, _ in pairs),
        target=concrete(pairs[0][1].model),
        target_fields=tuple(target for _, target in pairs),
        on_delete=field.remote_field.on_delete,
        has_constraint=bool(getattr(field, "db_constraint", False)),
    )


def relations_of(model: type[models.Model]) -> list[Relation]:
    """Return the relations in which rows of a model's own table point at others."""
    found = map(relation_of, concrete(model)._meta.local_fields)
    return [relation for relation in found if relation is not None]


def relations_to(model: type[models.Model], using: str) -> Iterator[Relation]:
    """Yield the relations in which rows of other tables of a database point at those of ``model``."""
    for related in model._meta.get_fields(include_hidden=True):
        own: Any = getattr(related, "field", None)
        if (
            related.auto_created
            and not related.concrete
            and not hasattr(own.model, "pgh_declaration")
            and own in concrete(own.model)._meta.local_fields
            and router.allow_migrate_model(using, concrete(own.model))
            and (relation := relation_of(own)) is not None
        ):
            yield relation


def objects_in_key_order(columns: Any) -> Iterator[tuple[type[models.Model], list[Any]]]:
    """Yield what ``ForeignObject`` fields among ``columns`` point at: each the model, and its fields
    in the order of that model's primary key, which they have the values of."""
    known = {field.name: field for field in columns}
    for field in concrete(columns[0].model)._meta.local_fields if columns else ():
        if isinstance(field, models.ForeignKey) or (relation := relation_of(field)) is None:
            continue
        own = dict(zip(relation.target_columns, relation.fields, strict=True))
        key = [column_of(part) for part in key_fields(relation.target)]
        if set(key) == set(own) and all(part.name in known for part in own.values()):
            yield relation.target, [own[column] for column in key]


def generic_relations(model: type[models.Model]) -> list[Any]:
    """Return the ``GenericRelation`` fields of a model and its proxies."""
    # By what they have, because the app of content types need not be installed.
    return [
        field
        for other in apps.get_models()
        if concrete(other) is concrete(model)
        for field in other._meta.private_fields
        if hasattr(field, "object_id_field_name")
    ]


def content_type_of(generic: Any, using: str) -> Any:
    """Return the key under which a database has the model of a ``GenericRelation``."""
    # Here, because only where there is such a field its app is installed.
    from django.contrib.contenttypes.models import ContentType

    found = ContentType.objects.db_manager(using).get_for_model(
        generic.model, for_concrete_model=generic.for_concrete_model
    )
    return found.pk


def generic_columns(generic: Any) -> tuple[str, str]:
    """Return the columns in which rows that point by a ``GenericRelation`` have the content type, and
    the key."""
    own: Any = concrete(generic.related_model)._meta
    return (
        column_of(own.get_field(generic.content_type_field_name)),
        column_of(own.get_field(generic.object_id_field_name)),
    )


def generic_keys(model: type[models.Model]) -> list[Any]:
    """Return the ``GenericForeignKey`` fields of a model's own table."""
    own = {f.name for f in model._meta.local_concrete_fields}
    return [
        field
        for field in model._meta.private_fields
        if {getattr(field, "ct_field", None), getattr(field, "fk_field", None)} <= own
    ]
