"""The references of a model: what its rows point at, as captures and the log call that."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.capture_v1.data import quoted_tables
from pgaudit_log.capture_v1.keys import Reference
from pgaudit_log.declaring.relations import objects_in_key_order
from pgaudit_log.triggers.captured_columns import any_dialect, placed_key_sql
from pgaudit_log.values.row_sql import Columns
from pgaudit_log.values.tables import column_of, concrete


def references(
    columns: Columns, connection: BaseDatabaseWrapper | None = None
) -> tuple[Reference, ...]:
    """Return what the foreign keys among ``columns`` point at."""
    dialect = any_dialect(connection)
    found = [
        Reference(
            columns=(column_of(field),),
            target=_target_label(field),
            text=placed_key_sql([field], dialect),
            is_of_many=False,
        )
        for field in columns
        if isinstance(field, models.ForeignKey)
    ]
    for target, fields in objects_in_key_order(columns):
        found.append(
            Reference(
                columns=tuple(column_of(field) for field in fields),
                target=target._meta.label,
                text=placed_key_sql(fields, dialect),
                is_of_many=True,
            )
        )
    return tuple(found)


def targets(model: type[models.Model]) -> dict[str, list[str]]:
    """Return the tables behind the labels of a model's events, for ``pgaudit_log_shape_of()``."""
    model = concrete(model)
    return quoted_tables(model._meta.label, model._meta.db_table, pointed_at(model))


def pointed_at(model: type[models.Model]) -> dict[str, tuple[str, ...]]:
    """Return the other tables that a model points at, by label, with the column if that is not the key.

    All foreign keys count, tracked or not, and what else points at primary keys.
    """
    model = concrete(model)
    tables: dict[str, tuple[str, ...]] = {}
    for field in model._meta.local_fields:
        if isinstance(field, models.ForeignKey):
            table = concrete(field.remote_field.model)._meta.db_table
            is_key = field.target_field.primary_key
            tables[_target_label(field)] = (
                (table,) if is_key else (table, column_of(field.target_field))
            )
    local = [field for field in model._meta.local_fields if field.column is not None]
    for target, _ in objects_in_key_order(local):
        tables[target._meta.label] = (target._meta.db_table,)
    tables.pop(model._meta.label, None)
    return tables


def _target_label(field: models.ForeignKey[Any, Any]) -> str:
    """Return what ``refs`` calls the objects that a foreign key points at, in front of their keys."""
    label = concrete(field.remote_field.model)._meta.label
    if field.target_field.primary_key:
        return label
    return f"{label}.{field.target_field.column}"
