"""``track(exclude_auto=True)``: automatic timestamps are in events, but make none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from django.db import models

import pgaudit_log
from pgaudit_log import reversal
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.testing import isolated
from tests import tables

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    with isolated():
        yield


def stamped(*trackers: Any, **track: Any) -> Any:
    return tables.tracked_table(
        "Stamped",
        *trackers,
        track=track,
        name=models.TextField(default=""),
        made_at=models.DateTimeField(auto_now_add=True),
        made_on=models.DateField(auto_now_add=True),
        seen_at=models.DateTimeField(auto_now=True),
    )


def labels(obj: Any) -> list[str]:
    return list(obj.events.values_list("pgh_label", flat=True))


@pytest.mark.parametrize("level", [pgaudit_log.Row, pgaudit_log.Statement])
def test_an_update_of_automatic_fields_only_makes_no_event(level: Any) -> None:
    obj = stamped(exclude_auto=True, level=level).objects.create()
    obj.save()
    type(obj).objects.update(made_at=datetime(2001, 1, 1, tzinfo=timezone.utc))
    assert labels(obj) == ["insert"]


@pytest.mark.parametrize("level", [pgaudit_log.Row, pgaudit_log.Statement])
def test_other_updates_have_automatic_fields_in_snapshot_and_diff(level: Any) -> None:
    obj = stamped(exclude_auto=True, level=level).objects.create()
    obj.name = "Ana"
    obj.save()
    event = obj.events.get(pgh_label="update")
    assert set(event.pgh_diff) == {"name", "seen_at"}
    assert (event.seen_at, event.made_at) == (obj.seen_at, obj.made_at)


def test_without_it_a_save_makes_an_event() -> None:
    obj = stamped().objects.create()
    obj.save()
    assert labels(obj) == ["insert", "update"]


def test_conditions_that_name_fields_or_compare_values_are_left_alone() -> None:
    obj = stamped(
        pgaudit_log.UpdateEvent("any"),
        pgaudit_log.UpdateEvent("not name", condition=pgaudit_log.AnyChange(exclude=["name"])),
        pgaudit_log.UpdateEvent("seen", condition=pgaudit_log.AnyChange("seen_at")),
        pgaudit_log.UpdateEvent("always", condition=None),
        exclude_auto=True,
    ).objects.create()
    obj.save()
    assert sorted(labels(obj)) == ["always", "seen"]


def test_trackers_that_are_shared_stay_as_they_are() -> None:
    tracker = pgaudit_log.UpdateEvent("mine")
    stamped(tracker, exclude_auto=True)
    assert tracker == pgaudit_log.UpdateEvent("mine")


def test_what_has_been_deleted_comes_back_with_its_timestamps() -> None:
    obj = stamped(exclude_auto=True).objects.create(name="Ana")
    deleted, pk = type(obj).objects.get(), obj.pk
    obj.delete()
    reversal.restore(deleted.events.get(pgh_label="delete")).apply()
    restored = type(obj).objects.get(pk=pk)
    assert (restored.made_at, restored.seen_at) == (deleted.made_at, deleted.seen_at)


def test_nothing_but_automatic_fields_is_refused() -> None:
    with pytest.raises(
        DeclarationError, match=r"shop\.Stamped is tracked with exclude_auto=True, but all"
    ):
        stamped(fields=["made_at", "seen_at"], exclude_auto=True)
