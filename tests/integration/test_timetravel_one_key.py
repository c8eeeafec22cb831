"""Time travel: a row that is asked for by its key is what it is in its whole table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

import pgaudit_log
from pgaudit_log import timetravel
from pgaudit_log.models import Events
from pgaudit_log.testing import isolated
from tests.moments import now
from tests.shop.models import Customer, Product, Stock
from tests.support import execute, last_id
from tests.tables import EVERYTHING, install, make, tracked_table

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    with isolated():
        yield


def deleted_and_taken_again() -> Any:
    for name in ("first", "second"):
        Product.objects.create(sku="a", name=name, price=1)
        Product.objects.update(name=f"{name}!")
        Product.objects.all().delete()
    return Product


def truncated_and_taken_again() -> Any:
    for name in ("first", "second"):
        Product.objects.create(sku="a", name=name, price=1)
        execute("TRUNCATE shop_product CASCADE")
    Product.objects.create(sku="a", name="third", price=1)
    return Product


def moved_away_and_back() -> Any:
    Product.objects.create(sku="a", name="A", price=1)
    for sku in ("b", "c", "a"):
        Product.objects.update(sku=sku)
    return Product


def left_and_taken_by_another() -> Any:
    Product.objects.create(sku="a", name="first", price=1)
    Product.objects.update(sku="b")
    Product.objects.create(sku="a", name="second", price=1)
    return Product


def _seats(move: str, *trackers: Any) -> Any:
    seat = tracked_table(
        "Seat", *trackers, key=models.IntegerField(primary_key=True), name=models.TextField()
    )
    execute(
        "ALTER TABLE shop_seat DROP CONSTRAINT shop_seat_pkey,"
        " ADD PRIMARY KEY (key) DEFERRABLE INITIALLY IMMEDIATE"
    )
    seat.objects.bulk_create(seat(key=n, name=name) for n, name in [(1, "a"), (2, "b"), (3, "c")])
    for _ in range(3):
        execute(f"UPDATE shop_seat SET key = {move}")
    return seat


def swapped() -> Any:
    return _seats("4 - key", *EVERYTHING)


def passed_on() -> Any:
    return _seats("key + 1", *EVERYTHING)


def passed_on_with_conditional_trackers() -> Any:
    when = pgaudit_log.AnyChange("key")
    return _seats("key - 1", pgaudit_log.InsertEvent(), pgaudit_log.UpdateEvent(condition=when))


def moved_after_a_change_that_was_not_captured() -> Any:
    when = pgaudit_log.AnyChange("key")
    seat = _seats("key + 0", pgaudit_log.InsertEvent(), pgaudit_log.UpdateEvent(condition=when))
    seat.objects.update(name="new")
    execute("UPDATE shop_seat SET key = key + 10")
    return seat


def stored_as_before_the_update() -> Any:
    before = pgaudit_log.UpdateEvent("before", row=pgaudit_log.Old)
    thing = tracked_table("Thing", pgaudit_log.InsertEvent(), before, name=models.TextField())
    thing.objects.create(name="one")
    for name in ("two", "three"):
        thing.objects.update(name=name)
    return thing


def stored_as_before_the_key_changed() -> Any:
    before = pgaudit_log.UpdateEvent("before", row=pgaudit_log.Old)
    thing = tracked_table(
        "Thing", pgaudit_log.InsertEvent(), before, key=models.TextField(primary_key=True)
    )
    thing.objects.create(key="a")
    for key in ("b", "c"):
        thing.objects.update(key=key)
    return thing


def tracked_by_several_declarations() -> Any:
    stock = Stock.objects.create(site="Ulm", level=5)
    for level in (3, -1, 7):
        stock.level = level
        stock.save()
    return Stock


def deleted_before_another_declaration() -> Any:
    thing = make("Thing", name=models.TextField())
    pgaudit_log.track(pgaudit_log.InsertEvent(), pgaudit_log.UpdateEvent())(thing)
    gone = {"model_name": "ThingGone", "fields": ["name"], "obj_field": None}
    pgaudit_log.track(pgaudit_log.DeleteEvent(), **gone)(thing)
    install(thing)
    thing.objects.create(name="x")
    thing.objects.update(name="y")
    thing.objects.all().delete()
    return thing


def renamed() -> Any:
    thing = tracked_table("Thing", *EVERYTHING, key=models.TextField(primary_key=True))
    for key in ("a", "b", "c"):
        thing.objects.create(key=key)
    thing.objects.filter(key="a").update(key="d")
    renamed = make("Renamed", title=models.TextField(primary_key=True))
    former = {"former_labels": ["shop.Thing"], "former_columns": {"title": ["key"]}}
    pgaudit_log.track(*EVERYTHING, **former)(renamed)
    execute("ALTER TABLE shop_thing RENAME COLUMN key TO title")
    execute("ALTER TABLE shop_thing RENAME TO shop_renamed")
    execute("ALTER TABLE shop_renamed DISABLE TRIGGER USER")
    install(renamed, create=False)
    renamed.objects.filter(title="b").update(title="e")
    renamed.objects.filter(title="c").delete()
    return renamed


def inherited() -> Any:
    place = tracked_table("Place", *EVERYTHING, name=models.TextField())
    bar = tracked_table("Bar", *EVERYTHING, bases=(place,), drinks=models.TextField())
    for name in ("one", "two"):
        bar.objects.create(name=name, drinks="beer")
    place.objects.update(name="new")
    bar.objects.update(drinks="tea")
    bar.objects.first().delete()
    return bar


def with_a_composite_key() -> Any:
    seat = tracked_table(
        "Seat",
        *EVERYTHING,
        pk=models.CompositePrimaryKey("hall", "row"),
        hall=models.TextField(),
        row=models.IntegerField(),
        note=models.TextField(default=""),
    )
    for hall in ('a"ä', "50%", "{}"):
        seat.objects.create(hall=hall, row=1)
    seat.objects.update(note="new")
    seat.objects.filter(hall="50%").update(row=2)
    seat.objects.filter(hall="{}").delete()
    return seat


def with_a_key_that_is_not_tracked() -> Any:
    part = tracked_table("Part", track={"fields": ["name"]}, name=models.TextField())
    for name in ("a", "b"):
        part.objects.create(name=name)
    part.objects.update(name="c")
    part.objects.first().delete()
    return part


def with_odd_names() -> Any:
    odd = tracked_table(
        "Odd",
        pgaudit_log.InsertEvent("50% 'of' {all} \\x"),
        pgaudit_log.UpdateEvent("%s {key}", row=pgaudit_log.Old),
        name=models.TextField(db_column="we'ird {Col}"),
        snapshot=models.TextField(default="s"),
        obj_pk=models.TextField(default="o"),
    )
    odd.objects.create(name="old %s")
    odd.objects.update(name="new")
    return odd


STORIES: tuple[Callable[[], Any], ...] = (
    deleted_and_taken_again,
    truncated_and_taken_again,
    moved_away_and_back,
    left_and_taken_by_another,
    swapped,
    passed_on,
    passed_on_with_conditional_trackers,
    moved_after_a_change_that_was_not_captured,
    stored_as_before_the_update,
    stored_as_before_the_key_changed,
    tracked_by_several_declarations,
    deleted_before_another_declaration,
    renamed,
    inherited,
    with_a_composite_key,
    with_a_key_that_is_not_tracked,
    with_odd_names,
)


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
@pytest.mark.parametrize("transactions", ["one", "several"])
def test_by_its_key_a_row_is_what_it_is_in_its_table(
    story: Callable[[], Any], transactions: str
) -> None:
    start = last_id()
    model = story()
    _spread_over_time()
    if transactions == "several":
        execute("UPDATE pgaudit_log_event SET txid = id")
    events = list(Events.objects.filter(pgh_id__gt=start))
    seen = set()
    for moment in [*events, *{event.pgh_created_at for event in events}]:
        rows = {row["pk"]: row for row in _rows(model.objects.as_of(moment))}
        seen.update(rows)
        for key in seen:
            found = _rows(model.objects.as_of(moment).filter(pk=key))
            assert found == ([rows[key]] if key in rows else [])
            with timetravel.as_of(moment):
                assert _rows(model.objects.filter(pk=key)) == found
    assert seen


def _spread_over_time() -> None:
    """Put time between the events of a test, which have that of its one transaction."""
    execute("ALTER TABLE pgaudit_log_event DISABLE TRIGGER USER")
    # Backwards, because the future cannot be asked for.
    execute(
        """
        UPDATE pgaudit_log_event
        SET created_at = created_at
            - ((SELECT max(id) FROM pgaudit_log_event) - id) * interval '1 ms'
        """
    )


def _rows(queryset: Any) -> list[dict[str, Any]]:
    return list(queryset.values("pk", *[f.attname for f in queryset.model._meta.concrete_fields]))


def test_one_key_is_looked_up_by_a_function_that_keeps_its_plans(customer: Customer) -> None:
    moment = now()
    other = Customer.objects.create(name="other")
    past = Customer.objects.as_of(now())
    with CaptureQueriesContext(connection) as by_key:
        assert past.get(pk=customer.pk) == customer
        assert customer.events.as_of(moment) == customer
        assert past.filter(pk__in=[customer.pk]).get() == customer
    with CaptureQueriesContext(connection) as by_more:
        assert past.filter(pk__in=[customer.pk, other.pk]).count() == 2
        assert past.count() == 2
    assert ["pgaudit_log_state(" in query["sql"] for query in by_key] == [True] * 3
    assert ["pgaudit_log_state(" in query["sql"] for query in by_more] == [False] * 2


def test_one_key_in_a_join_and_in_a_subquery(customer: Customer) -> None:
    moment = now()
    Customer.objects.update(name="new")
    with timetravel.as_of(moment):
        own = Customer.objects.filter(pk=customer.pk, name="Ana")
        assert Customer.objects.filter(pk__in=own.values("pk")).get() == customer
        assert Customer.objects.filter(models.Exists(own)).get().name == "Ana"
        assert not Customer.objects.filter(pk=customer.pk, name="new").exists()
