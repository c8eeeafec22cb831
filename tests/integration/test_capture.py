"""Each way of writing leaves the events it should, in the same transaction."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pgtrigger
import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import F

from pgaudit_log.models import Events
from tests.shop.models import (
    Customer,
    Order,
    OrderLine,
    Parcel,
    Product,
    Stock,
    Team,
    Untracked,
)
from tests.support import copy_in, execute, last_id, trail

pytestmark = pytest.mark.django_db


def test_create_leaves_one_insert(customer: Customer) -> None:
    assert trail() == [("I", str(customer.pk), None)]


def test_the_snapshot_has_each_tracked_column(customer: Customer) -> None:
    assert Events.objects.get().pgh_data == {"id": customer.pk, "name": "Ana"}


def test_save_leaves_one_update_with_what_changed(customer: Customer) -> None:
    start = last_id()
    customer.name = "Bea"
    customer.save()
    assert trail(after=start) == [("U", str(customer.pk), {"name": ["Ana", "Bea"]})]


def test_a_save_that_changes_nothing_leaves_no_event(customer: Customer) -> None:
    start = last_id()
    customer.save()
    assert trail(after=start) == []


def test_delete_keeps_the_deleted_row(customer: Customer) -> None:
    key = customer.pk
    customer.delete()
    event = Events.objects.get(pgh_operation="D")
    assert (event.pgh_obj_id, event.pgh_data) == (str(key), {"id": key, "name": "Ana"})


def test_bulk_create_leaves_an_insert_a_row() -> None:
    customers = Customer.objects.bulk_create(Customer(name=str(n)) for n in range(3))
    assert trail() == [("I", str(customer.pk), None) for customer in customers]


def test_update_of_many_rows_pairs_each_row_with_itself() -> None:
    customers = Customer.objects.bulk_create(Customer(name=str(n)) for n in range(50))
    start = last_id()
    execute("UPDATE shop_customer SET name = name || '!'")
    assert sorted(trail(after=start)) == sorted(
        ("U", str(c.pk), {"name": [c.name, c.name + "!"]}) for c in customers
    )


def test_only_the_rows_that_change_leave_events() -> None:
    one, two = Customer.objects.bulk_create([Customer(name="1"), Customer(name="2")])
    start = last_id()
    Customer.objects.update(name="1")
    assert one.pk != two.pk
    assert trail(after=start) == [("U", str(two.pk), {"name": ["2", "1"]})]


def test_bulk_update(customer: Customer) -> None:
    start = last_id()
    customer.name = "Bea"
    Customer.objects.bulk_update([customer], ["name"])
    assert trail(after=start) == [("U", str(customer.pk), {"name": ["Ana", "Bea"]})]


def test_an_expression_is_captured_with_its_result() -> None:
    product = Product.objects.create(sku="A", name="Apple", price=Decimal("1.10"))
    start = last_id()
    product.price = F("price") * 2  # type: ignore[assignment]
    product.save()
    assert trail(after=start) == [("U", "A", {"price": [Decimal("1.10"), Decimal("2.20")]})]


def test_bulk_create_with_update_conflicts_leaves_both_kinds() -> None:
    Product.objects.create(sku="A", name="Apple", price=1)
    start = last_id()
    Product.objects.bulk_create(
        [Product(sku="A", name="Avocado", price=1), Product(sku="B", name="Beet", price=1)],
        update_conflicts=True,
        unique_fields=["sku"],
        update_fields=["name"],
    )
    assert sorted(trail(after=start), key=str) == [
        ("I", "B", None),
        ("U", "A", {"name": ["Apple", "Avocado"]}),
    ]


def test_an_ignored_conflict_leaves_no_event() -> None:
    Product.objects.create(sku="A", name="Apple", price=1)
    start = last_id()
    Product.objects.bulk_create([Product(sku="A", name="B", price=1)], ignore_conflicts=True)
    assert trail(after=start) == []


def test_cascades_are_captured(customer: Customer) -> None:
    order = Order.objects.create(customer=customer)
    product = Product.objects.create(sku="A", name="Apple", price=1)
    line = OrderLine.objects.create(order=order, product=product)
    keys = {"shop.OrderLine": line.pk, "shop.Order": order.pk, "shop.Customer": customer.pk}
    start = last_id()
    customer.delete()
    deleted = Events.objects.filter(pgh_id__gt=start).values_list("pgh_obj_model", "pgh_obj_id")
    assert dict(deleted) == {model: str(key) for model, key in keys.items()}


def test_raw_sql_is_captured(customer: Customer) -> None:
    start = last_id()
    execute("UPDATE shop_customer SET name = 'Raw'")
    assert trail(after=start) == [("U", str(customer.pk), {"name": ["Ana", "Raw"]})]


def test_copy_is_captured() -> None:
    copy_in("COPY shop_customer (name) FROM STDIN", "Cora\nDora\n")
    assert [operation for operation, _, _ in trail()] == ["I", "I"]


def test_merge_leaves_an_event_an_action() -> None:
    Product.objects.create(sku="A", name="Apple", price=1)
    start = last_id()
    execute(
        """
        MERGE INTO shop_product AS p
        USING (VALUES ('A', 'Avocado'), ('B', 'Beet')) AS v (sku, name) ON p.sku = v.sku
        WHEN MATCHED THEN UPDATE SET name = v.name
        WHEN NOT MATCHED THEN INSERT (sku, name, price) VALUES (v.sku, v.name, 1)
        """
    )
    assert sorted(trail(after=start), key=str) == [
        ("I", "B", None),
        ("U", "A", {"name": ["Apple", "Avocado"]}),
    ]


def test_a_writable_cte_is_captured(customer: Customer) -> None:
    start = last_id()
    execute("WITH w AS (UPDATE shop_customer SET name = 'CTE' RETURNING 1) SELECT * FROM w")
    assert trail(after=start) == [("U", str(customer.pk), {"name": ["Ana", "CTE"]})]


def test_two_updates_of_one_table_in_one_statement() -> None:
    one, two = Customer.objects.bulk_create([Customer(name="1"), Customer(name="2")])
    start = last_id()
    execute(
        """
        WITH a AS (UPDATE shop_customer SET name = 'a' WHERE id = %s RETURNING 1),
             b AS (UPDATE shop_customer SET name = 'b' WHERE id = %s RETURNING 1)
        SELECT * FROM a, b
        """,
        [one.pk, two.pk],
    )
    assert sorted(trail(after=start)) == [
        ("U", str(one.pk), {"name": ["1", "a"]}),
        ("U", str(two.pk), {"name": ["2", "b"]}),
    ]


def test_a_changed_key_has_both_keys_in_its_diff() -> None:
    Product.objects.create(sku="A", name="Apple", price=1)
    start = last_id()
    Product.objects.update(sku="Z")
    assert trail(after=start) == [("U", "Z", {"sku": ["A", "Z"]})]


def test_swapped_keys_are_paired_by_row() -> None:
    execute("INSERT INTO shop_customer (id, name) VALUES (-1, 'one'), (-3, 'three')")
    start = last_id()
    execute("ALTER TABLE shop_customer DROP CONSTRAINT shop_customer_pkey CASCADE")
    execute("UPDATE shop_customer SET id = -4 - id WHERE id < 0")
    assert sorted(trail("shop.Customer", after=start)) == [
        ("U", "-1", {"id": [-3, -1]}),
        ("U", "-3", {"id": [-1, -3]}),
    ]


def test_truncate_leaves_one_event_without_an_object() -> None:
    Product.objects.create(sku="A", name="Apple", price=1)
    start = last_id()
    execute("TRUNCATE shop_product CASCADE")
    assert trail("shop.Product", after=start) == [("T", None, None)]


def test_a_rolled_back_write_leaves_no_event(customer: Customer) -> None:
    start = last_id()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        customer.delete()
        raise ZeroDivisionError
    assert trail(after=start) == []


def test_the_events_of_a_transaction_share_its_id(customer: Customer) -> None:
    customer.name = "Bea"
    customer.save()
    ids = set(Events.objects.values_list("pgh_txid", flat=True))
    assert ids == {execute("SELECT txid_current()")[0][0]}


def test_references_name_what_the_row_pointed_at(customer: Customer) -> None:
    order = Order.objects.create(customer=customer)
    Product.objects.create(sku="A", name="Apple", price=1)
    OrderLine.objects.create(order=order, product_id="A")
    event = Events.objects.get(pgh_obj_model="shop.OrderLine")
    assert event.pgh_refs == [f"shop.Order:{order.pk}", "shop.Product:A"]


def test_an_event_without_foreign_keys_has_no_references(customer: Customer) -> None:
    assert Events.objects.get().pgh_refs is None


def test_row_level_writes_what_statement_level_writes(customer: Customer) -> None:
    order = Order.objects.create(customer=customer)
    start = last_id()
    first, second = Parcel.objects.bulk_create([Parcel(order=order, weight=n) for n in (1, 2)])
    key = str(first.pk)
    Parcel.objects.update(weight=2)
    first.delete()
    assert trail(after=start) == [
        ("I", key, None),
        ("I", str(second.pk), None),
        ("U", key, {"weight": [1, 2]}),
        ("D", key, None),
    ]


@pytest.mark.parametrize("label", ["fell", "row_fell"])
def test_a_condition_decides_at_both_levels(label: str) -> None:
    stock = Stock.objects.create(site="Ulm", level=5)
    stock.level = 9
    stock.save()
    assert not Events.objects.filter(pgh_label=label).exists()
    stock.level = 3
    stock.save()
    assert Events.objects.get(pgh_label=label).pgh_data["level"] == 3


def test_row_old_stores_the_row_as_it_was() -> None:
    stock = Stock.objects.create(site="Ulm", level=5)
    Stock.objects.update(site="Bonn", level=6)
    event = Events.objects.get(pgh_label="site_changed")
    assert (event.pgh_data, event.pgh_obj_id) == ({"level": 5}, str(stock.pk))


def test_only_tracked_fields_are_stored_and_make_events() -> None:
    stock = Stock.objects.create(site="Ulm", level=5)
    stock.note = "untracked"
    stock.save()
    assert Events.objects.filter(pgh_obj_model="shop.Stock").count() == 0


def test_an_excluded_column_is_nowhere_in_the_event() -> None:
    user = User.objects.create_user("ana", password="secret")
    user.set_password("other")
    user.first_name = "Ana"
    user.save()
    events = Events.objects.filter(pgh_obj_model="auth.User")
    assert [event.pgh_operation for event in events] == ["I", "U"]
    assert not any("password" in str((event.pgh_data, event.pgh_diff)) for event in events)


def test_an_update_of_an_excluded_column_alone_leaves_no_event() -> None:
    user = User.objects.create_user("ana")
    start = last_id()
    user.set_password("other")
    user.save()
    assert trail(after=start) == []


def test_many_to_many_rows_are_captured_through_their_table() -> None:
    user = User.objects.create_user("ana")
    group = Group.objects.create(name="staff")
    start = last_id()
    user.groups.add(group)
    user.groups.remove(group)
    events = Events.objects.filter(pgh_id__gt=start)
    assert list(events.values_list("pgh_label", "pgh_refs")) == [
        ("group.add", [f"auth.User:{user.pk}", f"auth.Group:{group.pk}"]),
        ("group.remove", [f"auth.User:{user.pk}", f"auth.Group:{group.pk}"]),
    ]


def test_an_untracked_model_leaves_nothing() -> None:
    Untracked.objects.create()
    assert trail() == []


def test_an_ignored_trigger_writes_nothing(customer: Customer) -> None:
    start = last_id()
    with pgtrigger.ignore("shop.Customer:audit_update"):
        Customer.objects.update(name="hidden")
    Customer.objects.update(name="seen")
    assert [diff for _, _, diff in trail(after=start)] == [{"name": ["hidden", "seen"]}]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("TimeZone", "Asia/Tokyo"),
        ("DateStyle", "German"),
        ("IntervalStyle", "sql_standard"),
        ("bytea_output", "escape"),
        ("extra_float_digits", "-15"),
    ],
)
def test_the_session_does_not_change_how_values_are_stored(
    customer: Customer, setting: str, value: str
) -> None:
    def snapshot() -> dict[str, Any]:
        execute("UPDATE shop_order SET note = note || '.'")
        newest = Events.objects.order_by("-pgh_id").values_list("pgh_data", flat=True)[0]
        return {key: value for key, value in newest.items() if key != "note"}

    Order.objects.create(customer=customer)
    before = snapshot()
    execute("SELECT set_config(%s, %s, true)", [setting, value])
    assert snapshot() == before


def test_a_temporary_table_cannot_take_the_event_tables_place(customer: Customer) -> None:
    start = last_id()
    execute("CREATE TEMPORARY TABLE pgaudit_log_event (LIKE public.pgaudit_log_event)")
    customer.name = "Bea"
    customer.save()
    execute("DROP TABLE pg_temp.pgaudit_log_event")
    assert [operation for operation, _, _ in trail(after=start)] == ["U"]


@pytest.mark.django_db(transaction=True)
def test_a_role_that_may_only_write_the_table_is_captured() -> None:
    execute("DROP ROLE IF EXISTS pgaudit_log_writer")
    execute("CREATE ROLE pgaudit_log_writer")
    execute("GRANT INSERT ON shop_customer TO pgaudit_log_writer")
    execute("GRANT USAGE ON SEQUENCE shop_customer_id_seq TO pgaudit_log_writer")
    try:
        with transaction.atomic():
            execute("SET LOCAL ROLE pgaudit_log_writer")
            execute("INSERT INTO shop_customer (name) VALUES ('by another role')")
        assert Events.objects.get().pgh_session["set_role"] == "pgaudit_log_writer"
    finally:
        execute("DROP OWNED BY pgaudit_log_writer")
        execute("DROP ROLE pgaudit_log_writer")


def test_a_many_to_many_table_of_django_can_be_tracked_itself() -> None:
    team = Team.objects.create()
    user = User.objects.create_user("ana")
    start = last_id()
    team.members.add(user)
    team.members.clear()
    events = Events.objects.filter(pgh_id__gt=start)
    assert list(events.values_list("pgh_label", flat=True)) == ["member.add", "member.remove"]
    assert trail("shop.Team_members", after=start)[0][0] == "I"


@pytest.mark.parametrize("label", ["fell", "row_fell"])
def test_a_condition_that_is_null_does_not_fire_for_one_row_or_many(label: str) -> None:
    Stock.objects.bulk_create([Stock(site="a", level=1), Stock(site="b", level=None)])
    Stock.objects.update(level=None)
    Stock.objects.filter(site="a").update(level=3)
    Stock.objects.filter(site="a").update(level=None)
    assert not Events.objects.filter(pgh_label=label).exists()
