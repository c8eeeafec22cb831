"""Examination: turns cases into the steps of a plan, and finds what stands in their way; it only reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.db import models

from pgaudit_log.diffs import current_rows
from pgaudit_log.reversal.checking.cases import Case
from pgaudit_log.reversal.checking.conflicts import Judge
from pgaudit_log.reversal.checking.defaults import Completion
from pgaudit_log.reversal.checking.findings import Findings, Report
from pgaudit_log.reversal.checking.missing_targets import report_missing_targets
from pgaudit_log.reversal.checking.planned_rows import PlannedRows
from pgaudit_log.reversal.checking.pointing_rows import report_pointing_rows
from pgaudit_log.reversal.checking.taken_values import report_taken_values
from pgaudit_log.reversal.descriptions import described
from pgaudit_log.reversal.moves import Move
from pgaudit_log.reversal.obstacles import Kind
from pgaudit_log.reversal.options import Choices
from pgaudit_log.reversal.order import in_order
from pgaudit_log.reversal.steps import Step
from pgaudit_log.values.row_json import MISSING


def examine(
    cases: Sequence[Case], choices: Choices, using: str, absent: Sequence[Case] = ()
) -> Findings:
    """Return the steps that cases come to, in the order in which they can be carried out.

    Args:
        cases: rows, and what they should become.
        choices: how what stands in the way is to be gone around.
        using: the database.
        absent: those that are left out, and whose keys other objects have by now.
    """
    choices.refuse_ambiguous(
        case.target.model for case in cases if case.target.state is not None and case.row is None
    )
    report = Report()
    decided = _decided(cases, choices, using, report)
    moves = _moves(decided, using)
    away = [*absent, *(case for case in cases if _stays_away(case, report))]
    planned_rows = PlannedRows(
        moves,
        choices,
        using,
        report,
        [(case.target.model, case.target.state or {}) for case in away],
    )
    for model, own in planned_rows.by_model.items():
        report_pointing_rows(planned_rows, model, own)
        report_missing_targets(planned_rows, model, own)
        report_taken_values(planned_rows, model, own)
    steps = [
        replace(
            step, left_dangling=tuple(planned_rows.left_dangling.get((step.model, step.key), ()))
        )
        for step in described(in_order(moves, using), moves, using)
    ]
    return report.findings(tuple(steps))


def _decided(
    cases: Sequence[Case], choices: Choices, using: str, report: Report
) -> list[tuple[Case, Step]]:
    """Return the cases of which something is to be done, with what that is."""
    judge = Judge(choices=choices, report=report)
    completion = Completion(choices, using, report)
    leaving = {case.target.place for case in cases if case.makes_place}
    decided = []
    for case in cases:
        is_taken_over = case.target.expected is None and case.target.place in leaving
        step = judge.step(case, is_taken_over=is_taken_over)
        if step is None:
            continue
        if step.action == "insert":
            step = replace(step, state=completion.complete(case.target, step.state))
        decided.append((case, step))
    return decided


def _stays_away(case: Case, report: Report) -> bool:
    """Return whether a row does not come back because another object has its key."""
    return case.is_kept_from_coming_back and report.leaves_alone(Kind.EXISTS, case.target)


def _moves(decided: Sequence[tuple[Case, Step]], using: str) -> list[Move]:
    """Return the steps with the values of their rows before and after."""
    by_model: dict[type[models.Model], list[int]] = {}
    for number, (_, step) in enumerate(decided):
        by_model.setdefault(step.model, []).append(number)
    moves: dict[int, Move] = {}
    for model, numbers in by_model.items():
        own = [decided[number] for number in numbers]
        rows = [(case.row or {}) if step.action != "insert" else {} for case, step in own]
        now = current_rows.typed(model, rows, using)
        proposed = current_rows.typed(model, [step.state for _, step in own], using)
        for number, (case, step), old, new in zip(numbers, own, now, proposed, strict=True):
            after = {**old, **{c: v for c, v in new.items() if v is not MISSING}}
            moves[number] = Move(
                step=step,
                now={} if step.action == "insert" else old,
                after={} if step.action == "delete" else after,
                passed=case.target.passed,
                since=case.target.since,
            )
    return [moves[number] for number in range(len(decided))]
