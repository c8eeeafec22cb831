"""Undo takes back an event, a transaction or a context, and nothing that others did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import models, transaction
from django.utils import timezone

import pgaudit_log
from pgaudit_log.exceptions import PlanError, QueryError
from pgaudit_log.models import Events
from pgaudit_log.reversal import Kind, aundo, restore, undo
from tests.going_back import Copies, Tables, event_of, tables, transaction_of
from tests.meanwhile import Meanwhile
from tests.shop.models import Customer, Order, OrderLine, Product, Team
from tests.support import execute, last_id
from tests.tables import SqlField

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def made() -> Iterator[Tables]:
    with tables() as found:
        yield found


@pytest.fixture
def customer() -> Customer:
    return Customer.objects.create(name="A")


def rename(customer: Customer, name: str) -> Any:
    """Give a customer a name, and return the event."""
    Customer.objects.filter(pk=customer.pk).update(name=name)
    return event_of(Customer, "U")


def kinds(plan: Any) -> list[Kind]:
    return [obstacle.kind for obstacle in plan.obstacles]


def name_of(customer: Customer) -> str:
    return Customer.objects.get(pk=customer.pk).name


def test_an_update_is_taken_back(customer: Customer) -> None:
    undo(rename(customer, "B")).apply()
    assert name_of(customer) == "A"


def test_an_insert_is_taken_back(customer: Customer) -> None:
    undo(event_of(Customer, "I")).apply()
    assert not Customer.objects.exists()


def test_a_deletion_is_taken_back(customer: Customer) -> None:
    copies = Copies(Customer)
    customer.delete()
    undo(event_of(Customer, "D")).apply()
    assert copies.differences() == []


def test_a_plan_changes_nothing(customer: Customer) -> None:
    event = rename(customer, "B")
    copies, before = Copies(Customer), last_id()
    undo(event)
    assert copies.differences() == []
    assert last_id() == before


def test_a_plan_shows_each_field(customer: Customer) -> None:
    [step] = undo(rename(customer, "B")).steps
    [change] = step.changes
    assert (step.action, step.key) == ("update", str(customer.pk))
    assert (change.field, change.now, change.proposed) == ("name", "B", "A")


def test_fields_of_others_are_left_alone(customer: Customer) -> None:
    order = Order.objects.create(customer=customer, status="new")
    Order.objects.update(status="paid")
    event = event_of(Order, "U")
    Order.objects.update(note="by another")
    undo(event).apply()
    order.refresh_from_db()
    assert (order.status, order.note) == ("new", "by another")


def test_a_later_change_of_the_field_stands_in_the_way(customer: Customer) -> None:
    event = rename(customer, "B")
    rename(customer, "C")
    plan = undo(event)
    assert kinds(plan) == [Kind.CHANGED_LATER]
    with pytest.raises(PlanError, match='was "A", was set to "B", and is now "C"'):
        plan.apply()
    assert name_of(customer) == "C"


def test_skip_leaves_what_was_changed_later(customer: Customer) -> None:
    event = rename(customer, "B")
    rename(customer, "C")
    plan = undo(event, on_conflict="skip")
    assert [o.kind for o in plan.left_alone] == [Kind.CHANGED_LATER]
    plan.apply()
    assert name_of(customer) == "C"


def test_force_overwrites_what_was_changed_later(customer: Customer) -> None:
    event = rename(customer, "B")
    rename(customer, "C")
    undo(event, on_conflict="force").apply()
    assert name_of(customer) == "A"


def test_a_field_that_is_back_already_is_no_conflict(customer: Customer) -> None:
    event = rename(customer, "B")
    rename(customer, "A")
    plan = undo(event)
    assert (plan.steps, plan.obstacles) == ((), ())


def test_what_others_wrote_between_two_of_its_changes_stands_in_the_way(
    customer: Customer,
) -> None:
    with pgaudit_log.context() as context:
        rename(customer, "B")
        # A thread begins without a context.
        Meanwhile(lambda: rename(customer, "X")).done()
        rename(customer, "C")
    plan = undo(context=context)
    assert kinds(plan) == [Kind.CHANGED_LATER]
    assert undo(context=context, on_conflict="skip").steps == ()
    undo(context=context, on_conflict="force").apply()
    assert name_of(customer) == "A"


def test_what_others_wrote_before_a_deletion_stands_in_the_way(customer: Customer) -> None:
    with pgaudit_log.context() as context:
        rename(customer, "B")
        Meanwhile(lambda: rename(customer, "X")).done()
        customer.delete()
    assert kinds(undo(context=context)) == [Kind.CHANGED_LATER]
    undo(context=context, on_conflict="skip").apply()
    assert Customer.objects.get().name == "X"


def test_an_inserted_row_that_was_changed_later_is_not_deleted(customer: Customer) -> None:
    event = event_of(Customer, "I")
    rename(customer, "B")
    assert kinds(undo(event)) == [Kind.CHANGED_LATER]
    undo(event, on_conflict="skip").apply()
    assert name_of(customer) == "B"


def test_an_inserted_row_that_was_changed_later_is_deleted_by_force(customer: Customer) -> None:
    event = event_of(Customer, "I")
    rename(customer, "B")
    undo(event, on_conflict="force").apply()
    assert not Customer.objects.exists()


def test_an_inserted_row_that_others_point_at_stands_in_the_way(customer: Customer) -> None:
    Order.objects.create(customer=customer)
    plan = undo(event_of(Customer, "I"))
    assert kinds(plan) == [Kind.REFERENCED]
    with pytest.raises(PlanError, match="points at it with customer"):
        plan.apply()


def test_an_update_of_a_row_that_is_gone_stands_in_the_way(customer: Customer) -> None:
    event = rename(customer, "B")
    customer.delete()
    assert kinds(undo(event)) == [Kind.DELETED]
    assert undo(event, on_conflict="skip").steps == ()


def test_a_deleted_row_that_is_there_again_stands_in_the_way(customer: Customer) -> None:
    key = customer.pk
    customer.delete()
    event = event_of(Customer, "D")
    Customer.objects.create(pk=key, name="other")
    assert kinds(undo(event)) == [Kind.EXISTS]
    undo(event, on_conflict="force").apply()
    assert Customer.objects.get().name == "A"


def test_a_missing_target_stands_in_the_way(customer: Customer) -> None:
    Order.objects.create(customer=customer).delete()
    event = event_of(Order, "D")
    customer.delete()
    plan = undo(event)
    assert kinds(plan) == [Kind.MISSING_TARGET]
    other = Customer.objects.create(name="other")
    undo(event, values={"customer": other}).apply()
    assert Order.objects.get().customer == other


def test_a_target_that_was_deleted_since_stands_in_the_way(customer: Customer) -> None:
    Order.objects.create(customer=customer)
    Order.objects.update(customer=Customer.objects.create(name="B"))
    event = event_of(Order, "U")
    customer.delete()
    assert kinds(undo(event)) == [Kind.MISSING_TARGET]


def test_a_target_that_comes_back_with_it_does_not(customer: Customer) -> None:
    Order.objects.create(customer=customer)
    with transaction.atomic():
        Order.objects.update(customer=Customer.objects.create(name="B"))
        customer.delete()
    plan = undo(txid=transaction_of())
    assert plan.obstacles == ()
    plan.apply()
    assert Order.objects.get().customer.name == "A"


def test_what_the_database_cascades_is_taken_back(made: Tables) -> None:
    up = made.make("Up", code=models.TextField(primary_key=True))
    down = made.make(
        "Down",
        up=models.OneToOneField(up, models.CASCADE, primary_key=True, db_constraint=False),
        n=models.IntegerField(),
    )
    execute(
        "ALTER TABLE shop_down ADD FOREIGN KEY (up_id) REFERENCES shop_up"
        " ON UPDATE CASCADE ON DELETE CASCADE"
    )
    for code in "ab":
        down.objects.create(up=up.objects.create(code=code), n=1)
    copies = Copies(up, down)
    with transaction.atomic():
        execute("UPDATE shop_up SET code = 'c' WHERE code = 'a'")
        execute("DELETE FROM shop_up WHERE code = 'b'")
    undo(txid=transaction_of()).apply()
    assert copies.differences() == []


def test_constraints_that_were_made_immediate_do_not_matter(made: Tables) -> None:
    node = made.make("Node", up=models.ForeignKey("self", models.CASCADE, null=True))
    one = node.objects.create()
    two = node.objects.create(up=one)
    node.objects.filter(pk=one.pk).update(up=two)
    copies = Copies(node)
    with transaction.atomic():
        one.delete()
    txid = transaction_of()
    with transaction.atomic():
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        undo(txid=txid).apply()
    assert copies.differences() == []


def test_a_taken_unique_value_stands_in_the_way(made: Tables) -> None:
    thing = made.make("Thing", code=models.TextField(unique=True))
    thing.objects.create(code="x").delete()
    event = event_of(thing, "D")
    thing.objects.create(code="x")
    plan = undo(event)
    assert kinds(plan) == [Kind.TAKEN]
    assert plan.obstacles[0].field == "code"


def test_values_taken_together_stand_in_the_way(made: Tables) -> None:
    thing = made.make(
        "Thing",
        a=models.IntegerField(),
        b=models.IntegerField(),
        Meta={"constraints": [models.UniqueConstraint(fields=["a", "b"], name="ab")]},
    )
    first = thing.objects.create(a=1, b=1)
    thing.objects.filter(pk=first.pk).update(b=2)
    event = event_of(thing, "U")
    thing.objects.create(a=1, b=1)
    assert kinds(undo(event)) == [Kind.TAKEN]


def test_a_value_that_must_be_unique_under_a_condition_stands_in_the_way(made: Tables) -> None:
    thing = made.make(
        "Thing",
        code=models.TextField(),
        live=models.BooleanField(default=True),
        Meta={
            "constraints": [
                models.UniqueConstraint(fields=["code"], condition=models.Q(live=True), name="u")
            ]
        },
    )
    thing.objects.create(code="x").delete()
    event = event_of(thing, "D")
    thing.objects.create(code="x")
    assert kinds(undo(event)) == [Kind.TAKEN]


def test_a_swap_of_unique_values_is_taken_back(made: Tables) -> None:
    thing = made.make("Thing", code=models.CharField(max_length=1, unique=True))
    for code in "abc":
        thing.objects.create(code=code)
    copies = Copies(thing)
    with transaction.atomic():
        for old, new in ("a-", "ba", "cb", "-c"):
            thing.objects.filter(code=old).update(code=new)
    plan = undo(txid=transaction_of())
    assert plan.obstacles == ()
    plan.apply()
    assert copies.differences() == []


def test_a_swap_of_deferrable_keys_is_taken_back(made: Tables) -> None:
    thing = made.make("Thing", n=models.IntegerField())
    execute(
        "ALTER TABLE shop_thing DROP CONSTRAINT shop_thing_pkey,"
        " ADD PRIMARY KEY (id) DEFERRABLE INITIALLY IMMEDIATE"
    )
    thing.objects.bulk_create(thing(pk=pk, n=pk) for pk in (1, 2, 3))
    copies = Copies(thing)
    execute("UPDATE shop_thing SET id = 4 - id, n = n * 10")
    undo(txid=transaction_of()).apply()
    assert copies.differences() == []


NUMBERS = {
    "small": models.SmallIntegerField,
    "integer": models.IntegerField,
    "big": models.BigIntegerField,
    "positive": models.PositiveIntegerField,
    "positive small": models.PositiveSmallIntegerField,
}


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("is_deferrable", [True, False])
def test_a_row_is_moved_aside_to_where_no_other_is(
    made: Tables, kind: str, is_deferrable: bool
) -> None:
    number = NUMBERS[kind]
    thing = made.make("Thing", key=number(primary_key=True), n=models.IntegerField())
    execute(
        "ALTER TABLE shop_thing DROP CONSTRAINT shop_thing_pkey,"
        " ADD PRIMARY KEY (key) DEFERRABLE INITIALLY IMMEDIATE"
    )
    # Those that rows could move through, below zero, and the ends of the range.
    others = [-2, -3, -4, -5] if "positive" not in kind else [0]
    if "small" not in kind:
        others.append(2**31 - 1)
    thing.objects.bulk_create(thing(key=key, n=key % 100) for key in (1, 2, 3, 4, 5, *others))
    copies = Copies(thing)
    with transaction.atomic():
        execute("UPDATE shop_thing SET key = CASE key WHEN 1 THEN 2 ELSE 1 END WHERE key IN (1, 2)")
        execute("UPDATE shop_thing SET key = CASE key WHEN 3 THEN 4 ELSE 3 END WHERE key IN (3, 4)")
    if not is_deferrable:
        execute("ALTER TABLE shop_thing DROP CONSTRAINT shop_thing_pkey, ADD PRIMARY KEY (key)")
    plan = undo(txid=transaction_of())
    assert plan.obstacles == ()
    plan.apply()
    assert copies.differences() == []


def test_a_value_that_a_row_passed_through_may_be_another_row_s_by_now(made: Tables) -> None:
    thing = made.make("Thing", key=models.TextField(primary_key=True), n=models.IntegerField())
    execute(
        "ALTER TABLE shop_thing DROP CONSTRAINT shop_thing_pkey,"
        " ADD PRIMARY KEY (key) DEFERRABLE INITIALLY IMMEDIATE"
    )
    thing.objects.bulk_create(thing(key=key, n=n) for n, key in enumerate("ab"))
    with transaction.atomic():
        for old, new in ("a-", "ba", "-b"):
            thing.objects.filter(key=old).update(key=new)
    txid = transaction_of()
    thing.objects.create(key="-", n=9)
    # No other value is known that a text may have; then the database is asked, and refuses.
    plan = undo(txid=txid)
    with pytest.raises(PlanError):
        plan.apply()
    assert dict(thing.objects.values_list("key", "n")) == {"a": 1, "b": 0, "-": 9}


def test_a_shift_of_keys_is_taken_back(made: Tables) -> None:
    thing = made.make("Thing", n=models.IntegerField(), key=models.IntegerField(primary_key=True))
    thing.objects.bulk_create(thing(pk=pk, n=pk) for pk in (1, 2, 3))
    copies = Copies(thing)
    with transaction.atomic():
        for key in (3, 2, 1):
            thing.objects.filter(pk=key).update(key=key + 1)
        thing.objects.create(pk=1, n=9)
    undo(txid=transaction_of()).apply()
    assert copies.differences() == []


def test_a_swap_of_keys_through_a_third_is_taken_back(made: Tables) -> None:
    thing = made.make("Thing", n=models.IntegerField(), key=models.IntegerField(primary_key=True))
    thing.objects.bulk_create(thing(pk=pk, n=pk) for pk in (1, 2))
    copies = Copies(thing)
    with transaction.atomic():
        for old, new in ((1, -1), (2, 1), (-1, 2)):
            thing.objects.filter(pk=old).update(key=new)
    undo(txid=transaction_of()).apply()
    assert copies.differences() == []


def test_a_row_is_found_whose_key_was_changed_later(made: Tables) -> None:
    thing = made.make("Thing", n=models.IntegerField(), key=models.TextField(primary_key=True))
    thing.objects.create(pk="a", n=1)
    thing.objects.update(n=2)
    event = event_of(thing, "U")
    thing.objects.update(key="b")
    thing.objects.update(key="c")
    undo(event).apply()
    assert thing.objects.values_list("key", "n").get() == ("c", 1)


def test_a_deleted_row_comes_back_where_another_has_moved_to(made: Tables) -> None:
    thing = made.make("Thing", n=models.IntegerField(), key=models.TextField(primary_key=True))
    thing.objects.create(pk="a", n=1)
    thing.objects.create(pk="b", n=2)
    copies = Copies(thing)
    with transaction.atomic():
        thing.objects.filter(pk="a").delete()
        thing.objects.filter(pk="b").update(key="a")
    undo(txid=transaction_of()).apply()
    assert copies.differences() == []


@pytest.mark.parametrize("n", [1, 2])
def test_a_deleted_row_comes_back_where_another_was_inserted(made: Tables, n: int) -> None:
    thing = made.make("Thing", n=models.IntegerField(), key=models.TextField(primary_key=True))
    thing.objects.create(pk="a", n=1)
    copies = Copies(thing)
    with pgaudit_log.context() as context:
        thing.objects.filter(pk="a").update(key="b")
        thing.objects.create(pk="a", n=n)
        thing.objects.filter(pk="b").delete()
    undo(context=context).apply()
    assert copies.differences() == []


def test_many_changes_of_one_row_in_one_transaction_are_taken_back_as_one(
    customer: Customer,
) -> None:
    copies, key = Copies(Customer), customer.pk
    with transaction.atomic():
        for name in ("B", "C", "A", "D"):
            rename(customer, name)
        customer.delete()
        Customer.objects.create(pk=key, name="E")
        Customer.objects.create(name="short-lived").delete()
    plan = undo(txid=transaction_of())
    assert len(plan.steps) == 1
    plan.apply()
    assert copies.differences() == []


def test_events_of_several_trackers_are_one_change(made: Tables) -> None:
    thing = made.make(
        "Thing",
        pgaudit_log.InsertEvent("i1"),
        pgaudit_log.InsertEvent("i2"),
        pgaudit_log.UpdateEvent("u1"),
        pgaudit_log.UpdateEvent("u2", row=pgaudit_log.Old),
        pgaudit_log.DeleteEvent("d1"),
        pgaudit_log.DeleteEvent("d2"),
        a=models.IntegerField(),
        b=models.IntegerField(default=0),
    )
    made.retrack(
        thing,
        pgaudit_log.InsertEvent("i3"),
        pgaudit_log.UpdateEvent("u3"),
        pgaudit_log.DeleteEvent("d3"),
        fields=["a"],
        model_name="ThingA",
        obj_field=None,
    )
    one, two = thing.objects.create(a=1), thing.objects.create(a=2)
    copies = Copies(thing)
    with transaction.atomic():
        thing.objects.filter(pk=one.pk).update(a=5, b=5)
        thing.objects.filter(pk=one.pk).update(a=1)
        thing.objects.filter(pk=one.pk).update(a=5)
        two.delete()
        thing.objects.create(a=3)
    plan = undo(txid=transaction_of())
    assert len(plan.steps) == 3
    plan.apply()
    assert copies.differences() == []


def test_what_a_many_to_many_set_changed_is_taken_back() -> None:
    users = [User.objects.create_user(name) for name in "abc"]
    team = Team.objects.create()
    team.members.set(users[:2])
    copies = Copies(Team.members.through)
    with transaction.atomic():
        team.members.set(users[1:])
    undo(txid=transaction_of()).apply()
    assert copies.differences() == []


def test_a_tree_and_a_circle_are_taken_back(made: Tables) -> None:
    node = made.make("Node", up=models.ForeignKey("self", models.CASCADE, null=True))
    root = node.objects.create()
    child = node.objects.create(up=node.objects.create(up=root))
    node.objects.filter(pk=root.pk).update(up=child)
    copies = Copies(node)
    with transaction.atomic():
        root.delete()
    assert not node.objects.exists()
    undo(txid=transaction_of()).apply()
    assert copies.differences() == []


@pytest.mark.slow
@pytest.mark.parametrize("levels", [1000, pytest.param(5000, marks=pytest.mark.long)])
def test_a_long_chain_is_taken_back(made: Tables, levels: int) -> None:
    node = made.make("Node", up=models.ForeignKey("self", models.CASCADE, null=True))
    execute(
        "INSERT INTO shop_node (id, up_id) OVERRIDING SYSTEM VALUE"
        " SELECT n, NULLIF(n - 1, 0) FROM generate_series(1, %s) AS n",
        [levels],
    )
    inserted = transaction_of()
    copies = Copies(node)
    execute("DELETE FROM shop_node")
    deleted = event_of(node, "D", pgh_obj_id="1")
    restore(deleted).apply()
    assert copies.differences() == []
    undo(txid=inserted).apply()
    assert not node.objects.exists()


def test_inserts_follow_what_they_point_at_when_constraints_cannot_wait(made: Tables) -> None:
    node = made.make("Node", up=models.ForeignKey("self", models.CASCADE, null=True))
    [(name,)] = execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = 'shop_node'::regclass AND contype = 'f'"
    )
    execute(f'ALTER TABLE shop_node ALTER CONSTRAINT "{name}" NOT DEFERRABLE')
    with transaction.atomic():
        last = None
        for _ in range(5):
            last = node.objects.create(up=last)
    inserted = transaction_of()
    copies = Copies(node)
    undo(txid=inserted).apply()
    assert not node.objects.exists()
    undo(txid=transaction_of()).apply()
    assert copies.differences() == []


def test_a_column_that_is_gone_stands_in_the_way(made: Tables) -> None:
    thing = made.make("Thing", n=models.IntegerField())
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot, txid)"
        """ VALUES ('shop.Thing', '5', 'delete', 'D', '{"id": 5, "n": 1, "isbn": "x"}', 1)"""
    )
    event = event_of(thing, "D")
    plan = undo(event)
    assert kinds(plan) == [Kind.COLUMN_GONE]
    with pytest.raises(PlanError, match="'isbn' no longer exists. Pass ignore_missing=True"):
        plan.apply()
    undo(event, ignore_missing=True).apply()
    assert thing.objects.values_list("pk", "n").get() == (5, 1)


def test_a_value_that_cannot_be_read_stands_in_the_way(made: Tables) -> None:
    thing = made.make(
        "Thing", n=models.IntegerField(null=True), span=SqlField("int4range", null=True)
    )
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot, txid) VALUES"
        """ ('shop.Thing', '5', 'delete', 'D', '{"id": 5, "n": "many", "span": "wide"}', 1)"""
    )
    event = event_of(thing, "D")
    plan = undo(event)
    assert kinds(plan) == [Kind.UNREADABLE, Kind.UNREADABLE]
    undo(event, values={"n": 7, "span": None}).apply()
    assert thing.objects.values_list("pk", "n", "span").get() == (5, 7, None)


def test_a_masked_value_is_never_written(made: Tables) -> None:
    thing = made.make("Thing", word=models.TextField(), data=models.JSONField(null=True))
    thing.objects.create(pk=1, word="now")
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot, diff, txid) VALUES"
        """ ('shop.Thing', '1', 'update', 'U',
            '{"id": 1, "word": {"pgaudit_log.masked": 2}, "data": {"pgaudit_log.masked": 2}}',
            '{"word": [{"pgaudit_log.masked": 1}, {"pgaudit_log.masked": 2}],
              "data": [{"pgaudit_log.masked": 1}, {"pgaudit_log.masked": 2}]}', 1)"""
    )
    event = event_of(thing, "U")
    assert kinds(undo(event, on_conflict="force")) == [Kind.MASKED, Kind.MASKED]
    assert undo(event, on_conflict="skip").steps == ()


