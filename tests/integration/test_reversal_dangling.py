"""What the database does not hold, a plan does not refuse: it tells what will point at nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from django.db import IntegrityError, models, transaction

import pgaudit_log
from pgaudit_log.exceptions import StalePlanError
from pgaudit_log.models import Events
from pgaudit_log.reversal import Kind, restore, undo
from tests.going_back import Copies, Tables, event_of, tables
from tests.support import execute

pytestmark = pytest.mark.django_db(transaction=True)

RUNS = int(os.environ.get("PGAUDIT_LOG_RANDOM_UNDOS", "60")) // 10


@pytest.fixture
def made() -> Iterator[Tables]:
    with tables() as found:
        yield found


def log_of(made: Tables, on_delete: Any = models.DO_NOTHING, **options: Any) -> tuple[Any, Any]:
    """Return a model, and one like a log that points at it without a constraint."""
    thing = made.make("Thing", n=models.IntegerField(default=0))
    log = made.make(
        "Log", thing=models.ForeignKey(thing, on_delete, db_constraint=False, **options)
    )
    return thing, log


def told(found: Any) -> list[tuple[Kind, str]]:
    return [(obstacle.kind, obstacle.model) for obstacle in found]


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("on_conflict", ["abort", "skip", "force"])
@pytest.mark.parametrize("through", ["sql", "save"])
def test_a_log_is_left_dangling_and_told(made: Tables, on_conflict: str, through: str) -> None:
    thing, log = log_of(made)
    with pgaudit_log.context() as context:
        one = thing.objects.create()
    log.objects.create(thing=one)
    plan = undo(context=context, on_conflict=on_conflict)
    assert plan.is_applicable
    assert told(plan.left_alone) == [(Kind.REFERENCED, "shop.Thing")]
    # One that comes in between is no matter either.
    log.objects.create(thing=one)
    plan.apply(through=through)
    assert (thing.objects.count(), log.objects.filter(thing_id=one.pk).count()) == (0, 2)


def test_a_log_comes_back_without_what_it_points_at(made: Tables) -> None:
    thing, log = log_of(made)
    log.objects.create(thing=thing.objects.create())
    thing.objects.all().delete()
    copies = Copies(log)
    log.objects.all().delete()
    plan = restore(event_of(log, "D"))
    assert told(plan.left_alone) == [(Kind.MISSING_TARGET, "shop.Log")]
    plan.apply()
    assert copies.differences() == []


DJANGO_MINDS = [models.CASCADE, models.PROTECT, models.RESTRICT, models.SET_NULL]


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("on_delete", DJANGO_MINDS)
def test_what_django_would_not_leave_dangling_needs_a_word(made: Tables, on_delete: Any) -> None:
    thing, log = log_of(made, on_delete, null=True)
    with pgaudit_log.context() as context:
        one = thing.objects.create()
    log.objects.create(thing=one)
    plan = undo(context=context)
    assert told(plan.obstacles) == [(Kind.REFERENCED, "shop.Thing")]
    plan = undo(context=context, on_conflict="force")
    assert told(plan.left_alone) == [(Kind.REFERENCED, "shop.Thing")]
    plan.apply()
    assert (thing.objects.count(), log.objects.filter(thing_id=one.pk).count()) == (0, 1)


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("on_delete", [*DJANGO_MINDS, models.DO_NOTHING])
@pytest.mark.parametrize("to_field", ["id", "code"])
def test_what_dangled_before_dangles_again(made: Tables, on_delete: Any, to_field: str) -> None:
    thing = made.make("Thing", code=models.TextField(unique=True))
    target = models.ForeignKey(thing, on_delete, to_field=to_field, db_constraint=False, null=True)
    log = made.make("Log", thing=target)
    log.objects.create(thing=thing.objects.create(code="a"))
    before = rows_of(thing, log)
    with pgaudit_log.context() as context:
        execute("DELETE FROM shop_thing")
    dangling = rows_of(thing, log)
    for _ in range(2):
        done = undo(context=context).apply()
        assert rows_of(thing, log) == before
        again = undo(txid=done.txid)
        assert told(again.left_alone) == [(Kind.REFERENCED, "shop.Thing")]
        again.apply()
        assert rows_of(thing, log) == dangling
    # What came to point at it meanwhile did not dangle before.
    done = undo(context=context).apply()
    log.objects.create(thing=thing.objects.get())
    is_left = on_delete is models.DO_NOTHING
    assert undo(txid=done.txid).is_applicable == is_left


def test_a_reference_that_is_not_tracked_needs_a_word(made: Tables) -> None:
    thing = made.make("Thing")
    made.make(
        "Log",
        thing=models.ForeignKey(thing, models.CASCADE, db_constraint=False),
        track={"exclude": ["thing"]},
    )
    execute("INSERT INTO shop_thing DEFAULT VALUES")
    execute("INSERT INTO shop_log (thing_id) SELECT id FROM shop_thing")
    with pgaudit_log.context() as context:
        execute("DELETE FROM shop_thing")
    done = undo(context=context).apply()
    assert not undo(txid=done.txid).is_applicable
    undo(txid=done.txid, on_conflict="force").apply()


def test_a_child_that_comes_in_between_still_makes_a_plan_stale(made: Tables) -> None:
    thing, log = log_of(made, models.CASCADE)
    with pgaudit_log.context() as context:
        one = thing.objects.create()
    plan = undo(context=context)
    log.objects.create(thing=one)
    with pytest.raises(StalePlanError):
        plan.apply()


ACTIONS = {
    "CASCADE": (models.CASCADE, {}),
    "PROTECT": (models.PROTECT, {}),
    "RESTRICT": (models.RESTRICT, {}),
    "SET_NULL": (models.SET_NULL, {"null": True}),
    "SET_DEFAULT": (models.SET_DEFAULT, {"default": 1}),
    "DO_NOTHING": (models.DO_NOTHING, {}),
}
HOLDS = ["not held", "deferred", "at once"]
"""No constraint; one that Django makes; one that is not deferrable."""


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("hold", HOLDS)
@pytest.mark.parametrize("null", [False, True])
def test_undo_of_undo_of_undo_gives_each_state_again(
    made: Tables, action: str, hold: str, null: bool
) -> None:
    on_delete, options = ACTIONS[action]
    options = {"null": null, **options, "db_constraint": hold != "not held"}
    top = made.make("Top", n=models.IntegerField(default=0))
    low = made.make("Low", top=models.ForeignKey(top, on_delete, **options))
    if hold == "at once":
        for (name,) in execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'f' AND conrelid = 'shop_low'::regclass"
        ):
            execute(f'ALTER TABLE shop_low ALTER CONSTRAINT "{name}" NOT DEFERRABLE')
    for seed in range(RUNS):
        random = Random(seed)
        write(top, low, random, 8)
        before = rows_of(top, low)
        with pgaudit_log.context() as context:
            with transaction.atomic():
                write(top, low, random, random.randrange(1, 5))
        after = rows_of(top, low)
        if not Events.objects.filter(pgh_context_id=context.id).exists():
            continue
        plan = undo(context=context)
        for turn in range(4):
            assert plan.obstacles == (), (seed, turn, str(plan))
            done = plan.apply()
            assert rows_of(top, low) == (before if turn % 2 == 0 else after), (seed, turn)
            if not plan.steps:
                break
            plan = undo(txid=done.txid)


def rows_of(*found: Any) -> list[Any]:
    return [sorted(execute(f"SELECT * FROM {model._meta.db_table}"), key=repr) for model in found]


def write(top: Any, low: Any, random: Random, count: int) -> None:
    """Do some of what may be done; what Django or the database refuses was not done."""

    def writes() -> list[Callable[[], Any]]:
        key, other = random.randrange(1, 3), random.randrange(1, 3)
        return [
            lambda: top.objects.create(pk=key),
            lambda: top.objects.filter(pk=key).update(n=other),
            lambda: top.objects.filter(pk=key).delete(),
            lambda: execute(f"DELETE FROM shop_top WHERE id = {key}"),
            lambda: low.objects.create(top_id=key),
            lambda: low.objects.filter(top_id=other).update(top_id=key),
            lambda: low.objects.filter(top_id=key).delete(),
            lambda: execute(f"UPDATE shop_top SET id = {other} WHERE id = {key}"),
        ]

    for _ in range(count):
        try:
            with transaction.atomic():
                random.choice(writes())()
                execute("SET CONSTRAINTS ALL IMMEDIATE")
        except (IntegrityError, models.ProtectedError, models.RestrictedError):
            pass


def test_a_foreign_object_that_would_point_at_nothing_is_told(made: Tables) -> None:
    place = made.make(
        "Place",
        x=models.IntegerField(),
        y=models.IntegerField(),
        Meta={"unique_together": [["x", "y"]]},
    )
    note = made.make(
        "Note",
        x=models.IntegerField(),
        y=models.IntegerField(null=True),
        place=models.ForeignObject(
            place,
            models.CASCADE,
            from_fields=["x", "y"],
            to_fields=["x", "y"],
            related_name="notes",
        ),
    )
    one = place.objects.create(x=1, y=2)
    note.objects.create(x=1, y=2)
    note.objects.create(x=1, y=None)
    key = one.pk
    one.delete()
    deletion = event_of(place, "D")
    assert told(restore(deletion).left_alone) == []
    plan = restore(deletion, leave_out=[f"shop.Place {key}"])
    assert (Kind.MISSING_TARGET, "place") in {(o.kind, o.field) for o in plan.left_alone}
    assert plan.is_applicable
