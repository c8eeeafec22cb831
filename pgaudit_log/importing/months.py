"""Months: the partitions in which imported events lie, made where they are missing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pgaudit_log.conf import settings
from pgaudit_log.database.partitions import catalogue
from pgaudit_log.database.partitions.calendar import Interval, period_at


def make(using: str, moments: Iterable[datetime]) -> None:
    """Make the partitions of some moments that a database does not have; none shorter than a month.

    What lies in the time of no partition, because its month has events in the DEFAULT partition
    already, goes into the DEFAULT partition.

    Raises:
        InstallationError: when a table has the name of one.
    """
    interval: Interval = settings.PARTITION_INTERVAL
    if interval in ("day", "week"):
        # Each read takes a lock on every partition: years of days would be thousands.
        interval = "month"
    periods = {
        period.start: period for period in (period_at(moment, interval) for moment in moments)
    }
    catalogue.plan_of(using, [periods[start] for start in sorted(periods)]).apply()
