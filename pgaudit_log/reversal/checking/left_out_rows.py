"""Left out rows: those that a plan does not touch by choice, and those that cannot go without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pgaudit_log.exceptions import QueryError
from pgaudit_log.reversal.checking.cases import Case, load_cases
from pgaudit_log.reversal.checking.examination import examine
from pgaudit_log.reversal.checking.findings import Findings
from pgaudit_log.reversal.obstacles import Kind, Obstacle
from pgaudit_log.reversal.options import Choices
from pgaudit_log.reversal.targets import Target
from pgaudit_log.values.tables import parents_of


def examine_chosen(targets: Sequence[Target], choices: Choices, using: str) -> Findings:
    """Return what examining finds of the targets that the caller does not leave out.

    What stands in the way only because of a row that is left out is left out, too: a row that would
    point at it, or take a unique value that it keeps. All of it is told in ``left_alone``.

    Raises:
        QueryError: when a row is named that is none of the targets.
    """
    left = load_cases(targets, using)
    findings = examine(left, choices, using)
    _refuse_unknown(left, choices)
    known = {_subject(obstacle) for obstacle in findings.obstacles}
    told: list[Obstacle] = []
    absent: list[Case] = []
    while reasons := _reasons([case.target for case in left], findings, choices, known):
        told += reasons
        rows = {(reason.model, reason.key) for reason in reasons}
        absent += [c for c in left if _row(c.target) in rows and c.is_kept_from_coming_back]
        left = [case for case in left if _row(case.target) not in rows]
        findings = examine(left, choices, using, absent)
    untold = tuple(obstacle for obstacle in told if obstacle not in findings.left_alone)
    return replace(findings, left_alone=findings.left_alone + untold)


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


def _refuse_unknown(cases: Sequence[Case], choices: Choices) -> None:
    unknown = choices.left_out_rows - {_row(case.target) for case in cases}
    if unknown:
        raise QueryError(
            f"leave_out= has {' '.join(min(unknown))}, which the plan does not touch. Give a row as"
            " the plan names it, or one of its obstacles."
        )
