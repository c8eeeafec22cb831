"""Sizes: how many bytes and events the partitions have, and of which models, without reading large ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from django.db import connections

from pgaudit_log import sql
from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.database.partitions import bounds
from pgaudit_log.database.partitions.calendar import FIRST, LAST
from pgaudit_log.values.quoting import quote_literal
from pgaudit_log.values.sql_text import Sql, template
from pgaudit_log.values.utc import utc

COUNTED_BYTES = 16 * 1024 * 1024
"""How many bytes of rows are counted exactly in all; what is larger is estimated."""

COUNTED_PARTITIONS = 24
"""How many partitions are counted exactly: each of them is locked meanwhile."""


@dataclass(frozen=True, kw_only=True)
class ModelShare:
    """What a partition has of one model."""

    model: str | None
    """Its label; ``None`` for what the statistics do not tell of."""
    events: int


@dataclass(frozen=True, kw_only=True)
class PartitionSize:
    """What a partition has."""

    table: str
    """Its name in SQL."""
    start: datetime | None
    """From when; ``None`` for the DEFAULT partition."""
    end: datetime | None
    """Up to when, not including it."""
    size: int
    """In bytes: rows, indexes, and what is stored out of line."""
    events: int | None
    """How many events; ``None`` where PostgreSQL has not counted any yet."""
    is_estimate: bool
    """Whether the numbers of events are by PostgreSQL's statistics, not counted."""
    models: tuple[ModelShare, ...] = ()
    """The events by model, the most first."""


class Edge(NamedTuple):
    """The first or the last event that a partition has."""

    id: int
    created_at: datetime
    model: str


class _Row(NamedTuple):
    """A row of ``partition_sizes.sql``."""

    table: str
    start: datetime | None
    end: datetime | None
    size: int
    heap: int
    events: int | None
    is_readable: bool
    models: list[str] | None
    frequencies: list[float] | None


def estimated_events(using: str) -> int | None:
    """Return about how many events there are, by PostgreSQL's statistics; ``None`` without any.

    One query, which reads no partition.
    """
    known = [row.events for row in _rows(using) if row.events is not None]
    return sum(known) if known else None


def sizes(using: str) -> list[PartitionSize]:
    """Return the sizes of the partitions, the DEFAULT one first, then the oldest."""
    rows = _rows(using)
    counted = _counts(using, _small(rows))
    return [
        _with_models(_measured(row), counted[row.table])
        if row.table in counted
        else _estimated(row)
        for row in rows
    ]


def _rows(using: str) -> list[_Row]:
    asked = template(sql.__name__, "partition_sizes.sql").sql(
        bounds=bounds.KNOWN, events=Sql.param(EVENT_TABLE)
    )
    with connections[using].cursor() as cursor:
        cursor.execute(asked.text, asked.params)
        found = [_Row(*row) for row in cursor.fetchall()]
    return [row._replace(start=utc(row.start), end=utc(row.end)) for row in found]


def last_event(using: str, partitions: Sequence[PartitionSize]) -> Edge | None:
    """Return the newest event; looks into the newest partitions that have any, and the DEFAULT one."""
    filled = [partition for partition in partitions if partition.events != 0]
    default = [partition.table for partition in filled if partition.start is None]
    if default and not _may_read(using, default[0]):
        # It cannot be named alone.
        return _edge(using, EVENT_TABLE, is_last=True)
    sources = [_source(p.table, p.start, p.end) for p in filled if p.start is not None][-2:]
    found = [_edge(using, source, is_last=True) for source in [*sources, *default]]
    return max((edge for edge in found if edge is not None), default=None)


def first_event(using: str, partition: PartitionSize) -> Edge | None:
    """Return the oldest event of a partition."""
    source = _source(partition.table, partition.start, partition.end)
    return _edge(using, source, is_last=False)


def _may_read(using: str, table: str) -> bool:
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT has_table_privilege(%s, 'SELECT')", [table])
        return bool(cursor.fetchone()[0])


def _edge(using: str, source: str, *, is_last: bool) -> Edge | None:
    order = "DESC" if is_last else "ASC"
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"SELECT id, LEAST(GREATEST(created_at, %s), %s) AT TIME ZONE 'UTC', model"
            f" FROM {source} ORDER BY id {order} LIMIT 1",
            [FIRST, LAST],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    id, created_at, model = row
    return Edge(id, utc(created_at), model)


def _source(table: str, start: datetime | None, end: datetime | None) -> str:
    """Return what FROM and WHERE have for the events of a partition.

    It is named by its time, because whoever may read the event table need not have been granted
    its partitions. The time is part of the text, so that no other partition is locked.
    """
    if start is None or end is None:
        return table
    since, until = (quote_literal(moment.isoformat()) for moment in (start, end))
    return f"{EVENT_TABLE} WHERE created_at >= {since} AND created_at < {until}"


def _small(rows: Sequence[_Row]) -> list[_Row]:
    """Return the partitions that are quickly counted, the newest first: those are asked about most."""
    room = COUNTED_BYTES
    found: list[_Row] = []
    for row in reversed(rows):
        is_default = row.start is None
        if not 0 < row.heap <= room or (is_default and not row.is_readable):
            continue
        if len(found) == COUNTED_PARTITIONS:
            break
        room -= row.heap
        found.append(row)
    return found


def _counts(using: str, rows: Sequence[_Row]) -> dict[str, list[ModelShare]]:
    if not rows:
        return {}
    parts = [
        f"SELECT {quote_literal(row.table)} AS partition, model, count(*) AS events"
        f" FROM {_source(row.table, row.start, row.end)} GROUP BY model"
        for row in rows
    ]
    found: dict[str, list[ModelShare]] = {row.table: [] for row in rows}
    with connections[using].cursor() as cursor:
        cursor.execute(f"{' UNION ALL '.join(parts)} ORDER BY events DESC, model")
        for table, model, events in cursor.fetchall():
            found[table].append(ModelShare(model=model, events=events))
    return found


def _measured(row: _Row) -> PartitionSize:
    return PartitionSize(
        table=row.table,
        start=row.start,
        end=row.end,
        size=row.size,
        events=row.events,
        is_estimate=row.events != 0,
    )


def _with_models(measured: PartitionSize, models: Sequence[ModelShare]) -> PartitionSize:
    events = sum(share.events for share in models)
    return replace(measured, events=events, is_estimate=False, models=tuple(models))


def _estimated(row: _Row) -> PartitionSize:
    measured = _measured(row)
    if not row.events:
        return measured
    shares = [
        ModelShare(model=model, events=round(row.events * frequency))
        for model, frequency in zip(row.models or (), row.frequencies or (), strict=True)
    ]
    rest = row.events - sum(share.events for share in shares)
    # What rounding, and the sample of ANALYZE, leave over is nobody's.
    if rest > row.events / 1000:
        shares.append(ModelShare(model=None, events=rest))
    return replace(measured, models=tuple(shares))
