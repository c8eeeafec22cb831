"""Partitioning: plans which partitions there should be, made ahead, moved out, split and merged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.db import DEFAULT_DB_ALIAS, OperationalError

from pgaudit_log.conf import settings
from pgaudit_log.constants import DEFAULT_PARTITION
from pgaudit_log.database import own_events
from pgaudit_log.database.partitions import catalogue, rewriting
from pgaudit_log.database.partitions.calendar import INTERVALS, Interval, Period
from pgaudit_log.database.partitions.catalogue import existing
from pgaudit_log.database.partitions.copies import Copies
from pgaudit_log.database.partitions.layouts import (
    MOST_AT_ONCE,
    MOST_PERIODS,
    merges,
    tiles,
)
from pgaudit_log.database.partitions.leaves import Leaf, leaves, leftovers
from pgaudit_log.database.partitions.locking import QUEUED_MS, Patience
from pgaudit_log.exceptions import QueryError, StalePlanError
from pgaudit_log.operating import clock, default_events
from pgaudit_log.operating.partition_obstacles import in_the_way
from pgaudit_log.operating.partition_plans import Plan, Step
from pgaudit_log.values.ages import Age


def plan_partitions(
    using: str = DEFAULT_DB_ALIAS,
    *,
    split: str | None = None,
    merge_older_than: Age | None = None,
    into: Interval | None = None,
    now: datetime | None = None,
) -> Plan:
    """Return what has to be done so that each event has a partition of its time.

    By default, partitions of the next periods are made, and what lies in the DEFAULT partition gets
    some of its own. Nothing is written until :meth:`Plan.apply`.

    Args:
        using: the database.
        split: a partition that is divided: its name, or a time in it, such as ``2026-03``.
        merge_older_than: partitions that are older are put together.
        into: how long those are that come of it: ``day``, ``week``, ``month``, ``quarter``, ``year``.
        now: the time; by default that of the database.

    Raises:
        QueryError: for a partition that is not there, or ``split`` or ``merge_older_than`` without
            ``into``.
    """
    moment = now or clock.now_of(using)
    wanted: list[Step]
    obstacles: list[str] = []
    notices: list[str] = []
    if split is not None:
        leaf = _named(split, using)
        wanted = [*_splits(_period(leaf), _needed(into, "split"), using)]
    elif merge_older_than is not None:
        interval = _needed(into, "merge")
        before = merge_older_than.before(moment)
        periods = [leaf.period for leaf in leaves(using) if leaf.period is not None]
        wanted = [
            _merge(target, group, using) for target, group in merges(periods, interval, before)
        ]
    else:
        moves, notices = _moves(using, moment)
        taken = [period for _, periods in moves for period in periods]
        wanted = [step for step, _ in moves]
        wanted += _create(using, moment, taken)
    made = sum(len(step.into) for step in wanted)
    if made > MOST_PERIODS:
        obstacles.append(
            f"{made} partitions would be made, more than {MOST_PERIODS}: take longer ones (--into)."
        )
    obstacles += in_the_way(using, wanted)
    return Plan(
        using=using,
        steps=(*unfinished(using), *wanted),
        obstacles=tuple(obstacles),
        notices=tuple(notices),
        make_again=partial(
            plan_partitions,
            using,
            split=split,
            merge_older_than=merge_older_than,
            into=into,
            now=now,
        ),
    )


def unfinished(using: str) -> list[Step]:
    """Return the step that finishes what an interrupted swap has put aside, if there is any."""
    aside = tuple(own.name for own in leftovers(using) if own.was_partition)
    # It is done before all others, whatever they are.
    return [Step(kind="finish", partitions=aside, into=(), carry_out=lambda p: None)] * bool(aside)


def replace(
    using: str,
    olds: Sequence[Period | None],
    news: Sequence[Period | None],
    patience: Patience,
    *,
    told: dict[str, Any],
) -> None:
    """Put tables of other periods in the place of the partitions of some, with all their events.

    Raises:
        StalePlanError: when there is no such partition any more.
    """
    copies = Copies(using=using, olds=resolved(using, olds), news=tuple(news))
    rewriting.rewrite(
        copies,
        patience,
        in_lock=lambda cursor: own_events.write(using, own_events.MAINTENANCE, "partitions", told),
    )


def resolved(using: str, periods: Sequence[Period | None]) -> tuple[Leaf, ...]:
    """Return the partitions of periods; ``None`` is the DEFAULT one.

    Raises:
        StalePlanError: when one is not there any more.
    """
    there = {leaf.period: leaf for leaf in leaves(using)}
    try:
        return tuple(there[period] for period in periods)
    except KeyError as error:
        raise StalePlanError(
            f"There is no partition of {error} any more. Make the plan anew."
        ) from error


def _step(
    kind: Any, olds: Sequence[Period | None], news: Sequence[Period | None], using: str, **more: Any
) -> Step:
    before, after = _names(using, olds), _names(using, news)
    told = {"did": kind, "partitions": before, "into": after}
    return Step(
        kind=kind,
        partitions=before,
        into=after,
        carry_out=lambda patience: replace(using, olds, news, patience, told=told),
        **more,
    )


def _names(using: str, periods: Sequence[Period | None]) -> tuple[str, ...]:
    there = {leaf.period: leaf.name for leaf in leaves(using)}
    return tuple(
        there.get(period, DEFAULT_PARTITION if period is None else period.table)
        for period in periods
    )


def _merge(target: Period, group: Sequence[Period], using: str) -> Step:
    return _step("merge", group, [target], using)


def _splits(whole: Period, interval: Interval, using: str) -> Iterator[Step]:
    """Yield the steps that divide a period: in two steps, where there are too many parts for one."""
    parts = tiles(whole, interval)
    if len(parts) <= 1:
        return
    if len(parts) <= MOST_AT_ONCE:
        yield _step("split", [whole], parts, using)
        return
    longer = next(
        other
        for other in INTERVALS[INTERVALS.index(interval) + 1 :]
        if other != "week" and len(tiles(whole, other)) <= MOST_AT_ONCE  # type: ignore[arg-type]
    )
    outer = tiles(whole, longer)  # type: ignore[arg-type]
    yield _step("split", [whole], outer, using)
    for part in outer:
        yield from _splits(part, interval, using)


def _create(using: str, moment: datetime, taken: Sequence[Period]) -> list[Step]:
    plan = catalogue.plan(using, now=moment)
    # Those of which events lie in the DEFAULT partition are made as they are moved.
    create = [
        period
        for period in (*plan.create, *plan.occupied)
        if not any(period.overlaps(other) for other in taken) and period not in plan.occupied
    ]
    if not create:
        return []
    names = tuple(period.table for period in create)
    ahead = catalogue.Plan(using=using, create=tuple(create))

    def carry_out(patience: Patience) -> None:
        patience.begin()
        while True:
            try:
                ahead.apply(lock_timeout=f"{QUEUED_MS}ms")
            except OperationalError as error:
                patience.pause(
                    f"waiting for {DEFAULT_PARTITION}: {str(error).strip().splitlines()[0]}"
                )
            else:
                break
        catalogue.finish_past(using)
        told = {"did": "create", "partitions": (), "into": names}
        own_events.write(using, own_events.MAINTENANCE, "partitions", told)

    return [Step(kind="create", partitions=(), into=names, carry_out=carry_out)]


def _moves(using: str, moment: datetime) -> tuple[list[tuple[Step, list[Period]]], list[str]]:
    """Return the steps that give what lies in the DEFAULT partition some of its own."""
    days, later = default_events.days_in_default(using, moment + default_events.AHEAD)
    notices = []
    if later:
        notices.append(
            f"{later:,} events of {DEFAULT_PARTITION} are of a time that has not come yet, or of before the"
            " year 1, and stay there: a clock had jumped."
        )
    if not days:
        return [], notices
    have = existing(using)
    start = INTERVALS.index(settings.PARTITION_INTERVAL)
    found: list[Period] = []
    for interval in INTERVALS[start:]:
        found = default_events.periods_of(days, interval, have)  # type: ignore[arg-type]
        if len(found) <= default_events.MOST_MOVED:
            break
    steps = []
    most = MOST_AT_ONCE - 2
    for n in range(0, len(found), most):
        periods = found[n : n + most]
        events = sum(c for d, c in days.items() if any(p.start <= d < p.end for p in periods))
        steps.append((_step("move", [None], [*periods, None], using, events=events), periods))
    return steps, notices


def _named(text: str, using: str) -> Leaf:
    """Return the partition that a name, or a time in it, means."""
    there = [leaf for leaf in leaves(using) if leaf.period is not None]
    for leaf in there:
        if text in (leaf.name, leaf.suffix):
            return leaf
    parts = (text.split("-") + ["01", "01"])[:3]
    day: datetime | None
    try:
        day = datetime.fromisoformat("-".join(parts) + "T00:00:00+00:00")
    except ValueError:
        day = None
    for leaf in there:
        period = _period(leaf)
        if day is not None and period.start <= day < period.end:
            return leaf
    raise QueryError(
        f"There is no partition {text}. Give the name of one, or a time in it, such as 2026-03."
        f" There are {', '.join(leaf.name for leaf in there)}."
    )


def _period(leaf: Leaf) -> Period:
    assert leaf.period is not None
    return leaf.period


def _needed(into: Interval | None, what: str) -> Interval:
    if into is None:
        raise QueryError(f"Say into what to {what} partitions: --into {', '.join(INTERVALS)}.")
    return into
