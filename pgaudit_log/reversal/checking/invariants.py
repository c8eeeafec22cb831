"""Invariants: what a project says must hold among rows, and a plan has to keep.

Some rows hold together by more than the database knows: the numbers of a nested set, a balance,
places in a queue. To bring one of them back as it was may break what the others are by now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from django.db import models

from pgaudit_log.reading import moments
from pgaudit_log.reversal.plan import Kind, Obstacle, Plan
from pgaudit_log.values.tables import concrete

Check = Callable[[Plan], Iterable[str] | None]
CheckT = TypeVar("CheckT", bound=Check)


@dataclass(frozen=True, kw_only=True)
class Invariant:
    """A check of plans that change rows of a model, and what makes good what it finds."""

    model: type[models.Model]
    check: Check
    repair: Callable[[Plan], object] | None = None


_invariants: list[Invariant] = []


def invariant(
    model: type[models.Model], *, repair: Callable[[Plan], object] | None = None
) -> Callable[[CheckT], CheckT]:
    """Return a decorator for a function that says what a plan would break among the rows of ``model``.

    The function gets each plan with steps on that table, before it is shown, and once more when
    it is applied. It only reads, on the database ``plan.using``, and yields a sentence for each
    thing that would not hold.

    Args:
        model: the model whose rows have to keep it.
        repair: called with the plan where something would not hold, after its steps were
            carried out and in the same transaction. Without it, that stands in the way.
    """

    def register(check: CheckT) -> CheckT:
        _invariants.append(Invariant(model=concrete(model), check=check, repair=repair))
        return check

    return register


def told(plan: Plan) -> Plan:
    """Return ``plan`` with what it would break: in the way, or left alone where it is repaired."""
    obstacles, left_alone = list(plan.obstacles), list(plan.left_alone)
    for one, found in _broken(plan):
        (obstacles if one.repair is None else left_alone).extend(found)
    return replace(plan, obstacles=tuple(obstacles), left_alone=tuple(left_alone))


def at_apply(plan: Plan) -> tuple[list[Obstacle], list[Callable[[Plan], object]]]:
    """Return what ``plan`` would break by now and does not say, and what is to be called after it."""
    known = {*plan.obstacles, *plan.left_alone}
    broken = _broken(plan)
    return (
        [obstacle for _, found in broken for obstacle in found if obstacle not in known],
        [one.repair for one, found in broken if found and one.repair is not None],
    )


def _broken(plan: Plan) -> list[tuple[Invariant, list[Obstacle]]]:
    keys: dict[type[models.Model], str] = {}
    for step in plan.steps:
        keys.setdefault(step.model, step.key)
    with moments.today():
        return [
            (
                one,
                [
                    Obstacle(
                        kind=Kind.INVARIANT,
                        model=one.model._meta.label,
                        key=keys[one.model],
                        field=None,
                        message=f"{one.model._meta.label}: {message}",
                    )
                    for message in _messages(one.check(plan))
                ],
            )
            for one in _invariants
            if one.model in keys
        ]


def _messages(told: Iterable[str] | None) -> Iterable[str]:
    """Return what a check says, be it one sentence, or nothing at all."""
    return [told] if isinstance(told, str) else told or ()
