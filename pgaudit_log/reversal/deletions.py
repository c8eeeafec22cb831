"""Deletions: which events of a transaction belong to the deletion of one object."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from django.db import models

from pgaudit_log import names, rows, states
from pgaudit_log.constants import DELETE, UPDATE
from pgaudit_log.identifiers import column_of, reference, short_key
from pgaudit_log.records import Record
from pgaudit_log.registry import parents_of


def deleted_with(first: Record, others: Sequence[Record]) -> list[Record]:
    """Return those of ``others`` that belong to the deletion ``first``, in their order.

    Those are deletions of rows that pointed at it or at one of those, of the rows that it
    inherited, and updates that set such a reference to NULL; of these only that is kept.
    """
    pointing, of_row = _by_reference(others), _by_row(others)
    chosen = {first.id: first}
    loosened: dict[int, set[str]] = {}
    waiting = deque([first])
    while waiting:
        record = waiting.popleft()
        found: list[Record] = []
        for name in _names(record):
            for other in pointing.get(name, ()):
                if other.operation == DELETE:
                    found.append(other)
                else:
                    loosened.setdefault(other.id, set()).add(name)
        for parent in parents_of(record.model):
            found += of_row.get((parent, record.key), ())
        # What another tracker has of the same deletion.
        found += [r for r in of_row.get((record.model, record.key), ()) if _agree(r, record)]
        for other in found:
            if other.id not in chosen:
                chosen[other.id] = other
                waiting.append(other)
    for record in others:
        if record.id in loosened:
            chosen[record.id] = _loosened(record, loosened[record.id])
    return [chosen[id] for id in sorted(chosen)]


def _by_reference(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Return deletions, and updates that set references to NULL, by what they pointed at."""
    found: dict[str, list[Record]] = {}
    for record in records:
        for name in record.refs if record.operation == DELETE else _loosened_names(record):
            found.setdefault(name, []).append(record)
    return found


def _by_row(records: Sequence[Record]) -> dict[tuple[Any, str | None], list[Record]]:
    """Return deletions by their row."""
    found: dict[tuple[Any, str | None], list[Record]] = {}
    for record in records:
        if record.operation == DELETE:
            found.setdefault((record.model, record.key), []).append(record)
    return found


def _agree(one: Record, other: Record) -> bool:
    known = other.values
    return all(known.get(c, v) == v for c, v in one.values.items())


def _names(record: Record) -> Iterable[str]:
    """Yield what ``refs`` of other rows call the row of an event, by its key or a unique value."""
    assert record.key is not None
    labels = names.labels_of(record.model, record.using)
    yield from (reference(label, record.key) for label in labels)
    snapshot = record.values
    for own in rows.own_columns(record.model):
        column = column_of(own)
        if own.unique and not own.primary_key and snapshot.get(column, states.NULL) != states.NULL:
            value = _key_text(snapshot[column])
            labels = names.reference_labels(record.model, record.using, own)
            yield from (reference(label, value) for label in labels)


def _key_text(value: str) -> str:
    return short_key(str(json.loads(value)) if value.startswith('"') else value)


def _references_to_null(record: Record) -> Iterable[tuple[str, str, str]]:
    """Yield the columns whose reference an update set to NULL: its column, diff and name."""
    by_column = {column_of(f): f for f in rows.own_columns(record.model)}
    for column, old, new in states.changed(record.diff):
        own = by_column.get(column)
        if new != states.NULL or not isinstance(own, models.ForeignKey):
            continue
        target = own.remote_field.model
        for label in names.reference_labels(target, record.using, own.target_field):
            yield column, f"[{old}, {new}]", reference(label, _key_text(old))


def _loosened_names(record: Record) -> Iterable[str]:
    if record.operation == UPDATE:
        yield from (name for _, _, name in _references_to_null(record))


def _loosened(record: Record, names: set[str]) -> Record:
    """Return an update with only the references to ``names`` that it set to NULL."""
    kept = {c: pair for c, pair, name in _references_to_null(record) if name in names}
    return replace(record, diff=states.join(kept))
