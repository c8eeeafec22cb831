"""A retention removes what is older; what is known of the time behind its horizon stays known."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

import pgaudit_log
from pgaudit_log.backfill import backfill
from pgaudit_log.constants import AT_KEY, LOWEST_ID
from pgaudit_log.database.partitions.leaves import leftovers
from pgaudit_log.diffs import blame, diff
from pgaudit_log.exceptions import PlanError, QueryError, UnknownPastError
from pgaudit_log.models import Events
from pgaudit_log.operating import hold, plan_retention, release, verify
from pgaudit_log.operating.partition_plans import Plan
from pgaudit_log.reversal import revert
from pgaudit_log.values.ages import Age
from tests import query_plans
from tests.partitions import (
    OWN,
    clean_log,
    happened,
    last_periods,
    make_partitions,
    partition_names,
    write_events,
)
from tests.shop.models import Customer, Order, Product, Stock
from tests.support import execute

pytestmark = pytest.mark.django_db(transaction=True)

MONTHS = last_periods(4)


@pytest.fixture(autouse=True)
def log() -> Iterator[None]:
    with clean_log():
        make_partitions(MONTHS)
        yield


def keep_for(age: str = "45d", **options: Any) -> Plan:
    """Remove what is older, and return the plan."""
    plan = plan_retention(older_than=Age.of(age), trust_clock=True, **options)
    plan.apply()
    return plan


def month(number: int, day: int = 3) -> Any:
    """Return the time of a month, 0 the oldest one."""
    return MONTHS[number].start + timedelta(days=day)


HORIZON_AGE = (timezone.now() - MONTHS[2].end).days
"""How old the third month's end is: so much is kept, so that the fourth month stays."""


@pytest.fixture
def past() -> dict[str, Any]:
    """Customers that were changed, deleted, truncated and moved, in several months."""
    with happened(month(0)):
        ana, ben, cem = (Customer.objects.create(name=name) for name in ("Ana", "Ben", "Cem"))
        product = Product.objects.create(sku="a", name="A", price=1)
    with happened(month(1)):
        Customer.objects.filter(pk=ana.pk).update(name="Anna")
        Product.objects.filter(pk="a").update(sku="b")
        cem_key = cem.pk
        Customer.objects.filter(pk=cem.pk).delete()
    with happened(month(2)):
        Customer.objects.filter(pk=ana.pk).update(name="Anne")
        Product.objects.filter(pk="b").update(price=2)
    with happened(month(3)):
        Customer.objects.filter(pk=ana.pk).update(name="Hanna")
    return {"ana": ana, "ben": ben, "cem": cem_key, "product": product}


def states(at: Any) -> list[Any]:
    """Return all rows that there were at a moment."""
    return [
        *Customer.objects.as_of(at).order_by("pk").values_list("pk", "name"),
        *Product.objects.as_of(at).order_by("pk").values_list("pk", "price"),
    ]


def test_the_past_behind_the_horizon_is_as_it_was(past: dict[str, Any]) -> None:
    moments = [MONTHS[3].start, month(3, 1), month(3), timezone.now() - timedelta(seconds=1)]
    before = [states(at) for at in moments]
    plan = keep_for(f"{HORIZON_AGE}d")
    assert sum(step.events or 0 for step in plan.steps) == 6
    assert [states(at) for at in moments] == before
    assert sorted(
        Events.objects.filter(pgh_obj_model="shop.Customer").values_list(
            "pgh_obj_id", "pgh_operation"
        )
    ) == sorted(
        [(str(past["ana"].pk), "U"), (str(past["ana"].pk), "U"), (str(past["ben"].pk), "I")]
    )
    assert list(verify()) == []


