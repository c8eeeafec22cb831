"""Fold: makes one target of all that a series of events did to one row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from django.db import models

from pgaudit_log.reading.raw_events import Record
from pgaudit_log.reversal.targets import Target
from pgaudit_log.reversal.targets.sequence import Transition, sequence
from pgaudit_log.values.row_json import MASKED, State, absence, agree, tells_no_difference


def fold(records: Iterable[Record]) -> list[Target]:
    """Return the targets that take ``records``, in causal order, back.

    Several events on one row become one target, from what the first found to what the last left.
    """
    rows = _Rows()
    for event in sequence(records):
        rows.of(event).take(event)
    return [target for row in rows.all if (target := row.target()) is not None]


@dataclass(kw_only=True, eq=False)
class _Row:
    """What a series of events did to one row."""

    model: type[models.Model]
    first_key: str
    key: str
    existed: bool
    exists: bool = True
    first_id: int
    last_id: int = 0
    txid: int
    """The transaction of the last event."""
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    known: State = field(default_factory=dict)
    """All that is known of the row as the events left it."""
    broken: dict[str, tuple[str, str]] = field(default_factory=dict)
    passed: dict[str, str] = field(default_factory=dict)

    def take(self, event: Transition) -> None:
        """Add an event."""
        for column, value in event.old.items():
            # What the event before left, unless others wrote.
            left = self.after.get(column, value)
            if left != value and not tells_no_difference(left, value):
                self.broken[column] = (self.after[column], value)
            if column in self.after and column in event.new:
                self.passed[column] = self.after[column]
            if self.existed:
                self.before.setdefault(column, value)
        self.exists = event.after is not None
        self.after = {**self.after, **event.new} if self.exists else {}
        self.known = {**self.known, **(event.after or {})} if self.exists else {}
        self.first_id = min(self.first_id, event.first_id)
        self.last_id = max(self.last_id, event.last_id)
        self.txid = event.txid

    def target(self) -> Target | None:
        """Return what takes the events back; ``None`` if the row neither was there nor is."""
        target = Target(
            model=self.model,
            key=self.key,
            state=None,
            expected=None,
            order=self.last_id,
            since=self.first_id,
            row=dict(self.known),
            broken=self.broken,
            passed=self.passed,
        )
        if not self.existed:
            return replace(target, expected=self.after) if self.exists else None
        if not self.exists:
            return replace(target, key=self.first_key, whole_key=None, state=self.before)
        # A mark says nothing of what it hides; the event says that it changed.
        state = {
            c: v
            for c, v in self.before.items()
            if c in self.after and (self.after[c] != v or absence(v) is MASKED)
        }
        return replace(target, state=state, expected={c: self.after[c] for c in state})


class _Rows:
    """The rows of a series of events, by the keys that they have got to."""

    def __init__(self) -> None:
        self._by_place: dict[tuple[type[models.Model], str], list[_Row]] = {}
        self.all: list[_Row] = []

    def of(self, event: Transition) -> _Row:
        """Return the row of an event, under the key that it has after it."""
        row = self._found_by(event)
        if row is None:
            row = _Row(
                model=event.model,
                first_key=event.found_key,
                key=event.key,
                existed=event.before is not None,
                first_id=event.first_id,
                txid=event.txid,
            )
            self.all.append(row)
            self._at(event.model, row.key).append(row)
        elif row.key != event.key:
            self._at(event.model, row.key).remove(row)
            row.key = event.key
            self._at(event.model, row.key).append(row)
        return row

    def _at(self, model: type[models.Model], key: str) -> list[_Row]:
        return self._by_place.setdefault((model, key), [])

    def _found_by(self, event: Transition) -> _Row | None:
        """Return the row that an event found; ``None`` for one that no event was about yet."""
        there = self._at(event.model, event.found_key)
        alive = [row for row in there if row.exists]
        if event.key != event.found_key:
            # One statement may move many rows, each to the key of the next; then the row that
            # has come to the key is not the one that leaves it.
            alike = [r for r in alive if r.txid != event.txid or agree(r.known, event.before)]
            return alike[-1] if alike else None
        alike = [row for row in alive if event.before is None or agree(row.known, event.before)]
        there = alike or alive or there
        return there[-1] if there else None
