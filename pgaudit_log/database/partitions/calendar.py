"""The calendar: which ranges of time partitions have, in UTC; no database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Literal, get_args

from pgaudit_log.constants import EVENT_TABLE

Interval = Literal["day", "week", "month", "quarter", "year"]

INTERVALS: tuple[str, ...] = get_args(Interval)

FIRST = "0001-01-01 00:00:00+00"
"""The first moment that Python has, in SQL; PostgreSQL has others before, and ``-infinity``."""

LAST = "9999-12-31 23:59:59.999999+00"
"""The last one."""

_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, kw_only=True)
class Period:
    """A range of time that one partition holds: from ``start`` up to, not including, ``end``."""

    start: datetime
    end: datetime

    @property
    def table(self) -> str:
        """The partition's name, such as ``pgaudit_log_event_20261101_20261201``."""
        return f"{EVENT_TABLE}_{_day(self.start)}_{_day(self.end)}"

    def overlaps(self, other: Period) -> bool:
        """Return whether a moment is in both."""
        return self.start < other.end and other.start < self.end


def _day(moment: datetime) -> str:
    # What %Y makes of the year 1 has four digits on some systems only.
    return f"{moment.year:04}{moment:%m%d}"


def period_at(moment: datetime, interval: Interval) -> Period:
    """Return the period of ``interval`` in which ``moment``, an aware datetime, lies."""
    midnight = moment.astimezone(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
    if interval in ("day", "week"):
        days = 1 if interval == "day" else 7
        start = midnight - timedelta(days=midnight.weekday() if interval == "week" else 0)
        return Period(start=start, end=start + timedelta(days=days))
    months = _MONTHS[interval]
    first = midnight.month - (midnight.month - 1) % months
    start = midnight.replace(month=first, day=1)
    years, month = divmod(first - 1 + months, 12)
    return Period(start=start, end=start.replace(year=start.year + years, month=month + 1))


def periods_from(moment: datetime, interval: Interval, ahead: int) -> list[Period]:
    """Return the period of ``moment`` and the ``ahead`` periods that follow it."""
    periods = [period_at(moment, interval)]
    for _ in range(ahead):
        periods.append(period_at(periods[-1].end, interval))
    return periods
