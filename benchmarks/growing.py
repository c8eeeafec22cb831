"""The work whose cost must not grow faster than what is done, as a worker does it."""

from __future__ import annotations

import gc
import random
from typing import Any

from django.db.models import F, Min

from benchmarks.preparing import CUSTOMERS, execute, vacuum
from benchmarks.shop.models import Order, Wide
from benchmarks.stopwatch import measure
from benchmarks.writes import WRITES, Work, in_context, values

_FILL = """
INSERT INTO shop_order (
    customer_id, email, status, note, quantity, price, discount, is_paid, placed_at, due_on, tags
)
SELECT
    n %% {customers} + 1, 'customer' || n || '@example.com', 'new',
    'Please leave order ' || n || ' at the back door, beside the flower pots.',
    n %% 100, n %% 100000 / 100.0, n %% 7 / 4.0, n %% 2 = 0,
    timestamptz '2026-01-01 12:00+00' + n * interval '1 second', date '2026-01-01' + n %% 100,
    jsonb_build_object('colour', 'green', 'sizes', jsonb_build_array(1, n %% 50))
FROM generate_series(1, %s) AS n
"""

_ready: dict[str, Work] = {}


def fill_orders(count: int) -> None:
    """Have this many orders, without events of them."""
    execute("SET session_replication_role = replica")
    execute("TRUNCATE shop_order")
    execute(_FILL.format(customers=CUSTOMERS), [count])
    execute("SET session_replication_role = origin")
    vacuum()


def update_orders(count: int) -> dict[str, float]:
    """Update this many orders in one statement and return what each took."""
    first = Order.objects.aggregate(key=Min("pk"))["key"]
    chosen = Order.objects.filter(pk__gte=first, pk__lt=first + count)
    context = in_context()

    def work() -> None:
        with context():
            chosen.update(status="sent", quantity=F("quantity") + 1)

    return measure(work, count).json()


def get_ready(count: int, offset: int) -> None:
    """Load orders of this worker's own, to be saved when `go` is asked for."""
    orders = list(Order.objects.order_by("pk")[offset : offset + count])
    context = in_context()

    def work() -> None:
        for order in orders:
            order.status = "paid" if order.status != "paid" else "sent"
            order.quantity += 1
            with context():
                order.save(update_fields=["status", "quantity"])

    _ready["work"] = work
    gc.collect()


def go(count: int) -> dict[str, float]:
    """Do what was made ready and return what each save took."""
    return measure(_ready["work"], count, collect=False).json()


def wide(count: int) -> dict[str, dict[str, float]]:
    """Write rows of 100 columns and return what each took, by kind of write."""
    context = in_context()
    rows = [Wide() for _ in range(count)]
    first: Any = Wide.objects.create()

    def create() -> None:
        for _ in range(50):
            with context():
                Wide.objects.create()

    def save() -> None:
        for _ in range(50):
            first.column_0 += 1
            first.column_1 += "."
            first.column_1 = first.column_1[-40:]
            with context():
                first.save(update_fields=["column_0", "column_1"])

    def bulk_create() -> None:
        with context():
            Wide.objects.bulk_create(rows)

    def update() -> None:
        with context():
            Wide.objects.update(column_0=F("column_0") + 1, column_1="other")

    create()
    save()
    return {
        "single create()": measure(create, 50).json(),
        "single save() of two fields": measure(save, 50).json(),
        "bulk_create()": measure(bulk_create, count).json(),
        "update() of two fields": measure(update, Wide.objects.count()).json(),
    }


def large_row(kilobytes: int, count: int) -> dict[str, dict[str, float]]:
    """Create rows with a text of this size, change a small field of one; what each took."""
    context = in_context()
    rows = [{**values(), "note": _text(kilobytes * 1000, n)} for n in range(count)]
    order = Order.objects.create(**rows[0])

    def create() -> None:
        for row in rows:
            with context():
                Order.objects.create(**row)

    def save() -> None:
        for _ in range(count):
            order.quantity += 1
            with context():
                order.save(update_fields=["quantity"])

    create()
    save()
    return {
        "create()": measure(create, count).json(),
        "save() of a small field": measure(save, count).json(),
    }


def large_statement(megabytes: int) -> dict[str, float]:
    """Insert rows of 100 kB each by one statement of this size; what each MB took."""
    orders = [Order(**{**values(), "note": _text(100_000, n)}) for n in range(megabytes * 10)]
    context = in_context()

    def work() -> None:
        with context():
            Order.objects.bulk_create(orders)

    return measure(work, megabytes).json()


def _text(length: int, seed: int) -> str:
    """Return text that cannot be compressed to nothing."""
    return random.Random(seed).randbytes(length // 2).hex()


def save_some(count: int) -> None:
    """Save single rows, so that the connection has the plans for them."""
    WRITES["save"](count)()


TASKS: tuple[Any, ...] = (
    fill_orders,
    update_orders,
    get_ready,
    go,
    wide,
    large_row,
    large_statement,
    save_some,
)