def test_a_required_value_that_did_not_exist_stands_in_the_way(made: Tables) -> None:
    thing = made.make("Thing", n=models.IntegerField(), later=models.TextField())
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot, txid) VALUES"
        """ ('shop.Thing', '5', 'delete', 'D', '{"id": 5, "n": 1}', 1)"""
    )
    event = event_of(thing, "D")
    assert kinds(undo(event)) == [Kind.REQUIRED]
    undo(event, values={"later": "x"}).apply()
    assert thing.objects.values_list("n", "later").get() == (1, "x")


def test_a_value_of_the_type_of_that_time_is_the_same_value(made: Tables) -> None:
    thing = made.make(
        "Thing", word=models.TextField(), price=models.DecimalField(max_digits=9, decimal_places=3)
    )
    thing.objects.create(pk=1, word="5", price="1.5")
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot, diff, txid) VALUES"
        """ ('shop.Thing', '1', 'update', 'U', '{"id": 1, "word": 5, "price": 1.50}',
            '{"word": [4, 5], "price": [1.40, 1.50]}', 1)"""
    )
    plan = undo(event_of(thing, "U"))
    assert plan.obstacles == ()
    plan.apply()
    assert execute("SELECT word, price::text FROM shop_thing") == [("4", "1.400")]


