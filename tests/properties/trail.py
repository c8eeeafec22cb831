"""Replays the trail from empty tables, and asks PostgreSQL whether it arrives at the real ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, NamedTuple

from tests.properties.tables import Table
from tests.support import execute

PINNED = """
    SET plan_cache_mode = force_generic_plan
    SET "TimeZone" = 'UTC'
    SET "DateStyle" = 'ISO, YMD'
    SET "IntervalStyle" = 'iso_8601'
    SET bytea_output = 'hex'
    SET extra_float_digits = 1
"""
"""The rows of every session look alike, and the queries over all tables are planned once."""

EVENTS = """
    SELECT
        id, model, operation, snapshot ->> 'tag',
        CASE operation WHEN 'D' THEN snapshot WHEN 'U' THEN snapshot || changed.old END ::text,
        CASE WHEN operation <> 'D' THEN snapshot::text END,
        CASE
            WHEN (operation = 'U') <> (diff IS NOT NULL) THEN 'only an update has a diff'
            WHEN operation = 'U' AND changed.old IS NULL THEN 'it changes nothing'
            WHEN NOT changed.differ THEN 'its diff has a column that stays the same'
            WHEN (snapshot || changed.new)::text <> snapshot::text THEN 'its diff is not of its snapshot'
            WHEN diff ? 'tag' AND NOT context::text LIKE '%%"reverts_%%' THEN 'it pairs two rows'
            WHEN obj_pk IS DISTINCT FROM snapshot ->> 'key' THEN 'its key is not its row''s'
            WHEN refs IS DISTINCT FROM CASE WHEN snapshot ? 'sheet_id' THEN ARRAY[
                regexp_replace(model, 'Line$|Note$', 'Sheet:') || (snapshot ->> 'sheet_id')
            ] END || CASE WHEN diff ? 'key' THEN ARRAY[
                'moved ' || model, 'was ' || model || ':' || (diff -> 'key' ->> 0)
            ] END THEN 'it does not refer to its sheet, or to its former key'
        END,
        context_id::text, context, created_at AT TIME ZONE 'UTC', txid
    FROM pgaudit_log_event
    LEFT JOIN LATERAL (
        SELECT
            jsonb_object_agg(key, value -> 0) AS old,
            jsonb_object_agg(key, value -> 1) AS new,
            bool_and((value -> 0)::text <> (value -> 1)::text) AS differ
        FROM jsonb_each(diff)
    ) AS changed ON true
    WHERE id = ANY (%s)
    ORDER BY id
"""


class Event(NamedTuple):
    """An event as a replay needs it."""

    id: int
    model: str
    operation: str
    tag: str | None
    before: str | None
    """The snapshot of the row that it takes away, as JSON that tells 1.0 from 1.00."""
    after: str | None
    """The snapshot of the row that it leaves."""
    fault: str | None
    """What is wrong with the event by itself."""
    context_id: str | None
    context: Any
    created_at: datetime
    """When its transaction began."""
    txid: int
    """The number of its transaction."""

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Event:
        """Return the event of a row of :data:`EVENTS`.

        Its moment is asked for without a time zone: Django takes each for that of its settings,
        whatever the session has.
        """
        event = cls(*row)
        return event._replace(created_at=event.created_at.replace(tzinfo=timezone.utc))


class BrokenTrailError(AssertionError):
    """The trail is not what happened to the tables."""


class Visible(NamedTuple):
    """What a session sees."""

    events: tuple[Event, ...]
    rows: dict[tuple[str, str], tuple[str, str]]
    """The key and the text of each row, by the label of its model and its tag."""

    def keys(self, table: Table) -> list[str]:
        """Return the keys of a table's rows in order."""
        return sorted(key for (label, _), (key, _) in self.rows.items() if label == table.label)


def replay(events: Iterable[Event]) -> dict[str, dict[str, int]]:
    """Return the rows that ``events``, in this order, leave of each model: the event by snapshot.

    What an event takes away must be there to the last bit, so each update starts where the
    event before it ended. Rows have no duplicates, because their tags differ; they are not
    looked up by key, because one statement can pass a key on from row to row.

    Raises:
        BrokenTrailError: naming the event that does not fit.
    """
    models: dict[str, dict[str, int]] = {}
    for event in events:
        rows = models.setdefault(event.model, {})
        if event.operation == "T":
            rows.clear()
        if event.fault:
            raise BrokenTrailError(f"{event.fault}: {event}")
        if event.before is not None and rows.pop(event.before, None) is None:
            raise BrokenTrailError(f"what it changes is not there: {event}")
        if event.after in rows:
            raise BrokenTrailError(f"what it leaves was there before: {event}")
        if event.after is not None:
            rows[event.after] = event.id
    return models


@contextmanager
def comparison_installed(tables: Sequence[Table]) -> Iterator[None]:
    """Create the two functions that look at all ``tables`` at once, and drop them on leaving."""
    rows = "\nUNION ALL ".join(
        f"SELECT '{table.label}', t.tag::text, t.key::text, t::text FROM {table.name} AS t"
        for table in tables
    )
    differences = "\nUNION ALL ".join(_difference(table) for table in tables)
    execute(f"""
        CREATE FUNCTION replay_rows()
        RETURNS TABLE (model text, tag text, key text, content text)
        LANGUAGE plpgsql {PINNED}
        AS $$ BEGIN RETURN QUERY {rows}; END $$
    """)
    execute(f"""
        CREATE FUNCTION replay_differences(events bigint[])
        RETURNS TABLE (model text, stored text, replayed text)
        LANGUAGE plpgsql {PINNED}
        AS $$ BEGIN RETURN QUERY {differences}; END $$
    """)
    try:
        yield
    finally:
        execute("DROP FUNCTION replay_rows")
        execute("DROP FUNCTION replay_differences")


def _difference(table: Table) -> str:
    """Return the query of rows whose image is not that of the event which left them."""
    stored = ", ".join(f"stored.{column}" for column in table.types)
    replayed = ", ".join(f"replayed.{column}::{name}" for column, name in table.types.items())
    return f"""
        SELECT '{table.label}', ROW({stored})::text, ROW({replayed})::text
        FROM {table.name} AS stored
        FULL JOIN (SELECT * FROM {table.view} WHERE pgh_id = ANY ($1)) AS replayed
            ON replayed.key = stored.key
        WHERE record_image_ne(ROW({stored}), ROW({replayed}))
    """


def refuse_differences(models: dict[str, dict[str, int]], using: str) -> None:
    """Compare the rows of a replay with the tables, value for value.

    Raises:
        BrokenTrailError: with the rows that differ, and what the trail says they are.
    """
    left = [event for rows in models.values() for event in rows.values()]
    found = execute("SELECT * FROM replay_differences(%s::bigint[])", [left], using=using)
    if found:
        raise BrokenTrailError(
            "\n".join(f"{m}: {row} replays as {other}" for m, row, other in found)
        )
