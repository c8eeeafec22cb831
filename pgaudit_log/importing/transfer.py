"""The transfer: writes the events of one source, in batches, each in a transaction of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.constants import LOWEST_ID
from pgaudit_log.declaring import former_names
from pgaudit_log.importing import months, spans
from pgaudit_log.importing.batches import WORKERS, Batch, run
from pgaudit_log.importing.event_statements import EventStatements
from pgaudit_log.importing.lines import Here, Lines
from pgaudit_log.importing.source_events import LINES
from pgaudit_log.importing.sources import Source
from pgaudit_log.values.pinned_settings import ROOM, pinned
from pgaudit_log.values.sql_text import Sql

BATCH_SIZE = 20_000
"""Events a transaction. Larger ones are hardly faster."""

_BY_INDEX = {
    # A batch is a small part of tables whose size the planner may not know yet.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    # Lines come in order by their index; whole events would be sorted on disk.
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    "jit": "off",
}


def here(source: Source, connection: BaseDatabaseWrapper) -> Here:
    """Return what the log has of a source's table already."""
    labels = former_names.labels_of(source.model, connection.alias)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT
                EXISTS (SELECT FROM pgaudit_log_event WHERE model = ANY(%s) AND id > 0),
                EXISTS (
                    SELECT FROM pgaudit_log_event
                    WHERE model = ANY(%s) AND id < 0 AND origin ->> 'table' = %s
                ),
                EXISTS (SELECT FROM pgaudit_log_event WHERE id < 0)
            """,
            [labels, labels, source.name],
        )
        has_own, has_imported, has_past = cursor.fetchone()
    # All ids below 0 that are in use: an index has them, and there is nothing else to be read.
    return Here(
        has_own=has_own, has_imported=has_imported, past=(LOWEST_ID, -1) if has_past else None
    )


@contextlib.contextmanager
def made(source: Source, connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Make what is made for an import, and drop it, and what an interrupted one has left of it."""
    tables = [LINES, *([source.table] if source.made_by is not None else [])]

    def drop() -> None:
        with reading(source, connection) as cursor:
            cursor.execute("; ".join(f"DROP TABLE IF EXISTS {table}" for table in tables))

    drop()
    try:
        if source.fill is not None:
            with reading(source, connection):
                source.fill(connection)
        elif source.made_by is not None:
            made_by = source.made_by
            _make(source.table, made_by, source.id.partition(".")[2], source, connection)
        yield
    except BaseException:
        # Where the server is gone, or its transaction has failed, the next import does it.
        with contextlib.suppress(DatabaseError):
            drop()
        raise
    drop()


@contextlib.contextmanager
def reading(source: Source, connection: BaseDatabaseWrapper, **other: str) -> Iterator[Any]:
    """Yield a cursor for which a source's tables are found, and values are written as in events."""
    settings = {**source.settings, **other}
    with pinned(connection.alias, **settings), connection.cursor() as cursor:
        yield cursor


def _make(
    table: str, select: Sql, key: str, source: Source, connection: BaseDatabaseWrapper
) -> None:
    with reading(source, connection, **ROOM) as cursor:
        cursor.execute(f"CREATE UNLOGGED TABLE {table} AS {select.text}", select.params)
        cursor.execute(f"CREATE UNIQUE INDEX ON {table} ({key})")
        cursor.execute(f"ANALYZE {table}")


def transfer(
    source: Source,
    using: str,
    *,
    since: datetime | None,
    import_id: Callable[[], int],
    batch_size: int = BATCH_SIZE,
    workers: int = WORKERS,
    progress: Callable[[int], object] | None = None,
) -> int:
    """Write the events of what a source has and the log has not, and return how many.

    Args:
        source: the peer's table.
        using: the database.
        since: only records from then on.
        import_id: gives the number of the import, once there is something to write.
        batch_size: how many events a transaction writes.
        workers: how many connections write at the same time.
        progress: called after each batch with how many events it has written.

    Raises:
        InstallationError: when a partition cannot be made.
    """
    connection = connections[using]
    source = source.filled or source
    statements = EventStatements(source, connection)
    with made(source, connection):
        sql = Lines(source, connection).lines(here(source, connection), since)
        _make(LINES, sql, "n", source, connection)
        with reading(source, connection):
            found = spans.found(connection)
        if not found:
            return 0
        filled = months.make(using, spans.moments(found), spans.whole(found))
        number = import_id()
        with connection.cursor() as cursor:
            cursor.execute(statements.shape_sql())
            [shape] = cursor.fetchone()

        def write(after: int, up_to: int, into: str, wanted: Sql | str) -> None:
            with reading(source, connections[using], **_BY_INDEX) as cursor:
                for is_old in (False, True) if statements.has_old else (False,):
                    insert = statements.insert(
                        after, up_to, number, shape, is_old=is_old, into=into, wanted=wanted
                    )
                    cursor.execute(insert.text, insert.params)

        def done(batch: Batch) -> None:
            if progress is not None and batch.events:
                progress(batch.events)

        try:
            batches = list(spans.batches(found, filled, batch_size, using, write))
            run(batches, using, workers=workers, done=done)
        except BaseException:
            with contextlib.suppress(DatabaseError):
                months.drop(using)
            raise
    return found[-1].up_to