def test_a_trigger_that_writes_the_row_again_is_taken_back_with_it(made: Tables) -> None:
    thing = made.make("Thing", a=models.TextField(), n=models.IntegerField(default=0))
    execute(
        """
        CREATE OR REPLACE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE shop_thing SET a = NEW.a || '!', n = n + 1 WHERE id = NEW.id;
            RETURN NULL;
        END $$;
        CREATE TRIGGER again AFTER INSERT OR UPDATE ON shop_thing
            FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION again();
        """
    )
    try:
        first = thing.objects.create(a="x")
        copies = Copies(thing)
        with transaction.atomic():
            thing.objects.filter(pk=first.pk).update(a="y")
            second = thing.objects.create(a="z")
        assert thing.objects.get(pk=first.pk).a == "y!"
        assert thing.objects.get(pk=second.pk).a == "z!"
        # The newest event is that of the statement that fired the trigger.
        assert thing.objects.as_of(timezone.now()).get(pk=first.pk).a == "y"
        plan = undo(txid=transaction_of())
        assert plan.obstacles == ()
        execute("ALTER TABLE shop_thing DISABLE TRIGGER again")
        plan.apply()
        assert copies.differences() == []
    finally:
        execute("DROP FUNCTION again CASCADE")


def test_undo_of_an_undo_gives_the_first_state_again(customer: Customer) -> None:
    Order.objects.create(customer=customer)
    with transaction.atomic():
        customer.delete()
        Customer.objects.create(name="new")
    copies = Copies(Customer, Order)
    undone = undo(txid=transaction_of()).apply()
    undo(txid=undone.txid).apply()
    assert copies.differences() == []


