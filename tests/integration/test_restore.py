"""Restore brings a deleted object back, with what was deleted with it and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import models, transaction

from pgaudit_log.exceptions import PlanError, QueryError
from pgaudit_log.reversal import Kind, arestore, restore
from tests.going_back import Copies, Tables, event_of, tables
from tests.shop.models import Customer, Order, OrderLine, Parcel, Product, Team
from tests.support import execute

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def made() -> Iterator[Tables]:
    with tables() as found:
        yield found


@pytest.fixture
def order() -> Order:
    """An order with two lines and a parcel."""
    product = Product.objects.create(sku="x", name="X", price=1)
    order = Order.objects.create(customer=Customer.objects.create(name="Ana"))
    OrderLine.objects.create(order=order, product=product)
    OrderLine.objects.create(order=order, product=product, quantity=3)
    Parcel.objects.create(order=order, weight=5)
    return order


def test_an_order_comes_back_with_its_lines_and_other_children(order: Order) -> None:
    copies = Copies(Order, OrderLine, Parcel)
    order.delete()
    plan = restore(event_of(Order, "D"))
    assert plan.steps[0].label == "shop.Order"
    plan.apply()
    assert copies.differences() == []


def test_all_levels_come_back(order: Order) -> None:
    copies = Copies(Customer, Order, OrderLine, Parcel)
    order.customer.delete()
    restore(event_of(Customer, "D")).apply()
    assert copies.differences() == []


def test_what_was_deleted_beside_it_stays_deleted(order: Order) -> None:
    other = Order.objects.create(customer=order.customer)
    with transaction.atomic():
        order.delete()
        key = other.pk
        other.delete()
    restore(event_of(Order, "D", pgh_obj_id=str(key - 1))).apply()
    assert Order.objects.count() == 1
    assert OrderLine.objects.count() == 2


def test_what_was_deleted_earlier_stays_deleted(order: Order) -> None:
    order.lines.all()[0].delete()
    order.delete()
    restore(event_of(Order, "D")).apply()
    assert OrderLine.objects.count() == 1


def test_rows_come_back_in_an_order_in_which_no_constraint_needs_to_wait(order: Order) -> None:
    names = execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'f'"
        " AND conrelid IN ('shop_order'::regclass, 'shop_orderline'::regclass)"
    )
    copies = Copies(Customer, Order, OrderLine)
    for table, name in names:
        execute(f'ALTER TABLE {table} ALTER CONSTRAINT "{name}" NOT DEFERRABLE')
    try:
        with transaction.atomic():
            Parcel.objects.all().delete()
            order.customer.delete()
        restore(event_of(Customer, "D")).apply()
        assert copies.differences() == []
    finally:
        for table, name in names:
            execute(f'ALTER TABLE {table} ALTER CONSTRAINT "{name}" DEFERRABLE INITIALLY DEFERRED')


def test_references_that_the_deletion_set_to_null_point_at_it_again(made: Tables) -> None:
    target = made.make("Target", name=models.TextField(unique=True))
    thing = made.make(
        "Thing",
        to=models.ForeignKey(target, models.SET_NULL, null=True),
        by_name=models.ForeignKey(
            target, models.SET_NULL, null=True, to_field="name", related_name="+"
        ),
        n=models.IntegerField(default=0),
    )
    one, other = target.objects.create(name='it\'s "one"'), target.objects.create(name="2")
    thing.objects.create(to=one, by_name=one)
    thing.objects.create(to=other, by_name=one)
    copies = Copies(target, thing)
    key = one.pk
    one.delete()
    assert set(thing.objects.values_list("to", "by_name")) == {(None, None), (other.pk, None)}
    restore(event_of(target, "D")).apply()
    assert copies.differences() == []
    assert target.objects.get(name='it\'s "one"').pk == key


def test_a_reference_that_was_set_anew_since_stands_in_the_way(made: Tables) -> None:
    target = made.make("Target")
    thing = made.make("Thing", to=models.ForeignKey(target, models.SET_NULL, null=True))
    one = target.objects.create()
    thing.objects.create(to=one)
    one.delete()
    thing.objects.update(to=target.objects.create())
    plan = restore(event_of(target, "D"))
    assert [o.kind for o in plan.obstacles] == [Kind.CHANGED_LATER]


def test_other_changes_of_that_transaction_stay(made: Tables) -> None:
    target = made.make("Target")
    thing = made.make(
        "Thing",
        to=models.ForeignKey(target, models.SET_NULL, null=True),
        n=models.IntegerField(default=0),
    )
    one = target.objects.create()
    thing.objects.create(to=one)
    with transaction.atomic():
        thing.objects.update(n=5)
        one.delete()
    restore(event_of(target, "D")).apply()
    assert thing.objects.values_list("to", "n").get() == (target.objects.get().pk, 5)


def test_inherited_rows_come_back(made: Tables) -> None:
    base = made.make("Base", a=models.IntegerField())
    child = made.make("Child", bases=(base,), b=models.IntegerField())
    child.objects.create(a=1, b=2)
    copies = Copies(base, child)
    for model in (child, base):
        child.objects.get().delete()
        plan = restore(event_of(model, "D"))
        assert [step.model for step in plan.steps] == [base, child]
        plan.apply()
        assert copies.differences() == []


def test_rows_of_many_to_many_relations_come_back() -> None:
    team = Team.objects.create()
    user = User.objects.create_user("a")
    team.members.add(user)
    through = Team.members.through
    copies = Copies(through)
    through.objects.all().delete()
    restore(event_of(through, "D")).apply()
    assert copies.differences() == []


def test_a_key_that_is_in_use_again_stands_in_the_way() -> None:
    Product.objects.create(sku="x", name="X", price=1).delete()
    event = event_of(Product, "D")
    Product.objects.create(sku="x", name="other", price=1)
    plan = restore(event)
    assert [o.kind for o in plan.obstacles] == [Kind.EXISTS]
    with pytest.raises(PlanError, match="is there again"):
        plan.apply()


def test_an_object_that_is_back_already_needs_nothing(order: Order) -> None:
    order.delete()
    event = event_of(Order, "D")
    restore(event).apply()
    plan = restore(event)
    assert (plan.steps, plan.obstacles) == ((), ())


def test_what_it_points_at_must_be_there(order: Order) -> None:
    order.customer.delete()
    plan = restore(event_of(Order, "D"))
    assert [o.kind for o in plan.obstacles] == [Kind.MISSING_TARGET]
    assert "Restore that first" in str(plan)


def test_sequences_are_left_alone(order: Order) -> None:
    order.delete()
    [before] = execute("SELECT last_value, is_called FROM shop_order_id_seq")
    restore(event_of(Order, "D")).apply()
    assert execute("SELECT last_value, is_called FROM shop_order_id_seq") == [before]


def test_its_events_name_the_deletion(order: Order) -> None:
    order.delete()
    event = event_of(Order, "D")
    restore(event).apply(reason="by mistake")
    context = event_of(OrderLine, "I").pgh_context
    assert (context["reverts_event"], context["reason"]) == (event.pgh_id, "by mistake")


def test_what_is_no_deletion_is_refused(order: Order) -> None:
    with pytest.raises(QueryError, match="it is no deletion but one of operation 'insert'"):
        restore(event_of(Order, "I"))
    with pytest.raises(QueryError, match="is no event"):
        restore(order)
    order.delete()
    with pytest.raises(QueryError, match="has no field 'nam'"):
        restore(event_of(Order, "D"), values={"nam": 1})


def test_it_works_from_a_coroutine(order: Order) -> None:
    copies = Copies(Order, OrderLine)
    order.delete()
    event = event_of(Order, "D")

    async def run() -> Any:
        return await (await arestore(event)).aapply()

    assert async_to_sync(run)().rows == 4
    assert copies.differences() == []
