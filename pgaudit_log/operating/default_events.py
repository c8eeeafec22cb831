"""Default events: what lies in the DEFAULT partition, and which periods it would have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connections

from pgaudit_log.constants import DEFAULT_PARTITION
from pgaudit_log.database.event_table import schema_of
from pgaudit_log.database.partitions.calendar import FIRST, Interval, Period, period_at
from pgaudit_log.database.partitions.layouts import gaps
from pgaudit_log.values.quoting import quote_name
from pgaudit_log.values.utc import utc

MOST_MOVED = 120
"""How many partitions are made for what lies in the DEFAULT one; for more, longer ones are."""

AHEAD = timedelta(days=1)
"""Events of a later time than this from now stay in the DEFAULT partition: a clock had jumped."""


def periods_of(
    days: dict[datetime, int], interval: Interval, have: Sequence[Period]
) -> list[Period]:
    """Return the periods of an interval that days are in, without what other partitions have."""
    whole = {(p.start, p.end): p for p in (period_at(day, interval) for day in days)}
    return [
        part
        for _, period in sorted(whole.items())
        for part in gaps(period, have)
        if any(part.start <= day < part.end for day in days)
    ]


def days_in_default(using: str, before: datetime) -> tuple[dict[datetime, int], int]:
    """Return the days of the events in the DEFAULT partition by number, and how many others."""
    table = f"{schema_of(using)}.{quote_name(DEFAULT_PARTITION)}"
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"SELECT date_trunc('day', created_at AT TIME ZONE 'UTC'), count(*)"
            f" FROM {table} WHERE created_at >= %s AND created_at < %s GROUP BY 1 ORDER BY 1",
            [FIRST, before],
        )
        days = {utc(day): count for day, count in cursor.fetchall()}
        cursor.execute(
            f"SELECT count(*) FROM {table} WHERE created_at < %s OR created_at >= %s",
            [FIRST, before],
        )
        return days, int(cursor.fetchone()[0])
