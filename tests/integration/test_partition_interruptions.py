"""A rewrite that is interrupted loses nothing, wherever that is, and goes on when it is run again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from pgaudit_log.database.partitions import copies, sweeping
from pgaudit_log.database.partitions.leaves import leftovers
from pgaudit_log.exceptions import PlanError
from pgaudit_log.models import Events
from pgaudit_log.operating import Plan, plan_partitions, plan_retention
from pgaudit_log.values.ages import Age
from tests.partitions import (
    OWN,
    Killed,
    clean_log,
    events_hash,
    killed_at,
    last_periods,
    make_partitions,
    write_events,
)
from tests.support import execute

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

MONTHS = last_periods(3)
STEP = 7
"""Which statements a run is interrupted at: each seventh, another one each time."""


@pytest.fixture(autouse=True)
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(copies, "BATCH", 10)
    with clean_log():
        make_partitions(MONTHS)
        yield


def interrupted(plan: Plan, number: int) -> bool:
    """Carry out a plan, interrupted at a statement; return whether it got so far."""
    try:
        with killed_at(number):
            plan.apply()
    except Killed:
        connection.close()
        return True
    return False


def fill() -> None:
    write_events(
        "shop.Order",
        [
            (MONTHS[n % 3].start + timedelta(hours=7 * n), str(n % 9), "U", {"id": n % 9, "n": n})
            for n in range(80)
        ],
    )


def test_moving_events_loses_none_wherever_it_is_interrupted() -> None:
    fill()
    before = events_hash()
    name, number, runs = MONTHS[-1].table, 1, 0
    while True:
        is_whole = execute("SELECT to_regclass(%s) IS NOT NULL", [name])[0][0]
        make = (
            (lambda: plan_partitions(split=name, into="week"))
            if is_whole
            else (lambda: plan_partitions(merge_older_than=Age.of("1d"), into="month"))
        )
        was_killed = interrupted(make(), number)
        if leftovers("default"):
            runs += 1
        else:
            assert events_hash() == before
        # It finishes what was interrupted behind a swap; what was before one is begun anew.
        plan_partitions().apply()
        assert events_hash() == before
        assert leftovers("default") == []
        if not was_killed:
            break
        number += STEP
    assert runs > 3


def states() -> list[Any]:
    """Return what the newest event of each key says."""
    return execute(
        "SELECT DISTINCT ON (obj_pk) obj_pk, snapshot FROM pgaudit_log_event"
        " WHERE model = 'shop.Order' ORDER BY obj_pk, id DESC"
    )


def test_a_retention_that_is_interrupted_is_gone_on_with() -> None:
    fill()
    before, number = states(), 1
    make = lambda: plan_retention(older_than=Age.of("1d"), trust_clock=True)  # noqa: E731
    while interrupted(make(), number):
        number += STEP
        assert states() == before
    assert states() == before
    assert Events.objects.filter(pgh_obj_model="shop.Order").count() == 9
    assert leftovers("default") == []
    removed = Events.objects.filter(pgh_obj_model=OWN, pgh_label="retention")
    assert removed.count() <= len(MONTHS)


def test_a_full_disk_is_told_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    fill()
    before = events_hash()
    plan = plan_partitions(split=MONTHS[-1].table, into="week")

    def full(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("INSERT INTO public.") and "pgaudit_log_new_" in sql:
            return execute(
                "DO $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device'"
                " USING ERRCODE = 'disk_full'; END $$",
                None,
                many,
                context,
            )
        return execute(sql, params, many, context)

    with (
        connection.execute_wrapper(full),
        pytest.raises(PlanError, match="No space left on device. Nothing is lost"),
    ):
        plan.apply()
    assert events_hash() == before
    plan_partitions(split=MONTHS[-1].table, into="week").apply()
    assert events_hash() == before


def test_what_is_written_into_a_partition_that_was_put_aside_comes_back() -> None:
    fill()
    plan = plan_partitions(split=MONTHS[-1].table, into="week")
    sweep = sweeping.sweep

    def late(using: str, name: str, progress: Any) -> int:
        # As one who had the partition's name would.
        execute(
            f"INSERT INTO {name} (id, created_at, model, obj_pk, label, operation, snapshot)"
            " VALUES (-5, %s, 'shop.Order', '77', 'insert', 'I', '{}')",
            [MONTHS[-1].start],
        )
        return sweep(using, name, progress)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeping, "sweep", late)
        plan.apply()
    assert Events.objects.get(pgh_obj_id="77").pgh_id == -5
