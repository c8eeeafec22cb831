"""Random histories of orders with parts: timelines, diffs, reverts and the past agree with the tables."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from pgaudit_log.diffs import NOW, Diff, PartDiff, diff
from pgaudit_log.models import Events
from pgaudit_log.reversal import revert
from tests.going_back import Tables, tables
from tests.support import execute
from tests.whole_orders import Shop, shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def made() -> Iterator[Tables]:
    with tables() as found:
        yield found


Picture = dict[str, Any]
"""An order with its parts, as its tables have them."""


def picture(order: Any) -> Picture:
    lines = {
        line.pk: (line.name, line.quantity, {d.pk: d.percent for d in line.discounts.all()})
        for line in order.lines.all()
    }
    return {
        "status": order.status,
        "lines": lines,
        "tags": {tag.pk for tag in order.tags.all()},
        "notes": {note.pk: note.text for note in order.notes.all()},
    }


def actions(whole: Shop, chance: random.Random) -> list[Callable[[], Any]]:
    """Return what may happen next."""

    def one(model: Any) -> Any:
        keys = list(model.objects.order_by("pk").values_list("pk", flat=True))
        return model.objects.filter(pk=chance.choice(keys)) if keys else model.objects.none()

    def order() -> Any:
        return one(whole.order).get()

    def line() -> Any:
        return one(whole.line).first()

    def discounted() -> None:
        if (found := line()) is not None:
            found.discounts.create(percent=chance.randrange(9))

    def moved_discount() -> None:
        if (found := line()) is not None:
            one(whole.discount).update(line=found)

    def deleted_line() -> None:
        if (found := line()) is not None:
            found.delete()

    def moved_key() -> None:
        if (found := line()) is not None:
            new = 1000 + chance.randrange(10**6)
            with transaction.atomic():
                execute("SET CONSTRAINTS ALL DEFERRED")
                execute("UPDATE shop_discount SET line_id = %s WHERE line_id = %s", [new, found.pk])
                execute("UPDATE shop_basketline SET id = %s WHERE id = %s", [new, found.pk])

    return [
        lambda: order().lines.create(name=f"n{chance.randrange(9)}"),
        lambda: one(whole.line).update(quantity=chance.randrange(9)),
        lambda: one(whole.line).update(order=order()),
        discounted,
        moved_discount,
        lambda: one(whole.discount).update(percent=chance.randrange(9)),
        lambda: one(whole.discount).delete(),
        deleted_line,
        moved_key,
        lambda: order().tags.add(*whole.tag.objects.order_by("?")[:2]),
        lambda: order().tags.clear(),
        lambda: order().notes.create(text="call"),
        lambda: one(whole.note).update(object_id=str(order().pk)),
        lambda: one(whole.note).delete(),
        lambda: one(whole.order).update(status=f"s{chance.randrange(9)}"),
    ]


def differs_by_keys_only(found: Diff) -> bool:
    """Return whether nothing differs but the keys that lines have got since, which they keep."""
    return {*found} <= {"id", "line"} and all(
        not part.added
        and not part.removed
        and all(own.diff is not None and differs_by_keys_only(own.diff) for own in part.changed)
        for part in found.parts.values()
    )


@pytest.mark.parametrize("seed", range(6))
def test_they_agree(made: Tables, seed: int) -> None:
    whole, chance = shop(made), random.Random(seed)
    for name in "abc":
        whole.tag.objects.create(name=name)
    orders = [whole.an_order("x", "y"), whole.an_order("z")]
    moments: list[tuple[Any, list[Picture]]] = []
    for _ in range(30):
        doing = actions(whole, chance)
        with transaction.atomic():
            for _ in range(chance.randrange(1, 4)):
                chance.choice(doing)()
        pictures = [picture(whole.order.objects.get(pk=order.pk)) for order in orders]
        moments.append((timezone.now(), pictures))
        if chance.random() < 0.15:
            then, _ = chance.choice(moments)
            plan = revert(chance.choice(orders), to=then, parts=True)
            if plan.is_applicable:
                plan.apply()
    for number, order in enumerate(orders):
        for moment, pictures in moments:
            [past] = whole.order.objects.filter(pk=order.pk).as_of(moment, parts=True)
            assert picture(past) == pictures[number]
        (one, before), (other, after) = sorted(
            chance.sample(moments, 2), key=lambda moment: moment[0]
        )
        told = diff(one, other, of=order, parts=True)
        for name, old, new in (
            ("tags", before[number]["tags"], after[number]["tags"]),
            ("notes", set(before[number]["notes"]), set(after[number]["notes"])),
        ):
            found = told.parts.get(name, PartDiff(name=name))
            assert {int(p.key) for p in found.added} == new - old
            assert {int(p.key) for p in found.removed} == old - new
        assert bool(told) == (before[number] != after[number])
        keys = {(e.pgh_obj_model, e.pgh_obj_id) for e in Events.objects.timeline(order, parts=True)}
        for _, pictures in moments:
            assert {("shop.BasketLine", str(key)) for key in pictures[number]["lines"]} <= keys
    then, pictures = chance.choice(moments)
    for number, order in enumerate(orders):
        plan = revert(order, to=then, parts=True)
        if plan.is_applicable:
            plan.apply()
            now = picture(whole.order.objects.get(pk=order.pk))
            assert sorted(now["lines"].values(), key=str) == sorted(
                pictures[number]["lines"].values(), key=str
            )
            assert now["tags"] == pictures[number]["tags"]
            assert now["notes"] == pictures[number]["notes"]
            assert differs_by_keys_only(diff(then, NOW, of=order, parts=True))
