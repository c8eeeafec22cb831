"""Layouts: which periods take the place of others, without a gap or an overlap; no database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from pgaudit_log.database.partitions.calendar import Interval, Period, period_at

MOST_AT_ONCE = 32
"""How many partitions one swap takes out or puts in: a millisecond each, in which writers wait."""

MOST_PERIODS = 400
"""How many partitions a plan makes: a clock that jumped would ask for thousands."""


_PARTS: dict[Interval, Interval] = {
    "year": "month",
    "quarter": "month",
    "month": "day",
    "week": "day",
}
"""Of what an interval is put together, where there is too much for one swap."""


def tiles(whole: Period, interval: Interval) -> list[Period]:
    """Return the periods of an interval that make up ``whole``; the outer ones are cut to fit it."""
    found = []
    start = whole.start
    while start < whole.end:
        end = min(period_at(start, interval).end, whole.end)
        found.append(Period(start=start, end=end))
        start = end
    return found


def gaps(whole: Period, taken: Iterable[Period]) -> list[Period]:
    """Return the parts of ``whole`` that none of ``taken`` has."""
    found = []
    start = whole.start
    for period in sorted(taken, key=lambda period: period.start):
        if period.end <= start:
            continue
        if period.start >= whole.end:
            break
        if period.start > start:
            found.append(Period(start=start, end=period.start))
        start = period.end
    if start < whole.end:
        found.append(Period(start=start, end=whole.end))
    return found


def merges(
    periods: Sequence[Period], interval: Interval, before: datetime
) -> Iterator[tuple[Period, list[Period]]]:
    """Yield what becomes one period of ``interval``, and of which periods, the oldest first.

    Only periods that end by ``before`` are merged, and such as lie within one period of the
    interval, one behind the other. What is too much for one swap is merged in steps: days to months,
    then months to a year.
    """
    for target, group in _groups(periods, interval, before):
        smaller = _PARTS.get(interval)
        if len(group) <= MOST_AT_ONCE or smaller is None:
            yield target, group
            continue
        parts = []
        for part, own in _groups(group, smaller, before, single=True):
            if len(own) > 1:
                yield from merges(own, smaller, before)
            parts.append(part)
        yield target, parts


def _groups(
    periods: Sequence[Period], interval: Interval, before: datetime, *, single: bool = False
) -> Iterator[tuple[Period, list[Period]]]:
    group: list[Period] = []
    for period in [*sorted(periods, key=lambda period: period.start), None]:
        if period is not None and period.end > before:
            continue
        follows = (
            period is not None
            and bool(group)
            and group[-1].end == period.start
            and period.end <= period_at(group[0].start, interval).end
        )
        if not follows:
            if len(group) > 1 or (group and single):
                yield Period(start=group[0].start, end=group[-1].end), group
            group = []
        if period is not None:
            group.append(period)
