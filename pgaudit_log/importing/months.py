"""Months: the partitions in which imported events lie, and which of them are filled before they are seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connections, transaction

from pgaudit_log.conf import settings
from pgaudit_log.constants import IMPORT_TABLES
from pgaudit_log.database.partitions import attaching, catalogue
from pgaudit_log.database.partitions.calendar import Interval, Period, period_at
from pgaudit_log.database.partitions.leaves import suffix_of
from pgaudit_log.database.partitions.locking import Patience
from pgaudit_log.values.quoting import quote_name
from pgaudit_log.values.sql_text import Sql

_FILLED = f"{IMPORT_TABLES}_"
"""What the name of a table begins with that is filled to become a partition."""

LEAST = 10_000
"""How many events make it worth while to fill a table first: indexes are then made of all of them at once."""

PATIENCE_SECONDS = 600.0
"""How long an import waits for readers of the whole trail until a month can be seen."""


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A table that is filled with the events of a month, without indexes, until nobody writes it any more."""

    period: Period

    @property
    def name(self) -> str:
        """The name of the table, not quoted."""
        return _FILLED + suffix_of(self.period)

    @property
    def is_own(self) -> Sql:
        """The test whether a line is one of the month."""
        start, end = self.period.start.isoformat(), self.period.end.isoformat()
        return Sql.plain(
            f"line.created_at >= '{start}'::timestamptz AND line.created_at < '{end}'::timestamptz"
        )

    def attach(self, using: str) -> None:
        """Make the table, in a running transaction, the partition of its month.

        Raises:
            PlanError: when somebody has read the whole event table for too long.
        """
        with connections[using].cursor() as cursor:
            cursor.execute(
                f"ALTER TABLE {quote_name(self.name)} RENAME TO {quote_name(self.period.table)}"
            )
            attaching.add_indexes(cursor, self.period.table)
        patience = Patience(seconds=PATIENCE_SECONDS)
        attaching.attach_patiently(using, self.period.table, self.period, patience)


def periods(first: datetime, last: datetime) -> Iterator[Period]:
    """Yield the periods of the partitions of a time, none shorter than a month."""
    interval: Interval = settings.PARTITION_INTERVAL
    if interval in ("day", "week"):
        # Each read takes a lock on every partition: years of days would be thousands.
        interval = "month"
    period = period_at(first, interval)
    while period.start <= last:
        yield period
        period = period_at(period.end, interval)


def make(using: str, wanted: Iterable[Period], whole: Iterable[Period]) -> dict[Period, Filled]:
    """Make the partitions of some periods that a database does not have.

    Those of the periods ``whole`` that it has nothing of are returned as tables to be filled. What
    lies in the time of no partition, because its month has events in the DEFAULT partition already,
    goes into the DEFAULT partition.

    Raises:
        InstallationError: when a table has the name of one.
    """
    drop(using)
    plan = catalogue.plan_of(using, sorted(wanted, key=lambda period: period.start))
    made = {period: Filled(period=period) for period in whole if period in plan.create}
    plan.without(made).apply()
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        for period, table in made.items():
            catalogue.refuse_taken(cursor, period)
            attaching.make(cursor, table.name, period, has_indexes=False)
    return made


def drop(using: str) -> None:
    """Drop the tables that were to be filled, and that an interrupted import has left."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT quote_ident(relname)
            FROM pg_class
            WHERE relnamespace = current_schema()::regnamespace
                AND relkind = 'r'
                AND NOT relispartition
                AND relname ~ %s
            """,
            [rf"^{_FILLED}\d+_\d+$"],
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE {name}")
