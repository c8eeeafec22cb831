"""Masking rewrites partitions: beside writers, interrupted and gone on with, and never what is held."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from pgaudit_log.checks.masks import check_plain_events
from pgaudit_log.constants import DEFAULT_PARTITION
from pgaudit_log.database import own_events
from pgaudit_log.database.partitions import copies
from pgaudit_log.database.partitions.leaves import leftovers
from pgaudit_log.exceptions import StalePlanError
from pgaudit_log.models import Events
from pgaudit_log.operating import hold, masking, plan_retention, verify
from pgaudit_log.operating import release as end
from pgaudit_log.values.ages import Age
from tests.masking import MARK, clean_names, person, release, stored
from tests.partitions import (
    Killed,
    happened,
    killed_at,
    last_periods,
    make_partitions,
    partition_names,
    write_events,
)
from tests.support import execute

__all__ = ["clean_names"]

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("clean_names")]

[MONTH] = last_periods(1)
LARGE = "".join(map(str, range(2000)))

STEP = 9
"""Which statements a run is interrupted at: each ninth."""


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "BATCH", 3)


def everywhere() -> Any:
    """Return a model with events in a partition of its own, in that of now, and in DEFAULT."""
    model = person()
    make_partitions([MONTH])
    with happened(MONTH.start):
        model.objects.bulk_create(model(email=f"secret {n}") for n in range(5))
    model.objects.update(email="secret")
    old, row = MONTH.start - timedelta(days=900), {"id": 999, "name": "x", "email": "secret"}
    write_events("shop.Person", [(old, "999", "I", row), (old, "999", "D", row)])
    release(model, "email")
    return model


def secrets() -> int:
    [(count,)] = execute(
        "SELECT count(*) FROM pgaudit_log_event AS event WHERE event::text LIKE '%%secret%%'", []
    )
    return int(count)


def test_each_partition_is_put_in_the_place_of_the_one_with_the_values() -> None:
    everywhere()
    names = partition_names()
    before = execute("SELECT id, created_at, txid, turn, obj_pk FROM pgaudit_log_event ORDER BY 1")
    plan = masking.plan()
    events = {step.partitions[0]: step.events for step in plan.steps}
    assert (events[DEFAULT_PARTITION], events[MONTH.table]) == (2, 5)
    assert sum(filter(None, events.values())) == 12
    files = dict(
        execute("SELECT relname, relfilenode FROM pg_class WHERE relname = ANY (%s)", [names])
    )
    plan.apply()
    assert secrets() == 0
    assert partition_names() == names
    assert leftovers("default") == []
    now = dict(
        execute("SELECT relname, relfilenode FROM pg_class WHERE relname = ANY (%s)", [names])
    )
    assert {name for name in names if now[name] != files[name]} == {*events}
    after = execute(
        "SELECT id, created_at, txid, turn, obj_pk FROM pgaudit_log_event WHERE model <> %s ORDER BY 1",
        [own_events.MAINTENANCE],
    )
    assert after == before
    told = Events.objects.filter(pgh_obj_model=own_events.MAINTENANCE).order_by("pgh_id")
    assert [event.pgh_data["partition"] for event in told] == [*events]


def test_the_past_and_its_check_go_on_and_so_does_a_retention() -> None:
    model = everywhere()
    execute("DELETE FROM shop_person WHERE id = 5")
    masking.plan().apply()
    assert list(verify([model])) == []
    one = model.objects.as_of(MONTH.end).get(pk=1)
    assert (one.name, str(one.email)) == ("ana", "hidden")
    model.objects.filter(pk=1).update(name="bea", email="another secret")
    [differing] = [e for e in one.events.all() if e.pgh_diff and "name" in e.pgh_diff]
    assert differing.pgh_diff["email"] == [MARK, MARK]
    execute("ALTER TABLE shop_person DISABLE TRIGGER USER")
    model.objects.filter(pk=2).update(name="by nobody", email="by nobody")
    execute("ALTER TABLE shop_person ENABLE TRIGGER USER")
    [finding] = verify([model])
    assert (finding.key, finding.field) == ("2", "name")
    plan_retention(older_than=Age.of("1d"), models=["shop.Person"], trust_clock=True).apply()
    assert {model.objects.as_of(MONTH.end + timedelta(days=1)).count()} == {5}


def test_what_is_held_stays_and_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    model = everywhere()
    first = model.objects.get(pk=1)
    held = hold(first, reason="case 7")
    plan = masking.plan()
    assert [(kept.hold.number, kept.events) for kept in plan.kept] == [(held.number, 2)]
    call_command("pgaudit_log", "mask", "--apply")
    assert "2 events stay: hold" in capsys.readouterr().out
    assert secrets() == 2
    assert {e.pgh_data["email"] for e in Events.objects.tracks(first)} == {"secret 0", "secret"}
    assert list(verify([model])) == []
    # They are told as long as they are there, and masked once nothing holds them.
    assert [w.id for w in check_plain_events("default")] == ["pgaudit_log.W028"]
    assert masking.plan().steps == ()
    end(held.number, reason="over")
    masking.plan().apply()
    assert secrets() == 0
    assert check_plain_events("default") == []


def test_a_hold_on_a_whole_model_is_in_the_way() -> None:
    everywhere()
    hold("shop.Person", reason="case 7")
    with pytest.raises(CommandError) as error:
        call_command("pgaudit_log", "mask", "--apply")
    assert "All events of shop.Person stay as they are: hold" in str(error.value)
    assert error.value.returncode == 2
    assert secrets() == 12


def test_a_hold_that_is_placed_while_events_are_copied_stops_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = everywhere()
    fill = copies.Copies.fill

    def placing(made: Any, progress: Any) -> Any:
        hold(model.objects.get(pk=1), reason="case 7")
        return fill(made, progress)

    with monkeypatch.context() as patch:
        patch.setattr(copies.Copies, "fill", placing)
        with pytest.raises(StalePlanError, match="Holds were placed or released meanwhile"):
            masking.plan().apply()
    assert secrets() == 12
    masking.plan().apply()
    assert secrets() == 2


def test_what_a_held_event_refers_to_stays_with_it() -> None:
    model = person(large=["email"])
    make_partitions([MONTH])
    with happened(MONTH.start):
        one = model.objects.create(email=LARGE)
        model.objects.create(email=LARGE + "other")
    later = timezone.now()
    refer(one, at=later)
    release(model, "email")
    hold(since=later, reason="case 7")
    plan = masking.plan()
    assert [(kept.events) for kept in plan.kept] == [2]
    plan.apply()
    first, other, last = (data for data, _, _ in stored())
    assert (first["email"], other["email"]) == (LARGE, MARK)
    assert [*last["email"]] == ["pgaudit_log.at"]
    [(found,)] = execute(
        "SELECT pgaudit_log_resolved(snapshot) ->> 'email' FROM pgaudit_log_event"
        " WHERE model = 'shop.Person' ORDER BY id DESC LIMIT 1"
    )
    assert found == LARGE


def refer(one: Any, *, at: Any) -> None:
    """Write an event that refers to the first one of an object for its large value."""
    execute(
        """
        INSERT INTO pgaudit_log_event (created_at, model, obj_pk, label, operation, shape, snapshot)
        SELECT %s, model, obj_pk, 'update', 'U', shape, snapshot || jsonb_build_object('email',
            jsonb_build_object('pgaudit_log.at', jsonb_build_object(
                'id', id::text, 'created_at', created_at, 'key', 'email'
            )))
        FROM pgaudit_log_event
        WHERE model = 'shop.Person' AND obj_pk = %s
        ORDER BY id LIMIT 1
        """,
        [at, str(one.pk)],
    )


def test_a_hash_is_the_same_where_the_value_was_referred_to_across_partitions() -> None:
    model = person(large=["email"])
    make_partitions([MONTH])
    with happened(MONTH.start):
        one = model.objects.create(email=LARGE)
    refer(one, at=timezone.now())
    release(model, hashed=("email",))
    plan = masking.plan()
    assert len(plan.steps) == 2
    plan.apply()
    first, last = (data["email"] for data, _, _ in stored())
    assert first == last
    assert [*first] == ["pgaudit_log.masked"]
    assert first != MARK


@pytest.mark.parametrize("number", [1, 5])
def test_wherever_it_is_interrupted_it_is_gone_on_with(number: int) -> None:
    everywhere()
    before = execute("SELECT id FROM pgaudit_log_event ORDER BY 1")
    runs = 0
    while interrupted(number):
        assert len(stored()) == len(before)
        runs, number = runs + 1, number + STEP
    assert runs > 3
    assert (secrets(), leftovers("default"), check_plain_events("default")) == (0, [], [])
    ids = execute("SELECT id FROM pgaudit_log_event WHERE model = 'shop.Person' ORDER BY 1")
    assert ids == before


def interrupted(number: int) -> bool:
    """Mask, interrupted at a statement; return whether it got so far."""
    plan = masking.plan()
    try:
        with killed_at(number):
            plan.apply()
    except Killed:
        connection.close()
        return True
    return False


def test_no_event_of_a_writer_is_lost_and_none_has_the_value() -> None:
    model = everywhere()
    is_over, written = threading.Event(), []

    def write() -> None:
        while not is_over.is_set():
            written.append(model.objects.create(email="secret").pk)
        connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        masking.plan().apply()
    finally:
        is_over.set()
        thread.join()
    assert written
    assert secrets() == 0
    inserted = Events.objects.filter(pgh_obj_model="shop.Person", pgh_operation="I")
    assert inserted.count() == 6 + len(written)
    assert list(verify([model])) == []


def test_late_events_are_masked_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    everywhere()
    finish = copies.Copies.finish

    def late(made: Any) -> None:
        finish(made)
        write_events(
            "shop.Person", [(timezone.now(), "7", "I", {"id": 7, "email": "secret and late"})]
        )

    monkeypatch.setattr(copies.Copies, "finish", late)
    masking.plan().apply()
    assert secrets() == 0
