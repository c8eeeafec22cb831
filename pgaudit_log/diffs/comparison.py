"""Comparison: what differs between two states of a row."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models

from pgaudit_log.diffs import current_rows
from pgaudit_log.diffs.display import Wording
from pgaudit_log.diffs.field_diffs import Diff, FieldDiff
from pgaudit_log.values import row_json, tables
from pgaudit_log.values.row_json import MISSING, State
from pgaudit_log.values.tables import Field, column_of


@dataclass(frozen=True, kw_only=True)
class Side:
    """A row of the object on one side of a diff."""

    state: State | None
    """The row; ``None`` where there is none."""
    known: frozenset[str] | None = None
    """The columns that are known of it; ``None`` for all."""

    def tells(self, column: str) -> bool:
        """Return whether it is known of a column what it had, be it nothing."""
        return self.known is None or column in self.known


def differing(old: State, new: State, changed: Collection[str] = ()) -> list[str]:
    """Return the columns whose text is not the same on both sides, and those that have ``changed``.

    Marks say nothing of the values that they hide.
    """
    return [
        column
        for column in {**old, **new}
        if column in changed
        or (
            old.get(column) != new.get(column)
            and not row_json.tells_no_difference(old.get(column), new.get(column))
        )
    ]


def candidates(
    old: Side, new: Side, columns: Collection[str], changed: Collection[str] = ()
) -> tuple[State, State]:
    """Return of both sides what may differ: in those of ``columns`` that both can tell of.

    What the model has no column for any more is told by whoever has it.
    """
    told = [
        {
            column: text
            for column, text in (side.state or {}).items()
            if column not in columns or (old.tells(column) and new.tells(column))
        }
        for side in (old, new)
    ]
    before, after = told
    wanted = differing(before, after, changed)
    first, second = ({c: side[c] for c in wanted if c in side} for side in told)
    return first, second


def in_order_of(columns: Iterable[str], order: Collection[str]) -> list[str]:
    """Return ``columns`` in an order; what is not in it comes last."""
    listed = list(columns)
    known = set(listed)
    return [*(c for c in order if c in known), *(c for c in listed if c not in order)]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A row on both sides of a diff."""

    key: str
    old: Side
    new: Side
    changed: frozenset[str] = frozenset()
    """The columns that are masked on both sides, and of which is known that they changed."""


def compared(model: type[models.Model], pair: Pair, using: str) -> Diff:
    """Return what differs between two sides of a row, in the terms of today's model."""
    [found] = all_compared(model, [pair], using)
    return found


def all_compared(model: type[models.Model], pairs: Sequence[Pair], using: str) -> list[Diff]:
    """Return what differs between the sides of each of many rows; no more queries than for one."""
    fields = {column_of(own): own for own in tables.own_columns(model)}
    stored = [
        side for pair in pairs for side in candidates(pair.old, pair.new, fields, pair.changed)
    ]
    # The same value may have looked otherwise while its column had another type.
    normal = current_rows.normal(model, stored, using)
    typed = current_rows.typed(model, [state for state, _ in normal], using)
    for values, (state, unreadable) in zip(typed, normal, strict=True):
        values.update(as_stored(state, fields, unreadable))
    wording = Wording(model, typed, using)

    def words(own: Field | None, value: object, side: Side) -> str:
        return "" if side.state is None else wording.of(own, value)

    diffs = []
    for number, pair in enumerate(pairs):
        (before, _), (after, _) = normal[2 * number : 2 * number + 2]
        found: dict[str, FieldDiff] = {}
        for column in in_order_of(differing(before, after, pair.changed), fields):
            own = fields.get(column)
            name = own.name if own is not None else column
            was, becomes = (typed[2 * number + side].get(column, MISSING) for side in (0, 1))
            found[name] = FieldDiff(
                name=name,
                verbose_name=str(own.verbose_name) if own is not None else column,
                column=column,
                old=was,
                new=becomes,
                old_text=words(own, was, pair.old),
                new_text=words(own, becomes, pair.new),
            )
        diffs.append(
            Diff(
                model=model,
                key=pair.key,
                fields=found,
                existed=pair.old.state is not None,
                exists=pair.new.state is not None,
            )
        )
    return diffs


def as_stored(
    state: State, columns: Collection[str], unreadable: Collection[str]
) -> dict[str, Any]:
    """Return the values that no field of today reads, as they are stored."""
    return {
        column: row_json.plain(text)
        for column, text in state.items()
        if column not in columns or column in unreadable or row_json.absence(text) is not None
    }
