"""What PostgreSQL plans: captures must not turn quadratic, reads must use the indexes."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any

import pytest
from django.db import connection, models
from django.db.backends.postgresql.psycopg_any import is_psycopg3

from pgaudit_log.database.partitions.calendar import period_at
from pgaudit_log.models import Events
from tests.query_plans import event_scans, nodes
from tests.shop import models as shop
from tests.shop.models import Customer, Order, Stock
from tests.support import execute, last_id

pytestmark = pytest.mark.django_db


def plans_of(sql: str, params: Any = None) -> str:
    """Return the plans, as PostgreSQL prints them for debugging, that running ``sql`` makes."""
    printed: list[str] = []
    raw = connection.connection

    def keep(diagnostic: Any) -> None:
        printed.append(f"{diagnostic.message_primary} {diagnostic.message_detail}")

    execute("SELECT set_config('client_min_messages', 'log', true)")
    execute("SELECT set_config('debug_print_plan', 'on', true)")
    if is_psycopg3:
        raw.add_notice_handler(keep)
    try:
        execute(sql, params)
        if not is_psycopg3:
            printed.extend(raw.notices)
    finally:
        if is_psycopg3:
            raw.remove_notice_handler(keep)
        execute("SELECT set_config('debug_print_plan', 'off', true)")
        execute("SELECT set_config('client_min_messages', 'notice', true)")
    return "\n".join(printed)


FULL = "2"
"""PostgreSQL's JOIN_FULL."""


def joins(plans: str) -> list[tuple[str, str]]:
    """Return the kind and the join type of each join in printed plans."""
    found = []
    open_nodes: list[str] = []
    for node, jointype in re.findall(r"\{(\w*)|\}|:(?:join\.)?jointype (\d)", plans):
        if jointype:
            # Range table entries have a join type too.
            if open_nodes[-1] in ("HASHJOIN", "MERGEJOIN", "NESTLOOP"):
                found.append((open_nodes[-1], jointype))
        elif node:
            open_nodes.append(node)
        else:
            open_nodes.pop()
    return found


def test_a_bulk_update_after_single_ones_is_planned_as_a_full_join() -> None:
    execute("DISCARD PLANS")  # of other tests on this connection
    customers = Customer.objects.bulk_create(Customer(name=str(n)) for n in range(500))
    for customer in customers[:8]:
        customer.name += "!"
        customer.save()
    plans = plans_of("UPDATE shop_customer SET name = name || '?'")
    full_joins = [node for node, jointype in joins(plans) if jointype == FULL]
    assert full_joins
    assert set(full_joins) <= {"HASHJOIN", "MERGEJOIN"}


def test_a_condition_that_is_strict_does_not_make_an_inner_join_of_it() -> None:
    execute("DISCARD PLANS")  # of other tests on this connection
    Stock.objects.bulk_create(Stock(site="Ulm", level=n) for n in range(500))
    for stock in Stock.objects.all()[:8]:
        stock.level = -1
        stock.save()
    plans = plans_of("UPDATE shop_stock SET level = level - 1")
    kinds = {node for node, jointype in joins(plans) if jointype == FULL}
    assert kinds
    assert kinds <= {"HASHJOIN", "MERGEJOIN"}


def test_bulk_updates_pair_rows_whatever_came_before_on_the_connection() -> None:
    customers = Customer.objects.bulk_create(Customer(name=str(n)) for n in range(300))
    expected = []
    start = last_id()
    for size in (1, 300, 1, 2, 1, 300):
        chosen = customers[:size]
        execute(
            "UPDATE shop_customer SET name = name || '.' WHERE id = ANY (%s)",
            [[c.pk for c in chosen]],
        )
        for customer in chosen:
            expected.append((str(customer.pk), [customer.name, customer.name + "."]))
            customer.name += "."
    events = Events.objects.filter(pgh_id__gt=start)
    found = [(key, diff["name"]) for key, diff in events.values_list("pgh_obj_id", "pgh_diff")]
    assert sorted(found) == sorted(expected)


