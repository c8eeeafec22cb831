"""Part rows: what events did to the rows of an object's parts, and which were parts as they did."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from django.db import models

from pgaudit_log.constants import BASELINE, DELETE, INSERT, MANUAL
from pgaudit_log.declaring.followed_relations import Part
from pgaudit_log.reading import part_values
from pgaudit_log.reading.raw_events import Record
from pgaudit_log.reading.whole_objects import WholeObject
from pgaudit_log.values.row_json import State, agree

Origin = int | str
"""Which row it is, under whatever key: the id of the event of its insert, or of one that is older
than its events the key that it had first."""


@dataclass(kw_only=True, eq=False)
class PartRow:
    """A row that is or was a part, from its insert to its delete."""

    model: type[models.Model]
    key: str
    origin: Origin
    state: dict[str, str] = field(default_factory=dict)
    exists: bool = True
    is_known: bool = True
    """Whether an event says how it stands; else it is as the first event found it."""
    last_id: int | None = None
    last_txid: int | None = None
    points_at: Mapping[Part, str | None] = field(default_factory=dict)
    """What it points at as it is today, where there are no events of it."""

    @property
    def place(self) -> tuple[type[models.Model], str]:
        """The table, and the key of the row in it."""
        return self.model, self.key


@dataclass(frozen=True, kw_only=True)
class Member:
    """A row that is a part, and the row that it belongs to."""

    row: PartRow
    owner: PartRow


class Replay:
    """The rows of a whole object, event by event.

    Args:
        whole: what is known of the object.
        past: the ids of the events to take; ``None`` for all.
        is_born: whether the object is there before its first event.
    """

    def __init__(self, whole: WholeObject, past: Collection[int] | None, *, is_born: bool) -> None:
        self._whole = whole
        self._root = PartRow(model=whole.model, key=whole.first_key, origin="", exists=is_born)
        self._of_model: dict[type[models.Model], list[Part]] = {}
        for part in whole.parts:
            self._of_model.setdefault(part.model, []).append(part)
        self._at: dict[tuple[type[models.Model], str], list[PartRow]] = {}
        self.rows: list[PartRow] = []
        """All rows that there were."""
        self._waiting: dict[tuple[Part, str, int], list[int]] = {}
        self.paths: dict[int, str] = {}
        """The events of the object and its parts, by their ids, each with the part's path."""
        for row in self._older():
            self._add(row)
        for record in whole.records:
            if past is None or record.id in past:
                self._play(record)

    def members(self) -> dict[Part, tuple[Member, ...]]:
        """Return the parts as they are by now."""
        found: dict[Part, list[Member]] = {part: [] for part in self._whole.parts}
        for row in self.rows:
            for part in self._of_model.get(row.model, ()) if row.exists else ():
                if (owner := self._owner(part, row, row.state, None)) is not None:
                    found[part].append(Member(row=row, owner=owner))
        return {part: tuple(members) for part, members in found.items()}

    def _older(self) -> Iterator[PartRow]:
        """Yield the rows that are older than their first event, as that found them."""
        seen: set[tuple[type[models.Model], str]] = set()
        for record in self._whole.records:
            if record.id in self._whole.own or record.key is None or record.operation == MANUAL:
                continue
            key = record.former_key or record.key
            if record.operation != INSERT and (record.model, key) not in seen:
                state = record.after if record.operation == BASELINE else record.before
                yield PartRow(
                    model=record.model, key=key, origin=key, state=state or {}, is_known=False
                )
            seen |= {(record.model, key), (record.model, record.key)}
        for part, rows in self._whole.live.items():
            for key in rows:
                if (part.model, key) not in seen:
                    points_at = {
                        p: own[key].points_at
                        for p, own in self._whole.live.items()
                        if p.model is part.model and key in own
                    }
                    seen.add((part.model, key))
                    yield PartRow(
                        model=part.model, key=key, origin=key, is_known=False, points_at=points_at
                    )

    def _add(self, row: PartRow) -> None:
        self.rows.append(row)
        self._at.setdefault(row.place, []).append(row)

    def _play(self, record: Record) -> None:
        if record.id in self._whole.own:
            self.paths[record.id] = ""
            self._play_own(record)
        elif record.key is None:
            self._empty(record)
        else:
            self._play_part(record, record.key)

    def _play_own(self, record: Record) -> None:
        """Let an event change the object itself. Deleted, it keeps what points at it still."""
        self._root.exists = True
        if record.model is self._root.model and record.key is not None:
            self._root.key = record.key
            self._root.state.update(record.after or record.values)

    def _empty(self, record: Record) -> None:
        """Let a truncation delete all rows of a table."""
        for row in self.rows:
            if row.model is record.model and row.exists:
                for part in self._parts(row, row.state, None):
                    self.paths.setdefault(record.id, part.path)
        for row in self.rows:
            if row.model is record.model:
                row.exists = False

    def _play_part(self, record: Record, key: str) -> None:
        row = self._row_of(record)
        if row is None:
            is_new = record.operation == INSERT
            row = PartRow(
                model=record.model,
                key=record.former_key or key,
                origin=record.id if is_new else f"{record.key} {record.id}",
                state={} if is_new else dict(record.before or {}),
                exists=not is_new,
                is_known=is_new,
            )
            self._add(row)
        if record.operation != INSERT:
            self._tell(record, row, {**row.state, **(record.before or {})})
        if record.operation == DELETE:
            row.exists = False
        elif record.operation != MANUAL:
            row.state = {**row.state, **(record.after or {})}
            row.exists = True
            if row.key != key:
                self._at[row.place].remove(row)
                row.key = key
                self._at.setdefault(row.place, []).append(row)
        if record.operation != MANUAL:
            row.is_known, row.last_id, row.last_txid = True, record.id, record.txid
        if row.exists:
            self._tell(record, row, row.state)

    def _tell(self, record: Record, row: PartRow, state: State) -> None:
        """Note that an event belongs to the object, if the row with ``state`` is a part of it."""
        found = self._parts(row, state, record.txid)
        if found:
            self.paths.setdefault(record.id, found[0].path)
            for part in self._whole.parts:
                # What a row inherits is inserted before it.
                if part.is_inherited and part.above in found:
                    for id in self._waiting.pop((part, row.key, record.txid), ()):
                        self.paths.setdefault(id, part.path)
        else:
            for part in self._of_model.get(row.model, ()):
                if part.is_inherited:
                    place = part, row.key, record.txid
                    self._waiting.setdefault(place, []).append(record.id)

    def _row_of(self, record: Record) -> PartRow | None:
        """Return the row that an event is of, under the key that it had before; as a plan finds it,
        by what it was where one statement has moved several."""
        there = self._at.get((record.model, record.former_key or str(record.key)), [])
        alive = [row for row in there if row.exists]
        if record.operation == INSERT:
            # Several trackers may tell of one insert.
            alive = [
                row
                for row in alive
                if row.last_txid == record.txid
                and isinstance(row.origin, int)
                and agree(row.state, record.after)
            ]
            return alive[-1] if alive else None
        before = record.before
        alike = [row for row in alive if before is None or agree(row.state, before)]
        gone = [row for row in there if row.last_txid == record.txid]
        found = alike or alive or (gone if record.operation == DELETE else [])
        return found[-1] if found else None

    def _parts(self, row: PartRow, state: State, txid: int | None) -> list[Part]:
        """Return by which relations a row is a part of the object, if it has ``state``."""
        of_model = self._of_model.get(row.model, ())
        return [part for part in of_model if self._owner(part, row, state, txid) is not None]

    def _owner(self, part: Part, row: PartRow, state: State, txid: int | None) -> PartRow | None:
        """Return the row that a row belongs to by a relation, if that is a part itself."""
        for owner in self._owners(part, row, state, txid):
            above = part.above
            if above is None or self._owner(above, owner, owner.state, txid) is not None:
                return owner
        return None

    def _owners(
        self, part: Part, row: PartRow, state: State, txid: int | None
    ) -> Iterable[PartRow]:
        """Return the rows that a row points at by a relation: those that there are, or that the
        transaction ``txid`` has deleted."""
        text = (
            row.key if part.is_inherited else part_values.pointing(part, state, self._whole.using)
        )
        if text is None and not state:
            text = row.points_at.get(part)
        if text is None:
            return ()
        if part.above is None:
            own = self._root.key if part.is_by_key else self._owned(part, self._root)
            return [self._root] if self._root.exists and own == text else ()
        if part.is_by_key:
            there = self._at.get((part.above.model, text), [])
        else:
            model = part.above.model
            there = [r for r in self.rows if r.model is model and self._owned(part, r) == text]
        alive = [owner for owner in there if owner.exists]
        return alive or [owner for owner in there if txid is not None and owner.last_txid == txid]

    def _owned(self, part: Part, row: PartRow) -> str | None:
        """Return what rows point at that belong to ``row``, where that is not its key."""
        found = part_values.owned(part, row.state)
        if found is None and row is self._root and not row.state:
            return self._whole.owned.get(part)
        if found is None and not row.state and part.above is not None:
            live = self._whole.live[part.above].get(row.key)
            return None if live is None else live.owned.get(part)
        return found
