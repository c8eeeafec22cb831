"""Chains: what the events at a key say of the rows there, one after the other, and what does not fit.

Within a transaction several rows may be at one key, and the events of one statement stand in any
order: see "Keys" in docs/reference/format.md, whose rules these are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, NamedTuple

from pgaudit_log.constants import BASELINE, DELETE, INSERT
from pgaudit_log.operating.coverage import Coverage
from pgaudit_log.operating.findings import Kind, Place
from pgaudit_log.values import row_json
from pgaudit_log.values.row_json import State


class Touch(NamedTuple):
    """What one event did at a key: a row of ``touches.sql``."""

    key: str
    is_winding: bool
    """Whether all touches of the key are here, because several rows may have been at it at once."""
    previous_id: int | None
    previous_at: datetime | None
    previous_after: str | None
    id: int
    at: datetime
    txid: int
    operation: str
    is_move: bool
    is_departure: bool
    before: str | None
    after: str | None
    contradicted: str | None
    """The columns of which its diff and its snapshot say different things: both, as a diff has them."""
    is_truncated_before: bool
    is_last: bool
    is_truncated_after: bool
    is_readable: bool | None
    is_there: bool | None
    today: str | None

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Touch:
        """Return the touch of a row."""
        found = cls(*row)
        previous = found.previous_at and found.previous_at.replace(tzinfo=timezone.utc)
        return found._replace(at=found.at.replace(tzinfo=timezone.utc), previous_at=previous)

    @property
    def arrives(self) -> bool:
        """Whether it brought a row to the key."""
        return self.operation == INSERT or (self.is_move and not self.is_departure)

    @property
    def leaves(self) -> bool:
        """Whether it took a row away from the key."""
        return self.operation == DELETE or self.is_departure

    @property
    def place(self) -> Place:
        return Place(event=self.id, at=self.at)


class Difference(NamedTuple):
    """What does not fit; of a column as its values are stored, or of the whole row."""

    kind: Kind
    key: str
    after: Place | None
    before: Place | None
    column: str | None = None
    expected: str = ""
    found: str = ""


@dataclass(kw_only=True)
class Chain:
    """The events at one key, as far as they have been followed, and the rows that they left there."""

    coverage: Coverage
    truncates_all: bool
    """Whether a truncation leaves no row: that of a partition leaves those of the others."""
    key: str | None = None
    is_known: bool = False
    """Whether events have told of the key's row before."""
    was_known: bool = False
    """Whether those of earlier transactions have: within one, a row that is older than its tracking
    may leave the key after another has come to it."""
    rows: list[tuple[int, State]] = field(default_factory=list)
    """The rows at the key, each with the transaction that left it so; the newest is last."""
    txid: int | None = None
    last: Place | None = None

    def follow(self, touch: Touch) -> Iterator[Difference]:
        """Go on with a touch, and yield what does not fit.

        Touches of a key that is not winding tell by themselves what was before them.
        """
        self._begin(touch)
        if touch.is_truncated_before:
            self._truncate()
        if self.txid != touch.txid:
            yield from self._settle(touch.place)
            self.was_known = self.is_known
        yield from self._apply(touch)
        self.is_known, self.txid, self.last = True, touch.txid, touch.place
        if touch.contradicted is not None:
            # Both ends of the interval are the event itself.
            pairs = [*row_json.changed(touch.contradicted)]
            by_diff = {column: value for column, value, _ in pairs}
            by_snapshot = {column: value for column, _, value in pairs}
            yield from self._compare(by_diff, by_snapshot, "broken", touch.place)
        if touch.is_last:
            yield from self._settle(None)
            if touch.is_truncated_after:
                self._truncate()
            yield from self._compare_with_table(touch)

    def _begin(self, touch: Touch) -> None:
        if touch.is_winding and touch.key == self.key:
            return
        self.key, self.txid, self.last = touch.key, None, None
        self.rows, self.is_known = [], False
        if touch.is_winding or touch.previous_id is None or touch.previous_at is None:
            return
        self.is_known = True
        self.last = Place(event=touch.previous_id, at=touch.previous_at)
        if touch.previous_after is not None:
            self.rows = [(0, row_json.split(touch.previous_after))]

    def _truncate(self) -> None:
        self.rows = []
        self.is_known &= self.truncates_all

    def _settle(self, before: Place | None) -> Iterator[Difference]:
        """End a transaction: one row stays at a key, the one that came last."""
        if len(self.rows) > 1 and self.coverage.has_deletes and self.coverage.has_moves:
            yield self._difference("vanished", before)
        del self.rows[:-1]

    def _apply(self, touch: Touch) -> Iterator[Difference]:
        if touch.arrives:
            if self.rows and not touch.is_winding and self.coverage.has_deletes:
                yield self._difference("vanished", touch.place)
            if not touch.is_winding:
                self.rows = []
            self.rows.append((touch.txid, row_json.split(touch.after)))
            return
        before = row_json.split(touch.before if touch.before is not None else touch.after)
        known = self._take(touch, before)
        if known is not None:
            yield from self._compare(known, before, "broken", touch.place)
        elif self.coverage.has_inserts and (self.was_known if touch.leaves else self.is_known):
            yield self._difference("reappeared", touch.place)
        if not touch.leaves:
            after = row_json.split(touch.after)
            kept = known if touch.operation == BASELINE and known is not None else {}
            self.rows.append((touch.txid, {**kept, **after}))

    def _take(self, touch: Touch, before: State) -> State | None:
        """Take the row that a touch is of from those at the key; ``None`` if it is not there."""
        if not touch.leaves:
            return self.rows.pop()[1] if self.rows else None
        chosen = next(
            (n for n, (_, row) in enumerate(self.rows) if row_json.agree(row, before)), None
        )
        if chosen is None:
            # What came in this transaction, and looks otherwise, is only passing on to here.
            chosen = next((n for n, (txid, _) in enumerate(self.rows) if txid != touch.txid), None)
        return None if chosen is None else self.rows.pop(chosen)[1]

    def _compare_with_table(self, touch: Touch) -> Iterator[Difference]:
        if not touch.is_readable:
            return
        if not self.rows:
            if touch.is_there and self.is_known and self.coverage.has_inserts:
                yield self._difference("unknown", None)
        elif touch.is_there:
            today = row_json.split(touch.today)
            yield from self._compare(self.rows[-1][1], today, "differs", None)
        elif self.coverage.has_deletes:
            yield self._difference("missing", None)

    def _compare(
        self, expected: State, found: State, kind: Kind, before: Place | None
    ) -> Iterator[Difference]:
        """Yield the columns that both sides have, and that are judged, in which they differ."""
        for column in _differing(expected, found, self.coverage.columns):
            yield self._difference(kind, before)._replace(
                column=column, expected=expected[column], found=found[column]
            )

    def _difference(self, kind: Kind, before: Place | None) -> Difference:
        assert self.key is not None
        return Difference(kind, self.key, self.last, before)


def _differing(expected: State, found: State, columns: Collection[str]) -> Iterator[str]:
    for column, value in expected.items():
        other = found.get(column, value)
        if (
            other != value
            and column in columns
            and (
                row_json.are_other_hashes(value, other)
                or (row_json.absence(value) is None and row_json.absence(other) is None)
            )
        ):
            yield column
