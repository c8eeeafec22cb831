"""The references of an event: what its row points at, and how the log calls that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.declaring.relations import objects_in_key_order
from pgaudit_log.triggers.column_sql import any_dialect, changed_sql, column_sql
from pgaudit_log.values.key_sql import key_sql, row_key_sql
from pgaudit_log.values.keys import former_key, key_fields, moved_marker, reference
from pgaudit_log.values.quoting import quote_literal
from pgaudit_log.values.row_sql import Columns
from pgaudit_log.values.sql_layout import case, chained, listed
from pgaudit_log.values.tables import column_of, concrete, table_of


def refs_sql(
    alias: str,
    columns: Columns,
    connection: BaseDatabaseWrapper | None = None,
    *,
    called: Callable[[str], str],
    moved: type[models.Model] | None = None,
) -> str:
    """Return the ``text[]`` expression of what the row points at, or ``NULL``.

    ``called`` says what events call the table that a label means.

    In an update of the model ``moved`` whose key changes it also says so and has the former
    key, so that what became of a key can be found by the index.
    """
    dialect = any_dialect(connection)
    conditions = []
    references = []
    for field in columns:
        if not isinstance(field, models.ForeignKey):
            continue
        label = called(_target_label(field))
        key = key_sql([column_sql(alias, field)], [field], dialect)
        conditions.append(f"{column_sql(alias, field)} IS NOT NULL")
        references.append(f"{quote_literal(reference(label, ''))} || ({key})")
    for target, fields in objects_in_key_order(columns):
        label = called(target._meta.label)
        parts = [column_sql(alias, field) for field in fields]
        key = key_sql(parts, fields, dialect)
        conditions.append(" AND ".join(f"{part} IS NOT NULL" for part in parts))
        # Other than a text, a JSON array with a null is not null.
        pointer = f"{quote_literal(reference(label, ''))} || ({key})"
        references.append(case(conditions[-1], pointer))
    moves = [_moved_sql(moved, dialect, called)] if moved is not None else []
    if not references:
        return "".join(moves) or "NULL::text[]"
    if len(references) == 1:
        # The most frequent case, which needs no function of arrays.
        return chained("||", [case(conditions[0], f"ARRAY[{references[0]}]"), *moves])
    pointed_at = listed("array_remove(ARRAY[", references, "], NULL)")
    return listed("NULLIF(", [chained("||", [pointed_at, *moves]), "'{}'"], ")")


def _target_label(field: models.ForeignKey[Any, Any]) -> str:
    """Return what ``refs`` calls the objects that a foreign key points at, in front of their keys."""
    label = concrete(field.remote_field.model)._meta.label
    if field.target_field.primary_key:
        return label
    return f"{label}.{field.target_field.column}"


def targets(model: type[models.Model]) -> dict[str, list[str]]:
    """Return the tables behind the labels of a model's events, for ``pgaudit_log_shape_of()``.

    All foreign keys count, tracked or not, and what else points at primary keys.
    """
    model = concrete(model)
    tables = {model._meta.label: [table_of(model)]}
    for field in model._meta.local_fields:
        if isinstance(field, models.ForeignKey):
            target = [table_of(concrete(field.remote_field.model))]
            if not field.target_field.primary_key:
                target.append(column_of(field.target_field))
            tables[_target_label(field)] = target
    local = [field for field in model._meta.local_fields if field.column is not None]
    for target_model, _ in objects_in_key_order(local):
        tables[target_model._meta.label] = [table_of(target_model)]
    return tables


def until_installed(label: str) -> str:
    """Return what stands for ``label`` in a capture function until it is installed.

    Which label that is, is known only then: see ``sql/label_of.sql``.
    """
    return f"@{label}@"


def _moved_sql(
    model: type[models.Model], connection: BaseDatabaseWrapper, called: Callable[[str], str]
) -> str:
    """Return the ``text[]`` expression of what ``refs`` says of a key that changed, or ``NULL``."""
    label = called(concrete(model)._meta.label)
    differs = " OR ".join(changed_sql(field, connection) for field in key_fields(concrete(model)))
    marker = quote_literal(moved_marker(label))
    former = f"{quote_literal(former_key(label, ''))} || ({row_key_sql('old', model, connection)})"
    return case(differs, listed("ARRAY[", [marker, former], "]"))