def test_beyond_the_horizon_nothing_is_known(past: dict[str, Any]) -> None:
    keep_for(f"{HORIZON_AGE}d")
    at, ana = month(2), past["ana"]
    with pytest.raises(
        UnknownPastError, match="shop.Customer is unknown before .*retention removed"
    ):
        list(Customer.objects.as_of(at))
    with pytest.raises(UnknownPastError, match="unknown before"):
        Customer.objects.as_of(at).count()
    with pytest.raises(UnknownPastError, match="unknown before"):
        Customer.objects.as_of(at).get(pk=ana.pk)
    with pytest.raises(UnknownPastError, match="unknown before"):
        ana.events.as_of(at)
    with pytest.raises(UnknownPastError, match="unknown before"):
        diff(at, of=ana)
    with pytest.raises(UnknownPastError, match="unknown before"):
        revert(ana, at)


def test_reverting_goes_on_behind_the_horizon(past: dict[str, Any]) -> None:
    keep_for(f"{HORIZON_AGE}d")
    ana = past["ana"]
    revert(ana, MONTHS[3].start).apply()
    ana.refresh_from_db()
    assert ana.name == "Anne"
    revert(ana, ana.events.earliest("pgh_id")).apply()
    assert backfill(Customer).events == 0
    assert list(verify()) == []
    assert [event.name for event in ana.events.order_by("pgh_id")] == ["Anne", "Hanna", "Anne"]
    assert blame(ana)["name"].event.pgh_operation == "U"


def test_a_second_retention_removes_what_the_first_one_kept(past: dict[str, Any]) -> None:
    keep_for(f"{(timezone.now() - MONTHS[1].end).days}d")
    ana = past["ana"]
    assert ana.events.count() == 3
    keep_for(f"{HORIZON_AGE}d")
    assert ana.events.count() == 2
    assert plan_retention(older_than=Age.of(f"{HORIZON_AGE}d")).steps == ()


def test_what_was_truncated_goes_and_what_came_later_stays() -> None:
    with happened(month(0)):
        ana, _ = (Customer.objects.create(name=name) for name in ("Ana", "Ben"))
    with happened(month(1)):
        Customer.objects.filter(pk=ana.pk).update(name="Anna")
    with happened(month(2, 5)):
        execute("TRUNCATE shop_stock, shop_customer CASCADE")
        late = Customer.objects.create(name="Late")
    keep_for(f"{HORIZON_AGE}d")
    assert list(Customer.objects.as_of(MONTHS[3].start)) == [late]
    assert not Events.objects.filter(pgh_operation="T").exists()


def test_each_declaration_keeps_its_own_newest_event() -> None:
    with happened(month(0)):
        stock = Stock.objects.create(site="x", level=5)
        Stock.objects.filter(pk=stock.pk).update(level=3)
        Stock.objects.filter(pk=stock.pk).update(site="y")
    before = sorted(
        Events.objects.filter(pgh_obj_model="shop.Stock").values_list("pgh_label", flat=True)
    )
    keep_for(f"{HORIZON_AGE}d")
    after = sorted(
        Events.objects.filter(pgh_obj_model="shop.Stock").values_list("pgh_label", flat=True)
    )
    assert before == ["fell", "row_fell", "site_changed"]
    assert after == ["row_fell", "site_changed"]


def test_only_the_models_that_are_named(past: dict[str, Any], settings: Any) -> None:
    products = Events.objects.filter(pgh_obj_model="shop.Product").count()
    keep_for(f"{HORIZON_AGE}d", models=["shop.Customer"])
    assert Events.objects.filter(pgh_obj_model="shop.Product").count() == products
    assert list(Product.objects.as_of(month(0)).values_list("pk", flat=True)) == ["a"]
    settings.PGAUDIT_LOG_RETENTION = {"shop.Product": timedelta(days=HORIZON_AGE)}
    plan_retention().apply()
    assert Events.objects.filter(pgh_obj_model="shop.Product").count() == 1
    with pytest.raises(QueryError, match="no model shop.Nothing"):
        plan_retention(older_than=Age.of("1d"), models=["shop.Nothing"])


def test_what_was_removed_is_told_by_model_and_month(past: dict[str, Any]) -> None:
    keep_for(f"{HORIZON_AGE}d")
    events = Events.objects.filter(pgh_obj_model=OWN, pgh_label="retention").order_by("pgh_id")
    removed = [one for event in events for one in event.pgh_data["removed"]]
    assert {"model": "shop.Customer", "month": f"{MONTHS[0].start:%Y-%m}", "events": 2} in removed


