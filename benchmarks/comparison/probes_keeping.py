"""Probes: keeping and protecting, and how a package is extended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import Error, connection, transaction

from benchmarks.comparison.answers import Answer, either, no, partly, yes
from benchmarks.comparison.probes import probe
from benchmarks.comparison.rows import execute, line, news, order, past_all, save
from benchmarks.comparison.ways.base import Way

KEPT = "Keeping and protecting"
EXTENDED = "Where it runs, and how it is extended"


@probe(KEPT, "the ORM cannot change events")
def orm_update(way: Way) -> Answer:
    """The events of an order are updated through their model."""
    own, events = _with_events(way)
    name = events.model._meta.pk.name
    key = {name: "0" if name == "pgh_slug" else -own.pk}
    return _refused(lambda: events.filter(pk=events.first().pk).update(**key), events)


@probe(KEPT, "the ORM cannot delete events")
def orm_delete(way: Way) -> Answer:
    """The events of an order are deleted through their model."""
    _own, events = _with_events(way)
    return _refused(events.delete, events)


@probe(KEPT, "SQL of the application cannot change or delete events")
def sql_delete(way: Way) -> Answer:
    """They are deleted by SQL, with the project's own role, which owns the tables."""
    _own, events = _with_events(way)
    table, column = events.model._meta.db_table, events.model._meta.pk.column
    key = events.first().pk
    return _refused(lambda: execute(f'DELETE FROM "{table}" WHERE "{column}" = %s', [key]), events)


@probe(KEPT, "SQL of the application cannot truncate events")
def sql_truncate(way: Way) -> Answer:
    """Their table is truncated; the transaction is rolled back, for the other probes."""
    _own, events = _with_events(way)
    table = events.model._meta.db_table
    try:
        with transaction.atomic():
            execute(f'TRUNCATE "{table}" CASCADE')
            transaction.set_rollback(True)
    except Error:
        return yes()
    return no("all events of the table are gone")


@probe(KEPT, "events outlive a field that is dropped from the model")
def dropped_field(way: Way) -> Answer:
    """Answered by a second run of the project, of which a field has gone: see `worker.after_drop`."""
    raise NotImplementedError


@probe(KEPT, "masked values: that it changed, not what")
def masked(way: Way) -> Answer:
    """A secret of an order is changed."""
    own = order(way, secret="first-secret")
    events = news(way, own, lambda: save(way, own, secret="second-secret"))
    if not events:
        return no("no event")
    secrets = ("first-secret", "second-secret")
    rows = [row or {} for event in events for row in (event.old, event.new)]
    if any(secret in str(row.get("secret", "")) for row in rows for secret in secrets):
        return no("the values stand in the event")
    if not any("secret" in row for row in rows):
        return partly("no value, and nothing tells that it changed")
    if any(secret[-6:] in str(row.get("secret", "")) for row in rows for secret in secrets):
        return partly("a part of the value stands in the event")
    return yes()


@probe(KEPT, "events older than a limit are removed by a command")
def retention(way: Way) -> Answer:
    """Events are made old, and removed; new ones stay."""
    own = order(way)
    save(way, own, status="paid")
    save(way, own, status="sent")
    way.age(own)
    before = len(way.seen(type(own), own.pk))
    way.remove_old()
    events = way.seen(type(own), own.pk)
    is_kept = any((event.new or {}).get("status") == "sent" for event in events)
    return either(is_kept and len(events) < before, f"{len(events)} events of {before} are left")


@probe(KEPT, "what was written past it is found")
def unrecorded(way: Way) -> Answer:
    """An order is changed with triggers off and without the ORM."""
    own = order(way)
    with past_all():
        execute(f"UPDATE orders_order SET status = 'secret' WHERE id = {own.pk}")
    return either(way.unrecorded(own), "not found")


@probe(KEPT, "the history of another package is imported")
def imported(way: Way) -> Answer:
    """Two records of another package become events."""
    return either(way.import_history() == 2, "not all of it")


@probe(KEPT, "events that changed nothing can be removed")
def duplicates(way: Way) -> Answer:
    """A line is saved as it is; then such events are removed. Needless where there are none."""
    own = line(way, order(way))
    before = len(way.seen(type(own), own.pk))
    with way.block():
        own.save()
    if len(way.seen(type(own), own.pk)) == before:
        return yes("there are none")
    way.remove_duplicates()
    return either(len(way.seen(type(own), own.pk)) == before, "they are still there")


@probe(EXTENDED, "SQLite")
def sqlite(way: Way) -> Answer:
    """Answered by a run of the project on SQLite: see `worker.on_sqlite`."""
    raise NotImplementedError


@probe(EXTENDED, "tables can be written by a role that may not create triggers or functions")
def no_triggers(way: Way) -> Answer:
    """Looks whether the package has put triggers onto the table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'orders_order'::regclass"
            " AND NOT tgisinternal"
        )
        [number] = cursor.fetchone()
    return either(number == 0, "migrations create triggers")


@probe(EXTENDED, "a signal, or a callback, for each event")
def signal(way: Way) -> Answer:
    """An order is saved while a function listens."""
    own = order(way)
    calls: list[None] = []
    with way.listening(lambda: calls.append(None)):
        save(way, own, status="paid")
    return either(bool(calls), "the function was not called")


def _with_events(way: Way) -> tuple[Any, Any]:
    """Return an order with one event, and its events."""
    own = order(way)
    return own, way.events(type(own), own.pk)


def _refused(act: Callable[[], Any], events: Any) -> Answer:
    before = list(events.values_list("pk", flat=True))
    try:
        with transaction.atomic():
            act()
    except Exception as error:
        return yes(f"{type(error).__name__}")
    after = list(events.values_list("pk", flat=True))
    return either(before == after, "it is done")
