"""Probes: what is recorded."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg
from django.db import connection, transaction

from benchmarks.comparison.answers import Answer, captured, either, no, partly, yes
from benchmarks.comparison.probes import probe
from benchmarks.comparison.rows import execute, line, news, order, save
from benchmarks.comparison.ways.base import Way

RECORDED = "What is recorded"


@probe(RECORDED, "`create()`")
def create(way: Way) -> Answer:
    """An order is created."""
    return captured(_all(way, order(way)), "insert", status="new", price=Decimal("1.25"))


@probe(RECORDED, "`save()`")
def save_changed(way: Way) -> Answer:
    """An order is changed and saved."""
    own = order(way)
    return captured(news(way, own, lambda: save(way, own, status="paid")), "update", status="paid")


@probe(RECORDED, "a `save()` that changes nothing leaves no event")
def save_unchanged(way: Way) -> Answer:
    """A line is saved as it is."""
    own = line(way, order(way))
    events = news(way, own, own.save)
    return either(not events, f"{len(events)} event without a change")


@probe(RECORDED, "`delete()`")
def delete(way: Way) -> Answer:
    """An order is deleted."""
    own, pk = order(way), None
    pk = own.pk
    before = len(way.seen(type(own), pk))
    with way.block():
        own.delete()
    return captured(way.seen(type(own), pk)[before:], "delete", status="new")


@probe(RECORDED, "`bulk_create()`")
def bulk_create(way: Way) -> Answer:
    """Orders are created at once."""
    model, rows = _rows(way)
    with way.block():
        model.objects.bulk_create(rows)
    return captured(_all(way, rows[1]), "insert", status="new")


@probe(RECORDED, "`bulk_update()`")
def bulk_update(way: Way) -> Answer:
    """Orders are updated at once."""
    own = order(way)
    own.status = "paid"
    events = news(way, own, lambda: type(own).objects.bulk_update([own], ["status"]))
    return captured(events, "update", status="paid")


@probe(RECORDED, "both, by the package's own functions")
def own_bulk(way: Way) -> Answer:
    """Orders are created and updated by what the package has for it; needless where both are seen."""
    if bulk_create(way).verdict == "yes" and bulk_update(way).verdict == "yes":
        return yes("Django's own are recorded")
    _model, rows = _rows(way)
    way.bulk_create(rows)
    own = order(way)
    own.status = "paid"
    events = news(way, own, lambda: way.bulk_update([own], ["status"]))
    found = [captured(_all(way, rows[1]), "insert"), captured(events, "update", status="paid")]
    return either(all(one.verdict == "yes" for one in found), "not all of them")


@probe(RECORDED, "`QuerySet.update()`")
def update(way: Way) -> Answer:
    """Orders are updated by a queryset."""
    own = order(way)
    chosen = type(own).objects.filter(pk=own.pk)
    return captured(news(way, own, lambda: chosen.update(status="paid")), "update", status="paid")


@probe(RECORDED, "`QuerySet.delete()`")
def queryset_delete(way: Way) -> Answer:
    """Orders are deleted by a queryset."""
    own = order(way)
    chosen = type(own).objects.filter(pk=own.pk)
    return captured(news(way, own, chosen.delete), "delete", status="new")


@probe(RECORDED, "what a deletion cascades to in Django")
def cascade(way: Way) -> Answer:
    """An order with a line is deleted."""
    own = order(way)
    part = line(way, own)
    return captured(news(way, part, own.delete), "delete", article="tea")


@probe(RECORDED, "what a deletion cascades to in the database")
def database_cascade(way: Way) -> Answer:
    """An order with a stamp is deleted, whose foreign key says ON DELETE CASCADE."""
    from benchmarks.comparison.orders.models import Stamp

    own = order(way)
    with way.block():
        stamp = Stamp.objects.create(order=own, text="seen")
    return captured(news(way, stamp, own.delete), "delete", text="seen")


@probe(RECORDED, "many-to-many: `add()`, `set()`, `remove()`")
def many_to_many(way: Way) -> Answer:
    """Tags are given to an order, and taken away."""
    from benchmarks.comparison.orders.models import Tag

    own = order(way)
    with way.block():
        first, second = (Tag.objects.create(name=name) for name in ("red", "blue"))
    steps = (
        lambda: own.tags.add(first),
        lambda: own.tags.set([second]),
        lambda: own.tags.remove(second),
    )
    recorded = []
    for step in steps:
        before = len(way.links_seen(own)), len(way.seen(type(own), own.pk))
        with way.block():
            step()
        recorded.append((len(way.links_seen(own)), len(way.seen(type(own), own.pk))) != before)
    if not way.links_seen(own):
        return no("no event tells of tags")
    return either(all(recorded), "not each of the three")


@probe(RECORDED, "raw SQL through Django")
def raw_sql(way: Way) -> Answer:
    """An order is updated by a cursor."""
    own = order(way)
    sql = f"UPDATE orders_order SET status = 'paid' WHERE id = {own.pk}"
    return captured(news(way, own, lambda: execute(sql)), "update", status="paid")


@probe(RECORDED, "another program, such as psql")
def other_program(way: Way) -> Answer:
    """An order is updated on a connection that is not Django's."""
    own = order(way)

    def act() -> None:
        with psycopg.connect(_url(), autocommit=True) as other:
            other.execute("UPDATE orders_order SET status = 'paid' WHERE id = %s", [own.pk])

    return captured(news(way, own, act), "update", status="paid")


