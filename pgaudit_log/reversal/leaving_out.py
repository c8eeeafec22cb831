"""Leaving out: rows that a plan does not touch by choice, and those that cannot go without them."""

from __future__ import annotations

from collections.abc import Sequence

from pgaudit_log.exceptions import QueryError
from pgaudit_log.reversal.checking.examination import Examination, Findings
from pgaudit_log.reversal.options import Choices
from pgaudit_log.reversal.plan import Kind, Obstacle
from pgaudit_log.reversal.targets import Target
from pgaudit_log.values.tables import parents_of


def examine_chosen(targets: Sequence[Target], choices: Choices, using: str) -> Findings:
    """Return what examining finds of the targets that the caller does not leave out.

    What stands in the way only because of a row that is left out is left out, too: a row that would
    point at it, or take a unique value that it keeps. All of it is told in ``left_alone``.

    Raises:
        QueryError: when a row is named that is none of the targets.
    """
    newest = max((target.order for target in targets), default=0)
    left = [*targets]
    examination = Examination(left, choices, using, newest)
    findings = examination.run()
    _refuse_unknown(left, choices)
    known = {_subject(obstacle) for obstacle in findings.obstacles}
    told: list[Obstacle] = []
    absent: list[Target] = []
    while reasons := _reasons(left, findings, choices, known):
        told += reasons
        rows = {(reason.model, reason.key) for reason in reasons}
        absent += [t for t in left if _row(t) in rows and examination.is_of_another(t)]
        left = [target for target in left if _row(target) not in rows]
        examination = Examination(left, choices, using, newest, absent)
        findings = examination.run()
    findings.left_alone += [obstacle for obstacle in told if obstacle not in findings.left_alone]
    return findings


def _reasons(
    left: Sequence[Target],
    findings: Findings,
    choices: Choices,
    known: set[tuple[Kind, str, str, str | None]],
) -> list[Obstacle]:
    """Return what the rows to leave out now are left out for; at least one for each of them."""
    kinds, named = choices.left_out_kinds, choices.left_out_rows
    there = {_row(target) for target in left}
    reasons = [
        obstacle
        for obstacle in findings.obstacles
        if (obstacle.model, obstacle.key) in there
        and (
            obstacle.kind in kinds
            or (obstacle.model, obstacle.key) in named
            # It was not in the way before other rows were left out.
            or _subject(obstacle) not in known
        )
    ]
    rows = {(reason.model, reason.key) for reason in reasons}
    for target in left:
        if _row(target) in named and _row(target) not in rows:
            rows.add(_row(target))
            reasons.append(_left_out(target, "is left out."))
    # An object's inherited rows do not come back, or go, without it.
    for target in left:
        if _row(target) in rows:
            parents = parents_of(target.model)
            reasons += [
                _left_out(other, f"is left out with {' '.join(_row(target))}.")
                for other in left
                if other.model in parents and other.key == target.key and _row(other) not in rows
            ]
    return reasons


def _row(target: Target) -> tuple[str, str]:
    return target.model._meta.label, target.key


def _subject(obstacle: Obstacle) -> tuple[Kind, str, str, str | None]:
    return obstacle.kind, obstacle.model, obstacle.key, obstacle.field


def _left_out(target: Target, message: str) -> Obstacle:
    label, key = _row(target)
    return Obstacle(
        kind=Kind.LEFT_OUT, model=label, key=key, field=None, message=f"{label} {key}: {message}"
    )


def _refuse_unknown(targets: Sequence[Target], choices: Choices) -> None:
    unknown = choices.left_out_rows - {_row(target) for target in targets}
    if unknown:
        raise QueryError(
            f"leave_out= has {' '.join(min(unknown))}, which the plan does not touch. Give a row as"
            " the plan names it, or one of its obstacles."
        )
