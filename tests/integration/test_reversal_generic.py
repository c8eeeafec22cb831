"""Generic relations: a plan counts them as they will be, and tells what will point at nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models

import pgaudit_log
from pgaudit_log.reversal import Kind, restore, undo
from tests.going_back import Tables, event_of, tables, transaction_of
from tests.support import execute

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def made() -> Iterator[Tables]:
    with tables() as found:
        yield found


@pytest.fixture
def tag(made: Tables) -> Any:
    return made.make(
        "Label",
        content_type=models.ForeignKey(ContentType, models.CASCADE, related_name="+"),
        object_id=models.TextField(),
        target=GenericForeignKey(),
    )


@pytest.fixture
def thing(made: Tables, tag: Any) -> Any:
    return made.make("Thing", n=models.IntegerField(default=0), tags=GenericRelation(tag))


def told(found: Any) -> list[tuple[Kind, str]]:
    return [(obstacle.kind, obstacle.model) for obstacle in found]


REFERENCED = [(Kind.REFERENCED, "shop.Thing")]


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("through", ["sql", "save"])
def test_a_row_that_the_plan_points_elsewhere_does_not_hold_what_it_pointed_at(
    thing: Any, tag: Any, through: str
) -> None:
    first = thing.objects.create()
    label = tag.objects.create(target=first)
    with pgaudit_log.context(reason="mistake") as context:
        label.target = thing.objects.create()
        label.save()
    plan = undo(context=context)
    assert told(plan.obstacles) == []
    plan.apply(through=through)
    assert (thing.objects.get(), tag.objects.get().target) == (first, first)


def test_force_leaves_it_pointing_at_nothing(thing: Any, tag: Any) -> None:
    tag.objects.create(target=thing.objects.create())
    insert = event_of(thing, "I")
    assert told(undo(insert).obstacles) == REFERENCED
    plan = undo(insert, on_conflict="force")
    assert (told(plan.obstacles), told(plan.left_alone)) == ([], REFERENCED)
    plan.apply()
    assert (thing.objects.count(), tag.objects.get().target) == (0, None)


def test_an_undo_can_be_undone_where_a_row_dangled_before(thing: Any, tag: Any) -> None:
    one = thing.objects.create()
    tag.objects.create(target=one)
    execute("DELETE FROM shop_thing")
    undo(event_of(thing, "D")).apply()
    again = transaction_of()
    plan = undo(txid=again)
    assert (told(plan.obstacles), told(plan.left_alone)) == ([], REFERENCED)
    # Not where another has come meanwhile, for which the object was there.
    tag.objects.create(target=one)
    assert told(undo(txid=again).obstacles) == REFERENCED
    tag.objects.latest("pk").delete()
    undo(txid=again).apply()
    assert (thing.objects.count(), tag.objects.count()) == (0, 1)


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("how", ["gone", "left out", "no key of it"])
def test_a_row_that_would_point_at_nothing_is_told(thing: Any, tag: Any, how: str) -> None:
    one = thing.objects.create()
    tag.objects.create(target=one)
    row = f"shop.Thing {one.pk}"
    if how == "no key of it":
        tag.objects.update(object_id="x")
    if how == "left out":
        one.delete()
        plan = restore(event_of(thing, "D"), leave_out=[row])
    else:
        tag.objects.all().delete()
        execute("DELETE FROM shop_thing")
        plan = restore(event_of(tag, "D"))
    assert (Kind.MISSING_TARGET, "shop.Label") in told(plan.left_alone)
    plan.apply()
    assert (thing.objects.count(), tag.objects.count()) == (0, 1)


def test_a_row_that_comes_back_with_its_object_points_at_something(thing: Any, tag: Any) -> None:
    one = thing.objects.create()
    tag.objects.create(target=one)
    one.delete()
    plan = restore(event_of(thing, "D"))
    assert (told(plan.obstacles), told(plan.left_alone)) == ([], [])