def test_its_events_name_the_event(customer: Customer) -> None:
    event = rename(customer, "B")
    undo(event).apply(reason="typo")
    found = event_of(Customer, "U").pgh_context
    assert (found["reverts_event"], found["reason"]) == (event.pgh_id, "typo")


def test_its_events_name_the_transaction(customer: Customer) -> None:
    rename(customer, "B")
    txid = transaction_of()
    undo(txid=txid).apply()
    assert event_of(Customer, "U").pgh_context["reverts_txid"] == txid


def test_its_events_name_the_context_and_keep_who_did_it(customer: Customer) -> None:
    with pgaudit_log.context(user=1) as context:
        rename(customer, "B")
    with pgaudit_log.context(user=2):
        undo(context=context).apply()
    found = event_of(Customer, "U").pgh_context
    assert (found["reverts_context"], found["user"]) == (str(context.id), 2)


def test_only_some_fields_of_an_event_are_taken_back(customer: Customer) -> None:
    order = Order.objects.create(customer=customer)
    Order.objects.update(status="paid", note="x")
    undo(event_of(Order, "U"), fields=["note"]).apply()
    order.refresh_from_db()
    assert (order.status, order.note) == ("paid", "")


def test_fields_of_a_whole_row_are_refused(customer: Customer) -> None:
    with pytest.raises(QueryError, match="Leave fields= out"):
        undo(event_of(Customer, "I"), fields=["name"])


