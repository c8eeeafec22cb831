"""What stands in the way can be left out by choice, with all that depends on it, and the plan tells it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import models

import pgaudit_log
from pgaudit_log.exceptions import PlanError, QueryError
from pgaudit_log.reversal import Kind, Plan, restore, revert, undo
from tests.going_back import Tables, event_of, tables
from tests.support import execute

pytestmark = pytest.mark.django_db


@pytest.fixture
def made() -> Iterator[Tables]:
    with tables() as found:
        yield found


@pytest.fixture
def t(made: Tables) -> SimpleNamespace:
    """Owners with unique names, their items, and parts of those."""
    owner = made.make("Owner", name=models.TextField(unique=True), n=models.IntegerField(default=0))
    item = made.make("Item", owner=models.ForeignKey(owner, models.CASCADE))
    part = made.make(
        "Part",
        item=models.ForeignKey(item, models.CASCADE),
        other=models.ForeignKey(owner, models.SET_NULL, null=True, related_name="+"),
    )
    return SimpleNamespace(owner=owner, item=item, part=part)


def fill(t: SimpleNamespace) -> None:
    for name in ("a", "b"):
        owner = t.owner.objects.create(name=name)
        item = t.item.objects.create(owner=owner)
        t.part.objects.create(item=item)


def delete_all(t: SimpleNamespace) -> Any:
    with pgaudit_log.context() as context:
        t.owner.objects.all().delete()
    return context


def told(plan: Plan) -> list[tuple[str, str]]:
    return [(found.kind.value, f"{found.model} {found.key}") for found in plan.left_alone]


def touched(plan: Plan) -> set[str]:
    return {str(step) for step in plan.steps}


CHOICES: dict[str, Callable[[Plan], dict[str, Any]]] = {
    "by its kind": lambda plan: {"leave_out": [Kind.TAKEN]},
    "by the name of its kind": lambda plan: {"leave_out": ["taken"]},
    "by the row": lambda plan: {"leave_out": ["shop.Owner 1"]},
    "by the obstacle": lambda plan: {"leave_out": iter(plan.obstacles)},
    "by skipping": lambda plan: {"on_conflict": "skip"},
}


@pytest.mark.slow
@pytest.mark.parametrize("choice", CHOICES)
def test_a_row_whose_value_is_taken_is_left_out_with_what_points_at_it(
    t: SimpleNamespace, choice: str
) -> None:
    fill(t)
    context = delete_all(t)
    t.owner.objects.create(name="a")
    plan = undo(context=context)
    assert [found.kind for found in plan.obstacles] == [Kind.TAKEN]
    plan = undo(context=context, **CHOICES[choice](plan))
    assert plan.obstacles == ()
    assert told(plan) == [
        ("taken", "shop.Owner 1"),
        ("missing target", "shop.Item 1"),
        ("missing target", "shop.Part 1"),
    ]
    assert touched(plan) == {"insert shop.Owner 2", "insert shop.Item 2", "insert shop.Part 2"}
    assert "Not in the way: shop.Owner 1: name a must be unique" in str(plan)
    plan.apply()
    assert sorted(t.owner.objects.values_list("pk", "name")) == [(2, "b"), (3, "a")]
    assert t.part.objects.get().item.owner.name == "b"


@pytest.mark.parametrize("choice", ["kind", "skip"])
def test_a_row_whose_target_is_gone_is_left_out(t: SimpleNamespace, choice: str) -> None:
    fill(t)
    with pgaudit_log.context() as context:
        t.item.objects.all().delete()
    t.owner.objects.filter(pk=1).delete()
    assert not undo(context=context).is_applicable
    how: dict[str, Any] = (
        {"leave_out": ["missing target"]} if choice == "kind" else {"on_conflict": "skip"}
    )
    plan = undo(context=context, **how)
    assert told(plan) == [("missing target", "shop.Item 1"), ("missing target", "shop.Part 1")]
    plan.apply()
    assert [part.pk for part in t.part.objects.all()] == [2]


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("choice", ["kind", "skip"])
def test_a_row_that_others_point_at_stays_with_what_it_points_at(
    t: SimpleNamespace, choice: str
) -> None:
    with pgaudit_log.context() as context:
        fill(t)
        t.part.objects.all().delete()
    t.part.objects.create(item_id=1)
    how: dict[str, Any] = (
        {"leave_out": ["referenced"]} if choice == "kind" else {"on_conflict": "skip"}
    )
    plan = undo(context=context, **how)
    # The item stays for its part, and the owner for the item.
    assert told(plan) == [("referenced", "shop.Item 1"), ("referenced", "shop.Owner 1")]
    plan.apply()
    assert (t.owner.objects.get().pk, t.item.objects.get().pk) == (1, 1)


def test_a_unique_value_that_a_row_keeps_is_not_taken_from_it(t: SimpleNamespace) -> None:
    for name in ("a", "b", "c"):
        t.owner.objects.create(name=name)
    with pgaudit_log.context() as context:
        execute("UPDATE shop_owner SET name = 'x' WHERE name = 'a'")
        execute("UPDATE shop_owner SET name = 'a' WHERE name = 'b'")
        execute("UPDATE shop_owner SET name = 'b' WHERE name = 'c'")
    plan = undo(context=context, leave_out=["shop.Owner 3"])
    assert told(plan) == [
        ("left out", "shop.Owner 3"),
        ("taken", "shop.Owner 2"),
        ("taken", "shop.Owner 1"),
    ]
    assert plan.steps == ()


def test_a_row_whose_place_is_not_given_up_stays_away(made: Tables) -> None:
    seat = made.make("Seat", key=models.IntegerField(primary_key=True), name=models.TextField())
    seat.objects.create(key=1, name="old")
    with pgaudit_log.context() as context:
        seat.objects.all().delete()
        seat.objects.create(key=2, name="new")
        execute("UPDATE shop_seat SET key = 1")
    assert len(undo(context=context).steps) == 2
    plan = undo(context=context, leave_out=["shop.Seat 1"])
    assert plan.steps == () and plan.is_applicable


@pytest.mark.slow
@pytest.mark.parametrize("how", [{"leave_out": ["exists"]}, {"on_conflict": "skip"}])
@pytest.mark.parametrize("is_same", [False, True])
def test_what_pointed_at_a_row_does_not_come_back_to_another(
    t: SimpleNamespace, how: dict[str, Any], is_same: bool
) -> None:
    fill(t)
    context = delete_all(t)
    if is_same:
        restore(event_of(t.owner, "D", pgh_obj_id="1")).apply()
        t.item.objects.all().delete()
        t.owner.objects.update(name="renamed")
    else:
        t.owner.objects.create(pk=1, name="another")
    plan = undo(context=context, **how)
    assert ("exists", "shop.Owner 1") in told(plan)
    assert ("insert shop.Item 1" in touched(plan)) == is_same
    assert (("missing target", "shop.Item 1") in told(plan)) != is_same
    assert "insert shop.Item 2" in touched(plan)
    plan.apply()


def test_an_inherited_row_is_left_out_with_the_object(made: Tables) -> None:
    base = made.make("Base", n=models.IntegerField())
    child = made.make("Child", bases=(base,), code=models.TextField(unique=True))
    child.objects.create(n=1, code="a").delete()
    deletion = event_of(child, "D")
    child.objects.create(n=2, code="a")
    plan = restore(deletion, leave_out=["taken"])
    assert told(plan) == [("taken", "shop.Child 1"), ("left out", "shop.Base 1")]
    assert plan.steps == ()


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("kind", [Kind.CHANGED_LATER, Kind.DELETED, Kind.EXISTS])
def test_other_kinds_can_be_left_out(t: SimpleNamespace, kind: Kind) -> None:
    fill(t)
    with pgaudit_log.context() as context:
        t.owner.objects.filter(pk=2).update(n=5)
        t.owner.objects.filter(pk=1).update(n=1)
        if kind is Kind.EXISTS:
            t.owner.objects.all().delete()
    match kind:
        case Kind.CHANGED_LATER:
            t.owner.objects.filter(pk=1).update(n=2)
        case Kind.DELETED:
            t.owner.objects.filter(pk=1).delete()
        case Kind.EXISTS:
            t.owner.objects.create(pk=1, name="other")
    assert {found.kind for found in undo(context=context).obstacles} == {kind}
    plan = undo(context=context, leave_out=[kind])
    assert plan.is_applicable
    assert (kind.value, "shop.Owner 1") in told(plan)
    assert any("shop.Owner 2" in step for step in touched(plan))


def test_what_is_in_the_way_for_another_reason_stays_so(t: SimpleNamespace) -> None:
    fill(t)
    context = delete_all(t)
    t.owner.objects.create(name="a")
    t.owner.objects.create(pk=2, name="other")
    plan = undo(context=context, leave_out=["taken"])
    assert [(found.kind, found.key) for found in plan.obstacles] == [(Kind.EXISTS, "2")]
    with pytest.raises(PlanError):
        plan.apply()


def test_a_revert_can_leave_a_row_out(t: SimpleNamespace) -> None:
    owner = t.owner.objects.create(name="a")
    event = event_of(t.owner, "I")
    t.owner.objects.update(name="b")
    t.owner.objects.create(name="a")
    assert not revert(owner, to=event).is_applicable
    plan = revert(owner, to=event, leave_out=["taken"])
    assert (plan.steps, told(plan)) == ((), [("taken", "shop.Owner 1")])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["nonsense"], "no row and no kind"),
        (["shop.Nothing 1"], "no row and no kind"),
        ([7], "no row and no kind"),
        ("taken", r"Give \['taken'\]"),
        (["shop.Owner 77"], "leave_out= has shop.Owner 77, which the plan does not touch"),
    ],
)
def test_what_cannot_be_left_out_is_refused(t: SimpleNamespace, given: Any, message: str) -> None:
    fill(t)
    context = delete_all(t)
    with pytest.raises(QueryError, match=message):
        undo(context=context, leave_out=given)


def test_the_command_leaves_out(t: SimpleNamespace) -> None:
    fill(t)
    context = delete_all(t)
    t.owner.objects.create(name="a")
    command = ["pgaudit_log", "undo", "--context", str(context.id)]
    with pytest.raises(CommandError, match="--leave-out taken leaves out rows"):
        call_command(*command, "--apply", stdout=io.StringIO())
    out = io.StringIO()
    call_command(*command, "--leave-out", "taken", stdout=out, stderr=io.StringIO())
    assert "Not in the way: shop.Owner 1: name a must be unique" in out.getvalue()
    assert "Not in the way: shop.Part 1: item would point at" in out.getvalue()
    out = io.StringIO()
    call_command(*command, "--leave-out", "shop.Owner 1", "--apply", "--json", stdout=out)
    document = json.loads(out.getvalue())
    assert document["applied"]["rows"] == 3
    assert [found["kind"] for found in document["left_alone"]] == ["taken", *["missing target"] * 2]


def test_what_is_told_of_choices_is_no_choice(t: SimpleNamespace) -> None:
    fill(t)
    with pytest.raises(QueryError, match="'left out', which is no row and no kind of obstacle"):
        undo(context=delete_all(t), leave_out=["left out"])
