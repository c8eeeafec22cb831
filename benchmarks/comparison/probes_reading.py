"""Probes: what an event has, and what can be asked."""

from __future__ import annotations

import datetime
import time
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from benchmarks.comparison.answers import Answer, either, has, no, partly, yes
from benchmarks.comparison.probes import probe
from benchmarks.comparison.rows import execute, line, news, order, past_all, save, user
from benchmarks.comparison.ways.base import NotOfferedError, Way

READ = "What an event has, and what can be asked"


@probe(READ, "the whole row, with each event")
def whole_row(way: Way) -> Answer:
    """One field of an order is changed."""
    own = order(way)
    events = news(way, own, lambda: save(way, own, status="paid"))
    row = (events[-1].new if events else None) or {}
    if has(row, {"status": "paid", "price": Decimal("1.25")}):
        return yes()
    return either(has(row, {"status": "paid"}), "no event") and partly("only what changed")


@probe(READ, "old and new value in the event of an update")
def old_value(way: Way) -> Answer:
    """An order is paid."""
    own = order(way)
    events = news(way, own, lambda: save(way, own, status="paid"))
    if events and has(events[-1].old or {}, {"status": "new"}):
        return yes()
    return partly("the new one; the old one is in the event before, if there is one")


@probe(READ, "the old value of a row that is older than its tracking")
def old_value_of_untracked(way: Way) -> Answer:
    """An order comes into being unseen, and is changed then."""
    own = order(way)
    with past_all():
        execute(f"UPDATE orders_order SET status = 'unseen' WHERE id = {own.pk}")
    own.refresh_from_db()
    save(way, own, status="paid")
    events = way.seen(type(own), own.pk)
    told = any(
        has(row or {}, {"status": "unseen"}) for event in events for row in (event.old, event.new)
    )
    return either(told, "no event has the old value")


@probe(READ, "values with their types: decimals, dates, JSON")
def types(way: Way) -> Answer:
    """The newest event of an order is asked for values of three types."""
    own = order(way)
    save(way, own, price=Decimal("2.50"), placed_on=datetime.date(2026, 3, 1), details={"n": [1]})
    row = way.typed(own)
    right = {
        "price": Decimal("2.50"),
        "placed_on": datetime.date(2026, 3, 1),
        "details": {"n": [1]},
    }
    wrong = [name for name, value in right.items() if row.get(name) != value]
    found = ", ".join(f"{name} is {row.get(name)!r}" for name in wrong)
    return yes() if not wrong else no(found) if len(wrong) == len(right) else partly(found)


@probe(READ, "a filter by the value of a field")
def filtered(way: Way) -> Answer:
    """The events of an order are narrowed to those with a status, by the database."""
    own = order(way)
    save(way, own, status="paid")
    return either(way.filtered(own, "paid") == 1, "another number of events")


@probe(READ, "what an update changed")
def changes(way: Way) -> Answer:
    """The newest event of an order is asked for old and new."""
    own = order(way)
    save(way, own, status="paid")
    found = way.changes(own) or {}
    return either(list(found.get("status", ())) == ["new", "paid"], f"it tells {dict(found)}")


@probe(READ, "the difference of any two versions")
def difference(way: Way) -> Answer:
    """The first version of an order is compared with the third."""
    own = order(way)
    save(way, own, status="paid")
    save(way, own, price=Decimal("9.00"))
    found = way.diff(own)
    return either(
        {"status", "price"} <= set(found) and list(found["status"]) == ["new", "paid"],
        f"it tells {dict(found)}",
    )


@probe(READ, "an object as of a moment")
def object_as_of(way: Way) -> Answer:
    """An order is asked for as it was before it was paid."""
    own = order(way)
    moment = _moment()
    save(way, own, status="paid")
    try:
        return either(way.as_of(own, moment).status == "new", "not what it was")
    except NotOfferedError:
        found = way.version_before(own, moment)
        return either(found.get("status") == "new", "not what it was") and partly(
            "its newest event until then can be looked for"
        )


@probe(READ, "a query with a join as of a moment")
def query_as_of(way: Way) -> Answer:
    """The lines of new orders are asked for as of then, when the order was new."""
    own = order(way, status="early")
    part = line(way, own)
    moment = _moment()
    save(way, own, status="paid")
    found = way.lines_as_of(moment, "early")
    return yes() if found == [part.pk] else partly("past rows are joined with those of today")


@probe(READ, "who set a field")
def blame(way: Way) -> Answer:
    """A field is set by a user, another field by another later."""
    own, person = order(way), user()
    with way.as_user(person, ""):
        own.status = "paid"
        own.save()
    save(way, own, price=Decimal("9.00"))
    return either(way.blame(own, "status") == person.pk, "not who set it")


@probe(READ, "one trail of all models, in order")
def trail(way: Way) -> Answer:
    """A line and an order are changed, and stand in one list."""
    own = order(way)
    part = line(way, own)
    save(way, own, status="paid")
    newest = [(label.lower(), str(key)) for label, key in way.trail()[:3]]
    wanted = {("orders.order", str(own.pk)), ("orders.line", str(part.pk))}
    return either(wanted <= set(newest), "not in one list")


@probe(READ, "all that pointed at an object")
def referring(way: Way) -> Answer:
    """The events of a customer's orders are asked for by the customer."""
    own = order(way)
    found = [(label.lower(), str(key)) for label, key in way.referring(own.customer)]
    return either(("orders.order", str(own.pk)) in found, "not found")


@probe(READ, "an object with its parts: one story of an order and its lines")
def together(way: Way) -> Answer:
    """An order and a line are changed in one transaction."""
    own = order(way)
    part = line(way, own)
    with transaction.atomic(), way.block():
        own.status = "paid"
        own.save()
        part.article = "cups"
        part.save()
    found = {label.lower() for label in way.together(own)}
    return either({"orders.order", "orders.line"} <= found, "not both")


def _moment() -> Any:
    """Return a moment between what was done before and what is done after."""
    time.sleep(0.01)
    moment = timezone.now()
    time.sleep(0.01)
    return moment