def test_an_unknown_field_is_refused(customer: Customer) -> None:
    event = rename(customer, "B")
    with pytest.raises(QueryError, match="has no field 'nam'"):
        undo(event, fields=["nam"])
    with pytest.raises(QueryError, match="has no field 'nam'"):
        undo(event, values={"nam": 1})


def test_a_truncation_cannot_be_undone() -> None:
    Product.objects.create(sku="x", name="X", price=1)
    execute("TRUNCATE shop_product CASCADE")
    with pytest.raises(QueryError, match="it truncated shop.Product"):
        undo(txid=transaction_of())


def test_what_changed_nothing_cannot_be_undone() -> None:
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot)"
        """ VALUES ('shop.Customer', '1', 'baseline', 'B', '{"id": 1}')"""
    )
    with pytest.raises(
        QueryError, match="it changed nothing, but only has events of operation baseline"
    ):
        undo(txid=transaction_of())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "was given nothing"),
        ({"txid": 1, "context": "018f0000-0000-7000-8000-000000000001"}, "txid and context"),
        ({"txid": 1}, "no events of transaction 1"),
        ({"txid": "x"}, "'x' is no transaction"),
        ({"context": "018f0000-0000-7000-8000-000000000001"}, "no events of context 018f"),
        ({"context": "nonsense"}, "'nonsense' is no context"),
        ({"event": "nonsense"}, "'nonsense' is no event"),
        ({"event": Customer(name="x")}, "is no event"),
    ],
)
def test_what_is_not_in_the_log_is_refused(given: dict[str, Any], message: str) -> None:
    before = last_id()
    with pytest.raises(QueryError, match=message):
        undo(**given)
    assert last_id() == before


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_wrong_choice_is_refused(customer: Customer) -> None:
    event = rename(customer, "B")
    with pytest.raises(QueryError, match="on_conflict='overwrite' is none of abort, skip, force"):
        undo(event, on_conflict="overwrite")


def test_an_event_of_a_model_that_is_no_more_is_refused() -> None:
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot)"
        """ VALUES ('shop.Gone', '1', 'delete', 'D', '{"id": 1}')"""
    )
    with pytest.raises(QueryError, match="shop.Gone, which is no tracked model any more"):
        undo(Events.objects.latest("pgh_id"))


def test_it_works_from_a_coroutine(customer: Customer) -> None:
    event = rename(customer, "B")

    async def run() -> None:
        plan = await aundo(event)
        await plan.aapply()

    async_to_sync(run)()
    assert name_of(customer) == "A"


def test_an_order_with_its_lines_is_taken_back(customer: Customer) -> None:
    product = Product.objects.create(sku="x", name="X", price=1)
    with transaction.atomic():
        order = Order.objects.create(customer=customer)
        OrderLine.objects.create(order=order, product=product)
    undo(txid=transaction_of()).apply()
    assert not Order.objects.exists()
