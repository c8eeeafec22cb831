"""Every kind of primary key names its object, in the database and in Python alike."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from django.db import models

import pgaudit_log
from pgaudit_log.models import Events
from pgaudit_log.testing import isolated
from pgaudit_log.values.keys import key_text
from tests.shop.models import Customer
from tests.support import execute
from tests.tables import install, make, tracked_table

pytestmark = pytest.mark.django_db

AWARE = datetime(2024, 1, 2, 3, 4, 5, 600000, tzinfo=timezone(timedelta(hours=5, minutes=45)))

KEYS: dict[str, tuple[models.Field[Any, Any], list[Any]]] = {
    "int": (models.AutoField(primary_key=True), [1, -5, 2**31 - 1]),
    "bigint": (models.BigAutoField(primary_key=True), [1, 2**63 - 1, -(2**63)]),
    "smallint": (models.SmallIntegerField(primary_key=True), [0, -1]),
    "uuid": (models.UUIDField(primary_key=True), [uuid.UUID(int=5), uuid.UUID(int=2**128 - 1)]),
    "text": (
        models.TextField(primary_key=True),
        ["a", "ä'\"\\%", "5", "[1]", " x ", "null", "\t\n\x01\U0001f600"],
    ),
    "char": (models.CharField(max_length=9, primary_key=True), ["DE", "5"]),
    "slug": (models.SlugField(primary_key=True), ["a-b"]),
    "date": (
        models.DateField(primary_key=True),
        [date(2024, 2, 29), date(1, 1, 1), date(9999, 12, 31)],
    ),
    "datetime": (models.DateTimeField(primary_key=True), [AWARE, AWARE.replace(microsecond=0)]),
    "time": (models.TimeField(primary_key=True), [time(1, 2, 3), time(1, 2, 3, 400000)]),
    "decimal": (
        models.DecimalField(max_digits=12, decimal_places=3, primary_key=True),
        [Decimal("1.1"), Decimal("-0.001"), Decimal(10)],
    ),
    "float": (models.FloatField(primary_key=True), [1.0, 0.1, 1e22, -1.5e-7]),
    "bool": (models.BooleanField(primary_key=True), [True, False]),
    "ip": (models.GenericIPAddressField(primary_key=True), ["10.0.0.1", "::1"]),
}


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    with isolated():
        yield


@pytest.mark.slow
@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_a_key_is_the_same_text_in_python_and_in_the_database(kind: str, zone: str) -> None:
    field, values = KEYS[kind]
    thing = tracked_table("Keyed", id=field.clone(), n=models.IntegerField(default=0))
    for value in values:
        execute("SELECT set_config('TimeZone', %s, true)", [zone])
        saved = thing.objects.create(pk=value)
        thing.objects.filter(pk=value).update(n=1)
        [stored] = set(Events.objects.order_by("-pgh_id").values_list("pgh_obj_id", flat=True)[:2])
        assert stored == key_text(value, [thing._meta.pk])
        execute("SELECT set_config('TimeZone', 'UTC', true)")
        assert [event.n for event in saved.events.all()] == [0, 1]
        assert [event.pk for event in thing.objects.filter(events__n=1, pk=value)] == [value]
        [event, _] = thing.pgh_event_model.objects.filter(pgh_obj=saved).select_related("pgh_obj")
        assert event.pgh_obj == saved
        assert event.pgh_obj_id == saved.pk


def test_a_one_to_one_key() -> None:
    place = tracked_table("Place", name=models.TextField())
    bar = tracked_table("Bar", place=models.OneToOneField(place, models.CASCADE, primary_key=True))
    saved = bar.objects.create(place=place.objects.create(name="x"))
    event = saved.events.get()
    assert (event.place.name, event.pgh_obj, event.pgh_refs) == (
        "x",
        saved,
        [f"shop.Place:{saved.pk}"],
    )


@pytest.fixture
def seat() -> Any:
    hall = make("Hall", code=models.CharField(max_length=9, primary_key=True))
    install(hall)
    return tracked_table(
        "Seat",
        pk=models.CompositePrimaryKey("hall", "row", "price"),
        hall=models.ForeignKey(hall, models.CASCADE),
        row=models.IntegerField(),
        price=models.DecimalField(max_digits=5, decimal_places=2),
        note=models.TextField(default=""),
    )


def test_a_composite_key(seat: Any, django_assert_num_queries: Any) -> None:
    hall = seat._meta.get_field("hall").related_model
    hall.objects.create(code='a"ä')
    one = seat.objects.create(hall_id='a"ä', row=1, price=Decimal("1.5"))
    two = seat.objects.create(hall_id='a"ä', row=2, price=1)
    seat.objects.filter(row=2).update(note="x")
    assert Events.objects.values_list("pgh_obj_id", flat=True)[0] == '["a\\"ä", 1, 1.50]'
    assert [event.note for event in two.events.all()] == ["", "x"]
    assert [event.pgh_obj for event in one.events.all()] == [one]
    event_model = seat.pgh_event_model
    assert event_model.objects.filter(pgh_obj=two).count() == 2
    assert event_model.objects.filter(pgh_obj__in=[one, two]).count() == 3
    assert event_model.objects.filter(pgh_obj__in=seat.objects.filter(row=2)).count() == 2
    assert event_model.objects.filter(pgh_obj__note="x").count() == 2
    assert seat.objects.filter(events__note="x").get() == two
    assert {e.pgh_obj for e in event_model.objects.select_related("pgh_obj")} == {one, two}
    assert event_model.objects.filter(pgh_obj_row=2, pgh_obj_hall='a"ä').count() == 2
    with django_assert_num_queries(2):
        loaded = {s.row: s.events.all() for s in seat.objects.prefetch_related("events")}
        assert [len(loaded[row]) for row in (1, 2)] == [1, 2]
    two.delete()
    assert event_model.objects.filter(pgh_operation="D").get().row == 2


def test_a_manual_event_of_a_composite_key(seat: Any) -> None:
    hall = seat._meta.get_field("hall").related_model.objects.create(code="h")
    one = seat.objects.create(hall=hall, row=1, price=1)
    event: Any = pgaudit_log.create_event(one, label="update")
    assert (event.pgh_obj, event.pgh_obj_key) == (one, '["h", 1, 1.00]')


def test_an_older_key_of_one_column_does_not_break_reading(seat: Any) -> None:
    for key in ("5", "abc", "[not json", "{}"):
        execute(
            "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, shape, role, snapshot)"
            " VALUES ('shop.Seat', %s, 'insert', 'I', 1, session_user, '{}')",
            [key],
        )
    events = list(seat.pgh_event_model.objects.all())
    assert [(event.pgh_obj_row, event.pgh_obj_hall) for event in events] == [(None, None)] * 4


def test_numbers_and_texts_do_not_meet(seat: Any) -> None:
    fields = [models.TextField(), models.IntegerField()]
    assert key_text(("1", 1), fields) != key_text(
        ("1", "1"), [models.TextField(), models.TextField()]
    )


def test_a_reused_key_shows_both_lives() -> None:
    thing = tracked_table(
        "Keyed", id=models.IntegerField(primary_key=True), n=models.IntegerField()
    )
    thing.objects.create(id=1, n=1).delete()
    again = thing.objects.create(id=1, n=2)
    assert [(e.pgh_operation, e.n) for e in again.events.all()] == [("I", 1), ("D", 1), ("I", 2)]


def test_the_timeline_follows_a_changed_key() -> None:
    thing = tracked_table("Keyed", id=models.TextField(primary_key=True), n=models.IntegerField())
    thing.objects.create(id="a", n=1)
    execute("UPDATE shop_keyed SET n = 2")
    execute("UPDATE shop_keyed SET id = 'b', n = 3")
    execute("UPDATE shop_keyed SET id = 'c'")
    execute("UPDATE shop_keyed SET n = 4")
    thing.objects.create(id="b", n=9)
    timeline = thing.pgh_event_model.objects.timeline(thing.objects.get(id="c"))
    assert [(e.id, e.n) for e in timeline] == [("a", 1), ("a", 2), ("b", 3), ("c", 3), ("c", 4)]
    assert [e.n for e in thing.pgh_event_model.objects.timeline(thing.objects.get(id="b"))] == [9]


@pytest.mark.parametrize("level", [pgaudit_log.Statement, pgaudit_log.Row])
def test_an_event_with_the_values_before_is_of_the_key_after(level: Any) -> None:
    before = pgaudit_log.UpdateEvent("before", row=pgaudit_log.Old, level=level)
    thing = tracked_table(
        "Keyed",
        pgaudit_log.InsertEvent(),
        before,
        id=models.TextField(primary_key=True),
        owner=models.ForeignKey(Customer, models.DO_NOTHING),
    )
    ana, ben = (Customer.objects.create(name=name) for name in ("Ana", "Ben"))
    thing.objects.create(id="a", owner=ana)
    execute(f"UPDATE shop_keyed SET id = 'b', owner_id = {ben.pk}")
    event = Events.objects.get(pgh_label="before")
    assert (event.pgh_obj_id, event.pgh_data["id"]) == ("b", "a")
    assert event.pgh_refs == [f"shop.Customer:{ben.pk}", "moved shop.Keyed", "was shop.Keyed:a"]
    timeline = thing.pgh_event_model.objects.timeline(thing.objects.get())
    assert [(e.pgh_label, e.id) for e in timeline] == [("insert", "a"), ("before", "a")]
    moment = event.pgh_created_at
    assert [o.pk for o in thing.objects.as_of(moment)] == ["b"]


def test_a_timeline_ends_also_where_an_event_says_that_a_key_became_itself() -> None:
    thing = tracked_table("Keyed", id=models.TextField(primary_key=True), n=models.IntegerField())
    row = thing.objects.create(id="a", n=1)
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot, diff, refs)"
        """ VALUES ('shop.Keyed', 'a', 'update', 'U', '{"id": "a", "n": 2}', '{"n": [1, 2]}',"""
        " '{moved shop.Keyed,was shop.Keyed:a}')"
    )
    assert [e.n for e in thing.pgh_event_model.objects.timeline(row)] == [1, 2]


def test_the_timeline_of_a_reused_key_is_of_the_present_life() -> None:
    thing = tracked_table(
        "Keyed", id=models.IntegerField(primary_key=True), n=models.IntegerField()
    )
    thing.objects.create(id=1, n=1).delete()
    again = thing.objects.create(id=1, n=2)
    assert [e.n for e in thing.pgh_event_model.objects.timeline(again)] == [2]


def test_the_timeline_of_a_composite_key_follows_a_part_that_changed(seat: Any) -> None:
    hall = seat._meta.get_field("hall").related_model.objects.create(code="h")
    seat.objects.create(hall=hall, row=1, price=1)
    execute("UPDATE shop_seat SET row = 2")
    execute("UPDATE shop_seat SET price = 3.5")
    timeline = seat.pgh_event_model.objects.timeline(seat.objects.get())
    assert [(e.pgh_operation, e.row) for e in timeline] == [("I", 1), ("U", 2), ("U", 2)]


def test_the_timeline_of_a_row_older_than_its_tracking_starts_where_tracking_does() -> None:
    thing = tracked_table(
        "Keyed", id=models.IntegerField(primary_key=True), n=models.IntegerField()
    )
    execute("ALTER TABLE shop_keyed DISABLE TRIGGER USER; INSERT INTO shop_keyed VALUES (1, 1)")
    execute("ALTER TABLE shop_keyed ENABLE TRIGGER USER; UPDATE shop_keyed SET n = 2")
    assert [e.n for e in thing.pgh_event_model.objects.timeline(thing.objects.get())] == [2]
