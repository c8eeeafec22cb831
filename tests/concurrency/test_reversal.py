"""Plans beside writers and beside each other: one wins, nothing is half done, nobody waits for ever."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import OperationalError, connection, transaction

from pgaudit_log.exceptions import PlanError, StalePlanError
from pgaudit_log.reversal import Applied, Plan, restore, revert, undo
from tests.going_back import Copies, event_of, transaction_of
from tests.meanwhile import Meanwhile, until_it_waits
from tests.shop.models import Customer, Order, OrderLine, Product
from tests.support import execute, last_id

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def customers() -> list[Customer]:
    return [Customer.objects.create(name=name) for name in "ab"]


def renamed(customers: list[Customer]) -> int:
    """Rename all customers in one transaction, and return it."""
    Customer.objects.update(name="new")
    return transaction_of()


def names() -> list[str]:
    return list(Customer.objects.order_by("pk").values_list("name", flat=True))


def apply_during(plan: Plan, write: Callable[[], object]) -> Meanwhile:
    """Apply ``plan`` while another transaction that has written is still open."""
    with transaction.atomic():
        write()
        running = Meanwhile(plan.apply)
        until_it_waits(running)
    return running


def test_an_update_under_way_that_changes_nothing_is_waited_for(customers: list[Customer]) -> None:
    plan = undo(txid=renamed(customers))
    running = apply_during(plan, lambda: Customer.objects.update(name="new"))
    assert isinstance(running.done(), Applied)
    assert names() == ["a", "b"]


def test_a_row_changed_by_another_under_way_refuses_all_of_the_plan(
    customers: list[Customer],
) -> None:
    plan = undo(txid=renamed(customers))
    running = apply_during(
        plan, lambda: Customer.objects.filter(pk=customers[1].pk).update(name="other")
    )
    with pytest.raises(StalePlanError, match=f"shop.Customer {customers[1].pk} has changed"):
        running.done()
    assert names() == ["new", "other"]


def test_a_row_deleted_by_another_under_way_refuses_all_of_the_plan(
    customers: list[Customer],
) -> None:
    plan = undo(txid=renamed(customers))
    running = apply_during(plan, lambda: Customer.objects.get(pk=customers[1].pk).delete())
    with pytest.raises(StalePlanError):
        running.done()
    assert names() == ["new"]


def test_a_row_that_is_only_locked_is_waited_for(customers: list[Customer]) -> None:
    plan = undo(txid=renamed(customers))
    running = apply_during(plan, lambda: list(Customer.objects.select_for_update()))
    assert isinstance(running.done(), Applied)
    assert names() == ["a", "b"]


def test_what_was_rolled_back_does_not_make_a_plan_stale(customers: list[Customer]) -> None:
    plan = undo(txid=renamed(customers))
    with transaction.atomic():
        Customer.objects.update(name="other")
        running = Meanwhile(plan.apply)
        until_it_waits(running)
        transaction.set_rollback(True)
    assert isinstance(running.done(), Applied)
    assert names() == ["a", "b"]


def both(first: Plan, second: Plan) -> list[object]:
    """Apply two plans at once and return what each returned or raised."""
    with transaction.atomic():
        # Both have begun before either can go on.
        execute("LOCK TABLE shop_customer IN ACCESS EXCLUSIVE MODE")
        running = [Meanwhile(plan.apply) for plan in (first, second)]
        for each in running:
            until_it_waits(each)
    results: list[object] = []
    for each in running:
        try:
            results.append(each.done())
        except PlanError as error:
            results.append(error)
    return results


def test_of_two_applies_of_one_plan_exactly_one_wins(customers: list[Customer]) -> None:
    plan, before = undo(txid=renamed(customers)), last_id()
    results = both(plan, plan)
    assert sorted(type(result).__name__ for result in results) == ["Applied", "StalePlanError"]
    assert names() == ["a", "b"]
    assert last_id() == before + 2


def test_of_two_applies_that_insert_exactly_one_wins(customers: list[Customer]) -> None:
    copies = Copies(Customer)
    with transaction.atomic():
        for customer in customers:
            customer.delete()
    plan = undo(txid=transaction_of())
    results = both(plan, plan)
    assert sorted(type(result).__name__ for result in results) == ["Applied", "StalePlanError"]
    assert copies.differences() == []


def test_of_two_applies_that_delete_exactly_one_wins() -> None:
    with transaction.atomic():
        for name in "ab":
            Customer.objects.create(name=name)
    plan = undo(txid=transaction_of())
    results = both(plan, plan)
    assert sorted(type(result).__name__ for result in results) == ["Applied", "StalePlanError"]
    assert names() == []


def test_two_plans_over_the_same_rows_in_other_orders_do_not_block_each_other(
    customers: list[Customer],
) -> None:
    one, other = customers
    with transaction.atomic():
        Customer.objects.filter(pk=one.pk).update(name="1")
        Customer.objects.filter(pk=other.pk).update(name="2")
    first = undo(txid=transaction_of())
    with transaction.atomic():
        Customer.objects.filter(pk=other.pk).update(name="3")
        Customer.objects.filter(pk=one.pk).update(name="4")
    second = undo(txid=transaction_of())
    first = undo(txid=first.reverts["reverts_txid"], on_conflict="force")
    assert [s.key for s in first.steps] == [s.key for s in reversed(second.steps)]
    for _ in range(5):
        results = both(first, second)
        assert not any(isinstance(result, OperationalError) for result in results)
        assert sorted(type(result).__name__ for result in results) == ["Applied", "StalePlanError"]
        Customer.objects.filter(pk=one.pk).update(name="4")
        Customer.objects.filter(pk=other.pk).update(name="3")


def test_a_child_that_is_inserted_meanwhile_keeps_its_parent() -> None:
    customer = Customer.objects.create(name="a")
    plan = undo(event_of(Customer, "I"))

    def insert() -> None:
        Order.objects.create(customer=customer)
        # Now, and not at the end of the transaction.
        execute("SET CONSTRAINTS ALL IMMEDIATE")

    running = apply_during(plan, insert)
    with pytest.raises(PlanError, match="points at shop.Customer"):
        running.done()
    assert Order.objects.get().customer == customer


def test_a_reader_does_not_wait_for_a_plan(customers: list[Customer]) -> None:
    plan = undo(txid=renamed(customers))
    with transaction.atomic():
        plan.apply()
        assert Meanwhile(names).done() == ["new", "new"]
        assert Meanwhile(lambda: undo(txid=plan.reverts["reverts_txid"]).obstacles).done() == ()


@pytest.mark.parametrize("statement", ["INSERT INTO", "SET CONSTRAINTS ALL IMMEDIATE"])
def test_a_session_that_is_killed_leaves_nothing_behind(statement: str) -> None:
    product = Product.objects.create(sku="x", name="X", price=1)
    order = Order.objects.create(customer=Customer.objects.create(name="a"))
    OrderLine.objects.create(order=order, product=product)
    order.delete()
    plan, copies, before = restore(event_of(Order, "D")), Copies(Order, OrderLine), last_id()
    killer = "SELECT pg_terminate_backend(%s)"

    def kill(execute_: Callable[..., object], sql: str, *args: object) -> object:
        result = execute_(sql, *args)
        if sql.lstrip().startswith(statement):
            Meanwhile(lambda: execute(killer, [pid])).done()
        return result

    def run() -> object:
        nonlocal pid
        [(pid,)] = execute("SELECT pg_backend_pid()")
        with connection.execute_wrapper(kill):
            return plan.apply()

    pid = 0
    with pytest.raises(OperationalError):
        Meanwhile(run).done()
    assert copies.differences() == []
    assert last_id() == before


def test_a_plan_made_before_a_row_came_back_is_stale(customers: list[Customer]) -> None:
    customer = customers[0]
    key = customer.pk
    customer.delete()
    plan = undo(event_of(Customer, "D"))
    Customer.objects.create(pk=key, name="again")
    with pytest.raises(StalePlanError):
        plan.apply()
    assert "again" in names()


def test_a_revert_waits_for_nobody_who_only_reads(customers: list[Customer]) -> None:
    event = event_of(Customer, "I")
    Customer.objects.update(name="new")
    with transaction.atomic():
        names()
        Meanwhile(lambda: revert(customers[1], to=event).apply()).done()
    assert names() == ["new", "b"]
