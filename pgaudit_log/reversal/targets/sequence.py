"""Sequence: the events of each transaction in the order in which rows changed, one for each change.

Events come in causal order already, which has what their statements say. What is left is told by
the rows themselves: where nobody took turns, a trigger's write was captured before the one that
fired it, and a trigger that makes room for a row has a later turn than the row. And several
trackers write several events of one change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce

from django.db import models

from pgaudit_log.constants import DELETE, INSERT, UPDATE
from pgaudit_log.reading.raw_events import Record
from pgaudit_log.values import row_json
from pgaudit_log.values.row_json import State, agree


@dataclass(frozen=True, kw_only=True)
class Transition:
    """What happened to one row by one change, as far as its trackers tell."""

    model: type[models.Model]
    txid: int
    first_id: int
    """The smallest id of its events."""
    last_id: int
    operation: str
    found_key: str
    """The key of the row before."""
    key: str
    """The key of the row after."""
    before: State | None
    """The row that it found; ``None`` where there was none."""
    after: State | None
    """The row that it left; ``None`` where there is none any more."""
    old: State
    """The columns that it changed, or deleted, as they were."""
    new: State
    """The columns that it changed, or inserted, as they became."""


def sequence(records: Iterable[Record]) -> list[Transition]:
    """Return what ``records``, in causal order, did to rows.

    Within a transaction an event is put before another one of the same row if that found what it
    left; events of one change become one. Those of different transactions keep their places.
    """
    events = [_transition(r) for r in records if r.operation in (INSERT, UPDATE, DELETE)]
    by_transaction: dict[int, list[Transition]] = {}
    for event in events:
        by_transaction.setdefault(event.txid, []).append(event)
    turns = {txid: iter(_in_order(own)) for txid, own in by_transaction.items()}
    nexts = (next(turns[event.txid], None) for event in events)
    return [event for event in nexts if event is not None]


def _transition(record: Record) -> Transition:
    assert record.key is not None
    values = record.values
    changed = list(row_json.changed(record.diff))
    is_update = record.operation == UPDATE
    old = {column: before for column, before, _ in changed} if is_update else values
    new = {column: after for column, _, after in changed} if is_update else values
    was_there, is_there = record.operation != INSERT, record.operation != DELETE
    return Transition(
        model=record.model,
        txid=record.txid,
        first_id=record.id,
        last_id=record.id,
        operation=record.operation,
        found_key=record.former_key or record.key,
        key=record.key,
        before={**values, **old} if was_there else None,
        after={**values, **new} if is_there else None,
        old=old if was_there else {},
        new=new if is_there else {},
    )


Twins = list[Transition]
"""The events that several trackers have of one change."""


def _in_order(events: Iterable[Transition]) -> list[Transition]:
    """Return the events of one transaction in the order in which rows changed."""
    ordered: list[Twins] = []
    by_place: defaultdict[tuple[type[models.Model], str], list[Twins]] = defaultdict(list)
    rows = _Rows()
    for event in events:
        there = by_place[event.model, event.found_key]
        if rows.can_be_found_by(event):
            ordered.append([event])
            there.append(ordered[-1])
            rows.change(event)
        elif (same := _same_change(event, there)) is not None:
            same.append(event)
            rows.learn(event)
        elif (later := _first_after(event, by_place[event.model, event.key])) is not None:
            position = next(n for n, change in enumerate(ordered) if change is later)
            ordered.insert(position, [event])
            there.insert(0 if event.key == event.found_key else len(there), ordered[position])
            rows.learn(event)
        else:
            ordered.append([event])
            there.append(ordered[-1])
            rows.add(event)
    return [reduce(_joined, change) for change in ordered]


class _Rows:
    """What is known of the rows of a transaction at one point of it, by their keys."""

    def __init__(self) -> None:
        self._states: dict[tuple[type[models.Model], str], State | None] = {}

    def can_be_found_by(self, event: Transition) -> bool:
        """Return whether an event can have found what is at its key."""
        place = event.model, event.found_key
        return place not in self._states or agree(self._states[place], event.before)

    def change(self, event: Transition) -> None:
        """Let an event change the row that it found."""
        known = self._states.pop((event.model, event.found_key), None) or {}
        self._states[event.model, event.found_key] = None
        if event.after is not None:
            self._states[event.model, event.key] = {**known, **event.after}

    def learn(self, event: Transition) -> None:
        """Take from an earlier event what later ones do not tell of a row."""
        known = self._states.get((event.model, event.key))
        if known is not None and event.after is not None:
            self._states[event.model, event.key] = {**event.after, **known}

    def add(self, event: Transition) -> None:
        """Let an event leave a row beside the one at the key where it found another."""
        self._states[event.model, event.key] = event.after


def _same_change(event: Transition, changes: Sequence[Twins]) -> Twins | None:
    """Return the change that another tracker's event is of, too."""
    for change in reversed(changes):
        if all(
            (other.operation, other.key) == (event.operation, event.key)
            and agree(other.before, event.before)
            and agree(other.after, event.after)
            for other in change
        ):
            return change
    return None


def _joined(one: Transition, other: Transition) -> Transition:
    """Return two events of one change as one."""
    return replace(
        one,
        first_id=min(one.first_id, other.first_id),
        last_id=max(one.last_id, other.last_id),
        before=None if one.before is None else {**(other.before or {}), **one.before},
        after=None if one.after is None else {**(other.after or {}), **one.after},
        old={**other.old, **one.old},
        new={**other.new, **one.new},
    )


def _first_after(event: Transition, changes: Sequence[Twins]) -> Twins | None:
    """Return the first change that found what ``event`` left."""
    for change in changes:
        if any(_has_left(event, other) for other in change):
            return change
    return None


def _has_left(event: Transition, other: Transition) -> bool:
    """Return whether ``event`` left what ``other`` found."""
    if event.after is None or other.before is None:
        return event.after is other.before
    return not event.after.keys().isdisjoint(other.before) and agree(event.after, other.before)
