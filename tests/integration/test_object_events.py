"""The one walk of an object's life: what timelines, blame, diffs and plans agree about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

import pgaudit_log
from pgaudit_log.declaring.former_names import forget
from pgaudit_log.diffs import NOW, blame, diff
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.reading import object_timeline
from pgaudit_log.reversal import revert
from pgaudit_log.testing import isolated
from tests.shop.models import Customer, Product, Untracked
from tests.support import execute
from tests.tables import install, make, tracked_table

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    with isolated():
        yield


def two_insert_trackers(level: Any) -> Any:
    thing = tracked_table(
        "Keyed",
        pgaudit_log.InsertEvent(),
        pgaudit_log.InsertEvent("insert_again"),
        pgaudit_log.UpdateEvent(),
        track={"level": level},
        id=models.IntegerField(primary_key=True),
        n=models.IntegerField(default=0),
    )
    thing.objects.create(id=1)
    execute("UPDATE shop_keyed SET n = 1")
    return thing


def a_key_outside_of_fields(level: Any) -> Any:
    thing = tracked_table(
        "Keyed",
        track={"fields": ["n"], "level": level, "model_name": "KeyedEvent"},
        id=models.IntegerField(primary_key=True),
        n=models.IntegerField(default=0),
    )
    thing.objects.create(id=1)
    execute("UPDATE shop_keyed SET id = 2, n = 1")
    execute("UPDATE shop_keyed SET n = 2")
    return thing


def a_key_whose_column_was_renamed(level: Any) -> Any:
    thing = tracked_table(
        "Keyed",
        track={"level": level},
        key=models.IntegerField(primary_key=True, db_column="id"),
        n=models.IntegerField(default=0),
    )
    thing.objects.create(key=1)
    execute("UPDATE shop_keyed SET id = 2")
    execute("ALTER TABLE shop_keyed RENAME COLUMN id TO key")
    key = thing._meta.get_field("key")
    key.db_column = key.column = "key"
    forget()
    install(thing, create=False)
    execute("UPDATE shop_keyed SET key = 3, n = 1")
    return thing


def a_key_that_another_had_before(level: Any) -> Any:
    thing = tracked_table(
        "Keyed",
        track={"level": level},
        id=models.IntegerField(primary_key=True),
        n=models.IntegerField(default=0),
    )
    thing.objects.create(id=1, n=5).delete()
    thing.objects.create(id=1)
    execute("UPDATE shop_keyed SET n = 1")
    return thing


def a_row_that_was_written_uncaptured_after_a_truncation(level: Any) -> Any:
    thing = tracked_table(
        "Keyed",
        track={"level": level},
        id=models.IntegerField(primary_key=True),
        n=models.IntegerField(default=0),
    )
    thing.objects.create(id=1, n=5)
    execute("TRUNCATE shop_keyed; ALTER TABLE shop_keyed DISABLE TRIGGER USER")
    execute("INSERT INTO shop_keyed VALUES (1, 0); ALTER TABLE shop_keyed ENABLE TRIGGER USER")
    execute("UPDATE shop_keyed SET n = 1")
    return thing


LIVES: dict[Callable[[Any], Any], list[tuple[str, str]]] = {
    two_insert_trackers: [("insert", "1"), ("insert_again", "1"), ("update", "1")],
    a_key_outside_of_fields: [("insert", "1"), ("update", "2"), ("update", "2")],
    a_key_whose_column_was_renamed: [("insert", "1"), ("update", "2"), ("update", "3")],
    a_key_that_another_had_before: [("insert", "1"), ("update", "1")],
    a_row_that_was_written_uncaptured_after_a_truncation: [("update", "1")],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "level", [pgaudit_log.Statement, pgaudit_log.Row], ids=["statement", "row"]
)
@pytest.mark.parametrize("life", LIVES)
def test_all_follow_one_life(life: Callable[[Any], Any], level: Any) -> None:
    thing = life(level)
    one = thing.objects.get()
    expected = sorted(LIVES[life])
    typed = thing.pgh_event_model.objects.timeline(one)
    assert sorted(typed.values_list("pgh_label", "pgh_obj_key")) == expected
    trail = Events.objects.timeline(one)
    assert sorted(trail.values_list("pgh_label", "pgh_obj_id")) == expected
    walked = object_timeline.of(thing, str(one.pk), "default")
    assert sorted(walked.values_list("pgh_label", "pgh_obj_id")) == expected
    first, last = trail[0], trail.last()
    assert blame(one)["n"].event.pgh_id in {event.pgh_id for event in trail}  # type: ignore[union-attr]
    found = diff(first, last)
    assert found == diff(first, NOW)
    assert found.key == str(one.pk)
    assert not revert(one, to=first).obstacles


def test_a_timeline_is_of_a_tracked_object_that_was_saved() -> None:
    for wrong, message in (
        (Customer(), "was saved"),
        (Customer, "was saved"),
        (Untracked.objects.create(), "not tracked"),
    ):
        for events in (Events.objects, Customer.pgh_event_model.objects):  # type: ignore[attr-defined]
            with pytest.raises(QueryError, match=message):
                events.timeline(wrong)


def test_the_timeline_of_an_object_has_the_rows_that_it_inherits() -> None:
    parent, child = family()
    parent.objects.create(name="Old").delete()
    dog = child.objects.create(name="Rex", breed="lab")
    child.objects.update(name="Max")
    labels = ["shop.Animal", "shop.Dog", "shop.Animal"]
    for events in (Events.objects, child.pgh_event_model.objects):
        timeline = events.timeline(dog)
        assert list(timeline.values_list("pgh_obj_model", flat=True)) == labels
    own = parent.pgh_event_model.objects.timeline(parent.objects.get())
    assert [event.name for event in own] == ["Rex", "Max"]


def family(**track: Any) -> tuple[Any, Any]:
    """Return a tracked parent and its tracked child."""
    parent = make("Animal", name=models.TextField(), legs=models.IntegerField(default=4))
    pgaudit_log.track(**track)(parent)
    child = make("Dog", (parent,), breed=models.TextField())
    pgaudit_log.track(**track)(child)
    install(parent, child)
    return parent, child


@pytest.mark.slow
@pytest.mark.parametrize(
    "level", [pgaudit_log.Statement, pgaudit_log.Row], ids=["statement", "row"]
)
def test_a_diff_is_of_the_whole_object(level: Any) -> None:
    _, child = family(level=level)
    dog = child.objects.create(name="Rex", breed="lab")
    of_dog = dog.events.order_by("pgh_id").last()
    child.objects.update(name="Max")
    renamed = dog.events.order_by("pgh_id").last()
    assert (of_dog.pgh_obj_model, renamed.pgh_obj_model) == ("shop.Dog", "shop.Animal")
    for typed, other in ((of_dog, renamed), (of_dog, NOW)):
        assert {n: (d.old, d.new) for n, d in diff(typed, other).items()} == {
            "name": ("Rex", "Max")
        }
    child.objects.update(breed="pug")
    both = {"name": ("Rex", "Max"), "breed": ("lab", "pug")}
    assert {n: (d.old, d.new) for n, d in diff(of_dog).items()} == both
    assert diff(of_dog).model is child
    trail = Events.objects.get(pgh_id=of_dog.pgh_id)
    assert diff(trail) == diff(of_dog)
    # An event of the parent by itself is of the parent, as revert() of it would be.
    assert list(diff(Events.objects.get(pgh_id=renamed.pgh_id))) == []
    assert diff(renamed)["breed"].old == "lab"
    assert diff(of_dog, renamed).keys() == {"name"}
    plan = revert(dog, to=of_dog)
    assert {c.field for step in plan.steps for c in step.changes} == set(both)


def test_a_diff_of_a_whole_object_that_is_gone() -> None:
    _, child = family()
    dog = child.objects.create(name="Rex", breed="lab")
    event = dog.events.order_by("pgh_id").last()
    child.objects.get().delete()
    found = diff(event)
    assert (found.existed, found.exists) == (True, False)
    assert (found["name"].old, found["breed"].old) == ("Rex", "lab")


def test_a_diff_of_a_whole_object_follows_its_key() -> None:
    parent = make("Animal", code=models.TextField(primary_key=True), legs=models.IntegerField())
    pgaudit_log.track()(parent)
    child = make("Dog", (parent,), breed=models.TextField())
    pgaudit_log.track()(child)
    install(parent, child)
    dog = child.objects.create(code="a", legs=4, breed="lab")
    event = dog.events.order_by("pgh_id").last()
    execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    execute("UPDATE shop_animal SET code = 'b', legs = 3; UPDATE shop_dog SET animal_ptr_id = 'b'")
    found = diff(event)
    assert found.key == "b"
    assert (found["legs"].old, found["legs"].new) == (4, 3)
    again = child.objects.get()
    assert diff(event, again.events.order_by("pgh_id").last())["legs"].new == 3
    assert Events.objects.timeline(again).count() == 4


def test_events_of_two_objects_of_a_family_are_not_compared() -> None:
    parent, child = family()
    dog = child.objects.create(name="Rex", breed="lab")
    cat = parent.objects.create(name="Tom")
    with pytest.raises(QueryError, match="Give two events of one object"):
        diff(dog.events.first(), cat.events.first())
    customer = Customer.objects.create(name="Ana")
    with pytest.raises(QueryError, match=r"is of shop.Customer .* of shop.Dog|is of shop.Dog"):
        diff(dog.events.last(), customer.events.get())


@pytest.mark.parametrize("moves", [1, 3])
def test_many_keys_are_followed_at_once(moves: int) -> None:
    thing = tracked_table("Keyed", id=models.IntegerField(primary_key=True))
    thing.objects.bulk_create([thing(id=n) for n in range(1, 6)])
    places = list(
        Events.objects.filter(pgh_obj_model="shop.Keyed").values_list("pgh_obj_id", "pgh_id")
    )
    for _ in range(moves):
        execute("UPDATE shop_keyed SET id = id + 100")
    execute("DELETE FROM shop_keyed WHERE id % 100 = 5")
    with CaptureQueriesContext(connection) as queries:
        found = object_timeline.current_keys(thing, places, "default")
    assert len(queries) == moves + 1
    assert {key: found.get((key, id)) for key, id in places} == {
        **{str(n): str(n + 100 * moves) for n in range(1, 5)},
        "5": None,
    }


def test_products_have_timelines_too() -> None:
    apple = Product.objects.create(sku="A", name="Apple", price=1)
    assert Events.objects.timeline(apple).get().pgh_label == "insert"
