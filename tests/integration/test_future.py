"""Moments in the future are refused, wherever one is given."""

from __future__ import annotations

import asyncio
import io
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from pgaudit_log import timetravel
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.reading import moments
from pgaudit_log.reading.moments import Moment
from pgaudit_log.reversal import revert
from tests.shop.models import Customer, Order

pytestmark = pytest.mark.django_db


def in_a_block(customer: Customer, moment: datetime) -> None:
    with timetravel.as_of(moment):
        pass


def by_the_command(customer: Customer, moment: datetime) -> None:
    try:
        call_command(
            "pgaudit_log",
            "as-of",
            "shop.Customer",
            "--at",
            moment.isoformat(),
            stdout=io.StringIO(),
        )
    except CommandError as error:
        raise QueryError(str(error)) from error


WAYS: list[Any] = [
    lambda customer, moment: Customer.objects.as_of(moment),
    lambda customer, moment: Customer.objects.filter(name="x").as_of(moment),
    lambda customer, moment: customer.order_set.as_of(moment),
    lambda customer, moment: customer.events.as_of(moment),
    lambda customer, moment: customer.events.model.objects.as_of(moment),
    lambda customer, moment: timetravel.query(Order.objects.all(), moment),
    lambda customer, moment: revert(customer, to=moment),
    in_a_block,
    by_the_command,
]


@pytest.mark.parametrize("way", WAYS)
def test_a_moment_in_the_future_is_refused(customer: Customer, way: Any) -> None:
    with pytest.raises(QueryError, match="is in the future: it is 20"):
        way(customer, datetime.now(tz=timezone.utc) + timedelta(hours=1))
    with pytest.raises(QueryError, match="is in the future"):
        way(customer, datetime.now(tz=timezone(timedelta(hours=-9))) + timedelta(minutes=1))
    way(customer, datetime.now(tz=timezone(timedelta(hours=9))))


def test_without_time_zones_the_projects_is_meant(customer: Customer, settings: Any) -> None:
    settings.USE_TZ = False
    here = datetime.now()  # noqa: DTZ005
    with pytest.raises(QueryError, match="is in the future"):
        Moment.of(here + timedelta(days=2))


def test_the_time_of_an_event_is_none_though_this_machines_clock_is_slow(
    customer: Customer, monkeypatch: Any
) -> None:
    monkeypatch.setattr(moments, "_clock", lambda: datetime(2020, 1, 1, tzinfo=timezone.utc))
    time = Events.objects.latest("pgh_id").pgh_created_at
    assert Customer.objects.as_of(time).get() == customer
    with pytest.raises(QueryError, match="is in the future"):
        Moment.of(datetime.now(tz=timezone.utc) + timedelta(minutes=1))


def test_now_is_no_query(customer: Customer, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        Customer.objects.as_of(datetime.now(tz=timezone.utc))


@pytest.mark.django_db(databases=["default", "other"])
def test_the_database_that_is_read_is_asked(monkeypatch: Any) -> None:
    queries: list[Any] = []

    def note(execute: Any, sql: Any, *rest: Any) -> Any:
        queries.append(sql)
        return execute(sql, *rest)

    with (
        connections["other"].execute_wrapper(note),
        pytest.raises(QueryError, match="in the future"),
    ):
        Customer.objects.using("other").as_of(datetime.now(tz=timezone.utc) + timedelta(hours=1))
    assert len(queries) == 1


def test_in_a_coroutine_this_machines_clock_decides(customer: Customer) -> None:
    async def ask() -> None:
        Customer.objects.as_of(datetime.now(tz=timezone.utc))
        with pytest.raises(QueryError, match="is in the future"):
            Customer.objects.as_of(datetime.now(tz=timezone.utc) + timedelta(hours=1))

    asyncio.run(ask())
