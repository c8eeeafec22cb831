"""Periods tile time, whatever the interval, the time zone, or the month's end."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from pgaudit_log.database.partitions.calendar import INTERVALS, Period, period_at
from pgaudit_log.database.partitions.layouts import MOST_AT_ONCE, gaps, merges, tiles
from pgaudit_log.values.ages import Age

ZONES = ["UTC", "Asia/Tokyo", "America/New_York", "Europe/Berlin", "Pacific/Apia", "Asia/Kathmandu"]

moments = st.datetimes(
    min_value=datetime(1971, 1, 1),  # noqa: DTZ001 - the time zone comes to it
    max_value=datetime(2100, 12, 31),  # noqa: DTZ001 - likewise
    timezones=st.sampled_from([ZoneInfo(name) for name in ZONES]),
)
intervals = st.sampled_from(INTERVALS)


@given(moments, intervals)
def test_a_moment_is_in_its_period_and_the_next_follows(moment: datetime, interval: str) -> None:
    period = period_at(moment, interval)  # type: ignore[arg-type]
    assert period.start <= moment < period.end
    following = period_at(period.end, interval)  # type: ignore[arg-type]
    assert following.start == period.end
    before = period_at(period.start - timedelta(microseconds=1), interval)  # type: ignore[arg-type]
    assert before.end == period.start


@given(moments, intervals, intervals)
def test_what_a_period_is_divided_into_tiles_it(moment: datetime, outer: str, inner: str) -> None:
    whole = period_at(moment, outer)  # type: ignore[arg-type]
    parts = tiles(whole, inner)  # type: ignore[arg-type]
    assert parts[0].start == whole.start
    assert parts[-1].end == whole.end
    assert all(one.end == other.start for one, other in itertools.pairwise(parts))


@given(moments, st.lists(st.tuples(st.integers(-40, 400), st.integers(1, 60))))
def test_gaps_are_what_nothing_else_has(
    moment: datetime, given_days: list[tuple[int, int]]
) -> None:
    whole = period_at(moment, "year")
    taken = [
        Period(start=whole.start + timedelta(days=d), end=whole.start + timedelta(days=d + n))
        for d, n in given_days
    ]
    found = gaps(whole, taken)
    for day in range((whole.end - whole.start).days):
        noon = whole.start + timedelta(days=day, hours=12)
        is_taken = any(period.start <= noon < period.end for period in taken)
        assert sum(period.start <= noon < period.end for period in found) == (not is_taken)


@given(moments, intervals, intervals, st.integers(0, 500))
def test_merged_partitions_tile_what_there_was(
    moment: datetime, small: str, large: str, days: int
) -> None:
    whole = period_at(moment, "year")
    there = tiles(whole, small)  # type: ignore[arg-type]
    before = whole.start + timedelta(days=days)
    for target, group in merges(there, large, before):  # type: ignore[arg-type]
        assert 1 < len(group) <= MOST_AT_ONCE
        assert set(group) <= set(there)
        assert target.end <= before
        assert period_at(target.start, large).end >= target.end  # type: ignore[arg-type]
        there = sorted([*(set(there) - set(group)), target], key=lambda period: period.start)
    assert there[0].start == whole.start
    assert there[-1].end == whole.end
    assert all(one.end == other.start for one, other in itertools.pairwise(there))


@given(moments, st.integers(1, 400), st.sampled_from("dwmy"))
def test_an_age_is_before_now_and_keeps_the_day_where_there_is_one(
    moment: datetime, number: int, unit: str
) -> None:
    moment = moment.astimezone(timezone.utc)
    age = Age.of(f"{number}{unit}")
    if unit == "y" and number >= moment.year:
        return
    before = age.before(moment)
    assert before < moment
    if unit in "my":
        assert before.day == moment.day or (
            before.day < moment.day and (before + timedelta(days=1)).day == 1
        )
