"""Time travel: which rows there were at a moment, and what they were."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import models, transaction
from django.utils import timezone

import pgaudit_log
from pgaudit_log import timetravel
from pgaudit_log.exceptions import QueryError, UnknownPastError
from pgaudit_log.models import Events
from pgaudit_log.testing import isolated
from tests.moments import keep_copy, now, rows_unlike_copy
from tests.shop.models import Customer, Product, Stock
from tests.support import execute
from tests.tables import EVERYTHING, SqlField, install, make, tracked_table

pytestmark = pytest.mark.django_db


@pytest.fixture
def forget() -> Iterator[None]:
    with isolated():
        yield


def names(queryset: Any) -> list[str]:
    return sorted(queryset.values_list("name", flat=True))


@pytest.mark.django_db(transaction=True)
def test_a_table_is_seen_as_it_was_at_each_time() -> None:
    before = timezone.now()
    kept = Customer.objects.create(name="kept")
    changed = Customer.objects.create(name="old")
    deleted = Customer.objects.create(name="deleted")
    between = timezone.now()
    Customer.objects.filter(pk=changed.pk).update(name="new")
    deleted.delete()
    Customer.objects.create(name="created")
    assert names(Customer.objects.as_of(before)) == []
    assert names(Customer.objects.as_of(between)) == ["deleted", "kept", "old"]
    assert names(Customer.objects.as_of(timezone.now())) == ["created", "kept", "new"]
    assert names(Customer.objects.as_of(now())) == ["created", "kept", "new"]
    assert kept.events.as_of(between) == kept
    assert changed.events.as_of(between).name == "old"


@pytest.mark.django_db(transaction=True)
def test_two_versions_of_one_timestamp_are_one_row_by_time_and_two_by_event() -> None:
    with transaction.atomic():
        customer = Customer.objects.create(name="first")
        first = now()
        Customer.objects.update(name="second")
    assert len(set(Events.objects.values_list("pgh_created_at", flat=True))) == 1
    assert names(Customer.objects.as_of(first.pgh_created_at)) == ["second"]
    assert names(Customer.objects.as_of(first)) == ["first"]
    assert names(Customer.objects.as_of(first.pgh_created_at - timedelta(microseconds=1))) == []
    assert customer.events.as_of(first).name == "first"


def test_typed_events_as_of_a_moment_are_the_newest_of_each_object(customer: Customer) -> None:
    other = Customer.objects.create(name="Ben")
    created = now()
    Customer.objects.update(name="new")
    other.delete()
    events: Any = Customer.pgh_event_model.objects
    assert names(events.as_of(created)) == ["Ana", "Ben"]
    assert [(e.pgh_label, e.name) for e in events.as_of(now())] == [("update", "new")]
    assert names(events.filter(name="new").as_of(created)) == []


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("level", [pgaudit_log.Statement, pgaudit_log.Row])
@pytest.mark.parametrize("move", ["4 - key", "key + 1", "key - 1", "-key"])
@pytest.mark.usefixtures("forget")
def test_keys_that_are_swapped_passed_on_and_moved(level: Any, move: str) -> None:
    seat = tracked_table(
        "Seat",
        *EVERYTHING,
        track={"level": level},
        key=models.IntegerField(primary_key=True),
        name=models.TextField(),
    )
    execute(
        "ALTER TABLE shop_seat DROP CONSTRAINT shop_seat_pkey,"
        " ADD PRIMARY KEY (key) DEFERRABLE INITIALLY IMMEDIATE"
    )
    seat.objects.bulk_create(
        seat(key=key, name=name) for key, name in [(1, "a"), (2, "b"), (3, "c")]
    )
    moments = [now()]
    truth = [list(seat.objects.order_by("key").values_list("key", "name"))]
    for _ in range(3):
        execute(f"UPDATE shop_seat SET key = {move}")
        moments.append(now())
        truth.append(list(seat.objects.order_by("key").values_list("key", "name")))
    for moment, rows in zip(moments, truth, strict=True):
        found = seat.objects.as_of(moment)
        assert list(found.order_by("key").values_list("key", "name")) == rows
        assert (
            sorted((key, seat.objects.as_of(moment).get(key=key).name) for key, _ in rows) == rows
        )
        events = seat.pgh_event_model.objects.as_of(moment)
        assert len(events) <= len(rows)


def test_a_key_that_was_left_is_gone() -> None:
    Product.objects.create(sku="a", name="A", price=1)
    before = now()
    Product.objects.update(sku="b")
    assert [p.sku for p in Product.objects.as_of(before)] == ["a"]
    assert [p.sku for p in Product.objects.as_of(now())] == ["b"]
    with pytest.raises(Product.DoesNotExist):
        Product.objects.as_of(now()).get(sku="a")
    with pytest.raises(Product.DoesNotExist):
        Product.objects.as_of(before).get(sku="b")


def test_a_key_that_is_deleted_and_taken_again_is_two_objects() -> None:
    Product.objects.create(sku="a", name="first", price=1)
    first = now()
    Product.objects.all().delete()
    gone = now()
    Product.objects.create(sku="a", name="second", price=2)
    assert Product.objects.as_of(first).get().name == "first"
    assert not Product.objects.as_of(gone).exists()
    assert Product.objects.as_of(now()).get().name == "second"


def test_a_truncated_table_is_empty_from_then_on() -> None:
    Product.objects.create(sku="a", name="A", price=1)
    Product.objects.create(sku="b", name="B", price=1)
    full = now()
    execute("TRUNCATE shop_product CASCADE")
    empty = now()
    Product.objects.create(sku="a", name="again", price=1)
    events: Any = Product.pgh_event_model.objects
    assert names(Product.objects.as_of(full)) == names(events.as_of(full)) == ["A", "B"]
    assert names(Product.objects.as_of(empty)) == names(events.as_of(empty)) == []
    assert names(Product.objects.as_of(now())) == names(events.as_of(now())) == ["again"]


def test_an_object_that_came_later_or_had_gone_does_not_exist(customer: Customer) -> None:
    moment = now()
    later = Customer.objects.create(name="later")
    with pytest.raises(Customer.DoesNotExist):
        later.events.as_of(moment)
    key = customer.pk
    customer.delete()
    with pytest.raises(Customer.DoesNotExist):
        Customer.objects.as_of(now()).get(pk=key)


@pytest.fixture
def older(forget: None) -> tuple[Any, Any]:
    """A row that is older than its tracking, and the moment at which tracking began."""
    model = make("Older", name=models.TextField())
    pgaudit_log.track(*EVERYTHING)(model)
    install(model)
    execute("ALTER TABLE shop_older DISABLE TRIGGER USER")
    row = model.objects.create(name="old")
    execute("ALTER TABLE shop_older ENABLE TRIGGER USER")
    Customer.objects.create(name="the moment")
    return row, now()


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("ask", ["object", "table", "get", "block", "in_bulk", "first"])
@pytest.mark.parametrize("happens", ["nothing", "update", "delete"])
def test_what_is_older_than_its_tracking_is_unknown(older: Any, ask: str, happens: str) -> None:
    row, moment = older
    model, key = type(row), row.pk
    if happens == "update":
        model.objects.update(name="new")
    if happens == "delete":
        model.objects.all().delete()
    questions = {
        "object": lambda: row.__class__(pk=key).events.as_of(moment),
        "table": lambda: list(model.objects.as_of(moment)),
        "get": lambda: model.objects.as_of(moment).get(pk=key),
        "block": lambda: model.objects.get(pk=key),
        "in_bulk": lambda: model.objects.as_of(moment).in_bulk([key]),
        "first": lambda: model.objects.as_of(moment).first(),
    }
    with pytest.raises(UnknownPastError, match="is unknown before"):
        if ask == "block":
            with timetravel.as_of(moment):
                questions[ask]()
        else:
            questions[ask]()


def test_a_key_that_an_older_row_left_is_unknown_and_the_one_it_took_was_not_there(
    older: Any,
) -> None:
    row, moment = older
    model, key = type(row), row.pk
    model.objects.update(id=key + 100)
    with pytest.raises(UnknownPastError):
        model.objects.as_of(moment).get(pk=key)
    with pytest.raises(model.DoesNotExist):
        model.objects.as_of(moment).get(pk=key + 100)


NAIVE = timezone.make_naive(datetime(2024, 1, 1, tzinfo=timezone.get_default_timezone()))


@pytest.mark.parametrize("wrong", [NAIVE, date(2024, 1, 1), "2024", 5, None])
def test_what_is_no_moment_is_refused(wrong: Any) -> None:
    with pytest.raises(QueryError, match="moment"):
        Customer.objects.as_of(wrong)
    with pytest.raises(QueryError, match="moment"), timetravel.as_of(wrong):
        pass
    with pytest.raises(QueryError, match="moment"):
        Customer.pgh_event_model.objects.as_of(wrong)


VALUES = {
    "numeric": ["1.0", "1.00", "NaN", "-0.50", "1e30"],
    "double precision": ["-0", "0", "NaN", "Infinity", "0.1"],
    "real": ["-0", "0.1"],
    "text": ["", "null", "ä\\'\"%s"],
    "varchar(5)": ["a", ""],
    "char(5)": ["a", "a b"],
    "boolean": ["t", "f"],
    "smallint": ["-5"],
    "bigint": ["9223372036854775807"],
    "date": ["2024-02-29", "infinity"],
    "time": ["01:02:03.000004"],
    "timestamp": ["2024-01-01 00:00:00.1", "-infinity"],
    "timestamptz": ["2024-01-01 00:00:00.1+05:45"],
    "interval": ["1 mon -1 day 00:00:01"],
    "uuid": ["00000000-0000-0000-0000-000000000005"],
    "bytea": ["\\x00ff", ""],
    "inet": ["10.0.0.1/8", "::1"],
    "json": ['{"a":  1, "a": 2}', "null"],
    "jsonb": ["null", '"null"', "{}", '{"pgaudit_log.json": null}', "1.10"],
    "integer[]": ["{}", "{1,NULL}", "[2:3]={7,8}", "{{1,2},{3,4}}"],
    "text[]": ['{"",NULL,"a,b"}'],
    "jsonb[]": ['{"null",NULL}'],
    "money": ["12.34"],
    "point": ["(1,-0)"],
    "bit(3)": ["101"],
    "int4range": ["[1,5)", "empty"],
    "tsvector": ["'a':1"],
}


@pytest.mark.usefixtures("forget")
def test_values_of_every_type_are_what_they_were_to_the_last_bit() -> None:
    fields = {f"f{n}": SqlField(name, null=True) for n, name in enumerate(VALUES)}
    table = tracked_table("Typed", *EVERYTHING, **fields)
    for n, values in enumerate(VALUES.values()):
        for value in values:
            execute(f"INSERT INTO shop_typed (f{n}) VALUES (%s)", [value])
    keep_copy(table, "typed_then")
    then = now()
    execute("UPDATE shop_typed SET " + ", ".join(f"{name} = NULL" for name in fields))
    assert rows_unlike_copy(table, now(), "shop_typed") == []
    assert rows_unlike_copy(table, then, "typed_then") == []
    assert table.objects.as_of(then).count() == sum(map(len, VALUES.values()))


def test_a_column_of_several_declarations_is_of_the_one_that_tracks_most() -> None:
    stock = Stock.objects.create(site="Ulm", level=5)
    stock.level = 3
    stock.save()
    then = now()
    Stock.objects.update(level=1)
    assert Stock.objects.as_of(then).get().level == 3
    assert Stock.objects.as_of(now()).get().level == 1


@pytest.mark.usefixtures("forget")
def test_a_deletion_that_only_another_declaration_captures_counts() -> None:
    thing = make("Thing", name=models.TextField())
    pgaudit_log.track(pgaudit_log.InsertEvent(), pgaudit_log.UpdateEvent())(thing)
    pgaudit_log.track(
        pgaudit_log.DeleteEvent(),
        model_name="ThingGone",
        fields=["name"],
        obj_field=None,
    )(thing)
    install(thing)
    thing.objects.create(name="x")
    then = now()
    thing.objects.all().delete()
    assert names(thing.objects.as_of(then)) == ["x"]
    assert names(thing.objects.as_of(now())) == []
    assert names(thing.pgh_event_models["insert"].objects.as_of(now())) == []


@pytest.mark.usefixtures("forget")
@pytest.mark.parametrize("both", [True, False])
def test_trackers_of_the_row_before_an_update_say_how_it_was_after(both: bool) -> None:
    new = [pgaudit_log.UpdateEvent()] if both else []
    thing = tracked_table(
        "Thing",
        pgaudit_log.InsertEvent(),
        pgaudit_log.UpdateEvent("before", row=pgaudit_log.Old),
        *new,
        name=models.TextField(),
        owner=models.ForeignKey(Customer, models.CASCADE),
    )
    ana, ben = (Customer.objects.create(name=name) for name in ("Ana", "Ben"))
    thing.objects.create(name="one", owner=ana)
    thing.objects.update(name="two", owner=ben)
    moment = now()
    thing.objects.update(name="three")
    assert names(thing.objects.as_of(moment)) == ["two"]
    assert names(thing.objects.as_of(moment).filter(owner=ben)) == ["two"]
    assert names(thing.objects.as_of(moment).filter(owner=ana)) == []


@pytest.mark.usefixtures("forget")
def test_a_row_is_how_a_conditional_tracker_last_saw_it() -> None:
    thing = tracked_table(
        "Thing",
        pgaudit_log.InsertEvent(),
        pgaudit_log.UpdateEvent(condition=pgaudit_log.Q(new__name__contains="!")),
        name=models.TextField(),
    )
    thing.objects.create(name="one")
    thing.objects.update(name="two!")
    thing.objects.update(name="three")
    assert names(thing.objects.as_of(now())) == ["two!"]
