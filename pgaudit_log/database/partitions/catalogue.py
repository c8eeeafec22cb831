"""The catalogue: which partitions the database has, which are missing, making and finishing them."""

from __future__ import annotations

import contextlib
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from django.db import OperationalError, connections, transaction

from pgaudit_log.conf import settings
from pgaudit_log.constants import DEFAULT_PARTITION, EVENT_TABLE
from pgaudit_log.database.partitions import attaching, bounds, locking
from pgaudit_log.database.partitions.calendar import FIRST, LAST, Period, periods_from
from pgaudit_log.database.partitions.layouts import gaps
from pgaudit_log.exceptions import InstallationError
from pgaudit_log.values.utc import utc

LOCK_TIMEOUT = "5s"
"""How long making a partition waits for writers, which wait behind it meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The partitions that should be made, and those that cannot be yet."""

    using: str
    create: Sequence[Period] = ()
    occupied: Sequence[Period] = ()
    """Periods with events in the DEFAULT partition, which have to be moved first."""

    def without(self, periods: Container[Period]) -> Plan:
        """Return the plan without some of the partitions that it would make."""
        return replace(self, create=tuple(p for p in self.create if p not in periods))

    def apply(self, *, lock_timeout: str = LOCK_TIMEOUT) -> None:
        """Make the missing partitions, in one transaction; they belong to whom the event table does.

        Raises:
            InstallationError: when a table has the name of one, such as a partition that was detached.
        """
        with _transaction(self.using, lock_timeout) as cursor:
            for period in self.create:
                refuse_taken(cursor, period)
                attaching.make(cursor, period.table, period)
                attaching.attach(cursor, period.table, period)


def refuse_taken(cursor: Any, period: Period) -> None:
    """Raise where a table has the name of a partition that is to be made.

    Raises:
        InstallationError: says which.
    """
    cursor.execute(
        "SELECT FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
        " WHERE relname = %s AND nspname = current_schema()",
        [period.table],
    )
    if cursor.fetchone() is not None:
        raise InstallationError(
            f"The partition {period.table} cannot be made: there is a table of that name,"
            " which is no partition of the event table. Attach it (ALTER TABLE … ATTACH"
            " PARTITION), or rename or drop it."
        )


@contextlib.contextmanager
def _transaction(using: str, lock_timeout: str = LOCK_TIMEOUT) -> Iterator[Any]:
    """Yield a cursor in a transaction that waits for no lock longer than ``lock_timeout``."""
    with (
        transaction.atomic(using=using),
        connections[using].cursor() as cursor,
        locking.lock_timeout(cursor, lock_timeout),
    ):
        yield cursor


def existing(using: str) -> list[Period]:
    """Return the periods of the partitions that the database has, the DEFAULT partition aside."""
    with connections[using].cursor() as cursor:
        # One at an end that Python has no time for is at the first or last one that it has.
        cursor.execute(
            f"""
            SELECT
                GREATEST(lower(own), %s) AT TIME ZONE 'UTC',
                LEAST(upper(own), %s) AT TIME ZONE 'UTC'
            FROM pg_inherits
            JOIN pg_class AS partition ON partition.oid = pg_inherits.inhrelid
            {bounds.OWN}
            WHERE pg_inherits.inhparent = to_regclass(%s) AND bound <> 'DEFAULT'
            ORDER BY 1
            """,
            [FIRST, LAST, EVENT_TABLE],
        )
        return [Period(start=utc(start), end=utc(end)) for start, end in cursor.fetchall()]


def plan(using: str = "default", *, now: datetime | None = None) -> Plan:
    """Return which partitions of this period and the next ones are missing.

    Reads ``PGAUDIT_LOG_PARTITION_INTERVAL`` and ``PGAUDIT_LOG_PARTITIONS_AHEAD``.
    """
    moment = now or datetime.now(timezone.utc)
    periods = periods_from(moment, settings.PARTITION_INTERVAL, settings.PARTITIONS_AHEAD)
    return plan_of(using, periods, since=moment)


def plan_of(using: str, periods: Sequence[Period], *, since: datetime | None = None) -> Plan:
    """Return which partitions of some periods are missing, those that end after ``since``."""
    have = existing(using)
    # Where the interval was a shorter one, part of a period has partitions already.
    missing = [
        gap for period in periods for gap in gaps(period, have) if since is None or gap.end > since
    ]
    occupied = [period for period in missing if _has_events_in_default(period, using)]
    create = [period for period in missing if period not in occupied]
    return Plan(using=using, create=tuple(create), occupied=tuple(occupied))


def finish_past(using: str = "default", *, now: datetime | None = None) -> None:
    """Complete the BRIN indexes of the partitions whose time is over.

    VACUUM leaves the last range of pages of a partition, up to 1 MB, out of the index, because
    more events may come. Without this, each look for a context or a transaction reads that of
    every partition. Where another session works on the tables, it is left for the next time.
    """
    moment = now or datetime.now(timezone.utc)
    with contextlib.suppress(OperationalError), _transaction(using) as cursor:
        cursor.execute(
            f"""
            SELECT brin_summarize_new_values(index.inhrelid)
            FROM pg_inherits AS index
            JOIN pg_index ON pg_index.indexrelid = index.inhrelid
            JOIN pg_class AS partition ON partition.oid = pg_index.indrelid
            {bounds.OWN}
            WHERE index.inhparent = to_regclass(%s) AND upper(own) <= %s
            """,
            [f"{EVENT_TABLE}_brin", moment],
        )


def _has_events_in_default(period: Period, using: str) -> bool:
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"SELECT EXISTS (SELECT FROM {DEFAULT_PARTITION}"
            " WHERE created_at >= %s AND created_at < %s)",
            [period.start, period.end],
        )
        return bool(cursor.fetchone()[0])
