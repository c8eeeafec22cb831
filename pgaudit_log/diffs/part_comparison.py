"""Part comparison: what differs among the parts of an object, relation by relation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import models

from pgaudit_log.declaring.followed_relations import Part
from pgaudit_log.diffs import part_names
from pgaudit_log.diffs.comparison import Pair, Side, all_compared
from pgaudit_log.diffs.field_diffs import Diff, PartDiff, PartObject, joined
from pgaudit_log.diffs.part_sides import Entry, PartSide
from pgaudit_log.diffs.sides import masked_changes_of
from pgaudit_log.reading.part_rows import Origin
from pgaudit_log.values.keys import key_text_of_json, short_key
from pgaudit_log.values.row_json import NULL
from pgaudit_log.values.tables import column_of, concrete

NOTHING = Side(state=None)
"""A side on which there was no such row."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Row:
    """A row on both sides, and what differs."""

    old: Entry | None
    new: Entry | None
    diff: Diff
    is_unknown: bool = False


Owners = tuple[Origin | None, Origin | None]
"""The row that others belong to, on both sides; ``None`` where it was not there."""


def part_diffs(
    parts: Sequence[Part], old: PartSide, new: PartSide, using: str
) -> dict[str, PartDiff]:
    """Return what differs among an object's parts, by the name of the relation."""
    return _Comparison(parts, old, new, using).of(None, ("", ""))


@dataclass(kw_only=True, eq=False)
class _Found:
    """What was found of one part."""

    rows: dict[Owners, list[_Row]] = field(default_factory=dict)
    """The rows by what they belong to."""
    by_old: dict[Origin | None, list[Owners]] = field(default_factory=dict)
    """What they are themselves on both sides, by the old one."""
    by_new: dict[Origin | None, list[Owners]] = field(default_factory=dict)
    old_names: Mapping[str, str] = field(default_factory=dict)
    new_names: Mapping[str, str] = field(default_factory=dict)


