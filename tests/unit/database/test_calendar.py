"""The periods of partitions, in UTC, without gaps or overlaps."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest

from pgaudit_log.database.partitions.calendar import INTERVALS, period_at, periods_from

UTC = timezone.utc


@pytest.mark.parametrize(
    ("interval", "start", "end"),
    [
        ("day", (2026, 11, 21), (2026, 11, 22)),
        ("week", (2026, 11, 16), (2026, 11, 23)),
        ("month", (2026, 11, 1), (2026, 12, 1)),
        ("quarter", (2026, 10, 1), (2027, 1, 1)),
        ("year", (2026, 1, 1), (2027, 1, 1)),
    ],
)
def test_the_period_of_a_moment(interval: Any, start: Any, end: Any) -> None:
    period = period_at(datetime(2026, 11, 21, 10, 30, tzinfo=UTC), interval)
    assert (period.start, period.end) == (datetime(*start, tzinfo=UTC), datetime(*end, tzinfo=UTC))


def test_a_moment_counts_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    period = period_at(datetime(2026, 12, 1, 3, tzinfo=tokyo), "month")
    assert period.start == datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize("interval", INTERVALS)
def test_periods_follow_each_other_without_gaps(interval: Any) -> None:
    periods = periods_from(datetime(2027, 12, 31, 23, 59, tzinfo=UTC), interval, 30)
    assert len(periods) == 31
    for one, two in pairwise(periods):
        assert one.end == two.start
        assert not one.overlaps(two)
    assert len({period.table for period in periods}) == 31
