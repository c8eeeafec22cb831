"""Replays: the rows that one object had, rebuilt from the changes that a peer has recorded of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pgaudit_log.importing.told_values import is_same

CREATE, UPDATE, DELETE = "create", "update", "delete"
"""What records tell of rows; those of other kinds tell of something else."""

FOUND = "found"
"""The kind of what says how a row was found, because the peer had missed how it came to be so."""

PARTIAL = "partial update"
"""The kind of a change of a row of which some columns were never told."""

Values = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a peer has recorded of one change; a column that is in neither mapping it does not tell of."""

    id: int
    created_at: datetime
    kind: str
    before: Values = field(default_factory=dict)
    after: Values = field(default_factory=dict)
    whole: Values = field(default_factory=dict)
    """The row as it was in memory: what of it was not changed is believed where nothing else tells."""
    doubtful: Collection[str] = ()
    """The columns that it has changed to what cannot be read."""
    absent: Collection[str] = ()
    """The columns that its table did not have then."""
    context: Mapping[str, Any] = field(default_factory=dict)
    context_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row at a time, as far as it is known."""

    record: Record
    kind: str
    values: Values
    unknown: Sequence[str]

    @property
    def place(self) -> int:
        """A number that is in the order of the records."""
        return self.record.id * 2 + (self.kind != FOUND)

    @property
    def record_id(self) -> str:
        """What events say of the record."""
        return f"{self.record.id}:before" if self.kind == FOUND else str(self.record.id)


def replay(records: Sequence[Record], columns: Collection[str]) -> Iterator[Row]:
    """Yield the rows that the records of one object, in their order, tell of.

    Forward, a row is the one before with what was changed; backward, it has what a later record
    found in it. Where a record found another value than the row before had, or there is none, the
    row as it was found comes first. Until all columns of an object are known, it has no rows.

    Args:
        columns: those that records may tell of.
    """
    before, after, absent = _filled(records)
    known: Values | None = None
    for number, record in enumerate(records):
        found, became = before[number], after[number]
        expected = [name for name in columns if name not in absent[number]]
        match record.kind:
            case "create":
                yield _row(record, CREATE, became, columns)
                known = became
            case "update":
                is_whole = all(name in found for name in expected)
                if (is_whole or known is not None) and _is_news(record.before, known):
                    yield _row(record, FOUND, found, columns)
                    known = found
                if known is not None or all(name in became for name in expected):
                    yield _row(record, UPDATE, became, columns)
                    known = became
                else:
                    yield _row(record, PARTIAL, became, columns)
            case "delete":
                yield _row(record, DELETE, found, columns)
                known = None
            case kind:
                yield _row(record, kind, became, columns)


def _row(record: Record, kind: str, values: Values, columns: Collection[str]) -> Row:
    unknown = [name for name in columns if name not in values]
    return Row(record=record, kind=kind, values=values, unknown=unknown)


def _is_news(found: Values, known: Values | None) -> bool:
    """Return whether a record found another row than the one before has become."""
    if known is None:
        return True
    return any(name not in known or not is_same(known[name], found[name]) for name in found)


def _filled(
    records: Sequence[Record],
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[Collection[str]]]:
    """Return the rows before and after each record, and the columns that were not there."""
    before: list[dict[str, Any]] = []
    after: list[dict[str, Any]] = []
    absent: list[Collection[str]] = []
    row: dict[str, Any] = {}
    missing: Collection[str] = ()
    for record in records:
        match record.kind:
            case "create":
                before.append({})
                row, missing = dict(record.after), record.absent
            case "update":
                changed = {*record.after, *record.doubtful}
                kept = {name: record.whole[name] for name in record.whole if name not in changed}
                before.append({**kept, **row, **record.before})
                row = {**before[-1], **record.after}
                row = {name: row[name] for name in row if name not in record.doubtful}
                missing = [name for name in {*missing, *record.absent} if name not in row]
            case "delete":
                before.append({**row, **record.before})
                row, missing = {}, ()
            case _:
                before.append(dict(row))
        after.append(dict(row))
        absent.append(missing)
    for number in reversed(range(len(records))):
        record = records[number]
        follows = records[number + 1] if number + 1 < len(records) else None
        if follows is not None and record.kind != DELETE and follows.kind != CREATE:
            for name, value in before[number + 1].items():
                if name not in absent[number]:
                    after[number].setdefault(name, value)
        if record.kind not in (CREATE, DELETE):
            told = {*record.before, *record.after, *record.doubtful}
            for name, value in after[number].items():
                if name not in told:
                    before[number].setdefault(name, value)
    return before, after, absent
