"""Moves: steps with what their rows have before and after them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pgaudit_log.diffs.current_rows import RowKey
from pgaudit_log.reversal.steps import Step
from pgaudit_log.values.row_json import MISSING

Values = Mapping[str, Any]
"""A row's typed values by column; empty where there is no row."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Move:
    """A step with what the row has before and after it."""

    step: Step
    now: Values
    after: Values
    passed: Mapping[str, str] = field(default_factory=dict)
    """Values that columns once had for a moment, as JSON text."""
    since: int | None = None
    """The id of the first event that it takes back."""

    @property
    def place(self) -> RowKey:
        return self.step.model, self.step.key

    def gives_up(self, columns: Sequence[str]) -> Any:
        """Return the values of ``columns`` that the row has no more after it, or ``None``."""
        now, after = values_of(self.now, columns), values_of(self.after, columns)
        return now if now != after else None

    def takes(self, columns: Sequence[str]) -> Any:
        """Return the values of ``columns`` that the row gets by it, or ``None``."""
        now, after = values_of(self.now, columns), values_of(self.after, columns)
        return after if now != after else None


def values_of(row: Values, columns: Sequence[str]) -> Any:
    """Return the values of ``columns`` in a form that can be compared; ``None`` if one is null."""
    found = [row.get(column, MISSING) for column in columns]
    if any(value is None or value is MISSING for value in found):
        return None
    return tuple(_comparable(value) for value in found)


def _comparable(value: object) -> Any:
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value
