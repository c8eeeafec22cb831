"""Through save(), ``full_clean()`` judges what a plan changes, not what was in a row before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django_fsm import FSMField

from pgaudit_log.exceptions import PlanError
from pgaudit_log.reversal import restore, revert, undo
from tests.going_back import Copies, Tables, event_of, tables

pytestmark = pytest.mark.django_db


@pytest.fixture
def made() -> Iterator[Tables]:
    with tables() as found:
        yield found


EMPTY = {
    "a JSON object": (models.JSONField(), {}, {"a": 1}),
    "a JSON array": (models.JSONField(), [], [1]),
    "a JSON text": (models.JSONField(), "", "a"),
    "JSON's null": (models.JSONField(null=True), models.Value(None, models.JSONField()), 1),
    "NULL in a JSON column": (models.JSONField(null=True), None, 1),
    "an array": (ArrayField(models.IntegerField()), [], [1]),
    "NULL in an array's column": (ArrayField(models.IntegerField(), null=True), None, [1]),
    "a text": (models.TextField(), "", "a"),
    "a short text": (models.CharField(max_length=5), "", "a"),
    "NULL in a text": (models.TextField(null=True), None, "a"),
    "NULL in a number": (models.IntegerField(null=True), None, 1),
    "NULL in a decimal": (models.DecimalField(null=True, max_digits=5, decimal_places=2), None, 1),
    "NULL in a float": (models.FloatField(null=True), None, 1.5),
    "NULL in a boolean": (models.BooleanField(null=True), None, True),
    "NULL in a date": (models.DateField(null=True), None, "2026-01-01"),
    "NULL in a UUID": (models.UUIDField(null=True), None, "0" * 32),
    "NULL in an address": (models.GenericIPAddressField(null=True), None, "::1"),
    "empty bytes": (models.BinaryField(editable=True), b"", b"a"),
    "no file": (models.FileField(), "", "a.txt"),
    "no image": (models.ImageField(), "", "a.png"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", EMPTY)
@pytest.mark.parametrize("way", ["restore", "undo of an update", "revert"])
def test_what_was_empty_comes_back_empty(made: Tables, kind: str, way: str) -> None:
    field, empty, other = EMPTY[kind]
    thing = made.make("Thing", value=field.clone())
    one = thing.objects.create(value=empty)
    copies = Copies(thing)
    match way:
        case "restore":
            thing.objects.all().delete()
            plan = restore(event_of(thing, "D"))
        case "undo of an update":
            thing.objects.update(value=other)
            plan = undo(event_of(thing, "U"))
        case _:
            thing.objects.update(value=other)
            plan = revert(one, to=event_of(thing, "I"))
    plan.apply(through="save")
    assert copies.differences() == []


LATER: dict[str, tuple[Any, Any]] = {
    "a validator": (models.IntegerField(validators=[MinValueValidator(10)]), 1),
    "a pattern": (models.TextField(validators=[RegexValidator("^x")]), "a"),
    "choices": (models.TextField(choices=[("x", "X")]), "a"),
    "a shorter text": (models.CharField(max_length=3), "longer"),
    "an address": (models.EmailField(), "none"),
}


@pytest.mark.parametrize("kind", LATER)
def test_a_rule_that_was_added_since_does_not_keep_a_row_from_coming_back(
    made: Tables, kind: str
) -> None:
    field, value = LATER[kind]
    sizes = {"max_length": 200} if isinstance(field, models.CharField) else {}
    lax = type(field)(**sizes)
    thing = made.make("Thing", value=lax)
    thing.objects.create(value=value)
    copies = Copies(thing)
    thing.objects.all().delete()
    own = thing._meta.get_field("value")
    own.validators, own.choices = [*field.validators], field.choices
    with pytest.raises(ValidationError):
        thing(value=value).full_clean()
    restore(event_of(thing, "D")).apply(through="save")
    assert copies.differences() == []


def test_a_value_that_the_caller_gives_is_judged(made: Tables) -> None:
    thing = made.make("Thing", n=models.IntegerField(choices=[(1, "one")]))
    thing.objects.create(n=1)
    thing.objects.all().delete()
    deletion = event_of(thing, "D")
    with pytest.raises(PlanError, match="n: Value 2 is not a valid choice"):
        restore(deletion, values={"n": 2}).apply(through="save")
    restore(deletion, values={"n": 1}).apply(through="save")
    assert thing.objects.get().n == 1


@pytest.mark.parametrize("rule", ["constraint", "clean"])
def test_the_row_as_a_whole_is_judged(made: Tables, rule: str) -> None:
    """What is unique, constraints and the model's own clean() look at what is there today."""

    def clean(self: Any) -> None:
        if rule == "clean":
            raise ValidationError("not today")

    constraint = models.CheckConstraint(condition=models.Q(n__gt=5), name="large")
    thing = made.make("Thing", n=models.IntegerField(), clean=clean)
    thing.objects.create(n=1)
    thing.objects.all().delete()
    if rule == "constraint":
        thing._meta.constraints = [constraint]
    with pytest.raises(PlanError, match="not today" if rule == "clean" else "large"):
        restore(event_of(thing, "D")).apply(through="save")
    assert not thing.objects.exists()


def test_a_unique_value_that_another_row_has_is_refused_by_full_clean(made: Tables) -> None:
    thing = made.make("Thing", name=models.TextField(unique=True))
    thing.objects.create(name="a")
    thing.objects.all().delete()
    plan = restore(event_of(thing, "D"))
    thing.objects.create(name="a")
    with pytest.raises(PlanError, match="name: .*already exists"):
        plan.apply(through="save")


def test_a_protected_field_comes_back_with_its_row_and_a_change_of_it_says_what_to_do(
    made: Tables,
) -> None:
    thing = made.make("Thing", state=FSMField(default="new", protected=True))
    thing.objects.create(state="done")
    copies = Copies(thing)
    thing.objects.all().delete()
    restore(event_of(thing, "D")).apply(through="save")
    assert copies.differences() == []
    thing.objects.update(state="new")
    plan = undo(event_of(thing, "U"))
    with pytest.raises(PlanError, match='state cannot be set: .*through="sql"'):
        plan.apply(through="save")
    plan.apply()
    assert copies.differences() == []
