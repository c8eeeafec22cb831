"""Folding: makes one target of all that a series of events did to one row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pgaudit_log import constants
from pgaudit_log.constants import DELETE, INSERT, UPDATE
from pgaudit_log.reading.raw_events import Record
from pgaudit_log.reversal.targets import Target
from pgaudit_log.values import row_json


@dataclass(kw_only=True)
class _Row:
    """What a series of events did to one row."""

    model: type[Any]
    first_key: str
    key: str
    existed: bool
    exists: bool = True
    first: int
    """The id of the first event."""
    txid: int
    """The transaction of the event before."""
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    image: dict[str, str] = field(default_factory=dict)
    """All that is known of the row as the events left it."""
    broken: dict[str, tuple[str, str]] = field(default_factory=dict)
    passed: dict[str, str] = field(default_factory=dict)
    last: int = 0
    seen: set[tuple[Any, ...]] = field(default_factory=set)

    def looks_like(self, state: Mapping[str, str] | None) -> bool:
        """Return whether nothing is known of the row that ``state`` contradicts."""
        return all(self.image.get(c, value) == value for c, value in (state or {}).items())

    def take(self, record: Record) -> None:
        """Add an event."""
        match record.operation:
            case constants.INSERT:
                self._insert(record.values, is_same=record.txid == self.txid)
            case constants.UPDATE:
                self._update(record)
            case constants.DELETE:
                self._delete(record.values, is_same=record.txid == self.txid)
        self.last = record.id
        self.txid = record.txid

    def _insert(self, snapshot: dict[str, str], *, is_same: bool) -> None:
        if not self.exists:
            self.exists, self.after, self.image = True, snapshot, dict(snapshot)
            return
        if is_same and self.existed and _agree(snapshot, self.before):
            # A trigger of the user's changed the row that was being inserted, and its event
            # comes first.
            self.existed, self.before = False, {}
        if is_same and not self.existed:
            self.after = {**snapshot, **self.after}
            self.image = {**snapshot, **self.image}
        else:
            self.after.update(snapshot)
            self.image.update(snapshot)

    def _update(self, record: Record) -> None:
        for column, old, new in row_json.changed(record.diff):
            # Another tracker's event of the same change.
            if self.after.get(column) == new and (column, old, new) in self.seen:
                continue
            self.seen.add((column, old, new))
            is_between = column in self.after and self.after[column] != old
            if is_between and record.txid == self.txid and self.before.get(column) == new:
                # A trigger of the user's wrote the row again, and its event comes first.
                self.before[column] = old
                self.passed.setdefault(column, new)
                continue
            self._find(column, old)
            if column in self.after:
                self.passed[column] = self.after[column]
            self.after[column] = self.image[column] = new
        self.image = {**(record.after or {}), **self.image}

    def _delete(self, snapshot: dict[str, str], *, is_same: bool) -> None:
        if not self.exists:
            return
        if is_same and not self.existed and not self.looks_like(snapshot):
            # A trigger of the user's put another row in its place, and its event comes first.
            self.existed, self.before = True, snapshot
            return
        for column, value in snapshot.items():
            self._find(column, value)
        self.exists, self.after, self.image = False, {}, {}

    def _find(self, column: str, value: str) -> None:
        """Note what an event found in a column: what the one before left, unless others wrote."""
        if column in self.after and self.after[column] != value:
            self.broken[column] = (self.after[column], value)
        if self.existed:
            self.before.setdefault(column, value)

    def target(self) -> Target | None:
        """Return what takes the events back; ``None`` if the row neither was there nor is."""
        target = Target(
            model=self.model,
            key=self.key,
            state=None,
            expected=None,
            order=self.last,
            since=self.first,
            row=dict(self.image),
            broken=self.broken,
            passed=self.passed,
        )
        if not self.existed:
            return replace(target, expected=self.after) if self.exists else None
        if not self.exists:
            return replace(target, key=self.first_key, whole_key=None, state=self.before)
        state = {c: v for c, v in self.before.items() if c in self.after and self.after[c] != v}
        return replace(target, state=state, expected={c: self.after[c] for c in state})


def _agree(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return all(one.get(column, value) == value for column, value in other.items())


class _Rows:
    """The rows of a series of events, by the keys that they have got to."""

    def __init__(self) -> None:
        self._by_place: dict[tuple[type[Any], str], list[_Row]] = {}
        self.all: list[_Row] = []

    def of(self, record: Record) -> _Row:
        """Return the row of an event, under the key that it has after it."""
        assert record.key is not None
        found = self._find(record)
        if found is None:
            found = _Row(
                model=record.model,
                first_key=record.former_key or record.key,
                key=record.key,
                existed=record.operation != INSERT,
                first=record.id,
                txid=record.txid,
            )
            self.all.append(found)
            self._at(record.key, record).append(found)
        elif found.key != record.key:
            self._at(found.key, record).remove(found)
            found.key = record.key
            self._at(record.key, record).append(found)
        return found

    def _at(self, key: str, record: Record) -> list[_Row]:
        return self._by_place.setdefault((record.model, key), [])

    def _find(self, record: Record) -> _Row | None:
        assert record.key is not None
        former = record.former_key
        if former is None:
            there = self._at(record.key, record)
            alike = [row for row in there if row.exists and row.looks_like(record.before)]
            found = alike or [row for row in there if row.exists] or there
            return found[-1] if found else None
        move = ("", former, record.key)
        for row in self._at(record.key, record):
            if move in row.seen and row.looks_like(record.after):
                return row  # another tracker's event of the same move
        for row in reversed(self._at(former, record)):
            # One statement may move many rows, each to the key of the next; then the row that
            # has come to the key is not the one that leaves it.
            if row.exists and (row.txid != record.txid or row.looks_like(record.before)):
                row.seen.add(move)
                return row
        return None


def fold(records: Iterable[Record]) -> list[Target]:
    """Return the targets that take ``records``, in the order of their ids, back.

    Several events on one row become one target, from what the first found to what the last left.
    Trackers may write several events of one change; those are taken once.
    """
    rows = _Rows()
    for record in records:
        if record.operation in (INSERT, UPDATE, DELETE):
            row = rows.of(record)
            if record.former_key is not None:
                row.seen.add(("", record.former_key, record.key))
            row.take(record)
    return [target for row in rows.all if (target := row.target()) is not None]
