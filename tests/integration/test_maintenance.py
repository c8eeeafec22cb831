"""``maintain()`` does what the settings say; large values, parts and typed events stay readable."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import models
from django.utils import timezone

from pgaudit_log.constants import DEFAULT_PARTITION
from pgaudit_log.exceptions import UnknownPastError
from pgaudit_log.models import Events
from pgaudit_log.operating import hold, maintain, plan_retention, verify
from pgaudit_log.testing import isolated
from pgaudit_log.values.ages import Age
from tests.partitions import (
    OWN,
    clean_log,
    events_hash,
    happened,
    last_periods,
    make_partitions,
    partition_names,
    write_events,
)
from tests.shop.models import Customer
from tests.support import execute, unguarded
from tests.tables import tracked_table, uninstall

pytestmark = pytest.mark.django_db(transaction=True)

MONTHS = last_periods(4)


@pytest.fixture(autouse=True)
def log() -> Iterator[None]:
    with clean_log(), isolated():
        yield


def test_nothing_to_do_without_settings() -> None:
    Customer.objects.create(name="x")
    assert [done.steps for done in maintain("default")] == [()]
    assert not Events.objects.filter(pgh_obj_model=OWN).exists()


def test_it_moves_merges_and_removes_as_the_settings_say(settings: Any) -> None:
    settings.PGAUDIT_LOG_RETENTION = {"default": None, "shop.Order": "1d"}
    settings.PGAUDIT_LOG_MERGE_PARTITIONS = {"older_than": "1d", "into": "year"}
    rows = [(month.start + timedelta(days=1), "1", "U", {"id": 1}) for month in MONTHS]
    write_events("shop.Order", [*rows, (timezone.now(), "1", "U", {"id": 1})])
    write_events("shop.Other", rows)
    [done] = maintain("default")
    assert {step.kind for step in done.steps} == {"move", "merge", "remove"}
    assert done.removed == 3
    assert execute(f"SELECT count(*) FROM {DEFAULT_PARTITION}") == [(0,)]
    assert Events.objects.filter(pgh_obj_model="shop.Order").count() == 2
    assert Events.objects.filter(pgh_obj_model="shop.Other").count() == 4
    assert not {month.table for month in MONTHS} & set(partition_names())
    assert [one.steps for one in maintain("default")] == [()]


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("is_on", [True, False])
def test_migrate_does_it_where_the_setting_says_so(settings: Any, is_on: bool) -> None:
    settings.PGAUDIT_LOG_MAINTAIN_AFTER_MIGRATE = is_on
    write_events("shop.Order", [(MONTHS[0].start, "1", "U", {"id": 1})])
    before = events_hash()
    call_command("migrate", database="default", verbosity=0)
    assert execute(f"SELECT count(*) FROM {DEFAULT_PARTITION}") == [(0 if is_on else 1,)]
    assert events_hash() == before


def test_what_a_large_value_is_read_from_stays() -> None:
    # Compressing makes it no shorter.
    noise = random.Random(1)
    text = "".join(chr(noise.randrange(33, 0x2FF)) for _ in range(5_000))
    model = tracked_table(
        "Page", track={"large": ["body"]}, body=models.TextField(), title=models.TextField()
    )
    make_partitions(MONTHS)
    try:
        with happened(MONTHS[0].start):
            page = model.objects.create(body=text, title="a")
            model.objects.filter(pk=page.pk).update(title="b")
            model.objects.filter(pk=page.pk).update(title="c")
        with unguarded("pgaudit_log_event"):
            execute(
                "UPDATE pgaudit_log_event SET snapshot = jsonb_set("
                "snapshot, '{body,pgaudit_log.at,created_at}', to_jsonb(created_at))"
                " WHERE snapshot -> 'body' -> 'pgaudit_log.at' IS NOT NULL"
            )
        newest = Events.objects.filter(pgh_obj_model="shop.Page").latest("pgh_id")
        assert set(newest.pgh_data["body"]) == {"pgaudit_log.at"}
        moment = timezone.now()
        plan_retention(older_than=Age.of("1d"), trust_clock=True).apply()
        left = Events.objects.filter(pgh_obj_model="shop.Page").order_by("pgh_id")
        assert [event.pgh_data["title"] for event in left] == ["a", "c"]
        past = model.objects.as_of(moment).get()
        assert (past.body, past.title) == (text, "c")
        assert list(verify([model])) == []
    finally:
        uninstall(model)


def test_each_hold_and_release_is_an_event() -> None:
    placed = hold(Customer, reason="case 1", placed_by="Legal")
    [event] = Events.objects.filter(pgh_obj_model=OWN)
    assert (event.pgh_label, event.pgh_obj_id) == ("hold", str(placed.number))
    assert event.pgh_data["reason"] == "case 1"
    assert event.pgh_data["placed_by"] == "Legal"


def test_holds_are_one_document_with_what_each_is_on(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("pgaudit_log", "hold", "list", "--json")
    assert json.loads(capsys.readouterr().out) == {"holds": []}
    placed = hold(Customer, reason="case 1", placed_by="Legal")
    call_command("pgaudit_log", "hold", "list", "--json")
    [held] = json.loads(capsys.readouterr().out)["holds"]
    assert list(held) == list(vars(placed))
    assert (held["number"], held["model"], held["key"]) == (placed.number, "shop.Customer", None)


def test_events_as_of_an_event_before_the_horizon() -> None:
    make_partitions(MONTHS)
    with happened(MONTHS[0].start):
        customer = Customer.objects.create(name="a")
        early = customer.events.get()
        Customer.objects.create(name="b")
        Customer.objects.filter(pk=customer.pk).update(name="c")
    Customer.objects.filter(pk=customer.pk).update(name="d")
    plan_retention(older_than=Age.of("1d")).apply()
    with pytest.raises(UnknownPastError, match="retention removed"):
        list(Customer.objects.as_of(early))
    newest = customer.events.latest("pgh_id")
    assert Customer.objects.as_of(newest).count() == 2
