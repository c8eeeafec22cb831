"""``refs``: what a row pointed at, and which key it had before an update changed it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from django.db import models

from pgaudit_log.capture_v1.references import former_key, moved_marker, reference
from pgaudit_log.testing import isolated
from pgaudit_log.values.keys import key_text
from tests.moments import now
from tests.tables import tracked_table

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    with isolated():
        yield


KEYS: dict[str, tuple[models.Field[Any, Any], Any, Any]] = {
    "int": (models.IntegerField(primary_key=True), 1, -5),
    "text": (models.TextField(primary_key=True), "a'\"\\%", "b"),
    "date": (models.DateField(primary_key=True), date(2024, 2, 29), date(2024, 3, 1)),
}


@pytest.mark.parametrize("kind", KEYS)
def test_an_update_of_the_key_says_which_it_was(kind: str) -> None:
    field, old, new = KEYS[kind]
    thing = tracked_table("Keyed", id=field.clone(), n=models.IntegerField(default=0))
    thing.objects.create(pk=old)
    assert now().pgh_refs is None
    thing.objects.update(n=1)
    assert now().pgh_refs is None
    thing.objects.update(id=new)
    was = former_key("shop.Keyed", key_text(old, [thing._meta.pk]))
    assert now().pgh_refs == [moved_marker("shop.Keyed"), was]


def test_an_update_of_a_part_of_a_composite_key_says_the_whole_key() -> None:
    pair = tracked_table(
        "Pair",
        pk=models.CompositePrimaryKey("a", "b"),
        a=models.TextField(),
        b=models.IntegerField(),
    )
    pair.objects.create(a="x", b=1)
    pair.objects.update(b=2)
    assert now().pgh_refs == [moved_marker("shop.Pair"), former_key("shop.Pair", '["x", 1]')]


def test_references_stand_beside_the_former_key() -> None:
    day = tracked_table("Day", day=models.DateField(primary_key=True))
    visit = tracked_table("Visit", day=models.ForeignKey(day, models.CASCADE, null=True))
    first = visit.objects.create(day=day.objects.create(day=date(2024, 2, 29)))
    assert now().pgh_refs == [reference("shop.Day", "2024-02-29")]
    visit.objects.update(id=first.pk + 1)
    assert now().pgh_refs == [
        reference("shop.Day", "2024-02-29"),
        moved_marker("shop.Visit"),
        former_key("shop.Visit", str(first.pk)),
    ]
    visit.objects.update(day=None)
    assert now().pgh_refs is None
