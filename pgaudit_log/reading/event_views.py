"""Views: the SQL that rebuilds typed rows from the event table, one view a ``track()``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.constants import AT_KEY, EVENT_TABLE
from pgaudit_log.declaring.former_names import ShapeNames
from pgaudit_log.values import causal_order
from pgaudit_log.values.columns import integer_sql, is_valid_sql, read_sql, sql_type
from pgaudit_log.values.keys import former_key, may_be_shortened, moved_marker, read_key_sql
from pgaudit_log.values.quoting import quote_literal, quote_name
from pgaudit_log.values.tables import column_of

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


class ReadColumn(NamedTuple):
    """One column of a view: its name, and the field whose values it has."""

    name: str
    field: models.Field[Any, Any]


class Table(NamedTuple):
    """One tracked table that a view reads: a model's own, or one that it inherits."""

    labels: Sequence[str]
    """The model's label and those that it had before."""
    other_labels: Sequence[str]
    """The labels of the trackers of its other ``track()`` calls, whose events are not meant."""
    columns: Sequence[ReadColumn]
    renamed: Mapping[int, ShapeNames]
    """The shapes whose keys are not the columns of today; see ``names.TableNames``."""
    declared: Mapping[str, str]
    """What ``track(former_columns=…)`` says of other keys: what they are called today."""
    large: frozenset[str] = frozenset()
    """The columns of today for which an event may refer to another that has the value."""

    @property
    def is_renamed(self) -> bool:
        """Whether a column may stand under another key than its name."""
        return bool(self.renamed or self.declared)


class View(NamedTuple):
    """A view that should exist: its name, and the SELECT that it stands for."""

    name: str
    select: str
    is_plain: bool
    """Whether all its types are PostgreSQL's own, so that it needs no search path to find them."""
    is_barrier: bool = False
    """Whether no condition of whoever reads it sees an event that it does not show: ``security_barrier``."""

    @property
    def hash(self) -> str:
        """What its comment carries, so that an outdated view can be told from one that is not."""
        return hashlib.sha1(self.select.encode(), usedforsecurity=False).hexdigest()


_ABOVE = "(SELECT OFFSET 0) AS above"
"""One row without columns, to be joined with the events.

The columns of a view are then computed above that join, by one plan node. Without it each
partition has a copy of all these expressions, which is planned and prepared for every query:
that takes longer than to find the events of one object. Filters still reach the partitions.
"""


