"""Coverage: how much of what can happen to a table its trackers capture, so that it can be judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import models

from pgaudit_log.constants import OperationName
from pgaudit_log.declaring import conditions, declarations
from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.declaring.trackers import RowEvent
from pgaudit_log.timetravel import recorded_past
from pgaudit_log.timetravel.recorded_past import History
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.tables import column_of, own_columns


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What the events of one ``track()`` can be judged by: what it captures without exception."""

    model: str
    """The label of the model."""
    labels: tuple[str, ...]
    """The labels of the trackers whose events are judged."""
    columns: frozenset[str]
    """The columns whose every change is captured."""
    unjudged: tuple[str, ...]
    """The columns of which changes are not captured, or not all."""
    has_inserts: bool
    """Whether every insert is captured."""
    has_deletes: bool
    """Whether every delete is captured."""
    has_truncates: bool
    """Whether every truncation is captured."""
    has_moves: bool
    """Whether every change of the key is captured."""

    @property
    def limits(self) -> tuple[str, ...]:
        """What cannot be known, a sentence each."""
        return tuple(self._limits())

    def _limits(self) -> Iterator[str]:
        if self.unjudged:
            yield f"Not every change is captured of {', '.join(self.unjudged)}: not compared."
        if not self.has_inserts:
            yield "Not every insert is captured: rows that no event tells of are not told."
        if not self.has_deletes:
            yield "Not every delete is captured: rows that are gone are not told."
        elif not self.has_truncates:
            yield "Truncations are not captured: one shows as rows that are missing."
        if not self.has_moves:
            yield "Changes of the key are not captured: one shows as a row that is missing."


def coverage_of(model: type[models.Model]) -> tuple[Coverage, ...]:
    """Return what the trackers of a model's own table capture without exception, by ``track()``.

    The one with the most columns comes first. It is empty for a model of which no row is captured.
    """
    return tuple(of_history(history) for history in recorded_past.histories_of(model))


def of_history(history: History) -> Coverage:
    """Return what one declaration captures without exception."""
    inserts = _trackers(history, "INSERT")
    updates = _trackers(history, "UPDATE")
    deletes = _trackers(history, "DELETE")
    truncates = _trackers(history, "TRUNCATE")
    update = max(updates, key=lambda tracker: len(_columns(history, tracker)), default=None)
    columns = _columns(history, update) if update else frozenset()
    first = [found[0].label for found in (inserts, deletes, truncates) if found]
    keys = {column_of(field) for field in key_fields(history.model)}
    return Coverage(
        model=history.model._meta.label,
        labels=(
            *first,
            *([update.label] if update and columns else []),
            declarations.baseline_label(history.declaration),
        ),
        columns=columns,
        unjudged=tuple(
            column_of(field)
            for field in own_columns(history.model)
            if column_of(field) not in columns and not field.primary_key
        ),
        has_inserts=bool(inserts) and inserts[0].condition is None,
        has_deletes=bool(deletes) and deletes[0].condition is None,
        has_truncates=bool(truncates),
        has_moves=keys <= columns,
    )


def _trackers(history: History, operation: OperationName) -> list[RowEvent]:
    """Return the trackers of an operation, those without a condition first."""
    declaration: Declaration = history.declaration
    found = [
        tracker
        for tracker in declaration.trackers
        if isinstance(tracker, RowEvent) and tracker.operation_name == operation
    ]
    return sorted(found, key=lambda tracker: tracker.condition is not None)


def _columns(history: History, tracker: RowEvent) -> frozenset[str]:
    """Return the columns whose every change a tracker of updates captures."""
    condition = tracker.condition
    if condition is None:
        return frozenset(column_of(field) for field in history.tracked)
    if not isinstance(condition, conditions.AnyChange) or condition._negated:
        return frozenset()
    named, unwanted = set(condition.fields), set(condition.exclude)
    return frozenset(
        column_of(field)
        for field in history.tracked
        if (not named or named & {field.name, field.attname})
        and not unwanted & {field.name, field.attname}
        and not (condition.exclude_auto and conditions.is_automatic(field))
    )
