"""Targets of parts: how the parts of an object stood at a moment, as targets to go back to."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from django.db import models

from pgaudit_log.constants import DELETE, LOWEST_ID
from pgaudit_log.declaring.followed_relations import Part
from pgaudit_log.diffs import current_rows
from pgaudit_log.exceptions import UnknownPastError
from pgaudit_log.reading import standings
from pgaudit_log.reading.moments import Moment
from pgaudit_log.reading.part_rows import Member, PartRow
from pgaudit_log.reading.standings import Standing
from pgaudit_log.reading.whole_objects import WholeObject
from pgaudit_log.reversal.targets import Target
from pgaudit_log.timetravel import horizons
from pgaudit_log.values.keys import key_fields, read_key
from pgaudit_log.values.row_json import State
from pgaudit_log.values.tables import Field, column_of

Place = tuple[type[models.Model], str]


def part_targets(whole: WholeObject, moment: Moment, deletion: Any = None) -> list[Target]:
    """Return the targets of the parts of an object that go back to a moment.

    A row that was a part then gets what it had, wherever it is now, or comes back. One that has
    become a part since goes: back to where it was then, or away if it was not there.

    Args:
        whole: what is known of the object.
        moment: the moment.
        deletion: the event of the object's deletion, where that is the moment: what its
            transaction deleted with it is taken as it was then.

    Raises:
        UnknownPastError: when nothing says how a part was then.
    """
    return list(_Targets(whole, moment, _deleted_with(whole, deletion)).all())


def _deleted_with(whole: WholeObject, deletion: Any) -> Collection[int]:
    if deletion is None:
        return ()
    return {
        record.id
        for record in whole.records
        if record.operation == DELETE and record.txid == deletion.pgh_txid
    } - whole.own


class _Targets:
    def __init__(self, whole: WholeObject, moment: Moment, without: Collection[int]) -> None:
        self._whole = whole
        name = f"{whole.model._meta.label} {whole.key}"
        horizons.refuse_hidden_parts(
            (p.model for p in whole.parts), moment, name, using=whole.using
        )
        self._then = standings.standing(whole, moment, without=without)
        self._now = standings.today(whole)
        self._latest = {(row.model, row.origin): row for row in self._now.rows}
        self._places_now = {member.row.place for _, member in _members(self._now)}
        self._taken = {row.place for row in self._now.rows if row.exists}
        self._keys: dict[tuple[Field, str], str] = {}
        self._refuse_unknown(moment)

    def all(self) -> Iterator[Target]:
        """Yield the targets, each row once."""
        there = {
            (row.model, row.origin): row for row in self._then.rows if row.exists and row.is_known
        }
        told: set[Place] = set()
        kept = self._kept()
        for part, member in _members(self._then):
            if member.row.place in kept or not member.row.is_known:
                continue
            target = self._back(part, member)
            if target.place not in told:
                told.add(target.place)
                yield target
        for _, member in _members(self._now):
            row = member.row
            if row.place in told or row.place in kept:
                continue
            told.add(row.place)
            was = there.get((row.model, row.origin))
            yield self._target(row, None if was is None else _without_key(was), expected={})

    def _kept(self) -> set[Place]:
        """Return the rows to leave as they are: which two objects belong together is said by
        another row by now, or is said still."""
        kept: set[Place] = set()
        now: dict[tuple[Part, str, str], PartRow] = {}
        for part, member in _members(self._now):
            if part.is_set and (pair := self._pair(part, member)) is not None:
                now[pair] = member.row
        for part, member in _members(self._then):
            pair = self._pair(part, member) if part.is_set else None
            if pair in now and pair is not None:
                kept |= {member.row.place, now[pair].place}
        return kept

    def _pair(self, part: Part, member: Member) -> tuple[Part, str, str] | None:
        """Return which two objects a row of a many-to-many relation says to belong together."""
        assert part.other is not None
        other = member.row.state.get(column_of(part.other))
        return None if other is None else (part, self._key_now(member.owner), other)

    def _back(self, part: Part, member: Member) -> Target:
        """Return the target of a row that was a part."""
        row = member.row
        last = self._last(row)
        pointing = self._pointing(part, member)
        if last.exists:
            return self._target(last, {**_without_key(row), **pointing}, expected={})
        # It was deleted. What stands in its place and belongs to the object came back for it.
        is_there = row.place in self._taken and row.place in self._places_now
        state = {**(_without_key(row) if is_there else row.state), **pointing}
        last = PartRow(
            model=row.model, key=row.key, origin=row.origin, state=row.state, last_id=last.last_id
        )
        return self._target(last, state, expected={} if is_there else None)

    @staticmethod
    def _target(row: PartRow, state: State | None, *, expected: State | None) -> Target:
        return Target(
            model=row.model,
            key=row.key,
            state=state,
            expected=expected,
            order=LOWEST_ID if row.last_id is None else row.last_id,
            row=row.state,
            brings_back=state is not None,
        )

    def _pointing(self, part: Part, member: Member) -> dict[str, str]:
        """Return the columns by which a row points at its owner, where that has another key by now."""
        key = self._key_now(member.owner)
        if key == member.owner.key or not part.is_by_key or part.is_inherited:
            return {}
        keys = key_fields(part.owner)
        value = read_key(key, keys)
        values = value if len(keys) > 1 else [value]
        own = dict(zip(part.owner_fields, part.fields, strict=True))
        return {
            column_of(own[field]): self._rendered(own[field], part_of_key)
            for field, part_of_key in zip(keys, values, strict=True)
        }

    def _rendered(self, field: Field, value: object) -> str:
        place = field, str(value)
        if place not in self._keys:
            self._keys[place] = current_rows.state_of(field, value, self._whole.using)
        return self._keys[place]

    def _key_now(self, owner: PartRow) -> str:
        """Return the key that a row has now, or that it comes back with."""
        if owner.origin == "" and owner.model is self._whole.model:
            return self._whole.key
        last = self._last(owner)
        return last.key if last.exists else owner.key

    def _last(self, row: PartRow) -> PartRow:
        """Return how a row stood last. A long transaction may have changed it before it was there."""
        return self._latest.get((row.model, row.origin), row)

    def _refuse_unknown(self, moment: Moment) -> None:
        """Raise for a row that is a part now, or was one before its first event, if nothing says
        how it stood at the moment."""
        older = {(row.model, row.origin) for row in self._then.rows if not row.is_known}
        for standing in (self._then, self._now):
            for _, member in _members(standing):
                row = member.row
                if (row.model, row.origin) not in older:
                    continue
                raise UnknownPastError(
                    f"{row.model._meta.label} {row.key}, a part of {self._whole.model._meta.label}"
                    f" {self._whole.key}, is unknown at {moment}: it is older than its tracking. Run"
                    " pgaudit_log backfill, so that its past is known from then on."
                )


def _members(standing: Standing) -> Iterator[tuple[Part, Member]]:
    for part, members in standing.parts.items():
        for member in members:
            yield part, member


def _without_key(row: PartRow) -> dict[str, str]:
    """Return the state of a row that is there without its key: it keeps its own."""
    own = {column_of(field) for field in key_fields(row.model)}
    return {column: value for column, value in row.state.items() if column not in own}