def test_partitions_of_which_nothing_stays_go() -> None:
    with happened(month(0)):
        Customer.objects.create(name="x").delete()
    plan = keep_for(f"{HORIZON_AGE}d")
    assert plan.steps[0].into == ()
    assert MONTHS[0].table not in partition_names()
    assert leftovers("default") == []


@pytest.mark.slow
@pytest.mark.everywhere
def test_what_is_held_stays(past: dict[str, Any]) -> None:
    ana = past["ana"]
    before = list(ana.events.order_by("pgh_id").values_list("pgh_id", flat=True))
    placed = hold(ana, reason="case 7")
    plan = keep_for(f"{HORIZON_AGE}d")
    assert [(one.hold, one.events) for one in plan.kept] == [(placed, 2)]
    assert list(ana.events.order_by("pgh_id").values_list("pgh_id", flat=True)) == before
    assert list(verify()) == []
    release(placed.number, reason="closed")
    keep_for(f"{HORIZON_AGE}d")
    assert ana.events.count() == 2


def test_a_held_object_that_is_gone_does_not_come_back(past: dict[str, Any]) -> None:
    hold("shop.Customer", key=str(past["cem"]), reason="case 8")
    hold("shop.Product", key="a", reason="case 9")
    before = states(MONTHS[3].start)
    keep_for(f"{HORIZON_AGE}d")
    assert states(MONTHS[3].start) == before
    assert (
        Events.objects.filter(pgh_obj_id=str(past["cem"]), pgh_obj_model="shop.Customer").count()
        == 2
    )
    assert list(verify()) == []


@pytest.mark.slow
@pytest.mark.everywhere
def test_what_is_held_of_an_object_that_is_gone_does_not_bring_it_back(
    past: dict[str, Any],
) -> None:
    with happened(month(0, 5)), pgaudit_log.context(user=7):
        gone = Customer.objects.create(name="gone")
        moved = Product.objects.create(sku="x", name="X", price=1)
    with happened(month(1, 5)):
        Customer.objects.filter(pk=gone.pk).delete()
        Product.objects.filter(pk=moved.pk).update(sku="y")
        Product.objects.filter(pk="y").update(sku="z")
    with happened(month(2, 5)):
        Product.objects.filter(pk="z").delete()
    hold(user=7, reason="case 12")
    before = states(MONTHS[3].start)
    keep_for(f"{HORIZON_AGE}d")
    assert states(MONTHS[3].start) == before
    assert list(verify()) == []


def test_what_a_deletion_refers_to_stays_with_it(past: dict[str, Any]) -> None:
    # The deletion stays because a held event does, and its large value is in the first event.
    write_events("shop.Customer", [(month(0), "900", "I", {"id": 900, "name": "large"})])
    [[first]] = execute("SELECT max(id) FROM pgaudit_log_event")
    place = {AT_KEY: {"id": first, "created_at": month(0).isoformat()}}
    write_events(
        "shop.Customer",
        [
            (month(1), "900", "U", {"id": 900, "name": "held"}),
            (month(1, 6), "900", "D", {"id": 900, "name": place}),
        ],
    )
    hold(since=month(1), until=month(1) + timedelta(hours=1), reason="case")
    columns = execute("SELECT count(*) FROM pgaudit_log_column WHERE is_large")
    execute("UPDATE pgaudit_log_column SET is_large = NOT is_large WHERE name = 'sku'")
    assert execute("SELECT count(*) FROM pgaudit_log_column WHERE is_large") != columns
    try:
        keep_for()
    finally:
        execute("UPDATE pgaudit_log_column SET is_large = NOT is_large WHERE name = 'sku'")
    stayed = Events.objects.filter(pgh_obj_id="900").order_by("pgh_id")
    assert [event.pgh_operation for event in stayed] == ["I", "U", "D"]


