"""The SQL of the past: the rows that a tracked table had at a moment, out of its events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.capture_v1.references import former_key, moved_marker
from pgaudit_log.constants import EVENT_TABLE, OF_ROWS
from pgaudit_log.reading.snapshot_sql import (
    ReadColumn,
    Table,
    any_of_sql,
    belongs_sql,
    column_sql,
    large_source,
    large_values,
    text_array_sql,
    today_source,
)
from pgaudit_log.values import causal_order
from pgaudit_log.values.column_json import sql_type
from pgaudit_log.values.key_sql import may_be_shortened, read_key_sql
from pgaudit_log.values.quoting import quote_literal, quote_name
from pgaudit_log.values.sql_text import Sql, Template
from pgaudit_log.values.tables import Field, column_of

_STATE = Template.of("""(
SELECT
    @values@
@in_force@
)""")


def state_sql(
    table: Table,
    *,
    old_labels: Sequence[str],
    untracked: Sequence[Field],
    keys: Sequence[Field],
    is_complete: bool,
    connection: BaseDatabaseWrapper,
) -> Template:
    """Return the SELECT of the rows of a tracked table as they were.

    Its hole ``past`` is for the test whether ``event`` belongs to the past that is asked for,
    ``restriction`` for a further test that may leave out keys, such as :func:`by_key_sql`, and
    ``known`` for one that raises where a retention has removed some of that past: :func:`known_sql`.

    The newest event of each key says how the row was: there, or deleted; or gone because
    its key changed or its table was truncated later. Only ids are sorted, and the
    snapshots of those that are left are fetched afterwards, by primary key.

    Args:
        table: the table, with its columns as the model calls them.
        old_labels: the labels of trackers that store the row as it was before an update.
        untracked: fields whose columns read as NULL, but for those of the key.
        keys: the fields of the key.
        is_complete: whether every update is captured.
        connection: the one that the SQL is for.
    """
    in_force = _in_force(
        table,
        old_labels=old_labels,
        is_complete=is_complete,
        large=large_source(_snapshot(table), table, connection),
    )
    return _STATE.fill(values=_values(table, untracked, keys, connection), in_force=in_force)


_STATE_OF_KEY = Template.of("""(
SELECT
    @values@
FROM pgaudit_log_state(
    @labels@, @key@, @at@, @up_to@, @up_to_txid@, @up_to_turn@, @other_labels@, @old_labels@, @is_complete@
) AS state
@today@@large@
)""")


def state_of_key_sql(
    table: Table,
    *,
    old_labels: Sequence[str],
    untracked: Sequence[Field],
    keys: Sequence[Field],
    is_complete: bool,
    connection: BaseDatabaseWrapper,
) -> Template:
    """Return the SELECT of the row that one key had, if it was there; see :func:`state_sql`.

    Its holes are for the ``key``'s text and the moment: ``at`` for a time, ``up_to``, ``up_to_txid``
    and ``up_to_turn`` for the id, transaction and turn of an event. The function that it calls, with
    NULL for what is not given, keeps its plans.
    """
    return _STATE_OF_KEY.fill(
        values=_values(table, untracked, keys, connection),
        labels=text_array_sql(table.labels),
        other_labels=text_array_sql(table.other_labels),
        old_labels=text_array_sql(old_labels),
        is_complete=str(is_complete).lower(),
        today=today_source("state", table) if table.is_renamed else "",
        large=large_source(_snapshot(table), table, connection),
    )


_EVENTS_IN_FORCE = Template.of("(SELECT newest.id @in_force@)")


def events_in_force_sql(table: Table, *, old_labels: Sequence[str], is_complete: bool) -> Template:
    """Return the SELECT of the ids of the events that say how the rows were; see :func:`state_sql`."""
    in_force = _in_force(table, old_labels=old_labels, is_complete=is_complete)
    return _EVENTS_IN_FORCE.fill(in_force=in_force)


def known_sql(table: Table, at: datetime | None, up_to: int | None) -> Sql:
    """Return the test that raises where a retention has removed events of the past of a moment.

    The moment is a time, ``at``, or just after the event with the id ``up_to``.
    """
    moment = Sql.param(at) + "::timestamptz, " + Sql.param(up_to) + "::bigint"
    return f"pgaudit_log_is_known({text_array_sql(table.labels)}, " + moment + ")"


def by_key_sql(keys: Sequence[str]) -> Sql:
    """Return a restriction of :func:`state_sql` to some keys."""
    return " AND event.obj_pk = ANY (" + Sql.param(keys) + ")"


def by_reference_sql(table: Table, references: Sequence[str]) -> Sql:
    """Return a restriction of :func:`state_sql` to rows that have pointed at an object at any time.

    ``references`` are what ``refs`` calls the objects.
    """
    pointing = (
        f"SELECT pointing.obj_pk FROM {EVENT_TABLE} AS pointing"
        f" WHERE {belongs_sql(table, 'pointing.')} AND pointing.refs && "
    )
    return f" AND event.obj_pk IN ({pointing}" + Sql.param(references) + ")"


def _values(
    table: Table,
    untracked: Sequence[Field],
    keys: Sequence[Field],
    connection: BaseDatabaseWrapper,
) -> str:
    """Return the values of a row out of ``state.snapshot`` and ``obj_pk``; see :func:`state_sql`."""
    snapshot, large = _snapshot(table), large_values(table)
    values = [
        f"{column_sql(snapshot, column, connection, large)} AS {quote_name(column.name)}"
        for column in table.columns
    ]
    for field in untracked:
        value = f"NULL::{sql_type(field, connection)}"
        if field in keys:
            position = list(keys).index(field) if len(keys) > 1 else None
            whole = None
            if may_be_shortened(keys, connection):
                # Snapshots have it all the same.
                whole = column_sql(snapshot, ReadColumn("", field), connection, {})
            value = read_key_sql(
                sql_type(field, connection), connection, position=position, whole=whole
            )
        values.append(f"{value} AS {quote_name(column_of(field))}")
    return ", ".join(values)


def _snapshot(table: Table) -> str:
    """Return what the snapshot of ``state`` is called, under today's names."""
    return "today.document" if table.is_renamed else "state.snapshot"


