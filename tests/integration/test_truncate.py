"""TRUNCATE: captured by default, and what the past, a plan and a flush make of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management.color import no_style
from django.db import connection, models
from django.utils import timezone

import pgaudit_log
from pgaudit_log.backfill import backfill
from pgaudit_log.database import leaf_triggers
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.reversal import revert, undo
from pgaudit_log.testing import isolated
from tests.moments import now
from tests.shop.models import Customer, Order
from tests.support import execute, last_id, trail
from tests.tables import install, make, tracked_table

pytestmark = pytest.mark.django_db


@pytest.fixture
def forgotten() -> Iterator[None]:
    with isolated():
        yield


def truncate(tables: str) -> None:
    execute(f"SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE {tables}")


@pytest.mark.parametrize("level", ["STATEMENT", "ROW"])
def test_a_truncation_is_captured_by_default(forgotten: None, level: str, settings: Any) -> None:
    settings.PGAUDIT_LOG_LEVEL = level
    thing = tracked_table("Thing", track={"fields": ["name"]}, name=models.TextField())
    thing.objects.create(name="a")
    full, start = now(), last_id()
    with pgaudit_log.context(why="spring cleaning"):
        truncate("shop_thing")
    assert trail(after=start) == [("T", None, None)]
    assert Events.objects.get(pgh_id__gt=start).pgh_context == {"why": "spring cleaning"}
    assert thing.objects.as_of(full).count() == 1
    assert thing.objects.as_of(now()).count() == 0


def test_a_truncation_that_cascades_is_one_of_each_table(customer: Customer) -> None:
    Order.objects.create(customer=customer)
    start = last_id()
    truncate("shop_customer CASCADE")
    events = Events.objects.filter(pgh_id__gt=start)
    assert set(events.values_list("pgh_operation", flat=True)) == {"T"}
    truncated = events.values_list("pgh_obj_model", flat=True)
    assert sorted(truncated) == ["shop.Customer", "shop.Order", "shop.OrderLine", "shop.Parcel"]
    assert not Order.objects.as_of(now()).exists()


def test_a_setting_takes_it_off(forgotten: None, settings: Any) -> None:
    settings.PGAUDIT_LOG_DEFAULT_TRACKERS = [pgaudit_log.InsertEvent(), pgaudit_log.DeleteEvent()]
    tracked_table("Thing", name=models.TextField()).objects.create(name="a")
    start = last_id()
    truncate("shop_thing")
    assert trail(after=start) == []


def test_a_plan_takes_no_notice_of_rows_that_were_truncated(customer: Customer) -> None:
    truncate("shop_customer CASCADE")
    [event] = Events.objects.filter(pgh_obj_model="shop.Customer", pgh_operation="T")
    with pytest.raises(QueryError, match="did not exist at"):
        revert(customer, to=timezone.now())
    with pytest.raises(QueryError, match=r"it truncated shop\."):
        undo(txid=event.pgh_txid)
    revert(customer, to=customer.events.get()).apply()
    assert Customer.objects.get() == customer


def flushing() -> list[str]:
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    found: list[str] = connection.ops.sql_flush(no_style(), tables, allow_cascade=True)
    return found


def test_a_flush_between_tests_leaves_no_event_even_before_it_empties_the_table(
    customer: Customer,
) -> None:
    start = last_id()
    *statements, empties = flushing()
    execute("; ".join(["SET CONSTRAINTS ALL IMMEDIATE", *statements]))
    assert not Customer.objects.exists()
    assert trail(after=start) == []
    truncate("shop_customer CASCADE")
    assert ("T", None, None) in trail(after=start)
    execute(f"SET CONSTRAINTS ALL IMMEDIATE; {empties}")
    assert not Events.objects.exists()


@pytest.fixture
def partitioned(forgotten: None) -> Any:
    """Return a tracked table with rows in two partitions."""
    model = make("Path", id=models.IntegerField(primary_key=True), n=models.IntegerField())
    pgaudit_log.track()(model)
    execute(
        "CREATE TABLE shop_path (id integer, n integer, PRIMARY KEY (id, n)) PARTITION BY RANGE (n);"
        "CREATE TABLE shop_path_low PARTITION OF shop_path FOR VALUES FROM (0) TO (10);"
        "CREATE TABLE shop_path_high PARTITION OF shop_path FOR VALUES FROM (10) TO (1000)"
    )
    install(model, create=False)
    leaf_triggers.install_leaf_triggers("default")
    model.objects.bulk_create([model(id=1, n=1), model(id=2, n=20)])
    return model


def test_a_partitioned_table_that_is_truncated_is_empty_from_then_on(partitioned: Any) -> None:
    full, start = now(), last_id()
    truncate("shop_path")
    # One of the table, and one of each partition.
    assert set(trail(after=start)) == {("T", None, None)}
    assert partitioned.objects.as_of(full).count() == 2
    assert partitioned.objects.as_of(now()).count() == 0


def test_a_partition_that_is_truncated_counts_as_its_table_until_a_backfill(
    partitioned: Any,
) -> None:
    truncate("shop_path_low")
    assert partitioned.objects.as_of(now()).count() == 0
    backfill(partitioned)
    assert partitioned.objects.as_of(now()).get().n == 20
