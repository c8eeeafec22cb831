"""Reverting a whole object: its parts go back to the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import pgaudit_log
from pgaudit_log.diffs import NOW, diff
from pgaudit_log.exceptions import QueryError, UnknownPastError
from pgaudit_log.models import Events
from pgaudit_log.reversal import Kind, revert
from tests.going_back import Copies, Tables, event_of, tables
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


def copies(whole: Shop) -> Copies:
    """Return copies of the tables of an order and its parts."""
    return Copies(
        whole.order, whole.line, whole.discount, whole.note, whole.order.tags.through, whole.tag
    )


def steps(plan: Any) -> list[str]:
    return sorted(str(step) for step in plan.steps)


def a_full_order(whole: Shop) -> Any:
    order = whole.an_order("Blue", "Red", "Green")
    for line in order.lines.all():
        whole.discount.objects.create(line=line, percent=5)
    order.tags.add(whole.tag.objects.create(name="gift"))
    order.notes.create(text="call first")
    return order


@pytest.mark.slow
@pytest.mark.everywhere
def test_parts_come_back_go_away_and_change_back(whole: Shop) -> None:
    order = a_full_order(whole)
    other = whole.an_order()
    then, before = timezone.now(), copies(whole)
    blue, red, green = order.lines.order_by("pk")
    blue.delete()
    red.order = other
    red.save()
    green.quantity = 3
    green.save()
    order.lines.create(name="Distance").discounts.create(percent=1)
    order.notes.all().delete()
    order.tags.set([])
    order.status = "paid"
    order.save()
    plan = revert(order, to=then, parts=True)
    assert steps(plan) == [
        "delete shop.BasketLine 4",
        "delete shop.Discount 4",
        "insert shop.BasketLine 1",
        "insert shop.Basket_tags 1",
        "insert shop.Discount 1",
        "insert shop.Remark 1",
        "update shop.Basket 1",
        "update shop.BasketLine 2",
        "update shop.BasketLine 3",
    ]
    assert str(plan).startswith(f"revert shop.Basket 1 with its parts to {then.isoformat()}")
    assert before.differences() != []
    plan.apply()
    assert before.differences() == []
    assert not diff(then, NOW, of=order, parts=True)


def test_without_parts_only_the_object_goes_back(whole: Shop) -> None:
    order = whole.an_order("Blue")
    then = timezone.now()
    order.lines.all().delete()
    order.status = "paid"
    order.save()
    assert steps(revert(order, to=then, parts=False)) == ["update shop.Basket 1"]


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_revert_is_reverted(whole: Shop) -> None:
    order = a_full_order(whole)
    then = timezone.now()
    order.lines.filter(name="Blue").delete()
    order.lines.create(name="Distance")
    order.tags.clear()
    later, changed = timezone.now(), copies(whole)
    revert(order, to=then, parts=True).apply()
    assert not diff(then, NOW, of=order, parts=True)
    back = timezone.now()
    revert(order, to=later, parts=True).apply()
    assert changed.differences() == []
    revert(order, to=back, parts=True).apply()
    assert not diff(then, NOW, of=order, parts=True)
    assert changed.differences() != []


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_deleted_object_comes_back_with_its_parts(whole: Shop) -> None:
    order = a_full_order(whole)
    then, before = timezone.now(), copies(whole)
    whole.order.objects.get().delete()
    revert(order, to=then, parts=True).apply()
    assert before.differences() == []


@pytest.mark.slow
@pytest.mark.everywhere
def test_the_event_of_its_deletion_brings_what_was_deleted_with_it(whole: Shop) -> None:
    order = a_full_order(whole)
    order.lines.filter(name="Red").delete()
    before = copies(whole)
    whole.order.objects.get().delete()
    revert(order, to=event_of(whole.order, "D"), parts=True).apply()
    assert before.differences() == []


def test_an_event_of_a_part_is_a_moment_of_the_object(whole: Shop) -> None:
    order = whole.an_order("Blue")
    order.lines.update(quantity=2)
    event = event_of(whole.line, "U")
    before = copies(whole)
    order.status = "paid"
    order.save()
    order.lines.all().delete()
    plan = revert(order, to=event, parts=True)
    plan.apply(reason="too early")
    assert before.differences() == []
    contexts = Events.objects.filter(pgh_context__reason="too early")
    assert {e.pgh_context["reverts_event"] for e in contexts} == {event.pgh_id}


@pytest.mark.slow
@pytest.mark.everywhere
def test_an_event_of_another_object_is_refused(whole: Shop) -> None:
    order, _ = whole.an_order("Blue"), whole.an_order("Red")
    with pytest.raises(QueryError, match="is of shop.BasketLine, not of shop.Basket"):
        revert(order, to=event_of(whole.line, "I"), parts=True)


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_row_that_came_from_elsewhere_goes_back_there(whole: Shop) -> None:
    one, other = whole.an_order("Blue"), whole.an_order()
    then, before = timezone.now(), copies(whole)
    whole.line.objects.update(order=other, quantity=5)
    revert(other, to=then, parts=True).apply()
    assert before.differences() == []
    assert one.lines.count() == 1


@pytest.mark.slow
@pytest.mark.everywhere
def test_there_and_back_in_one_transaction_is_nothing_to_do(whole: Shop) -> None:
    one, other = whole.an_order("Blue"), whole.an_order()
    then = timezone.now()
    with transaction.atomic():
        whole.line.objects.update(order=other)
        whole.line.objects.update(order=one)
    assert revert(one, to=then, parts=True).steps == ()
    assert revert(other, to=then, parts=True).steps == ()


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_part_whose_key_was_changed_keeps_its_new_one(whole: Shop) -> None:
    order = whole.an_order("Blue", "Red")
    then = timezone.now()
    execute("UPDATE shop_basketline SET id = id + 10")
    order.lines.update(name="Navy")
    revert(order, to=then, parts=True).apply()
    assert list(order.lines.order_by("pk").values_list("pk", "name")) == [(11, "Blue"), (12, "Red")]


@pytest.mark.slow
@pytest.mark.everywhere
def test_parts_of_a_part_whose_key_was_changed_stay_with_it(whole: Shop) -> None:
    order = whole.an_order("Blue")
    whole.discount.objects.create(line=order.lines.get(), percent=5)
    then = timezone.now()
    with transaction.atomic():
        execute("SET CONSTRAINTS ALL DEFERRED")
        execute("UPDATE shop_discount SET line_id = 9, percent = 6")
        execute("UPDATE shop_basketline SET id = 9")
    revert(order, to=then, parts=True).apply()
    assert list(whole.discount.objects.values_list("line_id", "percent")) == [(9, 5)]


@pytest.mark.slow
@pytest.mark.everywhere
def test_parts_stay_with_an_object_whose_key_was_changed(whole: Shop) -> None:
    whole.an_order("Blue", "Red")
    then = timezone.now()
    with transaction.atomic():
        execute("SET CONSTRAINTS ALL DEFERRED")
        execute("UPDATE shop_basketline SET order_id = 9, quantity = 4 WHERE name = 'Blue'")
        execute("DELETE FROM shop_basketline WHERE name = 'Red'")
        execute("UPDATE shop_basket SET id = 9")
    order = whole.order.objects.get()
    revert(order, to=then, parts=True).apply()
    lines = whole.line.objects.order_by("pk").values_list("pk", "order_id", "quantity")
    assert list(lines) == [(1, 9, 1), (2, 9, 1)]


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_key_that_another_objects_part_has_by_now_is_an_obstacle(whole: Shop) -> None:
    one, other = whole.an_order("Blue"), whole.an_order()
    then = timezone.now()
    one.lines.all().delete()
    whole.line.objects.create(pk=1, order=other, name="Red")
    plan = revert(one, to=then, parts=True)
    assert [(o.kind, o.model, o.key) for o in plan.obstacles] == [
        (Kind.EXISTS, "shop.BasketLine", "1")
    ]
    left = revert(one, to=then, parts=True, leave_out=["exists"])
    left.apply()
    assert whole.line.objects.get().order == other


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_part_that_was_tagged_anew_is_left_as_it_is(whole: Shop) -> None:
    order = whole.an_order()
    gift, rush = (whole.tag.objects.create(name=name) for name in ("gift", "rush"))
    order.tags.add(gift)
    then = timezone.now()
    order.tags.clear()
    order.tags.add(gift, rush)
    plan = revert(order, to=then, parts=True)
    assert [step.action for step in plan.steps] == ["delete"]
    plan.apply()
    assert list(order.tags.all()) == [gift]


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_tag_that_is_gone_is_an_obstacle(whole: Shop) -> None:
    order = whole.an_order()
    order.tags.add(whole.tag.objects.create(name="gift"))
    then = timezone.now()
    whole.tag.objects.all().delete()
    plan = revert(order, to=then, parts=True)
    assert [o.kind for o in plan.obstacles] == [Kind.MISSING_TARGET]


def test_symmetrical_relations_come_back_in_both_directions(made: Tables) -> None:
    person = made.make(
        "Human", track={"follow": ["friends"]}, friends=models.ManyToManyField("self")
    )
    ana, ben, zoe = (person.objects.create() for _ in range(3))
    ana.friends.add(ben)
    then = timezone.now()
    ana.friends.set([zoe])
    assert {p.key for p in diff(then, NOW, of=ana, parts=True).parts["friends"].added} == {"3"}
    revert(ana, to=then, parts=True).apply()
    assert (list(ana.friends.all()), list(ben.friends.all())) == ([ben], [ana])
    assert list(zoe.friends.all()) == []


def test_a_part_that_is_older_than_its_tracking_is_told(whole: Shop) -> None:
    order = whole.an_order()
    then = timezone.now()
    unseen("INSERT INTO shop_basketline (id, name, quantity, order_id) VALUES (7, 'Blue', 1, 1)")
    with pytest.raises(UnknownPastError, match="shop.BasketLine 7, a part of shop.Basket 1"):
        revert(order, to=then, parts=True)
    execute("UPDATE shop_basketline SET quantity = 2")
    with pytest.raises(UnknownPastError, match="shop.BasketLine 7, a part of shop.Basket 1"):
        revert(order, to=then, parts=True)
    later = timezone.now()
    execute("UPDATE shop_basketline SET quantity = 3")
    revert(order, to=later, parts=True).apply()
    assert order.lines.get().quantity == 2


def test_what_a_part_inherits_goes_with_it(made: Tables) -> None:
    order = made.make("Basket", track={"follow": ["specials"]})
    line = made.make("BasketLine", name=models.TextField())
    special = made.make(
        "Special",
        bases=(line,),
        order=models.ForeignKey(order, models.CASCADE, related_name="specials"),
    )
    basket = order.objects.create()
    special.objects.create(order=basket, name="Blue")
    special.objects.create(order=basket, name="Red")
    then, before = timezone.now(), Copies(order, line, special)
    special.objects.get(name="Blue").delete()
    special.objects.create(order=basket, name="Green")
    line.objects.filter(name="Red").update(name="Pink")
    revert(basket, to=then, parts=True).apply()
    assert before.differences() == []


def test_composite_and_uuid_keys(made: Tables) -> None:
    import uuid

    order = made.make(
        "Basket",
        track={"follow": ["lines"]},
        id=models.UUIDField(primary_key=True, default=uuid.uuid4),
    )
    line = made.make(
        "BasketLine",
        track={"follow": ["cuts"]},
        pk=models.CompositePrimaryKey("order_id", "number"),
        order=models.ForeignKey(order, models.CASCADE, related_name="lines"),
        number=models.IntegerField(),
        name=models.TextField(default=""),
    )
    cut = made.make(
        "Cut",
        order_id=models.UUIDField(),
        number=models.IntegerField(),
        line=models.ForeignObject(
            line,
            models.CASCADE,
            from_fields=["order_id", "number"],
            to_fields=["order_id", "number"],
            related_name="cuts",
        ),
        percent=models.IntegerField(),
    )
    basket = order.objects.create()
    for number in (1, 2):
        line.objects.create(order=basket, number=number)
        cut.objects.create(order_id=basket.pk, number=number, percent=number)
    then, before = timezone.now(), Copies(order, line, cut)
    cut.objects.filter(number=1).delete()
    line.objects.filter(number=1).delete()
    line.objects.filter(number=2).update(name="Red")
    cut.objects.filter(number=2).update(percent=9)
    line.objects.create(order=basket, number=3)
    events = Events.objects.timeline(basket, parts=True).values_list("pgh_part", "pgh_operation")
    assert [*events][5:] == [
        ("lines__cuts", "D"),
        ("lines", "D"),
        ("lines", "U"),
        ("lines__cuts", "U"),
        ("lines", "I"),
    ]
    revert(basket, to=then, parts=True).apply()
    assert before.differences() == []


def test_foreign_keys_to_another_unique_field(made: Tables) -> None:
    order = made.make("Basket", track={"follow": ["lines"]}, code=models.TextField(unique=True))
    line = made.make(
        "BasketLine",
        track={"follow": ["cuts"]},
        order=models.ForeignKey(order, models.CASCADE, to_field="code", related_name="lines"),
        name=models.TextField(unique=True),
    )
    cut = made.make(
        "Cut",
        line=models.ForeignKey(line, models.CASCADE, to_field="name", related_name="cuts"),
    )
    basket = order.objects.create(code="a")
    order.objects.create(code="b")
    cut.objects.create(line=line.objects.create(order=basket, name="Blue"))
    cut.objects.create(line=line.objects.create(order_id="b", name="Red"))
    events = Events.objects.timeline(basket, parts=True).values_list("pgh_part", "pgh_obj_id")
    assert list(events) == [("", "1"), ("lines", "1"), ("lines__cuts", "1")]
    then, before = timezone.now(), Copies(order, line, cut)
    line.objects.filter(name="Blue").delete()
    revert(basket, to=then, parts=True).apply()
    assert before.differences() == []


def test_fields_and_parts_are_refused_together(whole: Shop) -> None:
    order = whole.an_order()
    with pytest.raises(QueryError, match="both fields= and parts=True"):
        revert(order, to=now(), parts=True, fields=["status"])


def queries_of(whole: Shop, count: int) -> int:
    """Return how many queries the plan for an order with so many of each part takes."""
    order = whole.an_order(*["Blue"] * count, *["Red"] * count)
    order.tags.set([whole.tag.objects.create(name="gift") for _ in range(count)])
    for line in order.lines.all():
        whole.discount.objects.create(line=line, percent=5)
    then = timezone.now()
    order.lines.filter(name="Blue").delete()
    order.lines.update(quantity=2)
    for _ in range(count):
        order.lines.create(name="Green")
    order.tags.clear()
    with CaptureQueriesContext(connection) as queries:
        revert(order, to=then, parts=True)
    return len(queries)


@pytest.mark.slow
@pytest.mark.everywhere
def test_the_number_of_queries_is_that_of_the_relations(whole: Shop) -> None:
    queries_of(whole, 1)
    assert queries_of(whole, 100) == queries_of(whole, 1) < 120


@pytest.mark.slow
@pytest.mark.everywhere
def test_through_save(whole: Shop) -> None:
    order = a_full_order(whole)
    then, before = timezone.now(), copies(whole)
    order.lines.filter(name="Blue").delete()
    order.tags.clear()
    with pgaudit_log.context(user=1):
        revert(order, to=then, parts=True).apply(through="save")
    assert before.differences() == []
