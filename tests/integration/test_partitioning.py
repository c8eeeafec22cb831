"""Partitions are made ahead, moved out of DEFAULT, split and merged; each event stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from pgaudit_log.constants import DEFAULT_PARTITION
from pgaudit_log.database.partitions.calendar import Interval
from pgaudit_log.database.partitions.layouts import tiles
from pgaudit_log.database.partitions.leaves import leftovers
from pgaudit_log.models import Events
from pgaudit_log.operating import plan_partitions
from pgaudit_log.values.ages import Age
from tests.partitions import (
    OWN,
    clean_log,
    events_hash,
    last_periods,
    make_partitions,
    partition_names,
    write_events,
)
from tests.support import execute

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def log() -> Iterator[None]:
    with clean_log():
        yield


def fill(periods: int = 3, *, into_partitions: bool = True) -> None:
    """Write an event a day of the last months."""
    months = last_periods(periods)
    if into_partitions:
        make_partitions(months)
    days = (months[-1].end - months[0].start).days
    write_events(
        "shop.Order",
        [
            (
                months[0].start + timedelta(days=day, hours=7),
                str(day % 5),
                "U",
                {"id": day, "ü": "%"},
            )
            for day in range(days)
        ],
    )


def test_what_lies_in_the_default_partition_gets_partitions_of_its_own() -> None:
    fill(into_partitions=False)
    before = events_hash()
    plan = plan_partitions()
    assert [step.kind for step in plan.steps] == ["move"]
    plan.apply()
    assert events_hash() == before
    assert execute(f"SELECT count(*) FROM {DEFAULT_PARTITION}") == [(0,)]
    assert {period.table for period in last_periods(3)} <= set(partition_names())
    assert plan_partitions().steps == ()


@pytest.mark.slow
@pytest.mark.everywhere
def test_partitions_are_split_and_merged_again() -> None:
    fill()
    before = events_hash()
    name = last_periods(1)[0].table
    plan_partitions(split=name, into="day").apply()
    assert name not in partition_names()
    assert len(partition_names()) > 28
    assert events_hash() == before
    plan_partitions(merge_older_than=Age.of("1d"), into="month").apply()
    assert name in partition_names()
    assert events_hash() == before
    assert leftovers("default") == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("interval", "steps"), [("quarter", 4), pytest.param("year", 13, marks=pytest.mark.long)]
)
def test_days_are_merged_in_steps(interval: Interval, steps: int) -> None:
    whole = last_periods(1, interval)[0]
    days = tiles(whole, "day")
    make_partitions(days)
    write_events(
        "shop.Order", [(day.start, "1", "U", {"day": number}) for number, day in enumerate(days)]
    )
    before = events_hash()
    plan = plan_partitions(merge_older_than=Age.of("1d"), into=interval)
    assert len(plan.steps) == steps
    plan.apply()
    assert whole.table in partition_names()
    assert events_hash() == before


def test_what_was_done_is_an_event() -> None:
    fill(1)
    plan_partitions(split=last_periods(1)[0].table, into="week").apply()
    [event] = Events.objects.filter(pgh_obj_model=OWN)
    assert event.pgh_label == "partitions"
    assert event.pgh_data["did"] == "split"
