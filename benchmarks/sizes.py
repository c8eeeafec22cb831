"""The size of events: bytes on disk with all indexes, and contexts where they are kept apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from django.conf import settings
from django.db import transaction

from benchmarks.preparing import execute, flush_pending_references, vacuum
from benchmarks.shop.models import Order
from benchmarks.writes import in_context, values

_SIZE = """
SELECT COALESCE(
    (SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree(%s::regclass)), 0
) + CASE WHEN relkind = 'r' THEN pg_total_relation_size(oid) ELSE 0 END
FROM pg_class WHERE oid = %s::regclass
"""


def sizes(count: int, one_context: bool) -> dict[str, float]:
    """Return the bytes per event of inserts, and of an update of each of those rows.

    The tables are empty before, and vacuumed after each of the two; what it takes is by how much
    they have grown.
    """
    found = {}
    for name, write in (("insert", _insert), ("update", _update)):
        bytes_before, events_before = _stored()
        write(count, one_context)
        bytes_after, events_after = _stored()
        if events_after - events_before != count:
            raise AssertionError(
                f"{settings.VARIANT.title} has written {events_after - events_before} events of"
                f" {count} for: {name}. The benchmark would compare what is not the same."
            )
        found[name] = (bytes_after - bytes_before) / count
    return found


def _insert(count: int, one_context: bool) -> None:
    rows = [values() for _ in range(count)]
    with _contexts(one_context) as context:
        for row in rows:
            with context():
                Order.objects.create(**row)


def _update(count: int, one_context: bool) -> None:
    orders = list(Order.objects.order_by("pk")[:count])
    with _contexts(one_context) as context:
        for order in orders:
            order.status, order.quantity = "paid", order.quantity + 1
            with context():
                order.save(update_fields=["status", "quantity"])


@contextmanager
def _contexts(one: bool) -> Iterator[Callable[[], AbstractContextManager[Any]]]:
    """Yield what gives each write its context: a new one, or the one that is running."""
    context = in_context()
    if not one:
        yield context
        return
    with context(), transaction.atomic():
        yield nullcontext


def _stored() -> tuple[int, int]:
    """Return the bytes of all tables of events and contexts, and the number of events."""
    flush_pending_references()
    tables = list(settings.VARIANT.tables)
    vacuum(tables)
    total = sum(int(execute(_SIZE, [table, table])) for table in tables)
    return total, int(execute(f"SELECT count(*) FROM {tables[0]}"))


TASKS = (sizes,)
