"""The writes that are measured, as a worker does them.

Each is a function of how many rows, and returns the work that is measured: what it needs is made
before the clock starts.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import F, Max

from benchmarks import contexts, variants
from benchmarks.preparing import CUSTOMERS, flush_commits, flush_pending_references
from benchmarks.shop.models import Order
from benchmarks.stopwatch import measure

Work = Callable[[], Any]
PLACED_AT = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.timezone.utc)

_numbers = itertools.count()


def values() -> dict[str, Any]:
    """Return the values of a new order."""
    n = next(_numbers)
    return {
        "customer_id": n % CUSTOMERS + 1,
        "email": f"customer{n}@example.com",
        "status": "new",
        "note": f"Please leave order {n} at the back door, beside the flower pots.",
        "quantity": n % 100,
        "price": Decimal(n % 100000) / 100,
        "discount": n % 7 / 4,
        "is_paid": n % 2 == 0,
        "placed_at": PLACED_AT + datetime.timedelta(seconds=n),
        "due_on": PLACED_AT.date() + datetime.timedelta(days=n % 100),
        "tags": {"colour": "green", "sizes": [1, n % 50]},
    }


def in_context() -> Callable[[], Any]:
    """Return what gives a new context, of a user and a URL of its own, as a request has it."""
    make = contexts.maker()
    user = get_user_model().objects.get()
    urls = (f"/orders/{n}/change/" for n in itertools.count())
    return lambda: make(user, next(urls))


def create(count: int) -> Work:
    """`create()`, each in a context of its own: requests that write one row."""
    rows = [values() for _ in range(count)]
    context = in_context()

    def work() -> None:
        for row in rows:
            with context():
                Order.objects.create(**row)

    return work


def create_again(count: int) -> Work:
    """`create()`, all in one context, each committed by itself."""
    rows = [values() for _ in range(count)]
    context = in_context()

    def work() -> None:
        with context():
            for row in rows:
                Order.objects.create(**row)

    return work


def save(count: int) -> Work:
    """`save()` of two changed fields, each in a context of its own."""
    orders = changed(count)
    context = in_context()

    def work() -> None:
        for order in orders:
            with context():
                order.save(update_fields=["status", "quantity"])

    return work


def save_again(count: int) -> Work:
    """`save()` of two changed fields, all in one context, each committed by itself."""
    orders = changed(count)
    context = in_context()

    def work() -> None:
        with context():
            for order in orders:
                order.save(update_fields=["status", "quantity"])

    return work


def saves_in_transaction(count: int) -> Work:
    """50 saves of two changed fields in one transaction and context, again and again."""
    orders = changed(count)
    context = in_context()

    def work() -> None:
        for start in range(0, count, 50):
            with context(), transaction.atomic():
                for order in orders[start : start + 50]:
                    order.save(update_fields=["status", "quantity"])

    return work


def changed(count: int) -> list[Order]:
    """Return the first orders, with two fields changed in Python; makes them where they are few."""
    # Those that the bulk writes make come and go; these stay.
    kept = list(Order.objects.filter(is_paid=True).order_by("pk")[:count])
    if len(kept) < count:
        made = [Order(**{**values(), "is_paid": True}) for _ in range(count - len(kept))]
        Order.objects.bulk_create(made)
        kept = list(Order.objects.filter(is_paid=True).order_by("pk")[:count])
    for order in kept:
        order.status = "paid" if order.status != "paid" else "sent"
        order.quantity += 1
    return kept


def bulk_create(count: int) -> Work:
    """`bulk_create()`, or what a peer offers in its place."""
    context = in_context()
    orders = [Order(**values()) for _ in range(count)]
    if settings.VARIANT is variants.SIMPLE_HISTORY:
        from simple_history.utils import bulk_create_with_history

        return _within(context, lambda: bulk_create_with_history(orders, Order))
    return _within(context, lambda: Order.objects.bulk_create(orders))


def update(count: int) -> Work:
    """`update()` of two fields, or what a peer offers in its place."""
    context = in_context()
    chosen = newest(count)
    if settings.VARIANT is variants.SIMPLE_HISTORY:
        from simple_history.utils import bulk_update_with_history

        orders = list(chosen)
        for order in orders:
            order.status, order.quantity = "sent", order.quantity + 1
        return _within(
            context,
            lambda: bulk_update_with_history(orders, Order, ["status", "quantity"], batch_size=100),
        )
    return _within(context, lambda: chosen.update(status="sent", quantity=F("quantity") + 1))


def delete(count: int) -> Work:
    """`delete()` of a queryset."""
    return _within(in_context(), newest(count).delete)


def newest(count: int) -> Any:
    """Return the queryset of the newest rows, found by a range of keys."""
    newest_key = Order.objects.aggregate(key=Max("pk"))["key"]
    return Order.objects.filter(pk__gt=newest_key - count, pk__lte=newest_key)


def _within(context: Callable[[], Any], work: Work) -> Work:
    def whole() -> None:
        with context():
            work()

    return whole


def pending(count: int) -> Work:
    """What a GIN index has put off, per event of the bulk writes before: this package's only."""
    return flush_pending_references


WRITES: dict[str, Callable[[int], Work]] = {
    task.__name__: task
    for task in (
        create,
        create_again,
        save,
        save_again,
        saves_in_transaction,
        bulk_create,
        update,
        delete,
        pending,
    )
}


def write(task: str, count: int, waits: bool = False, warm_up: int = 0) -> dict[str, float]:
    """Do a task and return what each of its rows took; `waits`: for the disk, at each commit."""
    if warm_up:
        WRITES[task](warm_up)()
    work = WRITES[task](count)
    if waits:
        flush_commits(wait=True)
    try:
        return measure(work, count).json()
    finally:
        if waits:
            flush_commits(wait=False)


TASKS = (write,)
