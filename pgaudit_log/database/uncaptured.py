"""Uncaptured: tables that nothing tracks, and columns of tracked ones that events do not have."""

from __future__ import annotations

from dataclasses import dataclass

from django.apps import apps
from django.db import connections, router

from pgaudit_log import sql
from pgaudit_log.constants import EVENT_TABLE, SAVED_FILTER_TABLE
from pgaudit_log.database.event_table import insert_into
from pgaudit_log.database.installed_schema import OWN_TABLES
from pgaudit_log.database.shapes import columns_of
from pgaudit_log.declaring import declarations, model_labels
from pgaudit_log.values.tables import column_of, own_columns, table_of


@dataclass(frozen=True, kw_only=True)
class UntrackedTable:
    """A table whose changes are not captured."""

    table: str
    """Its name in SQL."""
    model: str | None
    """The label of its model; ``None`` where the project has none."""


@dataclass(frozen=True, kw_only=True)
class UncapturedColumns:
    """Columns of a tracked table that events do not have."""

    model: str
    table: str
    left_out: tuple[str, ...]
    """Those that ``fields=`` and ``exclude=`` leave out."""
    unknown: tuple[str, ...]
    """Those that the database has, and no field of the model."""


def tables(using: str) -> list[UntrackedTable]:
    """Return the tables, beside tracked ones, whose changes are not captured, by name."""
    labels = {
        model._meta.db_table: model._meta.label
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.proxy
    }
    with connections[using].cursor() as cursor:
        cursor.execute(
            sql.read("untracked_tables.sql"),
            {
                "into": insert_into(using),
                "events": EVENT_TABLE,
                "own": [*OWN_TABLES, SAVED_FILTER_TABLE],
            },
        )
        return [
            UntrackedTable(table=table, model=labels.get(name)) for table, name in cursor.fetchall()
        ]


def columns(using: str) -> list[UncapturedColumns]:
    """Return the tracked models of a database that have columns which events do not have, by label."""
    models = sorted(
        (m for m in model_labels.tracked_models() if router.allow_migrate_model(using, m)),
        key=lambda model: model._meta.label,
    )
    there = columns_of(connections[using], [table_of(model) for model in models])
    found = []
    for model in models:
        tracked = {
            column_of(field) for one in declarations.declarations_of(model) for field in one.columns
        }
        known = {field.column for field in model._meta.local_concrete_fields}
        one = UncapturedColumns(
            model=model._meta.label,
            table=table_of(model),
            left_out=tuple(c for f in own_columns(model) if (c := column_of(f)) not in tracked),
            unknown=tuple(c for c in there.get(table_of(model), ()) if c not in known),
        )
        if one.left_out or one.unknown:
            found.append(one)
    return found