@pytest.mark.usefixtures("many_events")
def test_the_events_of_an_object_use_the_index() -> None:
    order = Order.objects.order_by("pk")[100]
    scans = event_scans(order.events.all())
    assert scans
    for scan in scans:
        assert "obj_pk = " in scan.get("Index Cond", "") and "model = " in scan["Index Cond"]


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.usefixtures("many_events")
@pytest.mark.parametrize("how", ["newest", "of an object", "filtered"])
def test_the_columns_of_typed_events_are_computed_once_not_in_each_partition(how: str) -> None:
    order = Order.objects.order_by("pk")[100]
    event_model: Any = shop.OrderEvent
    queryset = {
        "newest": event_model.objects.newest()[:50],
        "of an object": order.events.all(),
        "filtered": event_model.objects.filter(status="paid"),
    }[how]
    found = nodes(queryset, verbose=True)
    computing = [
        node for node in found if any("->>" in column for column in node.get("Output", []))
    ]
    assert {node["Node Type"] for node in computing} <= {"Nested Loop", "Sort", "Limit"}
    scans = [node for node in found if "Relation Name" in node]
    assert len(scans) > 3
    assert how != "filtered" or all("->>" in str(scan) for scan in scans)


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.usefixtures("many_events")
@pytest.mark.parametrize(
    "relation", ["join from the object", "in a list", "in a subquery", "outer reference"]
)
def test_each_way_to_an_objects_events_uses_the_index(relation: str) -> None:
    order = Order.objects.order_by("pk")[100]
    event_model: Any = shop.OrderEvent
    queryset = {
        "join from the object": Order.objects.filter(pk=order.pk, events__status="paid"),
        "in a list": event_model.objects.filter(pgh_obj__in=[order.pk, order.pk + 1]),
        "in a subquery": event_model.objects.filter(pgh_obj__in=Order.objects.filter(pk=order.pk)),
        "outer reference": Order.objects.filter(pk=order.pk).annotate(
            seen=models.Subquery(
                event_model.objects.filter(pgh_obj=models.OuterRef("pk")).values("status")[:1]
            )
        ),
    }[relation]
    scans = event_scans(queryset)
    assert scans
    for scan in scans:
        assert "obj_pk = " in scan.get("Index Cond", "") + scan.get("Recheck Cond", "")


@pytest.mark.usefixtures("many_events")
def test_a_join_to_the_object_uses_the_objects_key() -> None:
    event_model: Any = shop.OrderEvent
    key = Order.objects.order_by("pk").values_list("pk", flat=True)[100]
    queryset = event_model.objects.filter(pgh_obj=key).select_related("pgh_obj")
    assert "shop_order_pkey" in {node.get("Index Name") for node in nodes(queryset)}


MOMENTS = {
    "time": lambda: datetime.now(timezone.utc),
    "event": lambda: Events.objects.order_by("-pgh_id")[0],
}


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.usefixtures("many_events")
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("how", ["key", "related object"])
def test_one_object_as_of_a_moment_uses_the_indexes(moment: str, how: str) -> None:
    order = Order.objects.order_by("pk")[100]
    at = MOMENTS[moment]()
    queryset = {
        "key": Order.objects.as_of(at).filter(pk=order.pk),
        "related object": Customer.objects.as_of(at).filter(pk=order.customer_id),
    }[how]
    sql, params = queryset.query.sql_with_params()
    execute("DISCARD PLANS")
    plans = plans_of(sql, params)
    this_month = period_at(datetime.now(timezone.utc), "month").table
    scanned = execute(
        "SELECT relname FROM pg_class WHERE oid = ANY (%s::text[]::oid[]) AND relname LIKE %s",
        [re.findall(r":indexid (\d+)", plans), this_month + "%"],
    )
    assert {name.removeprefix(this_month) for (name,) in scanned} == {
        "_model_obj_pk_id_idx",
        "_refs_idx",
    }


@pytest.mark.usefixtures("many_events")
@pytest.mark.parametrize("moment", MOMENTS)
def test_some_objects_as_of_a_moment_use_the_index(moment: str) -> None:
    order = Order.objects.order_by("pk")[100]
    past = Order.objects.as_of(MOMENTS[moment]())
    scans = event_scans(past.filter(pk__in=[order.pk, order.pk + 1]))
    assert scans
    assert not [scan for scan in scans if scan["Node Type"] == "Seq Scan"]
    assert [s for s in scans if "obj_pk = ANY" in s.get("Index Cond", "") and "model" in str(s)]


@pytest.mark.usefixtures("many_events")
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_related_set_as_of_a_moment_uses_the_index_on_references(moment: str) -> None:
    customer = Customer.objects.order_by("pk")[100]
    [past] = Customer.objects.as_of(MOMENTS[moment]()).filter(pk=customer.pk)
    scans = event_scans(past.order_set.all())
    assert not [scan for scan in scans if scan["Node Type"] == "Seq Scan"]
    assert [scan for scan in scans if "refs && " in scan.get("Index Cond", "")]
