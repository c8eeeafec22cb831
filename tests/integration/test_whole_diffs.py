"""The diff of a whole object: what was added, removed and changed among its parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pgaudit_log.diffs import NOW, diff
from pgaudit_log.exceptions import QueryError, UnknownPastError
from pgaudit_log.reversal import revert
from tests.going_back import Tables, tables
from tests.moments import now
from tests.support import execute
from tests.untracked_past import unseen
from tests.whole_orders import Shop, shop

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def made() -> Iterator[Tables]:
    with tables() as found:
        yield found


@pytest.fixture
def whole(made: Tables) -> Shop:
    return shop(made)


@pytest.mark.slow
@pytest.mark.everywhere
def test_parts_are_added_removed_and_changed(whole: Shop) -> None:
    order = whole.an_order("Blue", "Red")
    gift, rush = (whole.tag.objects.create(name=name) for name in ("gift", "rush"))
    order.tags.add(gift)
    then = now()
    order.lines.get(name="Blue").delete()
    order.lines.create(name="Distance", quantity=2)
    order.lines.filter(name="Red").update(quantity=3)
    order.tags.set([rush])
    order.status = "paid"
    order.save()
    found = diff(then, NOW, of=order, parts=True)
    assert str(found).splitlines() == [
        "status: new → paid",
        "lines: + 2 × Distance, − 1 × Blue, ~ 3 × Red",
        "  3 × Red",
        "    quantity: 1 → 3",
        "tags: + rush, − gift",
    ]
    [removed] = found.parts["lines"].removed
    assert (removed.model, removed.key) == (whole.line, "1")
    assert removed.diff is not None
    assert removed.diff["name"].old == "Blue"
    [added] = found.parts["tags"].added
    assert (added.model, added.key, added.text, added.diff) == (whole.tag, "2", "rush", None)


def test_the_same_object_twice_has_no_difference(whole: Shop) -> None:
    order = whole.an_order("Blue")
    order.tags.add(whole.tag.objects.create(name="gift"))
    found = diff(now(), NOW, of=order, parts=True)
    assert (bool(found), found.parts, str(found)) == (False, {}, "shop.Basket 1: no difference")


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_difference_of_the_parts_only_is_one(whole: Shop) -> None:
    order = whole.an_order()
    then = now()
    order.notes.create(text="call first")
    found = diff(then, NOW, of=order, parts=True)
    assert (bool(found), len(found), str(found)) == (True, 0, "notes: + call first")


@pytest.mark.slow
@pytest.mark.everywhere
def test_parts_of_parts_are_told_with_their_owner(whole: Shop) -> None:
    order = whole.an_order("Blue", "Red")
    blue, red = order.lines.order_by("pk")
    whole.discount.objects.create(line=blue, percent=5)
    moved = whole.discount.objects.create(line=blue, percent=9)
    then = now()
    whole.discount.objects.filter(percent=5).delete()
    moved.line = red
    moved.save()
    assert str(diff(then, NOW, of=order, parts=True)).splitlines() == [
        "lines: ~ 1 × Blue, ~ 1 × Red",
        "  1 × Blue",
        "    discounts: − 5 %, − 9 %",
        "  1 × Red",
        "    discounts: + 9 %",
    ]


@pytest.mark.slow
@pytest.mark.everywhere
def test_names_are_those_of_their_side(whole: Shop) -> None:
    order = whole.an_order("Blue", "Red")
    tag = whole.tag.objects.create(name="gift")
    order.tags.add(tag)
    one = now()
    whole.tag.objects.update(name="present")
    order.lines.filter(name="Blue").update(name="Navy")
    order.lines.filter(name="Navy").delete()
    order.tags.clear()
    two = now()
    assert str(diff(one, two, of=order, parts=True)).splitlines() == [
        "lines: − 1 × Blue",
        "tags: − gift",
    ]


@pytest.mark.slow
@pytest.mark.everywhere
def test_two_events_of_the_object_are_sides_too(whole: Shop) -> None:
    order = whole.an_order("Blue")
    order.status = "paid"
    order.save()
    first, second = order.events.order_by("pgh_id")
    assert str(diff(first, second, parts=True)).splitlines() == [
        "status: new → paid",
        "lines: + 1 × Blue",
    ]
    assert diff(first, second).parts == {}


def test_a_part_that_moved_to_another_order(whole: Shop) -> None:
    one, other = whole.an_order("Blue"), whole.an_order()
    then = now()
    whole.line.objects.update(order=other, quantity=2)
    assert str(diff(then, NOW, of=one, parts=True)) == "lines: − 1 × Blue"
    assert str(diff(then, NOW, of=other, parts=True)) == "lines: + 2 × Blue"


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_part_that_was_deleted_and_came_again_is_the_same(whole: Shop) -> None:
    order = whole.an_order("Blue")
    order.tags.add(whole.tag.objects.create(name="gift"))
    then = now()
    order.lines.all().delete()
    order.tags.clear()
    order.tags.add(1)
    whole.line.objects.create(pk=1, order=order, name="Blue", quantity=4)
    assert str(diff(then, NOW, of=order, parts=True)).splitlines() == [
        "lines: ~ 4 × Blue",
        "  4 × Blue",
        "    quantity: 1 → 4",
    ]


@pytest.mark.slow
@pytest.mark.everywhere
def test_the_set_of_a_part_that_came_again_is_the_same(made: Tables) -> None:
    tag = made.make("Label", name=models.TextField(), __str__=lambda self: self.name)
    order = made.make("Basket", track={"follow": ["lines"]})
    line = made.make(
        "BasketLine",
        track={"follow": ["tags"]},
        order=models.ForeignKey(order, models.CASCADE, related_name="lines"),
        tags=models.ManyToManyField(tag),
        __str__=lambda self: "Blue",
    )
    basket, gift, rush = order.objects.create(), *(tag.objects.create(name=n) for n in "gr")
    line.objects.create(order=basket).tags.add(gift)
    then = timezone.now()
    line.objects.all().delete()
    line.objects.create(pk=1, order=basket).tags.add(gift)
    assert not diff(then, NOW, of=basket, parts=True)
    line.objects.get().tags.set([rush])
    assert str(diff(then, NOW, of=basket, parts=True)).splitlines() == [
        "lines: ~ Blue",
        "  Blue",
        "    tags: + r, − g",
    ]
    revert(basket, to=then, parts=True).apply()
    assert list(line.objects.get().tags.all()) == [gift]


@pytest.mark.slow
@pytest.mark.everywhere
def test_an_object_that_is_gone_has_lost_its_parts(whole: Shop) -> None:
    order = whole.an_order("Blue")
    then = now()
    whole.order.objects.get().delete()
    found = diff(then, NOW, of=order, parts=True)
    assert found.exists is False
    assert [part.text for part in found.parts["lines"].removed] == ["1 × Blue"]


def test_a_moment_of_before_the_object_was_deleted_and_brought_back(whole: Shop) -> None:
    order = whole.an_order("Blue")
    then = now()
    whole.order.objects.get().delete()
    order.save(force_insert=True)
    assert str(diff(then, NOW, of=order, parts=True)) == "lines: − 1 × Blue"


def test_what_is_older_than_its_tracking_is_told_as_unknown(whole: Shop) -> None:
    order = whole.an_order()
    then = now()
    unseen("INSERT INTO shop_basketline (id, name, quantity, order_id) VALUES (7, 'Blue', 1, 1)")
    found = diff(then, NOW, of=order, parts=True)
    assert (bool(found), str(found)) == (False, "lines: ? 1 × Blue")


def test_a_name_that_cannot_be_said_is_that_of_the_model_with_the_key(made: Tables) -> None:
    def fail(self: Any) -> str:
        raise ValueError

    order = made.make("Basket", track={"follow": ["lines"]})
    line = made.make(
        "BasketLine",
        order=models.ForeignKey(order, models.CASCADE, related_name="lines"),
        __str__=fail,
    )
    basket = order.objects.create()
    then = now()
    line.objects.create(order=basket)
    assert str(diff(then, NOW, of=basket, parts=True)) == "lines: + basket line 1"


def test_what_a_part_inherits_is_compared_with_it(made: Tables) -> None:
    order = made.make("Basket", track={"follow": ["specials"]})
    line = made.make("BasketLine", name=models.TextField(), __str__=lambda self: self.name)
    special = made.make(
        "Special",
        bases=(line,),
        order=models.ForeignKey(order, models.CASCADE, related_name="specials"),
    )
    basket = order.objects.create()
    special.objects.create(order=basket, name="Blue")
    then = now()
    line.objects.update(name="Red")
    assert str(diff(then, NOW, of=basket, parts=True)).splitlines() == [
        "specials: ~ Red",
        "  Red",
        "    name: Blue → Red",
    ]


def queries_of(whole: Shop, count: int) -> int:
    """Return how many queries the diff of an order with so many lines, discounts and tags takes."""
    order = whole.an_order(*["Blue"] * count)
    order.tags.set([whole.tag.objects.create(name="gift") for _ in range(count)])
    then = now()
    for line in order.lines.all():
        whole.discount.objects.create(line=line, percent=5)
    order.lines.update(quantity=2)
    order.tags.clear()
    order.lines.create(name="Red")
    with CaptureQueriesContext(connection) as queries:
        diff(then, NOW, of=order, parts=True)
    return len(queries)


@pytest.mark.slow
@pytest.mark.everywhere
def test_the_number_of_queries_is_that_of_the_relations(whole: Shop) -> None:
    queries_of(whole, 1)
    assert queries_of(whole, 100) == queries_of(whole, 1) < 80


def test_a_moment_before_the_object_is_a_side_without_it(whole: Shop) -> None:
    then = timezone.now()
    order = whole.an_order("Blue")
    found = diff(then, NOW, of=order, parts=True)
    assert (found.existed, found.exists) == (False, True)
    assert [part.text for part in found.parts["lines"].added] == ["1 × Blue"]
    execute("TRUNCATE shop_basket CASCADE")
    found = diff(then, timezone.now(), of=order, parts=True)
    assert (found.existed, found.exists, found.parts) == (False, False, {})


def test_a_moment_of_which_nothing_is_known_is_told(whole: Shop) -> None:
    then = timezone.now()
    unseen("INSERT INTO shop_basket (id, status) VALUES (1, 'new')")
    whole.order.objects.update(status="paid")
    with pytest.raises(UnknownPastError, match="shop.Basket 1 is unknown before"):
        diff(then, NOW, of=whole.order(pk=1), parts=True)


def test_what_is_no_object_is_refused(whole: Shop) -> None:
    whole.an_order()
    with pytest.raises(QueryError, match="Give an object that was saved"):
        diff(now(), of="order")  # type: ignore[arg-type]