class _Comparison:
    """Compares part by part, all rows of one together."""

    def __init__(self, parts: Sequence[Part], old: PartSide, new: PartSide, using: str) -> None:
        self._parts = [part for part in parts if not part.is_mirror]
        self._old, self._new, self._using = old, new, using
        self._pasts = [
            models.Q(pk__isnull=False) if side.moment is None else side.moment.past
            for side in (old, new)
        ]
        self._found: dict[Part, _Found] = {}
        for part in self._parts:
            if not part.is_inherited:
                self._found[part] = self._compared(part)

    def of(self, above: Part | None, owners: Owners) -> dict[str, PartDiff]:
        """Return what differs among the parts of one row."""
        found = {}
        for part in self._found:
            if part.above is above:
                diff = self._part_diff(part, owners)
                if diff or diff.unknown:
                    found[part.name] = diff
        return found

    def _compared(self, part: Part) -> _Found:
        old, new = self._old.entries.get(part, {}), self._new.entries.get(part, {})
        pairs = self._paired(part, old.values(), new.values())
        diffs = self._diffs(part, pairs)
        found = _Found(
            old_names=self._names(part, [old for old, _ in pairs], self._old),
            new_names=self._names(part, [new for _, new in pairs], self._new),
        )
        for (was, becomes), diff in zip(pairs, diffs, strict=True):
            row = _Row(
                old=was, new=becomes, diff=diff, is_unknown=self._is_unknown(part, was, becomes)
            )
            own = _origin(was), _origin(becomes)
            found.by_old.setdefault(own[0], []).append(own)
            found.by_new.setdefault(own[1], []).append(own)
            for owners in self._owners(part, was, becomes):
                found.rows.setdefault(owners, []).append(row)
        return found

    def _paired(
        self, part: Part, old: Iterable[Entry], new: Iterable[Entry]
    ) -> list[tuple[Entry | None, Entry | None]]:
        """Return the rows of both sides two by two: the same one, or one that came back in its place."""
        before = {self._identity(part, entry, is_old=True): entry for entry in old}
        after = {self._identity(part, entry, is_old=False): entry for entry in new}
        pairs: list[tuple[Entry | None, Entry | None]] = []
        by_key = {e.key: e for identity, e in after.items() if identity not in before}
        for identity, entry in before.items():
            partner = after.get(identity)
            if partner is None and not part.is_set:
                partner = by_key.pop(entry.key, None)
            pairs.append((entry, partner))
        taken = {id(partner) for _, partner in pairs}
        return [*pairs, *((None, entry) for entry in after.values() if id(entry) not in taken)]

    def _identity(self, part: Part, entry: Entry, *, is_old: bool) -> Any:
        """Return what makes two rows the same: of a set which two objects they join."""
        if not part.is_set:
            return entry.origin
        if part.above is None:
            return _other(part, entry)
        above = self._found[part.above]
        return (above.by_old if is_old else above.by_new)[entry.owner][0], _other(part, entry)

    def _diffs(self, part: Part, pairs: Sequence[tuple[Entry | None, Entry | None]]) -> list[Diff]:
        """Return what differs between the sides of rows, with what these inherit."""
        inherited = [p for p in self._parts if p.is_inherited and p.above is part]
        tables = []
        # A row that came back in the place of another one tells nothing of what is hidden.
        keys = [
            {was.key, becomes.key} if was and becomes and was.origin == becomes.origin else set()
            for was, becomes in pairs
        ]
        for table in (part, *inherited):
            hidden = masked_changes_of(table.model, set().union(*keys), self._pasts, self._using)
            old, new = (
                {e.key: e.side for e in side.entries.get(table, {}).values()}
                for side in (self._old, self._new)
            )
            given = [
                Pair(
                    key=(becomes or was).key,  # type: ignore[union-attr]
                    old=NOTHING if was is None else old.get(was.key, NOTHING),
                    new=NOTHING if becomes is None else new.get(becomes.key, NOTHING),
                    changed=frozenset().union(*(hidden.get(key, ()) for key in own)),
                )
                for (was, becomes), own in zip(pairs, keys, strict=True)
            ]
            tables.append(all_compared(table.model, given, self._using))
        return [joined(of_row) for of_row in zip(*tables, strict=True)]

    def _names(
        self, part: Part, entries: Iterable[Entry | None], side: PartSide
    ) -> Mapping[str, str]:
        """Return what rows were called, or what they led to, by their keys."""
        there = [entry for entry in entries if entry is not None]
        if not there:
            return {}
        if part.other is None:
            keys = [entry.key for entry in there]
            return part_names.names(part.model, keys, side.moment, self._using)
        target: Any = part.other
        texts = {entry.key: _other(part, entry) for entry in there}
        wanted = {text for text in texts.values() if text is not None}
        found = part_names.names_by(target.target_field, wanted, side.moment, self._using)
        return {key: found.get(str(text), "–") for key, text in texts.items()}

    def _is_unknown(self, part: Part, was: Entry | None, becomes: Entry | None) -> bool:
        """Return whether nothing says how a row was on the side on which it seems not to be."""
        return (
            was is None
            and becomes is not None
            and (part.model, becomes.origin) in self._old.unknown
        ) or (becomes is None and was is not None and (part.model, was.origin) in self._new.unknown)

    def _owners(self, part: Part, was: Entry | None, becomes: Entry | None) -> list[Owners]:
        """Return among whose parts a row is told of: of its owner, or of both that it had."""
        if part.above is None:
            return [("", "")]
        above = self._found[part.above]
        found = []
        if was is not None:
            found += above.by_old.get(was.owner, [])
        if becomes is not None:
            found += above.by_new.get(becomes.owner, [])
        return [*dict.fromkeys(found)]

    def _part_diff(self, part: Part, owners: Owners) -> PartDiff:
        found = self._found[part]
        told: dict[str, list[PartObject]] = {
            side: [] for side in ("added", "removed", "changed", "unknown")
        }
        for row in found.rows.get(owners, ()):
            was = row.old if row.old is not None and row.old.owner == owners[0] else None
            becomes = row.new if row.new is not None and row.new.owner == owners[1] else None
            below = self.of(part, (_origin(was), _origin(becomes)))
            diff = replace(row.diff, parts=below)
            if row.is_unknown:
                side = "unknown"
            elif was is None or becomes is None:
                side = "added" if was is None else "removed"
            elif diff and not part.is_set:
                side = "changed"
            else:
                continue
            told[side].append(self._object(part, row, diff, is_old=side == "removed"))
        return PartDiff(name=part.name, **{side: tuple(objs) for side, objs in told.items()})

    def _object(self, part: Part, row: _Row, diff: Diff, *, is_old: bool) -> PartObject:
        entry = row.old if is_old or row.new is None else row.new
        assert entry is not None
        names = self._found[part].old_names if entry is row.old else self._found[part].new_names
        if part.is_set:
            target: Any = part.other
            return PartObject(
                model=concrete(target.target_field.model),
                key=str(_other(part, entry)),
                text=names[entry.key],
            )
        return PartObject(model=part.model, key=entry.key, text=names[entry.key], diff=diff)


def _origin(entry: Entry | None) -> Origin | None:
    return None if entry is None else entry.origin


def _other(part: Part, entry: Entry) -> str | None:
    """Return the value by which a row of a many-to-many relation points at the other object."""
    assert part.other is not None
    text = (entry.side.state or {}).get(column_of(part.other), NULL)
    return None if text == NULL else short_key(key_text_of_json(text))
