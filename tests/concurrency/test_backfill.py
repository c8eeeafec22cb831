"""A backfill beside writers: no baseline is older than the event that it stands behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import models, transaction

from pgaudit_log.backfill import Backfilled, backfill
from pgaudit_log.models import Events
from pgaudit_log.testing import isolated
from tests.meanwhile import Meanwhile, until_it_waits
from tests.shop.models import Customer
from tests.support import execute, trail
from tests.tables import tracked_table
from tests.untracked_past import old_customers, unseen

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def backfill_during(batch_size: int = 100) -> Iterator[list[Meanwhile]]:
    """Hold a transaction open until the backfill, which starts at the end of the block, waits for it."""
    found: list[Meanwhile] = []
    with transaction.atomic():
        yield found
        found.append(Meanwhile(lambda: backfill(Customer, batch_size=batch_size)))
        until_it_waits(found[0])


def test_an_update_under_way_is_waited_for_and_needs_no_baseline() -> None:
    old_customers(3)
    with backfill_during() as running:
        Customer.objects.filter(pk=2).update(name="new")
    assert running[0].done() == Backfilled(model="shop.Customer", rows=3, events=2)
    assert sorted(trail()) == [
        ("B", "1", None),
        ("B", "3", None),
        ("U", "2", {"name": ["c2", "new"]}),
    ]


def test_rows_beside_an_update_under_way_are_not_kept_waiting() -> None:
    old_customers(3)
    with transaction.atomic():
        Customer.objects.filter(pk=2).update(name="new")
        running = Meanwhile(lambda: backfill(Customer))
        until_it_waits(running)
        # Another session sees what the first batch wrote, though the update still runs.
        seen = Meanwhile(lambda: list(Events.objects.values_list("pgh_obj_id", flat=True))).done()
        assert seen == ["1", "3"]
    running.done()


def test_an_update_that_is_taken_back_leaves_the_baseline_to_the_backfill() -> None:
    old_customers(3)
    with transaction.atomic():
        Customer.objects.filter(pk=2).update(name="never")
        running = Meanwhile(lambda: backfill(Customer))
        until_it_waits(running)
        transaction.set_rollback(True)
    assert running.done() == Backfilled(model="shop.Customer", rows=3, events=3)
    assert Events.objects.get(pgh_obj_id="2").pgh_data["name"] == "c2"


def test_a_row_that_is_being_deleted_gets_no_baseline_behind_its_delete() -> None:
    old_customers(3)
    with backfill_during() as running:
        Customer.objects.filter(pk=2).delete()
    running[0].done()
    assert [event for event in trail() if event[1] == "2"] == [("D", "2", None)]


def test_a_row_that_is_being_inserted_has_its_insert_only() -> None:
    old_customers(1)
    with transaction.atomic():
        Customer.objects.create(pk=2, name="new")
        assert Meanwhile(lambda: backfill(Customer)).done() == Backfilled(
            model="shop.Customer", rows=1, events=1
        )
    assert backfill(Customer).events == 0
    assert sorted(trail()) == [("B", "1", None), ("I", "2", None)]


@pytest.mark.parametrize("key", [0, 4, 9])
def test_a_row_whose_key_is_being_changed_has_one_state_under_its_new_key(key: int) -> None:
    old_customers(5)
    unseen("DELETE FROM shop_customer WHERE id = 4")
    with backfill_during(batch_size=2) as running:
        Customer.objects.filter(pk=2).update(id=key)
    running[0].done()
    assert sorted(event[:2] for event in trail()) == sorted(
        [("B", "1"), ("B", "3"), ("B", "5"), ("U", str(key))]
    )
    assert backfill(Customer).events == 0


def test_a_backfill_that_waits_for_a_writer_keeps_no_row_from_it() -> None:
    old_customers(200)
    with transaction.atomic():
        for key in (200, 150, 60, 50, 2):
            Customer.objects.filter(pk=key).update(name="new")
        running = Meanwhile(lambda: backfill(Customer, batch_size=100))
        until_it_waits(running)
        # Ends in a deadlock if the batch has locked one of these rows while it waits.
        Customer.objects.update(name="newer")
    running.done()
    assert each_newest_event_tells_the_present_state(200)


def each_newest_event_tells_the_present_state(count: int) -> bool:
    """Return whether the newest event of each of ``count`` customers has the name that it has."""
    newest = {e.pgh_obj_id: e.pgh_data["name"] for e in Events.objects.order_by("pgh_id")}
    present = {str(c.pk): c.name for c in Customer.objects.all()}
    return newest == present and len(newest) == count


def test_beside_busy_writers_the_newest_event_of_each_row_tells_its_state() -> None:
    old_customers(400)
    stop = threading.Event()

    def write(step: int) -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            for start in range(1, 400, step):
                with transaction.atomic():
                    for key in sorted({start, start * 7 % 400 + 1}):
                        Customer.objects.filter(pk=key).update(name=f"{step} {turn}")
                if stop.is_set():
                    return

    writers = [Meanwhile(lambda step=step: write(step)) for step in (13, 17)]  # type: ignore[misc]
    try:
        backfill(Customer, batch_size=20)
    finally:
        stop.set()
    for writer in writers:
        writer.done()
    assert each_newest_event_tells_the_present_state(400)
    assert backfill(Customer).events == 0


def test_a_baseline_has_the_state_of_its_place_in_the_order() -> None:
    old_customers(1)
    with backfill_during() as running:
        Customer.objects.filter(pk=1).update(name="a")
        Customer.objects.filter(pk=1).update(name="b")
    running[0].done()
    names = [event.pgh_data["name"] for event in Events.objects.order_by("pgh_id")]
    assert names == ["a", "b"]


def test_two_backfills_at_once_write_each_baseline_once() -> None:
    old_customers(3)
    with transaction.atomic():
        backfill(Customer)
        running = Meanwhile(lambda: backfill(Customer))
        until_it_waits(running)
    assert running.done() == Backfilled(model="shop.Customer", rows=3, events=0)


def test_a_declaration_without_updates_still_gets_the_committed_state() -> None:
    import pgaudit_log

    with isolated():
        thing = tracked_table("Inserted", pgaudit_log.InsertEvent(), n=models.IntegerField())
        try:
            unseen("INSERT INTO shop_inserted (id, n) VALUES (1, 1), (2, 1)")
            with transaction.atomic():
                thing.objects.filter(pk=1).update(n=2)
                running = Meanwhile(lambda: backfill(thing))
                until_it_waits(running)
            running.done()
            events = Events.objects.filter(pgh_obj_model="shop.Inserted")
            assert {e.pgh_obj_id: e.pgh_data["n"] for e in events} == {"1": 2, "2": 1}
        finally:
            execute("DROP VIEW shop_insertedevent; DROP TABLE shop_inserted")


def test_each_batch_is_a_transaction_of_its_own() -> None:
    old_customers(4)
    seen: list[object] = []

    def look(done: int, total: int) -> None:
        seen.append((done, Meanwhile(lambda: Events.objects.count()).done()))

    backfill(Customer, batch_size=2, progress=look)
    assert seen[:2] == [(2, 2), (4, 4)]
    assert Events.objects.values("pgh_txid").distinct().count() == 2


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_a_stricter_default_isolation_does_not_hide_what_was_committed(isolation: str) -> None:
    old_customers(2)

    def run() -> Backfilled:
        execute("SELECT set_config('default_transaction_isolation', %s, false)", [isolation])
        return backfill(Customer)

    with transaction.atomic():
        Customer.objects.filter(pk=2).update(name="new")
        running = Meanwhile(run)
        until_it_waits(running)
    assert running.done() == Backfilled(model="shop.Customer", rows=2, events=1)
