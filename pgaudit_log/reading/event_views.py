"""Event views: the SELECT of a view, which rebuilds typed rows from the event table, one a ``track()``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.reading.snapshot_sql import (
    ReadColumn,
    Table,
    any_of_sql,
    belongs_sql,
    column_sql,
    large_source,
    large_values,
    today_source,
    today_sql,
)
from pgaudit_log.values.column_json import sql_type
from pgaudit_log.values.key_sql import may_be_shortened, read_key_sql
from pgaudit_log.values.quoting import quote_name
from pgaudit_log.values.tables import Field

METADATA_COLUMNS = {
    "pgh_id": "id",
    "pgh_created_at": "created_at",
    "pgh_txid": "txid",
    "pgh_turn": "turn",
    "pgh_shape": "shape",
    "pgh_obj_model": "model",
    "pgh_obj_key": "obj_pk",
    "pgh_label": "label",
    "pgh_operation": "operation",
    "pgh_data": "snapshot",
    "pgh_diff": "diff",
    "pgh_refs": "refs",
    "pgh_context_id": "context_id",
    "pgh_context": "context",
    "pgh_role": "role",
    "pgh_session": "session",
    "pgh_origin": "origin",
}
"""The columns that every view has, and what they are called in the event table."""


class View(NamedTuple):
    """A view that should exist: its name, and the SELECT that it stands for."""

    name: str
    select: str
    is_plain: bool
    """Whether all its types are PostgreSQL's own, so that it needs no search path to find them."""
    is_barrier: bool = False
    """Whether no condition of whoever reads it sees an event that it does not show: ``security_barrier``."""
    description: str = ""
    """What it is, in one line, for whoever finds it in the database."""

    @property
    def hash(self) -> str:
        """What its comment carries, so that an outdated view can be told from one that is not."""
        made_from = f"{self.select}\n{self.description}"
        return hashlib.sha1(made_from.encode(), usedforsecurity=False).hexdigest()


_ABOVE = "(SELECT OFFSET 0) AS above"
"""One row without columns, to be joined with the events.

The columns of a view are then computed above that join, by one plan node. Without it each
partition has a copy of all these expressions, which is planned and prepared for every query:
that takes longer than to find the events of one object. Filters still reach the partitions.
"""


def select_sql(
    *,
    tables: Sequence[Table],
    obj_key: Sequence[tuple[str, Field]],
    connection: BaseDatabaseWrapper,
) -> str:
    """Return the SELECT of a view.

    ``tables`` are the model's own table and those that it inherits; ``obj_key`` the view's
    columns for the object's key, with the key's fields.
    """
    expressions = [f"{column} AS {name}" for name, column in METADATA_COLUMNS.items()]
    for position, (name, field) in enumerate(obj_key):
        key = read_key_sql(
            sql_type(field, connection),
            connection,
            position=position if len(obj_key) > 1 else None,
            whole=_whole_key(tables, [f for _, f in obj_key], position, connection),
        )
        expressions.append(f"{key} AS {quote_name(name)}")
    large = ""
    for number, table in enumerate(tables):
        snapshot = _snapshot(tables, number)
        for column in table.columns:
            value = column_sql(snapshot, column, connection, large_values(table, number))
            expressions.append(f"{value} AS {quote_name(column.name)}")
        large += large_source(snapshot, table, connection, number)
    listed = ",\n    ".join(expressions)
    if len(tables) == 1:
        above = f"CROSS JOIN {_ABOVE}"
        if tables[0].is_renamed:
            above = today_source("pgaudit_log_event", tables[0])
        above += large
        return f"SELECT\n    {listed}\nFROM {EVENT_TABLE}\n{above}\nWHERE {belongs_sql(tables[0])}"
    return f"SELECT\n    {listed}\nFROM (\n{_whole_objects(tables)}\n) AS event{large}"


def _snapshot(tables: Sequence[Table], number: int) -> str:
    """Return what the SELECT of a view calls the snapshot of one of its tables, under today's names."""
    if len(tables) > 1:
        return f"snapshot_{number}"
    return "today.document" if tables[0].is_renamed else "snapshot"


def _whole_key(
    tables: Sequence[Table],
    fields: Sequence[Field],
    position: int,
    connection: BaseDatabaseWrapper,
) -> str | None:
    """Return a key's value out of a snapshot, where it may be too long for ``obj_pk``; else ``None``."""
    if not may_be_shortened(fields, connection):
        return None
    found = []
    for number, table in enumerate(tables):
        snapshot = _snapshot(tables, number)
        # A row that another inherits has the same key in a column of its own.
        found += [
            f"({column_sql(snapshot, column, connection, {})})"
            for column in table.columns
            if column.field == fields[position] or (number and column.field.primary_key)
        ]
    if not found:
        # Snapshots have it all the same.
        column = ReadColumn("", fields[position])
        found = [column_sql(_snapshot(tables, 0), column, connection, {})]
    return f"COALESCE({', '.join(found)})" if len(found) > 1 else found[0]


def _whole_objects(tables: Sequence[Table]) -> str:
    """Return the events of a model and of those it inherits, each with the whole object.

    ``snapshot_0``, ``snapshot_1``, … are the rows of the object in each table as they were
    at the event. A row that was deleted by an earlier transaction is gone.
    """
    own, *inherited = tables
    snapshots = ",\n".join(
        f"""        CASE WHEN {belongs_sql(table, "event.")} THEN {today_sql("event", table)} ELSE (
            SELECT CASE WHEN operation <> 'D' OR txid = event.txid THEN {today_sql("earlier", table)} END
            FROM {EVENT_TABLE} AS earlier
            WHERE {belongs_sql(table, "earlier.")}
                AND earlier.obj_pk = event.obj_pk AND earlier.id < event.id
            ORDER BY earlier.id DESC
            LIMIT 1
        ) END AS snapshot_{number}"""
        for number, table in enumerate(tables)
    )
    labels = [label for table in tables for label in table.labels]
    of_inherited = " OR ".join(f"({belongs_sql(table, 'event.')})" for table in inherited)
    return f"""    SELECT
        event.*,
{snapshots}
    FROM {EVENT_TABLE} AS event
    WHERE {any_of_sql("event.model", labels)}
        AND (
            ({belongs_sql(own, "event.")})
            OR ({of_inherited})
                AND EXISTS (
                    SELECT FROM {EVENT_TABLE} AS own
                    WHERE {any_of_sql("own.model", own.labels)} AND own.obj_pk = event.obj_pk
                )
        )"""