@probe(RECORDED, "`TRUNCATE`")
def truncate(way: Way) -> Answer:
    """A table is truncated."""
    from benchmarks.comparison.orders.models import Stamp

    with way.block():
        stamp = Stamp.objects.create(order=order(way), text="seen")
    before = way.truncations_seen(Stamp)
    events = news(way, stamp, lambda: execute("TRUNCATE orders_stamp"))
    return either(bool(events) or way.truncations_seen(Stamp) > before, "no event")


@probe(RECORDED, "what a migration writes")
def migration(way: Way) -> Answer:
    """An order is saved by the model that a migration has: a copy that is not the project's class."""
    from django.db.migrations.executor import MigrationExecutor

    own = order(way)
    state = MigrationExecutor(connection).loader.project_state()
    model: Any = state.apps.get_model("orders", "Order")

    def act() -> None:
        copy = model.objects.get(pk=own.pk)
        copy.status = "paid"
        copy.save()

    return captured(news(way, own, act), "update", status="paid")


@probe(RECORDED, "a fixture that is loaded")
def fixture(way: Way) -> Answer:
    """An order is written as `loaddata` does it."""
    from django.core import serializers

    own = order(way)
    own.status = "paid"
    text = serializers.serialize("json", [own])

    def act() -> None:
        for loaded in serializers.deserialize("json", text):
            loaded.save()

    return captured(news(way, own, act), "update", status="paid")


@probe(RECORDED, "nothing of a transaction that is rolled back")
def rollback(way: Way) -> Answer:
    """An order is saved in a transaction that is rolled back."""
    own = order(way)
    before = len(way.seen(type(own), own.pk))
    with transaction.atomic():
        save(way, own, status="paid")
        transaction.set_rollback(True)
    events = way.seen(type(own), own.pk)[before:]
    return either(not events, f"{len(events)} event of what never was")


@probe(RECORDED, "nothing of what is rolled back to a savepoint")
def savepoint(way: Way) -> Answer:
    """An order is saved in an inner block that is rolled back, within one that is not."""
    own = order(way)

    def act() -> None:
        with transaction.atomic(), transaction.atomic():
            own.status = "paid"
            own.save()
            transaction.set_rollback(True)

    events = news(way, own, act)
    return either(not events, f"{len(events)} event of what never was")


@probe(RECORDED, "a model of another app (`auth.Group`)")
def foreign_model(way: Way) -> Answer:
    """A group is renamed."""
    from django.contrib.auth.models import Group

    with way.block():
        own = Group.objects.create(name=f"group of {order(way).pk}")
    events = news(way, own, lambda: save(way, own, name=f"{own.name}, renamed"))
    return captured(events, "update", name=own.name)


@probe(RECORDED, "models that nobody names, by one line for all")
def unnamed_model(way: Way) -> Answer:
    """An object of a model is changed that stands in no set-up by its name."""
    from benchmarks.comparison.orders.models import Plain

    own = Plain.objects.create(name="a")
    return captured(news(way, own, lambda: save(way, own, name="b")), "update", name="b")


@probe(RECORDED, "all but a field that is left out")
def left_out(way: Way) -> Answer:
    """Two fields are changed, of which one is not to be recorded."""
    from benchmarks.comparison.orders.models import Sheet

    with way.block():
        own = Sheet.objects.create(name="a")
    events = news(way, own, lambda: save(way, own, name="b", draft="hidden"))
    found = captured(events, "update", name="b")
    if found.verdict != "yes":
        return found
    told = any("hidden" in str(value) for e in events for value in (e.new or {}).values())
    return either(not told, "the field is recorded")


@probe(RECORDED, "logins")
def logins(way: Way) -> Answer:
    """A user logs in by a password."""
    from django.test import Client

    from benchmarks.comparison.rows import user

    before = way.logins()
    person = user()
    Client().login(username=person.username, password="secret")
    return either(way.logins() == before + 1, "no event")


@probe(RECORDED, "requests that change nothing")
def page_views(way: Way) -> Answer:
    """A page is looked at."""
    from django.test import Client

    before = way.page_views()
    Client().get("/look/")
    return either(way.page_views() == before + 1, "no event")


@probe(RECORDED, "nothing within a block that says so")
def without_recording(way: Way) -> Answer:
    """An order is saved within the package's block for what is not to be recorded."""
    own = order(way)

    def act() -> None:
        with way.without_recording(own):
            own.status = "paid"
            own.save()

    events = news(way, own, act)
    if events:
        return partly(f"{len(events)} event none the less")
    return captured(news(way, own, lambda: save(way, own, status="sent")), "update", status="sent")


@probe(RECORDED, "an event by hand, without a change")
def manual_event(way: Way) -> Answer:
    """Something is noted of an order that is no change of its row."""
    own = order(way)
    before = len(way.seen(type(own), own.pk))
    way.create_event(own)
    return either(len(way.seen(type(own), own.pk)) > before, "no event")


def _all(way: Way, obj: Any) -> Any:
    return way.seen(type(obj), obj.pk)


def _rows(way: Way) -> tuple[Any, list[Any]]:
    own = order(way)
    model = type(own)
    return model, [model(customer_id=own.customer_id) for _ in range(2)]


def _url() -> str:
    import os

    return os.environ["BENCHMARK_DATABASE_URL"]
