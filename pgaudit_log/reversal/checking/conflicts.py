"""Conflicts: judges what stands between a row and its target; it asks the database nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.db import models

from pgaudit_log.declaring import conditions
from pgaudit_log.declaring.masks import masks_of
from pgaudit_log.diffs.current_rows import fingerprint
from pgaudit_log.diffs.display import shortened
from pgaudit_log.exceptions import QueryError
from pgaudit_log.reversal.checking.cases import Case
from pgaudit_log.reversal.checking.findings import Report
from pgaudit_log.reversal.obstacles import Kind
from pgaudit_log.reversal.options import Choices
from pgaudit_log.reversal.steps import Step
from pgaudit_log.reversal.targets import Target
from pgaudit_log.values import row_json, tables
from pgaudit_log.values.keys import is_shortened, key_fields
from pgaudit_log.values.row_json import MISSING, NULL, State
from pgaudit_log.values.tables import Field, column_of


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Says what is to be done with a row, and reports what is against it."""

    choices: Choices
    report: Report

    def step(self, case: Case, *, is_taken_over: bool = False) -> Step | None:
        """Return the step that a case comes to; ``None`` where nothing is to be done.

        A row that comes back has only the values that are known of it.

        Args:
            case: the row, and what it should become.
            is_taken_over: whether the row that is there makes place for it.

        Raises:
            QueryError: when the caller wants some fields only of a row that comes or goes.
        """
        target = case.target
        step = Step(
            action="update",
            model=target.model,
            key=target.key,
            whole_key=target.whole_key,
            fingerprint=fingerprint(case.row),
        )
        now = None if target.state is not None and is_taken_over else case.row
        if now is not None and self._is_kept_as_another(case):
            return None
        if target.state is None:
            return self._delete(case, step, now)
        state = self._writable(case)
        if now is None:
            return self._insert(case, step, state)
        if target.expected is None:
            return self._overwrite(case, step, state, now)
        return self._update(case, step, state, now)

    def _is_kept_as_another(self, case: Case) -> bool:
        """Report a row that is another object by now; return whether it is left alone."""
        if case.target.expected is None or not case.has_other_object:
            return False
        self.report(
            Kind.CHANGED_LATER,
            case.target,
            None,
            "has another object's row by now: that which it was about was deleted, or has another key.",
            go_around=self.choices.on_conflict != "abort",
        )
        return self.choices.on_conflict == "skip"

    def _delete(self, case: Case, step: Step, now: State | None) -> Step | None:
        if now is None:
            return None
        self._refuse_fields(case.target)
        is_kept = False
        for column, expected in (case.target.expected or {}).items():
            if _is_automatic(case, column) or row_json.absence(expected) is not None:
                continue
            if now.get(column, expected) != expected:
                is_kept |= not self._conflict(case, column, MISSING, expected, now[column])
        is_skipped = is_kept and self.choices.on_conflict == "skip"
        return None if is_skipped else replace(step, action="delete")

    def _insert(self, case: Case, step: Step, state: State) -> Step | None:
        target = case.target
        if target.expected is not None and not target.brings_back:
            self.report(
                Kind.DELETED,
                target,
                None,
                "was deleted, so that nothing of it can be taken back. Restore it first.",
                go_around=self.choices.on_conflict == "skip",
            )
            return None
        self._refuse_fields(target)
        in_between = {
            column: found
            for column, (left, found) in target.broken.items()
            if column in state and not self._conflict(case, column, state[column], left, found)
        }
        return replace(
            step,
            action="insert",
            state={**state, **in_between},
            given=self.choices.given_to(target.model),
        )

    def _overwrite(self, case: Case, step: Step, state: State, now: State) -> Step | None:
        """Judge a row that is to be brought back, and is there."""
        changes = _changes(state, now)
        if not changes:
            return None
        if self.choices.on_conflict == "force":
            return replace(step, state=changes)
        if any(not _is_automatic(case, column) for column in changes):
            self.report(
                Kind.EXISTS,
                case.target,
                None,
                "is there again, with other values. Delete it first, or revert it instead.",
                go_around=self.choices.on_conflict == "skip",
            )
        return None

    def _update(self, case: Case, step: Step, state: State, now: State) -> Step | None:
        target = case.target
        wanted = {}
        for column, value in _changes(state, now).items():
            expected = (target.expected or {}).get(column, now[column])
            left, found = target.broken.get(column, (expected, now[column]))
            if found == left or self._conflict(case, column, value, left, found):
                wanted[column] = value
        for column, value in list(wanted.items()):
            own = case.fields[column]
            if value == NULL and not own.null:
                self.report(
                    Kind.REQUIRED, target, own.name, f"{own.name} had no value, but must have one."
                )
                del wanted[column]
        keys = [column_of(f) for f in key_fields(target.model)]
        if is_shortened(target.key) and any(column in wanted for column in keys):
            # What is left of the key does not say its other parts.
            wanted = {**{column: now[column] for column in keys}, **wanted}
        return replace(step, state=wanted) if wanted else None

    def _conflict(self, case: Case, column: str, was: Any, expected: str, now: str) -> bool:
        """Report a later change of a field; return whether to set the field all the same.

        A field that only follows the others stands in nobody's way: it says when the row was saved
        last, which the later save has done.
        """
        name = _name(case, column)
        before = f"was {shortened(was)}, " if was is not MISSING else ""
        self.report(
            Kind.CHANGED_LATER,
            case.target,
            name,
            f"{name} {before}was set to {shortened(expected)}, and is now {shortened(now)}.",
            go_around=self.choices.on_conflict != "abort" or _is_automatic(case, column),
            values=(None if was is MISSING else was, expected, now),
        )
        return self.choices.on_conflict == "force"

    def _refuse_fields(self, target: Target) -> None:
        if self.choices.fields is not None:
            raise QueryError(
                f"fields= is for rows that are there before and after. {target.model._meta.label}"
                f" {target.key} would be {'deleted' if target.state is None else 'brought back'}"
                " as a whole. Leave fields= out."
            )

    def _writable(self, case: Case) -> State:
        """Return the columns of a target that can be written."""
        writable = {column_of(f) for f in tables.writable_columns(case.target.model)}
        brings_back = case.row is None
        is_skipped = self.choices.on_conflict == "skip" and not brings_back
        state: dict[str, str] = {}
        for column, value in (case.target.state or {}).items():
            own = case.fields.get(column)
            name = _name(case, column)
            if not self._is_chosen(own, name):
                continue
            if own is None:
                self.report(
                    Kind.COLUMN_GONE,
                    case.target,
                    column,
                    f"column {column!r} no longer exists. Pass ignore_missing=True to skip it.",
                    go_around=self.choices.ignore_missing,
                )
            elif column not in writable or (brings_back and self.choices.value_of(own)[0]):
                continue
            elif column in masks_of(case.target.model):
                self._leave_masked(case, name, own)
            elif (stands := row_json.absence(value)) is not None:
                self.report(
                    Kind.MASKED,
                    case.target,
                    name,
                    f"the value of {name} is {stands}, so that it cannot be written.",
                    go_around=is_skipped,
                )
            elif column in case.unreadable:
                self.report(
                    Kind.UNREADABLE,
                    case.target,
                    name,
                    f"the value {shortened(value)} of {name} is not of its type today.",
                    go_around=is_skipped,
                )
            else:
                state[column] = value
        return state

    def _leave_masked(self, case: Case, name: str, own: Field) -> None:
        """Tell that a masked field is left as it is, or of a row that comes back, what it gets."""
        if case.row is not None:
            self.report(
                Kind.MASKED,
                case.target,
                name,
                f"{name} is masked, so that it stays as it is.",
                go_around=True,
            )
            return
        # A plain default, or NULL, is given without a word of how the value was.
        has_value = own.null or own.has_default() or own.has_db_default()
        gets = "gets its default" if own.has_default() or own.has_db_default() else "is empty"
        self.report(
            Kind.MASKED,
            case.target,
            name,
            f"{name} is masked, and {gets}. values={{{name!r}: …}} gives it another value."
            if has_value
            else f"{name} is masked, and must have a value. Give one with values={{{name!r}: …}}.",
            go_around=has_value,
        )

    def _is_chosen(self, own: Field | None, name: str) -> bool:
        """Return whether the caller wants a field changed."""
        names = {name, getattr(own, "attname", name)}
        return self.choices.fields is None or not names.isdisjoint(self.choices.fields)


def _name(case: Case, column: str) -> str:
    own = case.fields.get(column)
    return own.name if own is not None else column


def _changes(state: State, now: State) -> dict[str, str]:
    return {column: value for column, value in state.items() if now[column] != value}


def _is_automatic(case: Case, column: str) -> bool:
    """Return whether Django or the database sets a column by itself, whatever is written."""
    own = case.fields.get(column)
    return own is not None and (
        conditions.is_automatic(own) or isinstance(own, models.GeneratedField)
    )
