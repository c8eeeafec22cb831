"""Accesses: the logins and requests that a peer has recorded become events of no tracked table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.conf import settings
from pgaudit_log.constants import ACCESS, LOWEST_ID
from pgaudit_log.importing import months, spans
from pgaudit_log.importing.batches import Batch, run
from pgaudit_log.importing.lines import SKEW, placed
from pgaudit_log.importing.source_events import LINES
from pgaudit_log.reading.snapshot_sql import text_array_sql
from pgaudit_log.values.pinned_settings import pinned
from pgaudit_log.values.quoting import quote_literal
from pgaudit_log.values.sql_text import Sql, template
from pgaudit_log.values.utc import utc


@dataclass(frozen=True, kw_only=True)
class AccessTable:
    """A table in which a peer has recorded who came, or which requests."""

    peer: str
    """The name of the peer's package, as events tell it."""
    name: str
    """The peer's table, as events and people call it."""
    records: str
    """The SELECT of its records: ``source_id``, ``created_at``, ``kind``, ``label``, ``obj_pk``,
    ``snapshot``, ``refs`` and ``context``, as their events have them."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """The settings under which its tables are found."""


@dataclass(frozen=True, kw_only=True)
class AccessCount:
    """How many of the records of one kind there are, and from when to when."""

    kind: str
    label: str
    events: int
    first: datetime | None
    last: datetime | None
    imported: int
    compared: int


def counts(
    table: AccessTable, connection: BaseDatabaseWrapper, since: datetime | None
) -> list[AccessCount]:
    """Return what of a table would be imported, by kind."""
    is_new = "NOT is_imported AND NOT is_compared"
    sql = _found(table, since) + (
        f"SELECT found.kind, min(record.label), count(*) FILTER (WHERE {is_new}),"
        f" min(found.created_at) FILTER (WHERE {is_new}) AT TIME ZONE 'UTC',"
        f" max(found.created_at) FILTER (WHERE {is_new}) AT TIME ZONE 'UTC',"
        " count(*) FILTER (WHERE is_imported), count(*) FILTER (WHERE is_compared AND NOT is_imported)"
        f" FROM found JOIN ({table.records}) AS record USING (source_id)"
        " GROUP BY found.kind ORDER BY found.kind"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql.text, sql.params)
        return [
            AccessCount(
                kind=kind,
                label=label,
                events=events,
                first=utc(first),
                last=utc(last),
                imported=imported,
                compared=compared,
            )
            for kind, label, events, first, last, imported, compared in cursor.fetchall()
        ]


def transfer(
    table: AccessTable,
    using: str,
    *,
    since: datetime | None,
    import_id: Callable[[], int],
    batch_size: int,
    workers: int,
    progress: Callable[[int], object],
) -> int:
    """Write the events of what a table has and the log has not, and return how many.

    Raises:
        InstallationError: when a partition cannot be made.
    """
    connection = connections[using]
    drop = f"DROP TABLE IF EXISTS {LINES}"
    lines = _lines(table, since)
    with connection.cursor() as cursor:
        with pinned(using, **table.settings, jit="off"):
            cursor.execute(drop)
            cursor.execute(f"CREATE UNLOGGED TABLE {LINES} AS {lines.text}", lines.params)
            cursor.execute(f"CREATE UNIQUE INDEX ON {LINES} (n)")
            cursor.execute(f"ANALYZE {LINES}")
            cursor.execute(f"SELECT count(*) FROM {LINES}")
            total = int(cursor.fetchone()[0])
            found = spans.found(connection)
        if total:
            # They are few beside the changes of models: their months are not filled by themselves.
            months.make(using, spans.moments(found), ())
            number = import_id()

            def write(start: int) -> None:
                insert = _insert(table, start, min(start + batch_size, total), number)
                with (
                    pinned(using, **table.settings),
                    connections[using].cursor() as cursor,
                ):
                    cursor.execute(insert.text, insert.params)

            run(
                [
                    Batch(write=partial(write, start), events=min(batch_size, total - start))
                    for start in range(0, total, batch_size)
                ],
                using,
                workers=workers,
                done=lambda batch: progress(batch.events),
            )
        with pinned(using, **table.settings):
            cursor.execute(drop)
    return total


def _found(table: AccessTable, since: datetime | None) -> Sql:
    return template(__package__, "access_found.sql").sql(
        records=table.records,
        model=quote_literal(ACCESS),
        table=quote_literal(table.name),
        skew=SKEW,
        is_wanted="TRUE"
        if since is None
        else "created_at >= date_trunc('milliseconds', " + Sql.param(since) + "::timestamptz)",
    )


def _lines(table: AccessTable, since: datetime | None) -> Sql:
    return template(__package__, "lines.sql").sql(
        wanted="NOT is_imported AND NOT is_compared",
        found=_found(table, since),
        placed=placed((LOWEST_ID, -1)),
    )


def _insert(table: AccessTable, after: int, up_to: int, number: int) -> Sql:
    return template(__package__, "insert_accesses.sql").sql(
        records=table.records,
        lines=LINES,
        after=Sql.param(after),
        up_to=Sql.param(up_to),
        model=quote_literal(ACCESS),
        peer=quote_literal(table.peer),
        table=quote_literal(table.name),
        lowest=quote_literal(str(LOWEST_ID)),
        snapshot=_masked("record.snapshot", settings.MASK_CONTEXT),
        context=_masked("record.context", settings.MASK_CONTEXT),
        **{"import": str(number)},
    )


def _masked(value: str, paths: Sequence[str]) -> str:
    """Return a value without what is not to be stored of contexts."""
    return f"pgaudit_log_masked_context({value}, {text_array_sql(paths)})" if paths else value
