"""Many sessions at once: each event has its own context, and chains of one row never break."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

import pgaudit_log
from pgaudit_log.models import Events
from tests.shop.models import Customer

pytestmark = pytest.mark.django_db(transaction=True)


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run ``work(number)`` in ``count`` threads, each with a connection of its own."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            barrier.wait(10)
            work(number)
        except BaseException as error:  # a thread's failure is the test's
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors, errors


def test_each_session_records_its_own_context() -> None:
    def work(number: int) -> None:
        for _ in range(20):
            with pgaudit_log.context(user=number):
                Customer.objects.create(name=str(number))

    in_threads(4, work)
    pairs = Events.objects.values_list("pgh_data__name", "pgh_context__user")
    assert len(pairs) == 80
    assert all(name == str(user) for name, user in pairs)


def test_the_changes_of_one_row_form_a_chain() -> None:
    customer = Customer.objects.create(name="0")

    def work(number: int) -> None:
        for _ in range(25):
            with transaction.atomic():
                locked = Customer.objects.select_for_update().get(pk=customer.pk)
                locked.name = str(int(locked.name) + 1)
                locked.save()

    in_threads(3, work)
    changes = [event.pgh_diff["name"] for event in Events.objects.filter(pgh_operation="U")]
    assert changes == [[str(n), str(n + 1)] for n in range(75)]


def test_a_shared_context_id_makes_no_session_wait() -> None:
    with pgaudit_log.context(job="shared") as shared:
        first, second = Customer.objects.bulk_create([Customer(name="a"), Customer(name="b")])
    entered = threading.Event()

    def work(number: int) -> None:
        from pgaudit_log.contexts.stack import _current

        _current.set(shared)
        if number == 0:
            with transaction.atomic():
                Customer.objects.filter(pk=first.pk).update(name="a2")
                assert entered.wait(10), "the other session waited for this transaction"
        else:
            Customer.objects.filter(pk=second.pk).update(name="b2")
            entered.set()

    in_threads(2, work)
    assert Events.objects.filter(pgh_context_id=shared.id).count() == 4
