"""Whole objects: what is known of an object and of all rows that were ever parts of it.

It takes a few queries for each relation that is followed, however many rows there are: the keys
of the rows that pointed at an owner, in events and today, then all events of these rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.db.models import F, Q

from pgaudit_log.capture_v1.references import former_key
from pgaudit_log.constants import TRUNCATE
from pgaudit_log.declaring import declarations, former_names
from pgaudit_log.declaring.followed_relations import Part
from pgaudit_log.declaring.parts import parts_of
from pgaudit_log.reading import moments, object_timeline, part_values, raw_events
from pgaudit_log.reading.expressions import IsAnyOf, any_of
from pgaudit_log.reading.raw_events import Record
from pgaudit_log.reading.trail_model import all_events
from pgaudit_log.values import causal_order
from pgaudit_log.values.keys import key_fields, key_text
from pgaudit_log.values.tables import concrete, parents_of


@dataclass(frozen=True, kw_only=True)
class LiveRow:
    """A row of a part's table as it is today."""

    points_at: str | None
    """What it points at by the relation."""
    owned: Mapping[Part, str | None] = field(default_factory=dict)
    """What its own parts point at, where that is not its key."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WholeObject:
    """What is known of an object and its parts."""

    model: type[models.Model]
    key: str
    """The key that the object has now, or had last."""
    using: str
    parts: tuple[Part, ...]
    first_key: str
    """The key that it had first, as far as is known."""
    is_older: bool
    """Whether nothing says how its life began."""
    own: frozenset[int]
    """The ids of its own events, those of the rows that it inherits among them."""
    records: tuple[Record, ...]
    """Its own events and those of all rows that ever pointed at it or its parts, in causal order."""
    live: Mapping[Part, Mapping[str, LiveRow]]
    """The rows of today that point at one that is or was a part, by their keys."""
    owned: Mapping[Part, str | None]
    """What parts point at that belong to it as it is today, where that is not its key."""


def tables_of(model: type[models.Model]) -> list[type[models.Model]]:
    """Return the tracked models in whose tables an object of ``model`` has rows."""
    return [t for t in (model, *parents_of(model)) if declarations.declarations_of(t)]


def load(model: type[models.Model], key: str, using: str) -> WholeObject:
    """Return what is known of the object of ``model`` with a key, and of its parts.

    Raises:
        DeclarationError: for a relation that cannot be followed.
    """
    with moments.today():
        return _Loading(concrete(model), key, str(using)).whole()


class _Loading:
    def __init__(self, model: type[models.Model], key: str, using: str) -> None:
        self.model, self.key, self.using = model, key, using
        self.parts = parts_of(model)
        self.records: dict[int, Record] = {}
        self.by_model: dict[type[models.Model], dict[int, Record]] = {}
        self.keys: dict[Part, set[str]] = {}
        self.live: dict[Part, dict[str, LiveRow]] = {}

    def whole(self) -> WholeObject:
        own: dict[int, Record] = {}
        lives = {table: self._life(table) for table in tables_of(self.model)}
        for table, stretches in lives.items():
            events = self._events_of(table)
            of_life = any_of(stretch.condition("pgh_obj_id") for stretch in stretches)
            own.update((record.id, record) for record in self._read(events.filter(of_life)))
        stretches = lives[self.model]
        own_keys = {stretch.key for stretch in stretches}
        owned = self._owned_today()
        for part in self.parts:
            self._load(part, own_keys, [r for r in own.values() if r.model is self.model], owned)
        return WholeObject(
            model=self.model,
            key=self.key,
            using=self.using,
            parts=self.parts,
            first_key=stretches[-1].key,
            is_older=stretches[-1].first is None,
            own=frozenset(own),
            records=tuple(causal_order.ordered({**self.records, **own}.values())),
            live=self.live,
            owned=owned,
        )

    def _life(self, table: type[models.Model]) -> list[object_timeline.Stretch]:
        return object_timeline.life(table, self.key, self.using)

    def _owned_today(self) -> dict[Part, str | None]:
        """Return what parts point at that belong to the object, where that is not its key."""
        wanted = [part for part in self.parts if part.above is None and not part.is_by_key]
        if not wanted:
            return {}
        rows = part_values.rows_with_keys(self.model, [self.key], self.using)
        names = [f.attname for part in wanted for f in part.owner_fields]
        found: list[Any] = list(rows.values_list(*names)[:1])
        values = iter(found[0] if found else [None] * len(names))
        return {
            part: part_values.owned_of_values(part, [next(values) for _ in part.owner_fields])
            for part in wanted
        }

    def _load(
        self,
        part: Part,
        own_keys: Collection[str],
        own: Iterable[Record],
        owned: Mapping[Part, str | None],
    ) -> None:
        """Read what there is of the rows of one part."""
        if part.is_by_key:
            owners = set(own_keys) if part.above is None else self.keys[part.above]
        else:
            records = own
            today: Iterable[str | None] = [owned.get(part)]
            if part.above is not None:
                records = self.by_model[part.above.model].values()
                today = [row.owned.get(part) for row in self.live[part.above].values()]
            owners = {text for text in today if text is not None}
            for state in (s for r in records for s in (r.before, r.after) if s is not None):
                if (text := part_values.owned(part, state)) is not None:
                    owners.add(text)
        self.live[part] = self._live(part, sorted(owners)) if owners else {}
        self.keys[part] = {*self.live[part]}
        if owners:
            self.keys[part] |= self._keys_in_events(part, sorted(owners))
        self._read_rows(part)

    def _live(self, part: Part, owners: list[str]) -> dict[str, LiveRow]:
        """Return the rows of today that point at one of ``owners``."""
        below = [p for p in self.parts if p.above is part and not p.is_by_key]
        names = [f.attname for p in below for f in p.owner_fields]
        count = len(part.fields)
        found = {}
        rows = part_values.rows_pointing(part, owners, self.using).order_by("pk")
        for pk, *values in rows.values_list("pk", *(f.attname for f in part.fields), *names):
            key = key_text(pk, key_fields(part.model))
            if key == self.key and part.model in tables_of(self.model):
                continue  # the object itself, which may point at itself
            rest = iter(values[count:])
            found[key] = LiveRow(
                points_at=key
                if part.is_inherited
                else part_values.pointing_of_values(part, values[:count]),
                owned={
                    p: part_values.owned_of_values(p, [next(rest) for _ in p.owner_fields])
                    for p in below
                },
            )
        return found

    def _keys_in_events(self, part: Part, owners: list[str]) -> set[str]:
        events = self._events_of(part.model).filter(
            part_values.events_pointing(part, owners, self.using), pgh_obj_id__isnull=False
        )
        return set(events.order_by().values_list("pgh_obj_id", flat=True).distinct())

    def _read_rows(self, part: Part) -> None:
        """Read all events of the rows of a part; one query more where they have got other keys."""
        labels = former_names.labels_of(part.model, self.using)
        keys, of_model = self.keys[part], self.by_model.setdefault(part.model, {})
        unread = {*keys}
        while unread:
            former = [former_key(label, key) for label in labels for key in unread]
            of_keys = IsAnyOf(F("pgh_obj_id"), unread, field=models.TextField())
            condition = Q(of_keys) | Q(pgh_refs__overlap=former)
            emptied = Q(pgh_obj_id=None, pgh_operation=TRUNCATE)
            found = self._read(self._events_of(part.model).filter(any_of([condition, emptied])))
            of_model.update((record.id, record) for record in found)
            moves = [(r.key, r.former_key) for r in found if r.former_key is not None]
            unread = {key for move in moves for key in move if key is not None} - keys
            keys |= unread
        self.records.update(of_model)

    def _events_of(self, model: type[models.Model]) -> models.QuerySet[Any, Any]:
        labels = former_names.labels_of(model, self.using)
        return all_events(self.using).filter(pgh_obj_model__in=labels)

    def _read(self, events: models.QuerySet[Any, Any]) -> list[Record]:
        return raw_events.read(events, self.using)
