"""The rows that probes work on, and the users."""

from __future__ import annotations

import datetime
import itertools
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from django.db import connection

from benchmarks.comparison.ways.base import Seen, Way

_numbers = itertools.count(1)


def order(way: Way, **values: Any) -> Any:
    """Return a new order of a new customer."""
    from benchmarks.comparison.orders.models import Customer, Order

    with way.block():
        customer = Customer.objects.create(name=f"customer {next(_numbers)}")
    with way.block():
        return Order.objects.create(
            **{
                "customer": customer,
                "price": Decimal("1.25"),
                "placed_on": datetime.date(2026, 2, 1),
                "details": {"colour": "green"},
                **values,
            }
        )


def line(way: Way, order: Any, article: str = "tea") -> Any:
    """Return a new line of an order."""
    from benchmarks.comparison.orders.models import Line

    with way.block():
        return Line.objects.create(order=order, article=article)


def save(way: Way, obj: Any, **values: Any) -> None:
    """Give an object values and save it."""
    for name, value in values.items():
        setattr(obj, name, value)
    with way.block():
        obj.save()


def news(way: Way, obj: Any, act: Callable[[], Any]) -> list[Seen]:
    """Return the events that an act has left of an object."""
    model, pk = type(obj), obj.pk
    before = len(way.seen(model, pk))
    with way.block():
        act()
    return way.seen(model, pk)[before:]


def user() -> Any:
    """Return a new user, who may use the admin."""
    from django.contrib.auth.models import User

    name = f"user{next(_numbers)}"
    return User.objects.create_superuser(name, f"{name}@example.com", "secret")


def client(person: Any) -> Any:
    """Return the browser of a user, behind a gateway that gives each request an id."""
    from django.test import Client

    found = Client(headers={"x-correlation-id": str(uuid.uuid4())})
    found.force_login(person)
    return found


def execute(sql: str, parameters: Any = None) -> None:
    """Run a statement on the connection of the project."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


@contextmanager
def past_all() -> Iterator[None]:
    """Write past every package: without triggers, and with nothing but SQL."""
    execute("SET session_replication_role = replica")
    try:
        yield
    finally:
        execute("SET session_replication_role = origin")
