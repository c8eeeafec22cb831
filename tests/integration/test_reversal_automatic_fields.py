"""What Django or the database sets by itself stands in the way of no plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone

from pgaudit_log.reversal import Kind, restore, revert, undo
from tests.going_back import Tables, event_of, tables

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def made() -> Iterator[Tables]:
    with tables() as found:
        yield found


@pytest.fixture
def stamped(made: Tables) -> Any:
    return made.make(
        "Stamped",
        name=models.TextField(),
        note=models.TextField(default=""),
        made_at=models.DateTimeField(auto_now_add=True),
        saved_at=models.DateTimeField(auto_now=True),
        loud=models.GeneratedField(
            expression=Upper("note"), output_field=models.TextField(), db_persist=True
        ),
    )


def saved(obj: Any, **values: Any) -> Any:
    """Save an object with other values, and return the event."""
    for name, value in values.items():
        setattr(obj, name, value)
    obj.save()
    return event_of(type(obj), "U")


def told(plan: Any) -> list[tuple[Kind, str | None]]:
    return [(obstacle.kind, obstacle.field) for obstacle in plan.left_alone]


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("through", ["sql", "save"])
@pytest.mark.parametrize("on_conflict", ["abort", "skip"])
def test_a_later_save_of_other_fields_is_no_obstacle(
    stamped: Any, on_conflict: str, through: str
) -> None:
    obj = stamped.objects.create(name="A")
    event = saved(obj, name="B")
    saved(obj, note="later")
    plan = undo(event, on_conflict=on_conflict)
    assert (plan.obstacles, told(plan)) == ((), [(Kind.CHANGED_LATER, "saved_at")])
    assert [c.field for step in plan.steps for c in step.changes] == ["name"]
    saved_at = obj.saved_at
    plan.apply(through=through)
    obj.refresh_from_db()
    assert (obj.name, obj.note) == ("A", "later")
    assert obj.saved_at == saved_at if through == "sql" else obj.saved_at > saved_at


def test_without_a_later_save_the_time_goes_back_too(stamped: Any) -> None:
    obj = stamped.objects.create(name="A")
    saved_at = obj.saved_at
    undo(saved(obj, name="B")).apply()
    obj.refresh_from_db()
    assert (obj.name, obj.saved_at) == ("A", saved_at)


def test_force_sets_the_time_that_it_had(stamped: Any) -> None:
    obj = stamped.objects.create(name="A")
    saved_at = obj.saved_at
    event = saved(obj, name="B")
    saved(obj, note="later")
    undo(event, on_conflict="force").apply()
    obj.refresh_from_db()
    assert (obj.name, obj.saved_at) == ("A", saved_at)


@pytest.mark.parametrize("on_conflict", ["abort", "skip", "force"])
def test_an_insert_is_taken_back_though_the_row_was_saved_again(
    stamped: Any, on_conflict: str
) -> None:
    obj = stamped.objects.create(name="A")
    event = event_of(stamped, "I")
    obj.save()
    plan = undo(event, on_conflict=on_conflict)
    assert plan.is_applicable
    plan.apply()
    assert not stamped.objects.exists()


def test_an_insert_is_not_taken_back_though_another_field_was_changed(stamped: Any) -> None:
    obj = stamped.objects.create(name="A")
    event = event_of(stamped, "I")
    saved(obj, name="B")
    assert [(o.kind, o.field) for o in undo(event).obstacles] == [(Kind.CHANGED_LATER, "name")]
    assert undo(event, on_conflict="skip").steps == ()


def test_a_row_that_is_there_again_but_for_the_times_is_restored(stamped: Any) -> None:
    obj = stamped.objects.create(name="A")
    pk = obj.pk
    obj.delete()
    deletion = event_of(stamped, "D")
    stamped(pk=pk, name="A").save(force_insert=True)
    plan = restore(deletion)
    assert (plan.obstacles, plan.steps) == ((), ())


def test_a_revert_sets_what_the_event_shows(stamped: Any) -> None:
    obj = stamped.objects.create(name="A")
    saved_at, event = obj.saved_at, event_of(stamped, "I")
    saved(obj, name="B")
    saved(obj, note="later")
    revert(obj, to=event).apply()
    obj.refresh_from_db()
    assert (obj.name, obj.note, obj.saved_at) == ("A", "", saved_at)


def test_a_whole_context_is_taken_back(stamped: Any) -> None:
    obj = stamped.objects.create(name="A", made_at=timezone.now())
    import pgaudit_log

    with pgaudit_log.context(user=1) as context:
        saved(obj, name="B")
        saved(obj, name="C")
    obj.save()
    plan = undo(context=context)
    assert plan.is_applicable
    plan.apply()
    obj.refresh_from_db()
    assert obj.name == "A"