def test_a_retention_against_a_hold_is_refused(past: dict[str, Any]) -> None:
    hold(Customer, reason="case 10")
    with pytest.raises(PlanError, match="All events of shop.Customer stay: hold"):
        keep_for(f"{HORIZON_AGE}d", models=["shop.Customer"])
    plan = keep_for(f"{HORIZON_AGE}d")
    assert any("case 10" in notice for notice in plan.notices)
    assert Events.objects.filter(pgh_obj_model="shop.Customer").count() == 7


def test_orders_of_a_context_user(past: dict[str, Any]) -> None:
    with happened(month(0, 5)), pgaudit_log.context(user=7):
        order = Order.objects.create(customer=past["ben"])
        Order.objects.filter(pk=order.pk).update(status="paid")
    with happened(month(1, 5)):
        Order.objects.filter(pk=order.pk).update(status="sent")
    hold(user=7, reason="case 11")
    keep_for(f"{HORIZON_AGE}d")
    assert order.events.count() == 3


def test_what_stays_of_many_objects_is_found_in_one_pass() -> None:
    rows = 1_000
    parts = [
        (0, "I", "insert", "TRUE"),
        # Of transactions that overtook the deletions of a long one.
        (1, "U", "update", "n % 2 = 0"),
        (0, "D", "delete", "n % 2 = 1"),
        (1, "D", "delete", "n % 4 = 0"),
    ]
    for number, operation, label, test in parts:
        execute(
            "INSERT INTO pgaudit_log_event (created_at, model, obj_pk, label, operation, snapshot)"
            " SELECT %s, 'shop.Customer', n, %s, %s, jsonb_build_object('id', n, 'name', 'Ana')"
            f" FROM generate_series(1, {rows}) AS n WHERE {test.replace('%', '%%')} ORDER BY n",
            [month(number), label, operation],
        )
    with query_plans.explained("INSERT INTO", "pgaudit_log_stay") as plans:
        plan = plan_retention(older_than=Age.of("45d"), trust_clock=True)
    assert sum(step.events for step in plan.steps) == rows // 2 * 3 + rows // 2
    compared = [sum(map(query_plans.compared, nodes)) for nodes in plans]
    assert len(compared) > 3
    assert max(compared) <= 2 * rows


def test_what_has_the_first_id_that_there_is_stays_with_what_is_rewritten(
    past: dict[str, Any],
) -> None:
    # Of the first millisecond of 1970, such as imports have of records without a time.
    execute(
        "INSERT INTO pgaudit_log_event (id, created_at, model, obj_pk, label, operation)"
        " OVERRIDING SYSTEM VALUE VALUES (%s, %s, 'shop.Order', '1', 'insert', 'I')",
        [LOWEST_ID, month(0)],
    )
    keep_for(models=["shop.Customer"])
    assert execute("SELECT count(*) FROM pgaudit_log_event WHERE id = %s", [LOWEST_ID]) == [(1,)]


def test_what_ended_a_row_that_began_behind_the_horizon_stays() -> None:
    # By transactions that began before it, and waited for those that began behind it.
    with happened(month(3)):
        late = Customer.objects.create(name="Late")
        Product.objects.create(sku="a", name="A", price=1)
    with happened(month(2)):
        Customer.objects.filter(pk=late.pk).delete()
        Product.objects.filter(pk="a").update(sku="b")
        Product.objects.filter(pk="b").delete()
        Customer.objects.create(name="Gone").delete()
    at = timezone.now() - timedelta(seconds=1)
    before = states(at)
    keep_for(f"{HORIZON_AGE}d")
    assert states(at) == before == []
    assert list(verify()) == []
    ends = Events.objects.filter(pgh_obj_model="shop.Customer", pgh_operation="D")
    assert [event.pgh_obj_id for event in ends] == [str(late.pk)]


def test_what_emptied_a_table_of_what_began_behind_the_horizon_stays() -> None:
    with happened(month(3)):
        Customer.objects.create(name="Late")
    with happened(month(2)):
        execute("TRUNCATE shop_stock, shop_customer CASCADE")
    keep_for(f"{HORIZON_AGE}d")
    assert states(timezone.now() - timedelta(seconds=1)) == []
    assert list(verify()) == []
