"""A plan says values as the screens do: one place knows the words, for plans, diffs and the command line."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField
from django.core.management import call_command
from django.db import models
from django.utils import translation
from django.utils.timezone import override

from pgaudit_log.diffs import changes
from pgaudit_log.reversal import restore, undo
from tests.going_back import Tables, event_of, tables
from tests.shop.models import Customer, Order
from tests.support import execute

pytestmark = pytest.mark.django_db


@pytest.fixture
def made() -> Iterator[Tables]:
    with tables() as found:
        yield found


class Place:
    """A value of a type whose repr says nothing, such as a point of PostGIS."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return f"POINT {self.text}"

    __repr__ = object.__repr__


class PlaceField(models.TextField):  # type: ignore[type-arg]
    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return None if value is None else Place(value)

    def get_prep_value(self, value: Any) -> Any:
        return value.text if isinstance(value, Place) else value


AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)

VALUES: dict[str, tuple[Any, Any, Any, str]] = {
    "moment": (
        models.DateTimeField(),
        AT,
        AT + timedelta(days=1),
        "2026-01-03 04:04:05+01:00 → 2026-01-02 04:04:05+01:00",
    ),
    "date": (models.DateField(), date(2026, 1, 2), date(2026, 1, 3), "2026-01-03 → 2026-01-02"),
    "duration": (
        models.DurationField(),
        timedelta(1),
        timedelta(2),
        "2 days, 0:00:00 → 1 day, 0:00:00",
    ),
    "decimal": (
        models.DecimalField(max_digits=5, decimal_places=2),
        Decimal("1.50"),
        Decimal("2.00"),
        "2.00 → 1.50",
    ),
    "boolean": (models.BooleanField(), True, False, "No → Yes"),
    "choice": (models.CharField(choices=[("a", "Alpha"), ("b", "Beta")]), "a", "b", "Beta → Alpha"),
    "empty text": (models.TextField(), "", "a", 'a → ""'),
    "nothing": (models.TextField(null=True), None, "a", "a → –"),
    "uuid": (models.UUIDField(), UUID(int=1), UUID(int=2), f"{UUID(int=2)} → {UUID(int=1)}"),
    "JSON": (
        models.JSONField(),
        {"a": [1.5, None]},
        {"ä": True},
        '{"ä": true} → {"a": [1.5, null]}',
    ),
    "array": (ArrayField(models.DateField()), [date(2026, 1, 2)], [], '[] → ["2026-01-02"]'),
    "range of moments": (
        DateTimeRangeField(),
        (AT, AT + timedelta(days=1)),
        (None, AT),
        "(, 2026-01-02 04:04:05+01:00) → [2026-01-02 04:04:05+01:00, 2026-01-03 04:04:05+01:00)",
    ),
    "empty range": (DateTimeRangeField(null=True), (AT, AT), None, "– → empty"),
    "long text": (
        models.TextField(),
        "a" * 5000,
        "b" * 200,
        f"{'b' * 200} → {'a' * 200}… (5,000 characters)",
    ),
    "an object": (PlaceField(), "1", "2", "POINT 2 → POINT 1"),
    "control characters": (models.TextField(), "\x1b[31m", "a\nb", "a\\nb → \\x1b[31m"),
}


@pytest.mark.parametrize("kind", VALUES)
def test_a_plan_says_a_value_as_people_read_it(made: Tables, kind: str) -> None:
    field, old, new, text = VALUES[kind]
    thing = made.make("Thing", value=field.clone())
    thing.objects.create(value=old)
    thing.objects.update(value=new)
    with override("Europe/Berlin"), translation.override("en"):
        event = event_of(thing, "U")
        plan = undo(event)
        assert str(plan).splitlines()[2] == f"    value: {text}"
        # The diff of what is taken back has the same words, the other way round.
        [change] = plan.steps[0].changes
        found = changes(event)["value"]
        assert (change.proposed_text, change.now_text) == (found.old_text, found.new_text)


def test_bytes_are_told_by_their_digest(made: Tables) -> None:
    thing = made.make("Thing", value=models.BinaryField())
    thing.objects.create(value=b"a" * 1000)
    thing.objects.all().delete()
    assert "value: 1000 bytes (SHA-256 " in str(restore(event_of(thing, "D")))


def test_the_command_shows_no_walls_of_bytes_or_text(made: Tables) -> None:
    thing = made.make(
        "Thing", value=models.BinaryField(), text=models.TextField(), few=PlaceField()
    )
    obj = thing.objects.create(value=b"a" * 1000, text="a" * 5000, few="a")
    thing.objects.update(value=b"b" * 1000, text="b" * 5000)
    event = event_of(thing, "U")
    thing.objects.update(value=b"c" * 1000, text="c" * 5000)
    out = io.StringIO()
    call_command("pgaudit_log", "undo", str(event.pgh_id), stdout=out)
    call_command(
        "pgaudit_log",
        "revert",
        thing._meta.label,
        str(obj.pk),
        "--to-event",
        str(event.pgh_id),
        stdout=out,
    )
    assert max(map(len, out.getvalue().splitlines())) < 1000
    assert "1000 bytes (SHA-256 " in out.getvalue()
    assert "… (5,000 characters)" in out.getvalue()
    assert len(str(undo(event))) < 2000


def test_rows_that_come_and_go_have_one_side(customer: Customer) -> None:
    order = Order.objects.create(customer=customer, status="new")
    lines = str(undo(event_of(Order, "I"))).splitlines()
    assert "    status: new" in lines
    # A reference is told by its key, because naming the object would run code of its model.
    assert f"    customer: {customer.pk}" in lines
    order.delete()
    assert "    status: new" in str(restore(event_of(Order, "D"))).splitlines()


def test_an_obstacle_says_values_so_too(made: Tables) -> None:
    thing = made.make(
        "Thing", at=models.DateTimeField(unique=True), n=models.IntegerField(default=0)
    )
    thing.objects.create(at=AT)
    thing.objects.update(at=AT + timedelta(days=1))
    thing.objects.create(at=AT)
    with override("Europe/Berlin"):
        assert "at 2026-01-02 04:04:05+01:00 must be unique" in str(undo(event_of(thing, "U")))


def test_the_command_line_says_the_same(made: Tables) -> None:
    thing = made.make("Thing", value=models.CharField(choices=[("a", "Alpha"), ("b", "Beta")]))
    thing.objects.create(value="a")
    execute("UPDATE shop_thing SET value = 'b'")
    out = io.StringIO()
    event = event_of(thing, "U")
    call_command("pgaudit_log", "undo", str(event.pgh_id), stdout=out, stderr=io.StringIO())
    assert "value  Beta → Alpha" in out.getvalue()


def test_a_range_is_told_as_the_diff_has_it(made: Tables) -> None:
    thing = made.make("Thing", value=DateTimeRangeField(null=True))
    thing.objects.create(value=(AT, None))
    thing.objects.update(value=None)
    event = event_of(thing, "U")
    [change] = undo(event).steps[0].changes
    assert change.proposed_text == changes(event)["value"].old_text
    assert "datetime.datetime" not in str(undo(event))
