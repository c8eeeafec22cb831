"""Events come in the order of capture, and their distinct values once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import models
from django.db.models import Count, F, Max
from django.db.models.functions import Upper

import pgaudit_log
from pgaudit_log.models import Events, MiddlewareEvents
from tests.shop.models import Customer

pytestmark = pytest.mark.django_db

LABELS = ["insert", "update"]


@pytest.fixture(params=["trail", "proxy", "typed", "object", "filtered"])
def events(request: Any, db: None) -> Any:
    """Three inserts, and three updates of each, read in one of the ways."""
    with pgaudit_log.context(user=1):
        customers = [Customer.objects.create(name=name) for name in "abc"]
        for name in "xyz":
            for customer in customers:
                customer.name = name
                customer.save()
    return {
        "trail": Events.objects.all(),
        "proxy": MiddlewareEvents.objects.all(),
        "typed": Customer.pgh_event_model.objects.all(),  # type: ignore[attr-defined]
        "object": customers[0].events.all(),  # type: ignore[attr-defined]
        "filtered": Events.objects.across(Customer).by(1),
    }[request.param]


DISTINCT: list[Callable[[Any], Any]] = [
    lambda events: events.values_list("pgh_label", flat=True).distinct(),
    lambda events: events.distinct().values_list("pgh_label", flat=True),
    lambda events: events.values_list("pgh_label", flat=True).filter(pgh_id__gt=0).distinct(),
    lambda events: events.values_list(F("pgh_label"), flat=True).distinct(),
    lambda events: events.annotate(l=F("pgh_label")).values_list("l", flat=True).distinct(),
    lambda events: events.values_list("pgh_label", flat=True).distinct().reverse(),
    lambda events: [row["pgh_label"] for row in events.values("pgh_label").distinct()],
    lambda events: [
        row.pgh_label for row in events.values_list("pgh_label", named=True).distinct()
    ],
    lambda events: events.values_list("pgh_label", flat=True).distinct()[:10],
    lambda events: events.values_list("pgh_label", flat=True).distinct().iterator(),
]


@pytest.mark.slow
@pytest.mark.parametrize("ask", DISTINCT)
def test_distinct_values_come_once(ask: Any, events: Any) -> None:
    assert sorted(ask(events)) == LABELS


def test_distinct_values_are_counted_once(events: Any) -> None:
    distinct = events.values("pgh_label").distinct()
    assert (distinct.count(), len(distinct), distinct.exists()) == (2, 2, True)
    assert distinct.aggregate(n=Count("pgh_label"))["n"] == 2


def test_distinct_values_in_an_order_of_ones_own(events: Any) -> None:
    found = events.values_list("pgh_label", flat=True).distinct()
    assert list(found.order_by("-pgh_label")) == ["update", "insert"]
    assert list(events.order_by("-pgh_label").values_list("pgh_label", flat=True).distinct()) == [
        "update",
        "insert",
    ]


def test_the_first_and_last_distinct_value_are_in_the_order_of_capture(events: Any) -> None:
    found = events.values_list("pgh_label", flat=True).distinct()
    assert (found.first(), found.last()) == ("insert", "update")


def test_distinct_on_a_field_is_the_first_captured_of_each(events: Any) -> None:
    found = list(events.distinct("pgh_label"))
    assert [event.pgh_label for event in found] == LABELS
    assert found[0] == events.first()
    newest = events.order_by("pgh_label", "-pgh_id").distinct("pgh_label")
    assert [newest[0].pgh_label, newest[1]] == ["insert", events.last()]
    assert list(events.distinct("pgh_label").order_by("pgh_label", "-pgh_id")) == list(newest)


def test_distinct_events_keep_their_order(events: Any) -> None:
    ids = [event.pgh_id for event in events.distinct()]
    assert ids == sorted(ids) and len(ids) > 3
    assert list(events.only("pgh_label").distinct()) == list(events)


def test_values_that_are_not_distinct_keep_their_order(events: Any) -> None:
    ids = list(events.values_list("pgh_id", flat=True))
    assert ids == sorted(ids)
    labels = list(events.values_list("pgh_label", flat=True))
    assert labels == sorted(labels) and len(labels) > 3


def test_the_latest_and_earliest_are_of_the_order_of_capture(events: Any) -> None:
    ids = list(events.values_list("pgh_id", flat=True))
    assert (events.latest().pgh_id, events.earliest().pgh_id) == (ids[-1], ids[0])
    assert (events.last().pgh_id, events.first().pgh_id) == (ids[-1], ids[0])
    assert events.reverse().first().pgh_id == ids[-1]
    assert events.latest("pgh_label").pgh_label == "update"


def test_groups_are_groups(events: Any) -> None:
    found = events.values("pgh_label").annotate(n=Count("pk"), last=Max("pgh_id"))
    assert sorted(row["pgh_label"] for row in found) == LABELS
    assert sum(row["n"] for row in found) == events.count()
    upper = events.values(l=Upper("pgh_label")).annotate(n=Count("*"))
    assert sorted(row["l"] for row in upper) == ["INSERT", "UPDATE"]


def test_days_come_once(events: Any) -> None:
    assert len(events.dates("pgh_created_at", "day")) == 1
    assert len(events.datetimes("pgh_created_at", "hour")) == 1


def test_events_are_found_in_bulk(events: Any) -> None:
    ids = list(events.values_list("pk", flat=True))
    assert list(events.in_bulk(ids)) == ids
    assert events.aggregate(n=Count("pk"), labels=Count("pgh_label", distinct=True)) == {
        "n": len(ids),
        "labels": 2,
    }


def test_a_subquery_of_distinct_values_is_one(events: Any) -> None:
    labels = events.values("pgh_label").distinct()
    assert Events.objects.filter(pgh_label__in=labels).count() == Events.objects.count()
    assert isinstance(labels, models.QuerySet)


def test_an_order_of_the_projects_own_is_kept_where_it_can_be(events: Any) -> None:
    newest = events.newest()
    assert newest.distinct().first() == events.last()
    assert newest.ordered
