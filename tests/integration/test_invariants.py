"""What a project says must hold among rows is kept by each plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from pgaudit_log import reversal
from pgaudit_log.exceptions import PlanError, QueryError, StalePlanError
from pgaudit_log.models import Events
from pgaudit_log.reversal.checking import invariants
from pgaudit_log.reversal.plan import Kind
from tests.going_back import event_of
from tests.shop.models import Customer, Order, OrderLine, Product

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "_invariants", [])


@pytest.fixture
def order(customer: Customer) -> Order:
    pen = Product.objects.create(sku="pen", name="Pen", price=1)
    order = Order.objects.create(customer=customer)
    OrderLine.objects.create(order=order, product=pen, quantity=3)
    return order


def at_most_five(plan: Any) -> Iterator[str]:
    """Yield a message if the lines of all orders would be of more than five pieces."""
    lines = dict(OrderLine.objects.using(plan.using).values_list("pk", "quantity"))
    for step in plan.steps:
        if step.model is OrderLine:
            for change in step.changes:
                if change.field == "quantity":
                    lines[int(step.key)] = change.proposed if step.action != "delete" else 0
    if sum(lines.values()) > 5:
        yield f"{sum(lines.values())} pieces are more than five"


def change_and_fill(order: Order, quantity: int) -> Any:
    """Delete the line, and have another one since; return the deletion."""
    OrderLine.objects.all().delete()
    deletion = event_of(OrderLine, "D")
    OrderLine.objects.create(order=order, product_id="pen", quantity=quantity)
    return deletion


@pytest.mark.parametrize(
    "act",
    [
        lambda event: reversal.restore(event),
        lambda event: reversal.undo(event),
        lambda event: reversal.revert(
            OrderLine(pk=int(event.pgh_obj_id)),
            to=Events.objects.get(
                pgh_obj_model="shop.OrderLine", pgh_obj_id=event.pgh_obj_id, pgh_operation="I"
            ),
        ),
    ],
    ids=["restore", "undo", "revert"],
)
def test_a_plan_that_would_break_it_is_refused(order: Order, act: Any) -> None:
    deletion = change_and_fill(order, 3)
    assert act(deletion).is_applicable
    reversal.invariant(OrderLine)(at_most_five)
    plan = act(deletion)
    assert [(o.kind, o.model) for o in plan.obstacles] == [(Kind.INVARIANT, "shop.OrderLine")]
    assert "In the way: shop.OrderLine: 6 pieces are more than five" in str(plan)
    with pytest.raises(PlanError, match="6 pieces are more than five"):
        plan.apply()
    OrderLine.objects.update(quantity=2)
    act(deletion).apply()
    assert OrderLine.objects.count() == 2


def test_it_is_asked_once_more_when_the_plan_is_applied(order: Order) -> None:
    deletion = change_and_fill(order, 1)
    reversal.invariant(OrderLine)(at_most_five)
    plan = reversal.restore(deletion)
    OrderLine.objects.create(order=order, product_id="pen", quantity=1)
    OrderLine.objects.create(order=order, product_id="pen", quantity=5)
    with pytest.raises(StalePlanError, match="10 pieces"), transaction.atomic():
        plan.apply()
    assert OrderLine.objects.count() == 3


@pytest.mark.parametrize("through", ["sql", "save"])
def test_what_can_be_repaired_is_told_and_repaired(order: Order, through: str) -> None:
    deletion = change_and_fill(order, 3)
    seen: list[Any] = []

    def repair(plan: Any) -> None:
        seen.append(OrderLine.objects.count())
        OrderLine.objects.update(quantity=1)

    reversal.invariant(OrderLine, repair=repair)(at_most_five)
    plan = reversal.restore(deletion)
    assert plan.is_applicable
    assert [o.kind for o in plan.left_alone] == [Kind.INVARIANT]
    done = plan.apply(through=through)
    assert seen == [2]
    assert set(OrderLine.objects.values_list("quantity", flat=True)) == {1}
    updates = Events.objects.filter(pgh_txid=done.txid, pgh_operation="U")
    assert all(e.pgh_context["reverts_event"] == deletion.pgh_id for e in updates)


def test_a_repair_that_fails_takes_all_of_it_back(order: Order) -> None:
    deletion = change_and_fill(order, 3)

    def repair(plan: Any) -> None:
        raise RuntimeError("no")

    reversal.invariant(OrderLine, repair=repair)(at_most_five)
    with pytest.raises(RuntimeError):
        reversal.restore(deletion).apply()
    assert OrderLine.objects.count() == 1


def test_only_plans_that_change_its_rows_are_asked(order: Order) -> None:
    asked: list[Any] = []

    @reversal.invariant(OrderLine)
    def check(plan: Any) -> list[str]:
        asked.append(plan)
        return []

    order.status = "paid"
    order.save()
    reversal.undo(event_of(Order, "U")).apply()
    assert asked == []
    order.delete()
    reversal.restore(event_of(Order, "D")).apply()
    assert len(asked) == 2


@pytest.mark.parametrize("by", ["kind", "name", "obstacle"])
def test_it_is_about_no_row_that_could_be_left_out(order: Order, by: str) -> None:
    deletion = change_and_fill(order, 3)
    reversal.invariant(OrderLine)(at_most_five)
    [obstacle] = reversal.undo(deletion).obstacles
    given = {"kind": Kind.INVARIANT, "name": "invariant", "obstacle": obstacle}[by]
    with pytest.raises(QueryError, match="Name the rows to leave out"):
        reversal.undo(deletion, leave_out=[given])


@pytest.mark.parametrize(
    ("found", "messages"), [(None, []), ("too many", ["shop.OrderLine: too many"])]
)
def test_a_check_may_return_a_sentence_or_nothing(
    order: Order, found: Any, messages: list[str]
) -> None:
    deletion = change_and_fill(order, 3)
    reversal.invariant(OrderLine)(lambda plan: found)
    assert list(map(str, reversal.undo(deletion).obstacles)) == messages
