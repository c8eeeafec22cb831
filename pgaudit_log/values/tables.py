"""Tables: what holds the rows of a model, and its columns."""

from __future__ import annotations

from typing import Any, TypeAlias

from django.db import models

from pgaudit_log.capture_v1.quoting import quote_table

Field: TypeAlias = "models.Field[Any, Any]"
"""A field of any model."""


def table_of(model: type[models.Model]) -> str:
    """Return the quoted name of a model's table, quoted as django-pgtrigger does it."""
    return quote_table(model._meta.db_table)


def column_of(field: Field) -> str:
    """Return the name of a field's column; only for fields that have one."""
    assert field.column is not None, field
    return field.column


def concrete(model: type[models.Model]) -> type[models.Model]:
    """Return the model that has the table: ``model`` itself, or what it is a proxy of."""
    return model._meta.concrete_model or model


def owner_of(model: type[models.Model]) -> type[models.Model] | None:
    """Return the model whose many-to-many field ``model`` is the automatic table of; ``None`` if of none."""
    owner: Any = model._meta.auto_created
    return owner or None


def owning_field(model: type[models.Model]) -> str | None:
    """Return the name of the many-to-many field that ``model`` is the automatic table of."""
    owner = owner_of(model)
    for field in owner._meta.local_many_to_many if owner else ():
        if field.remote_field.through is model:
            return field.name
    return None


def parents_of(model: type[models.Model]) -> list[type[models.Model]]:
    """Return the models whose tables a model's objects have rows in, too: those that it inherits."""
    return [concrete(parent) for parent in model._meta.get_parent_list()]


def heirs_of(model: type[models.Model]) -> list[type[models.Model]]:
    """Return the models that inherit a model with tables of their own."""
    found: dict[type[models.Model], None] = {}
    relation: Any
    for relation in concrete(model)._meta.get_fields(include_parents=False, include_hidden=True):
        if relation.auto_created and getattr(relation, "parent_link", False):
            heir = concrete(relation.related_model)
            found |= dict.fromkeys([heir, *heirs_of(heir)])
    return [*found]


def sharing_key(model: type[models.Model]) -> list[type[models.Model]]:
    """Return a model and those that it inherits along its primary key: they share their keys."""
    found = [concrete(model)]
    while (link := getattr(found[-1]._meta.pk, "remote_field", None)) is not None:
        if not getattr(link, "parent_link", False):
            break
        found.append(concrete(link.model))
    return found


def own_columns(model: type[models.Model]) -> list[Field]:
    """Return the fields with a stored column in the model's own table."""
    return [
        field
        for field in model._meta.local_concrete_fields
        if field.column is not None and getattr(field, "db_persist", None) is not False
    ]


def writable_columns(model: type[models.Model]) -> list[Field]:
    """Return those of :func:`own_columns` that PostgreSQL does not compute itself."""
    return [f for f in own_columns(model) if not isinstance(f, models.GeneratedField)]
