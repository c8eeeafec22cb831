"""Revert gives an object the values that it had, and a plan is carried out as a whole or not at all."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import InterfaceError, OperationalError, connection, models, transaction
from django.db.models.signals import post_save, pre_delete, pre_save
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import pgaudit_log
from pgaudit_log import timetravel
from pgaudit_log.exceptions import PlanError, QueryError, StalePlanError, UnknownPastError
from pgaudit_log.models import Events
from pgaudit_log.reversal import Kind, Plan, arevert, revert, undo
from pgaudit_log.values import row_sql
from pgaudit_log.values.sql_text import Sql
from tests.going_back import Copies, Tables, event_of, tables, transaction_of
from tests.shop.models import Customer, Order, OrderLine, Product, Stock, Team, Untracked
from tests.support import execute, last_id
from tests.tables import SqlField
from tests.type_cases import CASES, SESSIONS, configure, skip_what_the_server_lacks

pytestmark = pytest.mark.django_db


@pytest.fixture
def made() -> Iterator[Tables]:
    with tables() as found:
        yield found


@pytest.fixture
def order(customer: Customer) -> Order:
    """An order that was changed twice."""
    order = Order.objects.create(customer=customer)
    Order.objects.update(status="paid", note="a")
    Order.objects.update(status="sent", note="b")
    return order


def inserted(model: Any) -> Any:
    return event_of(model, "I")


def test_an_object_goes_back_to_an_event(order: Order) -> None:
    revert(order, to=inserted(Order)).apply()
    order.refresh_from_db()
    assert (order.status, order.note) == ("new", "")


def test_an_object_goes_back_to_a_typed_event(order: Order) -> None:
    revert(order, to=order.events.get(status="paid")).apply()
    assert Order.objects.get().status == "paid"


def test_only_some_fields_go_back(order: Order) -> None:
    revert(order, to=inserted(Order), fields=["status"]).apply()
    order.refresh_from_db()
    assert (order.status, order.note) == ("new", "b")


@pytest.mark.django_db(transaction=True)
def test_an_object_goes_back_to_a_moment() -> None:
    order = Order.objects.create(customer=Customer.objects.create(name="a"))
    moment = timezone.now()
    Order.objects.update(status="paid")
    plan = revert(order, to=moment)
    plan.apply()
    assert Order.objects.get().status == "new"
    assert event_of(Order, "U").pgh_context["reverts_to"] == plan.reverts["reverts_to"]


def test_event_revert_returns_the_object(order: Order) -> None:
    found = inserted(Order).revert()
    assert (found, found.status) == (order, "new")
    assert order.events.get(status="paid").revert().status == "paid"


def test_events_without_values_cannot_be_reverted(customer: Customer) -> None:
    Product.objects.create(sku="x", name="X", price=1)
    execute("SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE shop_product CASCADE")
    event = event_of(Product, "T")
    assert not event.can_revert
    with pytest.raises(QueryError, match="of no single object"):
        event.revert()


def test_a_partial_tracker_moves_only_what_it_tracks() -> None:
    stock = Stock.objects.create(site="x", level=5, note="a")
    Stock.objects.update(level=3)
    Stock.objects.update(site="y", level=1, note="b")
    event = event_of(Stock, "U", pgh_label="fell", pgh_data__level=3)
    event.revert()
    stock.refresh_from_db()
    assert (stock.site, stock.level, stock.note) == ("y", 3, "b")


def test_excluded_fields_keep_their_values(made: Tables) -> None:
    thing = made.make(
        "Thing",
        track={"exclude": ["at", "secret"]},
        n=models.IntegerField(),
        at=models.DateTimeField(auto_now=True),
        secret=models.TextField(default=""),
    )
    one = thing.objects.create(n=1, secret="a")
    thing.objects.update(n=2, secret="b")
    [(at,)] = execute("SELECT at FROM shop_thing")
    revert(one, to=inserted(thing)).apply()
    assert execute("SELECT n, at, secret FROM shop_thing") == [(1, at, "b")]


def test_an_old_row_tracker_goes_back_to_what_its_event_shows(made: Tables) -> None:
    thing = made.make(
        "Thing", pgaudit_log.UpdateEvent(row=pgaudit_log.Old), n=models.IntegerField()
    )
    thing.objects.create(n=1)
    thing.objects.update(n=2)
    thing.objects.update(n=3)
    first = Events.objects.filter(pgh_obj_model="shop.Thing").earliest("pgh_id")
    assert first.revert().n == 1


@pytest.mark.django_db(transaction=True)
def test_several_declarations_go_back_to_a_moment_together(made: Tables) -> None:
    thing = made.make(
        "Thing", track={"exclude": ["b"]}, a=models.IntegerField(), b=models.IntegerField()
    )
    made.retrack(
        thing,
        pgaudit_log.InsertEvent("b_insert"),
        pgaudit_log.UpdateEvent("b_update"),
        fields=["b"],
        model_name="ThingB",
        obj_field=None,
    )
    one = thing.objects.create(a=1, b=1)
    moment = timezone.now()
    thing.objects.update(a=2, b=2)
    revert(one, to=moment).apply()
    assert thing.objects.values_list("a", "b").get() == (1, 1)


def test_a_deleted_object_is_brought_back(order: Order) -> None:
    event, key = inserted(Order), order.pk
    order.delete()
    assert event.revert().pk == key
    assert Order.objects.get().status == "new"


def test_inherited_rows_go_back_first(made: Tables) -> None:
    base = made.make("Base", a=models.IntegerField())
    child = made.make("Child", bases=(base,), b=models.IntegerField())
    one = child.objects.create(a=1, b=1)
    event = inserted(child)
    one.a = one.b = 2
    one.save()
    revert(one, to=event).apply()
    assert child.objects.values_list("a", "b").get() == (1, 1)
    child.objects.get().delete()
    plan = revert(child(pk=one.pk), to=event)
    assert [step.model for step in plan.steps] == [base, child]
    plan.apply()
    assert child.objects.values_list("a", "b").get() == (1, 1)


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("operation", ["I", "D"])
@pytest.mark.parametrize("of", ["Base", "Child"])
def test_rows_that_came_or_went_together_go_back_together(
    made: Tables, operation: str, of: str
) -> None:
    base = made.make("Base", a=models.IntegerField())
    child = made.make("Child", bases=(base,), b=models.IntegerField())
    with transaction.atomic():
        one = child.objects.create(a=1, b=1)
    key = one.pk
    if operation == "D":
        one.delete()
    else:
        child.objects.update(a=2, b=2)
    event = Events.objects.get(pgh_obj_model=f"shop.{of}", pgh_operation=operation)
    revert(child(pk=key), to=event).apply()
    assert child.objects.values_list("a", "b").get() == (1, 1)


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("of", ["Base", "Child"])
def test_an_event_of_another_inheriting_object_is_refused(made: Tables, of: str) -> None:
    base = made.make("Base", a=models.IntegerField())
    child = made.make("Child", bases=(base,), b=models.IntegerField())
    one, other = base.objects.create(a=1), child.objects.create(a=1, b=1)
    base.objects.update(a=2)
    event = Events.objects.get(
        pgh_obj_model=f"shop.{of}", pgh_operation="I", pgh_obj_id=str(other.pk)
    )
    with pytest.raises(QueryError, match=f"is of shop.{of} {other.pk}, not of shop.Base {one.pk}"):
        revert(one, to=event)


def test_a_key_that_was_changed_is_kept(made: Tables) -> None:
    thing = made.make("Thing", key=models.TextField(primary_key=True), n=models.IntegerField())
    thing.objects.create(pk="a", n=1)
    thing.objects.update(key="b")
    thing.objects.update(n=2)
    revert(thing.objects.get(), to=inserted(thing)).apply()
    assert thing.objects.values_list("key", "n").get() == ("b", 1)


def test_an_object_with_its_old_key_is_not_made_twice(made: Tables) -> None:
    thing = made.make("Thing", key=models.TextField(primary_key=True), n=models.IntegerField())
    one = thing.objects.create(pk="a", n=1)
    thing.objects.update(n=2)
    thing.objects.update(key="b")
    revert(one, to=inserted(thing)).apply()
    assert thing.objects.values_list("key", "n").get() == ("b", 1)


def test_a_required_column_that_was_not_tracked_stands_in_the_way(made: Tables) -> None:
    thing = made.make(
        "Thing",
        track={"exclude": ["kind", "since", "level", "spare"]},
        n=models.IntegerField(),
        kind=models.TextField(),
        since=models.DateField(auto_now_add=True),
        level=models.IntegerField(db_default=7),
        spare=models.IntegerField(null=True, db_default=8),
        other=models.IntegerField(default=3),
    )
    one = thing.objects.create(n=1, kind="k", level=1)
    event = inserted(thing)
    thing.objects.all().delete()
    plan = revert(one, to=event)
    assert [o.kind for o in plan.obstacles] == [Kind.REQUIRED]
    assert plan.obstacles[0].field == "kind"
    revert(one, to=event, values={"kind": "given"}).apply()
    assert thing.objects.values_list("n", "kind", "level", "spare", "other").get() == (
        1,
        "given",
        7,
        8,
        3,
    )


def test_a_value_that_is_none_of_its_field_is_refused(made: Tables) -> None:
    thing = made.make("Thing", track={"exclude": ["n"]}, n=models.IntegerField())
    one = thing.objects.create(n=1)
    event = inserted(thing)
    thing.objects.all().delete()
    with pytest.raises(QueryError, match=r"'many' is no value of shop.Thing.n"):
        revert(one, to=event, values={"n": "many"})


def test_generated_and_identity_columns_are_no_obstacle(made: Tables) -> None:
    thing = made.make(
        "Thing",
        n=models.IntegerField(),
        twice=models.GeneratedField(
            expression=models.F("n") * 2, output_field=models.IntegerField(), db_persist=True
        ),
    )
    execute("ALTER TABLE shop_thing ALTER id SET GENERATED ALWAYS")
    one = thing.objects.create(n=1)
    event = inserted(thing)
    thing.objects.update(n=2)
    event.revert()
    copies = Copies(thing)
    thing.objects.all().delete()
    revert(one, to=event).apply()
    assert copies.differences() == []


def test_virtual_columns_are_no_obstacle(made: Tables) -> None:
    if connection.pg_version < 180000:  # type: ignore[attr-defined]
        pytest.skip("PostgreSQL 18 is the first with virtual generated columns")
    thing = made.make("Thing", n=models.IntegerField())
    execute("ALTER TABLE shop_thing ADD twice integer GENERATED ALWAYS AS (n * 2) VIRTUAL")
    one = thing.objects.create(n=1)
    event = inserted(thing)
    thing.objects.all().delete()
    revert(one, to=event).apply()
    assert execute("SELECT n, twice FROM shop_thing") == [(1, 2)]


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("session", SESSIONS, indirect=True)
@pytest.mark.parametrize("type_name", CASES)
def test_a_value_of_any_type_goes_back_to_the_last_bit(
    type_name: str, session: str, made: Tables
) -> None:
    skip_what_the_server_lacks(type_name)
    thing = made.make("Thing", v=SqlField(type_name, null=True), n=models.IntegerField(default=0))
    configure(session)
    with pgaudit_log.context() as inserting:
        for number, literal in enumerate(CASES[type_name]):
            execute(
                f"INSERT INTO shop_thing (id, v, n) VALUES ({number}, ({literal})::{type_name}, 1)"
            )
    copies = Copies(thing)
    # What has not changed since is no conflict.
    assert undo(context=inserting).obstacles == ()
    with pgaudit_log.context() as updating:
        execute("UPDATE shop_thing SET v = NULL, n = 2")
    undo(context=updating).apply()
    assert copies.differences() == []
    with pgaudit_log.context() as deleting:
        execute("DELETE FROM shop_thing")
    undo(context=deleting).apply()
    assert copies.differences() == []


def test_settings_of_the_session_are_as_before(order: Order) -> None:
    event = inserted(Order)
    configure("odd")
    names = list(SESSIONS["odd"])
    before = [execute(f"SHOW {name}") for name in names]
    revert(order, to=event).apply()
    assert [execute(f"SHOW {name}") for name in names] == before


def test_a_plan_writes_and_locks_nothing(order: Order) -> None:
    event, before, copies = inserted(Order), last_id(), Copies(Order)
    execute("SET CONSTRAINTS ALL IMMEDIATE; SET TRANSACTION READ ONLY")
    assert revert(order, to=event).steps
    assert undo(event_of(Order, "U")).steps
    assert copies.differences() == []
    assert last_id() == before


@pytest.mark.django_db(transaction=True)
def test_a_plan_leaves_no_row_locked() -> None:
    order = Order.objects.create(customer=Customer.objects.create(name="x"))
    Order.objects.update(status="paid")
    with transaction.atomic():
        revert(order, to=inserted(Order))
        held = execute(
            "SELECT DISTINCT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation ="
            " 'shop_order'::regclass"
        )
    assert held == [("AccessShareLock",)]
    assert execute("SELECT xmax::text FROM shop_order") == [("0",)]


def test_plans_of_the_same_are_equal(order: Order) -> None:
    event = inserted(Order)
    plan = revert(order, to=event)
    assert plan == revert(order, to=event)
    assert plan != revert(order, to=event, fields=["note"])


def test_a_plan_can_be_kept_and_carried_out_later(order: Order) -> None:
    plan = revert(order, to=inserted(Order))
    kept: Plan = pickle.loads(pickle.dumps(plan))
    assert kept == plan == copy.deepcopy(plan)
    before = repr(plan)
    kept.apply()
    assert repr(plan) == before
    assert Order.objects.get().status == "new"


def test_a_plan_over_a_through_table_can_be_kept() -> None:
    from django.contrib.auth.models import User

    team = Team.objects.create()
    team.members.add(User.objects.create_user("a"))
    plan = undo(Events.objects.latest("pgh_id"))
    assert pickle.loads(pickle.dumps(plan)) == plan


def test_a_plan_is_told_as_text_and_for_json(order: Order) -> None:
    plan = revert(order, to=inserted(Order))
    assert "status: sent → new" in str(plan)
    [step] = plan.as_dict()["steps"]
    assert {"field": "status", "now": "sent", "proposed": "new"} in step["changes"]
    assert str(revert(order, to=event_of(Order, "U"))).endswith("Nothing to do.")


def test_a_row_that_has_changed_makes_the_plan_stale(order: Order) -> None:
    plan = revert(order, to=inserted(Order))
    # Not even a field of the plan.
    Order.objects.update(placed_at=timezone.now())
    before = last_id()
    with pytest.raises(StalePlanError, match="has changed since the plan was made"):
        plan.apply()
    assert (Order.objects.get().status, last_id()) == ("sent", before)


def test_a_row_that_was_deleted_makes_the_plan_stale(order: Order) -> None:
    plan = revert(order, to=inserted(Order))
    order.delete()
    with pytest.raises(StalePlanError):
        plan.apply()


def test_a_plan_is_carried_out_once(order: Order) -> None:
    plan = revert(order, to=inserted(Order))
    plan.apply()
    with pytest.raises(StalePlanError):
        plan.apply()


@pytest.fixture
def deleted(customer: Customer) -> Any:
    """The plan that brings a customer with two orders and three lines back."""
    product = Product.objects.create(sku="x", name="X", price=1)
    for count in (1, 2):
        order = Order.objects.create(customer=customer)
        for _ in range(count):
            OrderLine.objects.create(order=order, product=product)
    with pgaudit_log.context() as context:
        customer.delete()
    return undo(context=context)


@pytest.mark.parametrize("failing", range(6))
def test_nothing_is_half_applied_wherever_a_trigger_raises(deleted: Any, failing: int) -> None:
    assert len(deleted.steps) == 6
    step = deleted.steps[failing]
    table = step.model._meta.db_table
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute(
        f"""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'not today'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW
            WHEN (NEW.id = {step.key}) EXECUTE FUNCTION refuse();
        """
    )
    copies, before = Copies(Customer, Order, OrderLine), last_id()
    with pytest.raises(PlanError, match=r"nothing was changed\. .*not today"):
        deleted.apply()
    assert copies.differences() == []
    assert last_id() == before


def test_a_trigger_that_swallows_a_row_is_noticed(order: Order) -> None:
    plan = revert(order, to=inserted(Order))
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute(
        """
        CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RETURN NULL; END $$;
        CREATE TRIGGER swallow BEFORE UPDATE ON shop_order FOR EACH ROW EXECUTE FUNCTION swallow();
        """
    )
    with pytest.raises(PlanError, match="0 rows were written instead of one"):
        plan.apply()


def test_a_constraint_that_the_plan_did_not_foresee_refuses_it_all(order: Order) -> None:
    plan = revert(order, to=inserted(Order))
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute("ALTER TABLE shop_order ADD CHECK (status <> 'new')")
    with pytest.raises(PlanError, match="violates check constraint"):
        plan.apply()
    assert Order.objects.get().status == "sent"


def test_the_outer_transaction_goes_on_after_a_plan_was_refused(order: Order) -> None:
    plan = revert(order, to=inserted(Order))
    Order.objects.update(note="c")
    with transaction.atomic():
        Order.objects.update(note="d")
        with pytest.raises(StalePlanError):
            plan.apply()
        revert(order, to=inserted(Order)).apply()
    assert Order.objects.get().status == "new"


def test_a_broken_outer_transaction_is_told_as_such(order: Order) -> None:
    plan = revert(order, to=inserted(Order))
    with pytest.raises(transaction.TransactionManagementError):
        with transaction.atomic():
            transaction.set_rollback(True)
            plan.apply()


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_leaves_all_as_it_was() -> None:
    order = Order.objects.create(customer=Customer.objects.create(name="x"))
    Order.objects.update(status="paid")
    plan, before = revert(order, to=inserted(Order)), last_id()

    def cut(execute: Any, sql: str, *args: Any) -> Any:
        if sql.lstrip().startswith("UPDATE"):
            result = execute(sql, *args)
            connection.connection.close()
            return result
        return execute(sql, *args)

    with pytest.raises((OperationalError, InterfaceError)):
        with connection.execute_wrapper(cut):
            plan.apply()
    connection.close()
    assert (Order.objects.get().status, last_id()) == ("paid", before)


def test_save_cleans_first(made: Tables) -> None:
    thing = made.make("Thing", n=models.IntegerField(choices=[(2, "two")]))
    one = thing.objects.create(n=1)
    thing.objects.update(n=2)
    plan = revert(one, to=inserted(thing))
    with pytest.raises(PlanError, match="n: Value 1 is not a valid choice"):
        plan.apply(through="save")
    plan.apply(through="sql")
    assert thing.objects.get().n == 1


def test_save_sends_signals_and_sql_does_not(order: Order) -> None:
    seen: list[Any] = []

    def listen(sender: Any, instance: Any, **kwargs: Any) -> None:
        seen.append((sender, instance.status))

    pre_save.connect(listen, sender=Order)
    try:
        revert(order, to=order.events.get(status="paid")).apply(through="sql")
        assert seen == []
        revert(order, to=inserted(Order)).apply(through="save")
        assert seen == [(Order, "new")]
    finally:
        pre_save.disconnect(listen, sender=Order)


def test_save_deletes_and_inserts_with_the_model_s_methods(customer: Customer) -> None:
    seen: list[str] = []

    def on_delete(**kwargs: Any) -> None:
        seen.append("delete")

    def on_save(**kwargs: Any) -> None:
        seen.append("save")

    copies = Copies(Customer)
    pre_delete.connect(on_delete, sender=Customer)
    post_save.connect(on_save, sender=Customer)
    try:
        undo(inserted(Customer)).apply(through="save")
        assert not Customer.objects.exists()
        undo(event_of(Customer, "D")).apply(through="save")
    finally:
        pre_delete.disconnect(on_delete, sender=Customer)
        post_save.disconnect(on_save, sender=Customer)
    assert seen == ["delete", "save"]
    assert copies.differences() == []


def test_save_sets_auto_now(made: Tables) -> None:
    thing = made.make(
        "Thing",
        track={"exclude": ["at"]},
        n=models.IntegerField(),
        at=models.DateTimeField(auto_now=True),
    )
    one = thing.objects.create(n=1)
    thing.objects.update(n=2)
    revert(one, to=inserted(thing)).apply(through="save")
    found = thing.objects.get()
    assert found.n == 1
    assert found.at > one.at


def test_save_writes_json_null(made: Tables) -> None:
    thing = made.make("Thing", data=models.JSONField(null=True))
    thing.objects.create(data=models.Value(None, models.JSONField()))
    copies = Copies(thing)
    thing.objects.update(data=None)
    undo(event_of(thing, "U")).apply(through="save")
    assert copies.differences() == []


def test_save_refuses_a_value_that_python_does_not_have(made: Tables) -> None:
    thing = made.make("Thing", day=models.DateField(null=True))
    execute("INSERT INTO shop_thing (day) VALUES ('0044-03-15 BC')")
    copies = Copies(thing)
    execute("UPDATE shop_thing SET day = '2024-01-01'")
    plan = undo(event_of(thing, "U"))
    assert plan.steps[0].changes[0].proposed == "0044-03-15 BC"
    with pytest.raises(PlanError, match="day: .*invalid"):
        plan.apply(through="save")
    plan.apply()
    assert copies.differences() == []


def test_save_writes_inherited_rows(made: Tables) -> None:
    base = made.make("Base", a=models.IntegerField())
    child = made.make("Child", bases=(base,), b=models.IntegerField())
    one = child.objects.create(a=1, b=1)
    copies = Copies(base, child)
    with pgaudit_log.context() as context:
        one.a = one.b = 2
        one.save()
    undo(context=context).apply(through="save")
    assert copies.differences() == []
    with pgaudit_log.context() as context:
        one.delete()
    undo(context=context).apply(through="save")
    assert copies.differences() == []


def test_save_deletes_a_child_without_its_parent(made: Tables) -> None:
    base = made.make("Base", a=models.IntegerField())
    child = made.make("Child", bases=(base,), b=models.IntegerField())
    one = base.objects.create(a=1)
    child(base_ptr=one, b=1).save_base(raw=True)
    undo(inserted(child)).apply(through="save")
    assert (base.objects.count(), child.objects.count()) == (1, 0)


def test_save_cannot_change_a_key(made: Tables) -> None:
    thing = made.make("Thing", key=models.TextField(primary_key=True))
    thing.objects.create(pk="a")
    thing.objects.update(key="b")
    with pytest.raises(PlanError, match='Apply the plan with through="sql"'):
        undo(event_of(thing, "U")).apply(through="save")
    assert thing.objects.get().pk == "b"


def test_another_way_to_write_is_refused(order: Order) -> None:
    with pytest.raises(QueryError, match="through='orm' is none of sql, save"):
        revert(order, to=inserted(Order)).apply(through="orm")


def test_an_event_of_another_model_is_refused(order: Order) -> None:
    with pytest.raises(QueryError, match=r"is of shop.Customer, not of shop.Order"):
        revert(order, to=inserted(Customer))


def test_an_event_of_another_object_is_refused(order: Order) -> None:
    other = Order.objects.create(customer=order.customer)
    with pytest.raises(QueryError, match=f"not of shop.Order {order.pk}"):
        revert(order, to=other.events.get())


def test_a_naive_moment_is_refused(order: Order) -> None:
    with pytest.raises(QueryError, match="has no time zone"):
        revert(order, to=datetime(2024, 1, 1))  # noqa: DTZ001
    with pytest.raises(QueryError, match="is no moment of the trail"):
        revert(order, to="yesterday")


def test_a_moment_before_the_object_is_refused(order: Order) -> None:
    with pytest.raises(QueryError, match="did not exist at"):
        revert(order, to=timezone.now() - timedelta(days=1))


def test_a_moment_before_tracking_is_refused(made: Tables) -> None:
    thing = made.make("Thing", pgaudit_log.UpdateEvent(), n=models.IntegerField())
    one = thing.objects.create(n=1)
    thing.objects.update(n=2)
    with pytest.raises(UnknownPastError, match="unknown before"):
        revert(one, to=timezone.now() - timedelta(days=1))


def test_an_object_that_was_never_tracked_is_refused(order: Order) -> None:
    with pytest.raises(QueryError, match="is not tracked"):
        revert(Untracked.objects.create(), to=inserted(Order))
    with pytest.raises(QueryError, match="never saved"):
        revert(Order(), to=inserted(Order))
    with pytest.raises(QueryError, match="has no field 'stat'"):
        revert(order, to=inserted(Order), fields=["stat"])


def test_a_moment_after_a_truncation_is_refused() -> None:
    one = Product.objects.create(sku="x", name="X", price=1)
    execute("SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE shop_product CASCADE")
    with pytest.raises(QueryError, match="did not exist at"):
        revert(one, to=timezone.now())


def test_an_object_of_the_past_is_reverted_today(order: Order) -> None:
    with timetravel.as_of(inserted(Order)):
        old = Order.objects.get()
        plan = revert(old, to=inserted(Order))
    plan.apply()
    assert Order.objects.get().status == "new"


def test_a_plan_that_is_made_in_a_block_of_the_past_is_about_today(customer: Customer) -> None:
    first = inserted(Customer)
    Order.objects.create(customer=customer).delete()
    event = event_of(Order, "D")
    customer.delete()
    with timetravel.as_of(first):
        plan = undo(event)
    assert [o.kind for o in plan.obstacles] == [Kind.MISSING_TARGET]


def test_rows_are_found_by_their_key(made: Tables) -> None:
    thing = made.make("Thing", n=models.IntegerField())
    execute("INSERT INTO shop_thing (n) SELECT n FROM generate_series(1, 5000) AS n")
    execute("ANALYZE shop_thing")

    def plan_of(sql: Sql) -> str:
        return str(execute(f"EXPLAIN {sql.text}", sql.params))

    found = plan_of(row_sql.live_sql(thing, ["1"], connection))
    assert "Index Scan using shop_thing_pkey" in found
    columns = [thing._meta.get_field("n")]
    assert "shop_thing_pkey" in plan_of(
        row_sql.update_sql(thing, columns, "1", '{"n": 1}', connection)
    )
    assert "shop_thing_pkey" in plan_of(row_sql.delete_sql(thing, "1", connection))


def test_the_number_of_queries_of_a_plan_does_not_grow(customer: Customer) -> None:
    counts = []
    for number in (1, 20):
        with pgaudit_log.context() as context:
            for _ in range(number):
                Order.objects.create(customer=customer)
        with CaptureQueriesContext(connection) as queries:
            undo(context=context)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.django_db(transaction=True)
def test_it_works_from_a_coroutine() -> None:
    order = Order.objects.create(customer=Customer.objects.create(name="x"))
    Order.objects.update(status="paid")
    event = inserted(Order)

    async def run() -> Any:
        plan = await arevert(order, to=event)
        await plan.aapply(reason="async")
        return await event.arevert()

    assert async_to_sync(run)().status == "new"
    assert event_of(Order, "U").pgh_context["reason"] == "async"
    assert transaction_of()
