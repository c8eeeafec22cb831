"""What going back must lead to, worked out from what happened to the rows, without the package.

A row is known by its tag, which nothing but going back ever changes. Where a row was deleted and
another inserted under its key, there are two ways to see it: as two rows, or as one that was
changed. Both are worked out; they differ only where somebody else has changed it, too.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from tests.properties.tables import Family
from tests.properties.trail import Event

Image = Mapping[str, Any]
"""The values of a row by column; its numbers are pairs with their digits, so that 1.0 is not 1.00."""

Place = tuple[str, str]
"""The label of a model, and the tag of a row."""

_decoder = json.JSONDecoder(
    parse_int=lambda digits: ("number", digits), parse_float=lambda digits: ("number", digits)
)


@lru_cache(maxsize=20_000)
def image(text: str | None) -> Image | None:
    """Return a row of its snapshot."""
    return None if text is None else _decoder.decode(text)


class Deed(NamedTuple):
    """An event, with the row that it found and the one that it left."""

    event: Event
    before: Image | None
    after: Image | None

    @property
    def label(self) -> str:
        return self.event.model


def deeds(events: Iterable[Event]) -> list[Deed]:
    """Return what ``events`` did."""
    return [Deed(event, image(event.before), image(event.after)) for event in events]


def standing(history: Sequence[Deed]) -> dict[Place, Image]:
    """Return the rows that ``history`` leaves."""
    rows: dict[Place, Image] = {}
    for deed in history:
        if deed.event.operation == "T":
            for place in [place for place in rows if place[0] == deed.label]:
                del rows[place]
        if deed.before is not None:
            del rows[deed.label, deed.before["tag"]]
        if deed.after is not None:
            rows[deed.label, deed.after["tag"]] = deed.after
    return rows


@dataclass(kw_only=True)
class Outcome:
    """Where a plan must lead."""

    rows: dict[Place, Image] = field(default_factory=dict)
    """All rows of all tables, if nothing stands in the way."""
    reasons: list[str] = field(default_factory=list)
    """What stands in the way."""
    cascades: bool = False
    """Whether the database would delete lines that nobody asked to delete: a plan may refuse."""
    doubles_a_tag: bool = False
    """Whether two rows would have one tag: the keys say that they are two, but the machine
    could not tell them apart any more."""
    is_mistakable: bool = False
    """Whether a row has left its key since, and one that was there before has got it: a plan
    takes that for the row, because it looks for moved rows only where their key is free."""


@dataclass(kw_only=True, eq=False)
class _Row:
    """A row now, and what it shall be."""

    label: str
    now: Image | None
    then: Image | None


@dataclass(kw_only=True, eq=False)
class _Strand:
    """What the chosen events did to one row."""

    label: str
    before: Image | None
    after: Image | None = None
    key: Any = None
    """The last key that it had."""
    number: int = -1
    """The last of its events, counted in the whole history."""
    txid: int | None = None


class Truth:
    """What a session knows of the past."""

    def __init__(self, events: Iterable[Event], families: Mapping[str, Family]) -> None:
        self.history = deeds(events)
        self.rows = standing(self.history)
        self.sheets = {
            table.label: family.sheet.label
            for family in families.values()
            for table in (family.line, family.note)
        }
        self.lines = {family.line.label for family in families.values()}

    def at_key(self, label: str, key: Any, rows: Mapping[Place, Image] | None = None) -> Any:
        """Return the row under a key, or ``None``."""
        for place, row in (self.rows if rows is None else rows).items():
            if place[0] == label and row["key"] == key:
                return row
        return None

    def without(self, chosen: set[int], *, by_key: bool) -> Outcome:
        """Return what is left when the events with the ids ``chosen`` are taken back.

        Each field that still has the value that they gave it gets back the one that it had;
        if it has yet another value, that stands in the way.
        """
        outcome = Outcome()
        rows = {place: _Row(label=place[0], now=row, then=row) for place, row in self.rows.items()}
        added: list[_Row] = []
        for strand in self._strands(chosen, by_key=by_key):
            if strand.before is None and strand.after is None:
                continue
            if strand.after is None:
                assert strand.before is not None
                there = rows.get((strand.label, strand.before["tag"]))
                if there is None:
                    added.append(_Row(label=strand.label, now=None, then=strand.before))
                elif there.now != strand.before:
                    outcome.reasons.append(f"{strand.before} is there again")
                continue
            place = self._place_now(strand, by_key=by_key)
            there = rows[place] if place is not None else None
            under_key = self.at_key(strand.label, strand.key)
            if under_key is not None and under_key != (there and there.now):
                outcome.is_mistakable = True
            if strand.before is None:
                if there is not None:
                    there.then = None
                    if there.now != strand.after:
                        outcome.reasons.append(f"{strand.after} was changed later")
            else:
                _take_back(strand.before, strand.after, there, outcome)
        return self._settled([*rows.values(), *added], outcome)

    def with_row(self, label: str, key: Any, state: Image) -> Outcome:
        """Return what is left when the row under a key gets all other values of ``state``."""
        rows = [_Row(label=place[0], now=row, then=row) for place, row in self.rows.items()]
        then = {**state, "key": key}
        there = [row for row in rows if row.label == label and row.now["key"] == key]
        for row in there:
            row.then = then
        added = [] if there else [_Row(label=label, now=None, then=then)]
        return self._settled([*rows, *added], Outcome())

    def deleted_with(self, event: Event) -> set[int]:
        """Return the ids of a deletion, and of those that its transaction made of its children."""
        row = image(event.before)
        assert row is not None
        return {event.id} | {
            deed.event.id
            for deed in self.history
            if deed.event.txid == event.txid
            and deed.event.operation == "D"
            and self.sheets.get(deed.label) == event.model
            and deed.before is not None
            and deed.before["sheet_id"] == row["key"]
        }

    def _strands(self, chosen: set[int], *, by_key: bool) -> list[_Strand]:
        strands: list[_Strand] = []
        alive: dict[Place, _Strand] = {}
        for number, deed in enumerate(self.history):
            if deed.event.id not in chosen:
                continue
            strand = None
            if deed.before is not None:
                strand = alive.pop((deed.label, deed.before["tag"]), None)
            elif by_key:
                assert deed.after is not None
                gone = [
                    s
                    for s in strands
                    if (s.label, s.key) == (deed.label, deed.after["key"]) and s.after is None
                ]
                strand = gone[-1] if gone else None
            if strand is None:
                strand = _Strand(label=deed.label, before=deed.before)
                strands.append(strand)
            strand.after, strand.number, strand.txid = deed.after, number, deed.event.txid
            left = deed.after or deed.before
            assert left is not None
            strand.key = left["key"]
            if deed.after is not None:
                alive[deed.label, deed.after["tag"]] = strand
            elif by_key:
                # One statement may insert under a key first, and tell of the deletion after.
                for twin in strands:
                    if (
                        twin is not strand
                        and (twin.label, twin.key, twin.txid)
                        == (strand.label, strand.key, strand.txid)
                        and twin.before is None
                        and twin.after is not None
                    ):
                        strands.remove(twin)
                        strand.after, strand.number = twin.after, twin.number
                        alive[strand.label, twin.after["tag"]] = strand
                        break
        return strands

    def _place_now(self, strand: _Strand, *, by_key: bool) -> Place | None:
        """Return where the row of a strand is; ``None`` if it is not there any more."""
        assert strand.after is not None
        tag = strand.after["tag"]
        key = strand.key
        is_there = True
        for deed in self.history[strand.number + 1 :]:
            if deed.label != strand.label:
                continue
            if deed.event.operation == "T":
                is_there = False
            elif deed.before is not None and deed.before["tag"] == tag and is_there:
                is_there = deed.after is not None
                tag, key = (deed.after or deed.before)["tag"], (deed.after or deed.before)["key"]
            elif (
                deed.before is None
                and not is_there
                and deed.after is not None
                and (deed.after["tag"] == tag or (by_key and deed.after["key"] == key))
            ):
                is_there, tag, key = True, deed.after["tag"], deed.after["key"]
        if not is_there and by_key:
            # The statement that deleted it may have told of the insertion before.
            there = self.at_key(strand.label, key)
            tag, is_there = (there["tag"], True) if there is not None else (tag, False)
        return (strand.label, tag) if is_there else None

    def _settled(self, rows: list[_Row], outcome: Outcome) -> Outcome:
        """Return ``outcome`` with its rows, after the database has cascaded, and what it refuses."""
        for line in rows:
            if (
                line.label in self.lines
                and line.now is not None
                and line.then is not None
                and line.then["sheet_id"] == line.now["sheet_id"]
            ):
                _cascade(line, self.sheets[line.label], rows)
                outcome.cascades |= line.then is None
        left = [(row.label, row.then) for row in rows if row.then is not None]
        keys = Counter((label, str(row["key"])) for label, row in left)
        outcome.reasons += [f"{key} is taken" for key, count in keys.items() if count > 1]
        tags = Counter((label, row["tag"]) for label, row in left)
        outcome.doubles_a_tag = any(count > 1 for count in tags.values())
        sheets = set(keys)
        outcome.reasons += [
            f"{label} {row['key']} points at nothing"
            for label, row in left
            if label in self.sheets and (self.sheets[label], str(row["sheet_id"])) not in sheets
        ]
        outcome.rows = {(label, row["tag"]): row for label, row in left}
        return outcome


def _take_back(before: Image, after: Image, row: _Row | None, outcome: Outcome) -> None:
    """Set the fields of a row back that are as they were left."""
    columns = [column for column in before if before[column] != after[column]]
    if row is None or row.now is None:
        if columns:
            outcome.reasons.append(f"{after} is gone")
        return
    then = dict(row.now)
    for column in columns:
        if row.now[column] not in (before[column], after[column]):
            outcome.reasons.append(f"{column} of {after} is now {row.now[column]}")
        then[column] = before[column]
    row.then = then


def _cascade(line: _Row, label: str, rows: list[_Row]) -> None:
    """Do with a line what PostgreSQL does when its sheet goes, or gets another key."""
    assert line.now is not None and line.then is not None
    for sheet in rows:
        if (
            sheet.label == label
            and sheet.now is not None
            and sheet.now["key"] == line.now["sheet_id"]
        ):
            if sheet.then is None:
                line.then = None
            else:
                line.then = {**line.then, "sheet_id": sheet.then["key"]}