_OF_ROWS = f"operation IN ({', '.join(map(quote_literal, OF_ROWS))})"

_NO_KEYS = "'{}'"

_IN_FORCE = Template.of(f"""FROM (
    SELECT DISTINCT ON (obj_pk) obj_pk AS key, id, created_at, operation, txid, turn
    FROM {EVENT_TABLE} AS event
    WHERE @belongs@
        AND obj_pk IS NOT NULL AND {_OF_ROWS}
        AND @past@@restriction@
    ORDER BY obj_pk, id DESC
) AS captured
@last@
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
    SELECT @snapshot@, txid, shape
    FROM {EVENT_TABLE} AS event
    WHERE id = newest.id AND created_at = newest.created_at
        AND @past@
    OFFSET 0
) AS state
@today@@large@
WHERE @known@
    AND newest.operation <> 'D'
    AND @not_moved_away@
    AND @not_truncated@
    AND @not_deleted_either@""")

_OF_THE_PAST = Template.of(f"@belongs@ AND event.{_OF_ROWS} AND @past@")


def _in_force(
    table: Table, *, old_labels: Sequence[str], is_complete: bool, large: str = ""
) -> Template:
    """Return the FROM and WHERE of the events in force: their ids as ``newest``, rows as ``state``.

    ``large`` fetches large values too. Each look into the event table says the past by itself, so
    that later partitions are not even locked.
    """
    snapshot = "snapshot"
    if old_labels:
        is_old = f"operation = 'U' AND {any_of_sql('label', old_labels)}"
        snapshot = f"CASE WHEN {is_old} THEN {_side('', 1)} ELSE snapshot END AS snapshot"
    belongs = belongs_sql(table, "event.")
    return _IN_FORCE.fill(
        belongs=belongs,
        last=causal_order.newest_sql(
            "event", "captured", _OF_THE_PAST.fill(belongs=belongs), EVENT_TABLE
        ),
        snapshot=snapshot,
        today=today_source("state", table) if table.is_renamed else "",
        large=large,
        not_moved_away=_never(
            _is_moved_away(table, is_complete=is_complete), source=_departures(table)
        ),
        not_truncated=_never(_is_truncated(table)),
        not_deleted_either=_never(_is_deleted(table)) if table.other_labels else "TRUE",
    )


_NEVER = Template.of(f"""NOT EXISTS (
        SELECT FROM {EVENT_TABLE} AS event@source@
        WHERE @test@ AND @past@
    )""")


def _never(test: Sql, source: str = "") -> Template:
    """Return the test that no event of the past, with what ``source`` makes of it, is such."""
    return _NEVER.fill(test=test, source=source)


def _departures(table: Table) -> str:
    """Return the FROM item ``departure``: the ``key`` that a row had before ``event``, if it changed.

    With it all that left a key are found at once, however many did. Other references have no key
    here, rather than no row: so the planner, which knows nothing of them, expects some rows.
    """
    cases = " ".join(
        f"WHEN starts_with(reference, {quote_literal(start)}) THEN substr(reference, {len(start) + 1})"
        for start in (former_key(label, "") for label in table.labels)
    )
    return (
        f'\n        CROSS JOIN LATERAL (SELECT (CASE {cases} END) COLLATE "C" AS key'
        " FROM unnest(event.refs) AS reference) AS departure"
    )


def _is_moved_away(table: Table, *, is_complete: bool) -> Sql:
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
        f"{belongs_sql(table, 'event.')} AND event.refs && ARRAY[{markers}]"
        # The same twice: an index of refs has it of few keys, a hash of all of many.
        f" AND event.refs && ARRAY[{former}] AND departure.key = newest.obj_pk"
        " AND "
    ) + causal_order.since_sql("event", "newest", itself=True)
    if not is_complete:
        return test
    before, newest = _side("event.", 0), "state.snapshot"
    if table.large:
        # One may have a value that the other refers to.
        before, newest = (f"pgaudit_log_resolved({side})" for side in (before, newest))
    return (
        test
        + "\n            AND (event.id = newest.id OR event.txid <> state.txid"
        + f" OR {before} = {newest})"
    )


def _is_truncated(table: Table) -> Sql:
    """Return the test whether ``event`` emptied the table after ``newest``."""
    return (
        f"{any_of_sql('event.model', table.labels)} AND event.obj_pk IS NULL"
        " AND event.operation = 'T' AND "
    ) + causal_order.since_sql("event", "newest")


def _is_deleted(table: Table) -> Sql:
    """Return the test whether ``event``, of a tracker of any declaration, saw the row deleted."""
    return (
        f"{any_of_sql('event.model', table.labels)} AND event.obj_pk = newest.obj_pk"
        " AND event.operation = 'D' AND "
    ) + causal_order.since_sql("event", "newest")


def _side(alias: str, side: int) -> str:
    """Return the row of an event as it was before (0) or after (1) an update."""
    return (
        f"{alias}snapshot || COALESCE((SELECT jsonb_object_agg(key, value -> {side})"
        f" FROM jsonb_each({alias}diff)), {_NO_KEYS})"
    )
