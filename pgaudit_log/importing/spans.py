"""Spans: how the lines of an import lie in the periods of partitions, and so what each batch of them does."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.constants import EVENT_TABLE, LOWEST_ID
from pgaudit_log.database.partitions.calendar import Period
from pgaudit_log.importing import lines, months
from pgaudit_log.importing.batches import Batch
from pgaudit_log.importing.source_events import LINES
from pgaudit_log.values.past_ids import first_id
from pgaudit_log.values.quoting import quote_name
from pgaudit_log.values.sql_text import Sql
from pgaudit_log.values.utc import utc


@dataclass(frozen=True, kw_only=True)
class Span:
    """The lines whose ids tell of one period."""

    period: Period
    after: int
    up_to: int
    created_in: tuple[Period, ...]
    """The periods of their times."""


def found(connection: BaseDatabaseWrapper) -> list[Span]:
    """Return how the lines lie in periods, in their order; without any there are none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(created_at) AT TIME ZONE 'UTC', max(created_at) AT TIME ZONE 'UTC'"
            f" FROM {LINES}"
        )
        ends = cursor.fetchone()
        if ends[0] is None:
            return []
        periods = list(months.periods(*map(utc, ends)))
        sql = lines.spans(
            [period.start for period in periods],
            [LOWEST_ID, *(first_id(period.start) for period in periods[1:])],
        )
        cursor.execute(sql.text, sql.params)
        rows = cursor.fetchall()
    return [
        Span(
            period=periods[place - 1],
            after=min(row[2] for row in own) - 1,
            up_to=max(row[3] for row in own),
            created_in=tuple(periods[row[1] - 1] for row in own),
        )
        for place, group in itertools.groupby(rows, key=lambda row: row[0])
        for own in [list(group)]
    ]


def moments(spans: Iterable[Span]) -> set[Period]:
    """Return the periods in which there are events to write."""
    return {period for span in spans for period in span.created_in}


def whole(spans: Iterable[Span]) -> list[Period]:
    """Return the periods with many lines that nobody captures into any more."""
    now = datetime.now(timezone.utc)
    return [
        span.period
        for span in spans
        if span.period.end <= now
        and span.up_to - span.after >= months.LEAST
        and span.period in span.created_in
    ]


def batches(
    spans: Iterable[Span],
    filled: Mapping[Period, months.Filled],
    batch_size: int,
    using: str,
    write: Callable[[int, int, str, Sql | str], None],
) -> Iterator[Batch]:
    """Yield what is to be done: it ends with the partition of a month before it begins with the next one's.

    So what has an earlier time than its id comes behind what is of that time.
    """
    number = attached = 0
    for span in spans:
        table = filled.get(span.period)
        into, wanted = (
            (EVENT_TABLE, "TRUE") if table is None else (quote_name(table.name), table.is_own)
        )
        for after in range(span.after, span.up_to, batch_size):
            up_to = min(after + batch_size, span.up_to)
            yield Batch(
                write=functools.partial(write, after, up_to, into, wanted),
                events=up_to - after,
                # It may have locks that attaching waits for.
                after=attached if table is None else 0,
                is_hidden=table is not None,
            )
            number += 1
        if table is not None:

            def attach(span: Span = span, table: months.Filled = table) -> None:
                if len(span.created_in) > 1:
                    write(span.after, span.up_to, EVENT_TABLE, "NOT (" + table.is_own + ")")
                table.attach(using)

            yield Batch(write=attach, events=0, after=number)
            number += 1
            attached = number