def select_sql(
    *,
    tables: Sequence[Table],
    obj_key: Sequence[tuple[str, models.Field[Any, Any]]],
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
            value = _read(snapshot, column, connection, _large(table, number))
            expressions.append(f"{value} AS {quote_name(column.name)}")
        large += _large_source(snapshot, table, connection, number)
    listed = ",\n    ".join(expressions)
    if len(tables) == 1:
        above = f"CROSS JOIN {_ABOVE}"
        if tables[0].is_renamed:
            above = _today_source("pgaudit_log_event", tables[0])
        above += large
        return f"SELECT\n    {listed}\nFROM {EVENT_TABLE}\n{above}\nWHERE {_belongs(tables[0])}"
    return f"SELECT\n    {listed}\nFROM (\n{_whole_objects(tables)}\n) AS event{large}"


def _snapshot(tables: Sequence[Table], number: int) -> str:
    """Return what the SELECT of a view calls the snapshot of one of its tables, under today's names."""
    if len(tables) > 1:
        return f"snapshot_{number}"
    return "today.document" if tables[0].is_renamed else "snapshot"


def _whole_key(
    tables: Sequence[Table],
    fields: Sequence[models.Field[Any, Any]],
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
            f"({_read(snapshot, column, connection, {})})"
            for column in table.columns
            if column.field == fields[position] or (number and column.field.primary_key)
        ]
    if not found:
        # Snapshots have it all the same.
        column = ReadColumn("", fields[position])
        found = [_read(_snapshot(tables, 0), column, connection, {})]
    return f"COALESCE({', '.join(found)})" if len(found) > 1 else found[0]


def _read(
    snapshot: str,
    column: ReadColumn,
    connection: BaseDatabaseWrapper,
    large: Mapping[str, str],
) -> str:
    """Return the value of a column out of a snapshot that has today's names.

    ``large`` has what stands for those that may be in another event; see :func:`_large_source`.
    """
    key = quote_literal(column_of(column.field))
    if (value := large.get(column_of(column.field))) is not None:
        return read_sql(value, sql_type(column.field, connection), connection)
    return read_sql(
        f"({snapshot} -> {key})",
        sql_type(column.field, connection),
        connection,
        text=f"({snapshot} ->> {key})",
    )


def _large(table: Table, number: int = 0) -> dict[str, str]:
    """Return the columns of :func:`_large_source`, by the column of the table."""
    read = [column_of(column.field) for column in table.columns]
    wanted = [column for column in read if column in table.large]
    return {column: f"large_{number}.value_{n}" for n, column in enumerate(wanted)}


def _large_source(
    snapshot: str, table: Table, connection: BaseDatabaseWrapper, number: int = 0
) -> str:
    """Return the FROM item that fetches, once an event, what its snapshot has by reference.

    Empty for a table without large columns. What a query does not ask for is not fetched. It is no
    function, which would need the right to read the event table where the view is read.
    """
    values = []
    for column, name in _large(table, number).items():
        place = f"{snapshot} #> ARRAY[{quote_literal(column)}, '{AT_KEY}']"
        id, created_at = "(place ->> 'id')", "(place ->> 'created_at')"
        is_moment = is_valid_sql(created_at, "timestamptz", connection)
        values.append(
            f"CASE WHEN {place} IS NULL THEN {snapshot} -> {quote_literal(column)} ELSE (\n"
            f"        SELECT holder.snapshot -> (place ->> 'key')\n"
            f"        FROM (SELECT {place} AS place) AS reference, {EVENT_TABLE} AS holder\n"
            f"        WHERE holder.id = {integer_sql(id, 'bigint', connection)}\n"
            f"            AND holder.created_at ="
            f" CASE WHEN {is_moment} THEN {created_at}::timestamptz END\n"
            f"    ) END AS {name.rpartition('.')[2]}"
        )
    if not values:
        return ""
    listed = ",\n    ".join(values)
    return f"\nCROSS JOIN LATERAL (\n    SELECT {listed}\n    OFFSET 0\n) AS large_{number}"


def _today_sql(event: str, table: Table) -> str:
    """Return the snapshot of ``event`` with the names that its columns have today."""
    by_names: dict[str, list[str]] = {}
    for shape, names in sorted(table.renamed.items()):
        by_names.setdefault(_jsonb(names), []).append(str(shape))
    snapshot = f"{event}.snapshot"
    cases = " ".join(
        f"WHEN {event}.shape IN ({', '.join(shapes)}) THEN pgaudit_log_renamed({snapshot}, {names})"
        for names, shapes in by_names.items()
    )
    if table.declared:
        keys = _text_array(list(table.declared))
        declared = f"pgaudit_log_renamed({snapshot}, {_jsonb(table.declared)})"
        cases += f" WHEN {snapshot} ?| {keys} THEN {declared}"
    return f"CASE {cases} ELSE {snapshot} END" if cases else snapshot


def _jsonb(names: ShapeNames) -> str:
    return f"{quote_literal(json.dumps(names, ensure_ascii=False, sort_keys=True))}::jsonb"


def _today_source(event: str, table: Table) -> str:
    """Return the FROM item that makes, once an event, the snapshot of today of ``event``."""
    return f"CROSS JOIN LATERAL (SELECT {_today_sql(event, table)} AS document OFFSET 0) AS today"


def _in(column: str, values: Sequence[str]) -> str:
    if len(values) == 1:
        return f"{column} = {quote_literal(values[0])}"
    return f"{column} IN ({', '.join(quote_literal(value) for value in values)})"


def _belongs(table: Table, alias: str = "") -> str:
    """Return the test whether an event is one of ``table`` that the view shows."""
    test = _in(f"{alias}model", table.labels)
    if table.other_labels:
        test += f" AND NOT {_in(f'{alias}label', table.other_labels)}"
    return test


def _whole_objects(tables: Sequence[Table]) -> str:
    """Return the events of a model and of those it inherits, each with the whole object.

    ``snapshot_0``, ``snapshot_1``, … are the rows of the object in each table as they were
    at the event. A row that was deleted by an earlier transaction is gone.
    """
    own, *inherited = tables
    snapshots = ",\n".join(
        f"""        CASE WHEN {_belongs(table, "event.")} THEN {_today_sql("event", table)} ELSE (
            SELECT CASE WHEN operation <> 'D' OR txid = event.txid THEN {_today_sql("earlier", table)} END
            FROM {EVENT_TABLE} AS earlier
            WHERE {_belongs(table, "earlier.")}
                AND earlier.obj_pk = event.obj_pk AND earlier.id < event.id
            ORDER BY earlier.id DESC
            LIMIT 1
        ) END AS snapshot_{number}"""
        for number, table in enumerate(tables)
    )
    labels = [label for table in tables for label in table.labels]
    of_inherited = " OR ".join(f"({_belongs(table, 'event.')})" for table in inherited)
    return f"""    SELECT
        event.*,
{snapshots}
    FROM {EVENT_TABLE} AS event
    WHERE {_in("event.model", labels)}
        AND (
            ({_belongs(own, "event.")})
            OR ({of_inherited})
                AND EXISTS (
                    SELECT FROM {EVENT_TABLE} AS own
                    WHERE {_in("own.model", own.labels)} AND own.obj_pk = event.obj_pk
                )
        )"""


def state_sql(
    table: Table,
    *,
    old_labels: Sequence[str],
    untracked: Sequence[models.Field[Any, Any]],
    keys: Sequence[models.Field[Any, Any]],
    is_complete: bool,
    connection: BaseDatabaseWrapper,
) -> str:
    """Return the SELECT of the rows of a tracked table as they were, for ``str.format``.

    ``{past}`` stands for the test whether ``event`` belongs to the past that is asked for,
    ``{restriction}`` for a further test that may leave out keys; ``%`` is doubled.

    The newest event of each key says how the row was: there, or deleted; or gone because
    its key changed or its table was truncated later. Only ids are sorted, and the
    snapshots of those that are left are fetched afterwards, by primary key.

    Args:
        table: the table, with its columns as the model calls them.
        old_labels: the labels of trackers that store the row as it was before an update.
        untracked: fields whose columns read as NULL, but for those of the key.
        keys: the fields of the key.
        is_complete: whether every update is captured.
    """
    values = _columns_sql(table, untracked, keys, connection)
    rows = _in_force_sql(
        table, old_labels=old_labels, is_complete=is_complete, connection=connection
    )
    return _formattable(f"(\nSELECT\n    {values}\n{rows}\n)")


def state_of_key_sql(
    table: Table,
    *,
    old_labels: Sequence[str],
    untracked: Sequence[models.Field[Any, Any]],
    keys: Sequence[models.Field[Any, Any]],
    is_complete: bool,
    connection: BaseDatabaseWrapper,
) -> str:
    """Return the SELECT of the row that one key had, if it was there; see :func:`state_sql`.

    Its parameters are the key's text and the moment: a time, or the id, transaction and turn of
    an event; what is not given is ``None``. ``%`` is doubled. The function that it calls keeps its plans.
    """
    values = _columns_sql(table, untracked, keys, connection)
    known = [_text_array(table.other_labels), _text_array(old_labels), str(is_complete).lower()]
    others = ", ".join(known).replace("%", "%%")
    labels = _text_array(table.labels).replace("%", "%%")
    return (
        "(\nSELECT\n    " + values.replace("%", "%%") + "\n"
        f"FROM pgaudit_log_state({labels}, %s, %s, %s, %s, %s, {others}) AS state\n"
        + (_today_source("state", table) + "\n").replace("%", "%%") * table.is_renamed
        + _large_source(_state_snapshot(table), table, connection).replace("%", "%%")
        + ")"
    )


def _columns_sql(
    table: Table,
    untracked: Sequence[models.Field[Any, Any]],
    keys: Sequence[models.Field[Any, Any]],
    connection: BaseDatabaseWrapper,
) -> str:
    """Return the values of a row out of ``state.snapshot`` and ``obj_pk``; see :func:`state_sql`."""
    snapshot, large = _state_snapshot(table), _large(table)
    values = [
        f"{_read(snapshot, c, connection, large)} AS {quote_name(c.name)}" for c in table.columns
    ]
    for field in untracked:
        value = f"NULL::{sql_type(field, connection)}"
        if field in keys:
            position = list(keys).index(field) if len(keys) > 1 else None
            whole = None
            if may_be_shortened(keys, connection):
                # Snapshots have it all the same.
                whole = _read(snapshot, ReadColumn("", field), connection, {})
            value = read_key_sql(
                sql_type(field, connection), connection, position=position, whole=whole
            )
        values.append(f"{value} AS {quote_name(column_of(field))}")
    return ", ".join(values)


def _state_snapshot(table: Table) -> str:
    return "today.document" if table.is_renamed else "state.snapshot"


def _text_array(values: Sequence[str]) -> str:
    return f"ARRAY[{', '.join(quote_literal(value) for value in values)}]::text[]"


def in_force_sql(table: Table, *, old_labels: Sequence[str], is_complete: bool) -> str:
    """Return the SELECT of the ids of the events that say how the rows were; see :func:`state_sql`."""
    rows = _in_force_sql(table, old_labels=old_labels, is_complete=is_complete, connection=None)
    return _formattable(f"(SELECT newest.id {rows})")


def _formattable(sql: str) -> str:
    """Return ``sql`` for ``str.format`` and the parameters of a query."""
    for sign in "%{}":
        sql = sql.replace(sign, sign * 2)
    return sql.replace("<past>", "{past}").replace("<restriction>", "{restriction}")


def _in_force_sql(
    table: Table,
    *,
    old_labels: Sequence[str],
    is_complete: bool,
    connection: BaseDatabaseWrapper | None,
) -> str:
    """Return the FROM and WHERE of the events in force: their ids as ``newest``, rows as ``state``.

    With a connection, for which the SQL is, large values are fetched too. Each look into the event
    table says the past by itself, so that later partitions are not even locked.
    """
    large = ""
    if connection is not None:
        large = _large_source(_state_snapshot(table), table, connection)
    snapshot = "snapshot"
    if old_labels:
        snapshot = (
            f"CASE WHEN operation = 'U' AND {_in('label', old_labels)}"
            f" THEN {_side('', 1)} ELSE snapshot END AS snapshot"
        )
    of_rows = f"{_belongs(table, 'event.')} AND event.operation IN ('I', 'U', 'D', 'B') AND <past>"
    return f"""FROM (
    SELECT DISTINCT ON (obj_pk) obj_pk AS key, id, created_at, operation, txid, turn
    FROM {EVENT_TABLE} AS event
    WHERE {_belongs(table, "event.")}
        AND obj_pk IS NOT NULL AND operation IN ('I', 'U', 'D', 'B')
        AND <past><restriction>
    ORDER BY obj_pk, id DESC
) AS captured
{causal_order.newest_sql("event", "captured", of_rows, EVENT_TABLE)}
CROSS JOIN LATERAL (
    SELECT
        captured.key AS obj_pk,
        captured.txid,
        COALESCE(last.id, captured.id) AS id,
        COALESCE(last.created_at, captured.created_at) AS created_at,
        COALESCE(last.operation, captured.operation) AS operation,
        COALESCE(last.turn, captured.turn) AS turn
) AS newest
CROSS JOIN LATERAL (
    SELECT {snapshot}, txid, shape
    FROM {EVENT_TABLE} AS event
    WHERE id = newest.id AND created_at = newest.created_at
        AND <past>
    OFFSET 0
) AS state
{_today_source("state", table) if table.is_renamed else ""}{large}
WHERE newest.operation <> 'D'
    AND {_never(_is_moved_away(table, is_complete=is_complete))}
    AND {_never(_is_truncated(table))}{_other_deletions(table)}"""


def _never(test: str) -> str:
    """Return the test that no event of the past is such."""
    return f"NOT EXISTS (\n        SELECT FROM {EVENT_TABLE} AS event\n        WHERE {test} AND <past>\n    )"


def _is_moved_away(table: Table, *, is_complete: bool) -> str:
    """Return the test whether ``event`` took its key away from the row that had it since ``newest``.

    One transaction may pass a key on from row to row, and the events of one statement stand
    in any order. Then the row that leaves the key is told from the one that came by what it
    was, which is known where every update is captured.
    """
    markers = ", ".join(quote_literal(moved_marker(label)) for label in table.labels)
    former = ", ".join(
        f"{quote_literal(former_key(label, ''))} || newest.obj_pk" for label in table.labels
    )
    test = (
        f"{_belongs(table, 'event.')} AND event.refs && ARRAY[{markers}]"
        f" AND event.refs && ARRAY[{former}]"
        f" AND {causal_order.since_sql('event', 'newest', itself=True)}"
    )
    if not is_complete:
        return test
    before, newest = _side("event.", 0), "state.snapshot"
    if table.large:
        # One may have a value that the other refers to.
        before, newest = (f"pgaudit_log_resolved({side})" for side in (before, newest))
    return (
        f"{test}\n            AND (event.id = newest.id OR event.txid <> state.txid"
        f" OR {before} = {newest})"
    )


def _is_truncated(table: Table) -> str:
    """Return the test whether ``event`` emptied the table after ``newest``."""
    return (
        f"{_in('event.model', table.labels)} AND event.obj_pk IS NULL"
        f" AND event.operation = 'T' AND {causal_order.since_sql('event', 'newest')}"
    )


def _other_deletions(table: Table) -> str:
    """Return the test that no tracker of another declaration saw the row deleted."""
    if not table.other_labels:
        return ""
    deleted = (
        f"{_in('event.model', table.labels)} AND event.obj_pk = newest.obj_pk"
        f" AND event.operation = 'D' AND {causal_order.since_sql('event', 'newest')}"
    )
    return f"\n    AND {_never(deleted)}"


def _side(alias: str, side: int) -> str:
    """Return the row of an event as it was before (0) or after (1) an update."""
    return (
        f"{alias}snapshot || COALESCE((SELECT jsonb_object_agg(key, value -> {side})"
        f" FROM jsonb_each({alias}diff)), '{{}}')"
    )


BY_KEY = " AND event.obj_pk = ANY (%s)"
"""A restriction of :func:`state_sql` to some keys."""


def by_reference_sql(table: Table) -> str:
    """Return a restriction of :func:`state_sql` to rows that have pointed at an object at any time."""
    belongs = _belongs(table, "pointing.").replace("%", "%%")
    return (
        " AND event.obj_pk IN (SELECT pointing.obj_pk"
        f" FROM {EVENT_TABLE} AS pointing WHERE {belongs} AND pointing.refs && %s)"
    )
