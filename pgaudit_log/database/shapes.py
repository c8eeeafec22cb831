"""Shapes: what tables and columns of tracked models are called now, written down in a database."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from django.db import DatabaseError, connections, models, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.database import installed_captures, installed_triggers
from pgaudit_log.declaring import former_names, model_labels
from pgaudit_log.declaring.masks import masks_of
from pgaudit_log.triggers.references import targets
from pgaudit_log.values.tables import concrete, table_of


def has_columns(connection: BaseDatabaseWrapper, model: type[models.Model]) -> bool:
    """Return whether a table has all columns of its model."""
    table = table_of(model)
    return are_all_of(model, columns_of(connection, [table]).get(table, ()))


def are_all_of(model: type[models.Model], columns: Collection[str]) -> bool:
    """Return whether all columns of a model are among ``columns``."""
    return all(field.column in columns for field in concrete(model)._meta.local_concrete_fields)


def columns_of(connection: BaseDatabaseWrapper, tables: Sequence[str]) -> dict[str, list[str]]:
    """Return the names of the columns, in their order, of those of ``tables``, in SQL, that exist."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT wanted, pg_catalog.array_agg(attname::text ORDER BY attnum)
            FROM pg_catalog.unnest(%s::text[]) AS wanted
            JOIN pg_attribute ON attrelid = to_regclass(wanted) AND attnum > 0 AND NOT attisdropped
            GROUP BY wanted
            """,
            [list(tables)],
        )
        return dict(cursor.fetchall())


def install_shapes(using: str) -> list[str]:
    """Write down what the tables and columns of tracked models are called now.

    A capture function that was installed when a column of its table was called otherwise is
    made anew; the triggers that needed it are returned.
    """
    tracked = model_labels.tracked_models()
    tables = columns_of(connections[using], [table_of(model) for model in tracked])
    there = [
        model
        for model in tracked
        if table_of(model) in tables and router.allow_migrate_model(using, model)
    ]
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT pgaudit_log_shape_of(
                to_regclass(name)::oid,
                targets::jsonb,
                current_setting('search_path'),
                ARRAY(SELECT jsonb_array_elements_text(masked::jsonb))
            )
            FROM unnest(%s::text[], %s::text[], %s::text[]) AS model (name, targets, masked)
            """,
            [
                [table_of(model) for model in there],
                [json.dumps(targets(model)) for model in there],
                [json.dumps(list(masks_of(model))) for model in there],
            ],
        )
        broken = {trigger.name for trigger in installed_triggers.broken(connections[using])}
        outdated = installed_captures.of_former_names(using) | broken
        stale = [
            (model, trigger)
            for model, trigger in installed_captures.declared()
            if trigger.get_pgid(model) in outdated and has_columns(connections[using], model)
        ]
        made = []
        for model, trigger in stale:
            try:
                trigger.install(model, database=using)
            except DatabaseError:
                # A broken one that cannot be made anew is dropped, and told.
                if trigger.get_pgid(model) not in broken:
                    raise
            else:
                made.append(f"{model._meta.label}:{trigger.name}")
    former_names.forget()
    return made
