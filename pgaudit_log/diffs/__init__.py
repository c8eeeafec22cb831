"""Diffs: what differs between two states of an object, field by field, in the model's terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from asgiref.sync import sync_to_async
from django.db import models, router

from pgaudit_log.constants import DELETE
from pgaudit_log.declaring import declarations
from pgaudit_log.diffs import current_rows
from pgaudit_log.diffs.blames import Blame, blame
from pgaudit_log.diffs.display import Wording
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.reading import moments, object_events, raw_events
from pgaudit_log.reading.raw_events import Record
from pgaudit_log.timetravel import recorded_past
from pgaudit_log.values import causal_order, row_json, tables
from pgaudit_log.values.row_json import MISSING, State
from pgaudit_log.values.tables import column_of, concrete, parents_of

__all__ = [
    "NOW",
    "Blame",
    "Diff",
    "FieldDiff",
    "ablame",
    "achanges",
    "adiff",
    "blame",
    "changes",
    "diff",
]


class _Now:
    """The type of :data:`NOW`."""

    def __repr__(self) -> str:
        return "NOW"


NOW: Final = _Now()
"""The object as it is, for the other side of a diff with an event."""


@dataclass(frozen=True, kw_only=True)
class FieldDiff:
    """One field that differs."""

    name: str
    """The field's name; the column's, where the model no longer has the field."""
    verbose_name: str
    column: str
    old: Any
    """As the model has it. ``None`` is SQL's NULL, ``JSON_NULL`` the ``null`` in a JSON column,
    and ``MISSING`` says that this side knows nothing of the field."""
    new: Any
    old_text: str
    """For people: the label of a choice, the name of the object that a foreign key points at.
    Empty where there was no object."""
    new_text: str


@dataclass(frozen=True, kw_only=True)
class Diff(Mapping[str, FieldDiff]):
    """What differs, by the name of the field, in the order of the model's fields."""

    model: type[models.Model]
    key: str
    """The object's primary key as text."""
    fields: Mapping[str, FieldDiff] = field(default_factory=dict)
    existed: bool = True
    """Whether there was an object on the old side."""
    exists: bool = True
    """Whether there is one on the new side."""

    def __getitem__(self, name: str) -> FieldDiff:
        return self.fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def __str__(self) -> str:
        if not self.fields:
            return f"{self.model._meta.label} {self.key}: no difference"
        sides = [
            side for side, is_there in (("old", self.existed), ("new", self.exists)) if is_there
        ]
        return "\n".join(
            f"{d.verbose_name}: {' → '.join(str(getattr(d, f'{side}_text')) for side in sides)}"
            for d in self.values()
        )


def diff(a: Any, b: Any = NOW, *, using: str | None = None) -> Diff:
    """Return what differs between two events of an object, or an event and the object as it is.

    Each side is the object as the event left it, as far as it was tracked, with the rows that it
    inherits.

    Args:
        a: the old side, an event.
        b: the new side, an event or :data:`NOW`.
        using: the database; by default that of the first event.

    Raises:
        QueryError: for events of different objects.
    """
    events = [side for side in (a, b) if side is not NOW]
    if not events:
        raise QueryError("diff() was given NOW twice. Give at least one event.")
    alias = _alias(events, using)
    with moments.today():
        by_id = {record.id: record for record in _records_of(events, alias)}
        sides = [None if side is NOW else by_id[side.pgh_id] for side in (a, b)]
        model = _model_of(events, list(by_id.values()))
        _refuse_others(model, list(by_id.values()), alias)
        newest = max(by_id.values(), key=lambda record: record.id)
        key = object_events.current_key(newest.model, (str(newest.key), newest.id), alias)
        key = key or str(newest.key)
        found: list[Diff] = []
        for table in [model, *parents_of(model)]:
            if not recorded_past.is_tracked(table):
                continue
            old, new = (_side(side, table, key, alias) for side in sides)
            if found:
                # A row that is inherited comes before the object, and goes after it.
                old = old if found[0].existed else _Side(None, old.known)
                new = new if found[0].exists else _Side(None, new.known)
            found.append(_compared(table, key, old, new, alias))
        return _joined(found)


def changes(event: Any, *, using: str | None = None) -> Diff:
    """Return what an event itself changed: of an update what it changed, else the whole row.

    Raises:
        QueryError: for what is no event.
    """
    alias = _alias([event], using)
    with moments.today():
        [record] = _records_of([event], alias)
        known = frozenset(_known(record))
        sides = _Side(record.before, known), _Side(record.after, known)
        return _compared(record.model, str(record.key), *sides, alias)


def _alias(events: Sequence[Any], using: str | None) -> str:
    """Return the database of events, as it is today."""
    found = using or getattr(getattr(events[0], "_state", None), "db", None)
    return str(found or router.db_for_read(Events))


def _records_of(events: Sequence[Any], using: str) -> list[Record]:
    for event in events:
        if not isinstance(getattr(event, "pgh_id", None), int):
            raise QueryError(f"{event!r} is no event. Give one of the trail, or a typed one.")
    found = raw_events.read(Events.objects.filter(pk__in=[e.pgh_id for e in events]), using)
    for event in events:
        if event.pgh_id not in {record.id for record in found}:
            raise QueryError(f"There is no event {event.pgh_id} in the database {using!r}.")
    return found


def _model_of(events: Sequence[Any], found: Sequence[Record]) -> type[models.Model]:
    """Return the model of the object that events are of: that which inherits the others' tables."""
    declared = [event.pgh_declaration for event in events if hasattr(event, "pgh_declaration")]
    of_typed = [concrete(declaration.tracked_model) for declaration in declared]
    candidates: list[type[models.Model]] = [*of_typed, *(record.model for record in found)]
    return max(candidates, key=lambda model: len(parents_of(model)))


def _refuse_others(model: type[models.Model], found: Sequence[Record], using: str) -> None:
    """Raise unless events are of one object of ``model``."""
    first, *others = found
    family = [model, *parents_of(model)]
    for record in found:
        if record.model not in family or not _is_same_object(record, first, using):
            other = first if record is not first else others[0]
            raise QueryError(
                f"Event {record.id} is of {record.label} {record.key}, and event {other.id} of"
                f" {other.label} {other.key}. Give two events of one object."
            )


def _is_same_object(one: Record, other: Record, using: str) -> bool:
    if one.key == other.key:
        return True
    earlier, later = sorted((one, other), key=lambda record: record.id)
    return any(
        stretch.key == earlier.key and stretch.has(earlier.id)
        for stretch in object_events.life(later.model, str(later.key), using)
    )


class _Side(NamedTuple):
    """A row of the object on one side of a diff."""

    state: State | None
    """The row; ``None`` where there is none."""
    known: frozenset[str] | None = None
    """The columns that are known of it; ``None`` for all."""


def _side(record: Record | None, table: type[models.Model], key: str, using: str) -> _Side:
    """Return a row of the object as an event left it, or as it is now."""
    if record is None:
        place = table, key
        return _Side(current_rows.read([place], using).get(place))
    if record.model is table:
        return _Side(record.after, frozenset(_known(record)))
    found = _records_at(record, table, using)
    known = frozenset[str]().union(*map(_known, found))
    if found and found[-1].operation == DELETE:
        return _Side(None, known)
    state = {column: value for own in found for column, value in (own.after or {}).items()}
    return _Side(state, known)


def _records_at(record: Record, table: type[models.Model], using: str) -> list[Record]:
    """Return what says how the row in another table of the object was at an event, oldest first."""
    moment = causal_order.up_to(record.id, record.txid, record.turn)
    past = object_events.of(table, str(record.key), using).filter(moment)
    found = set()
    for history in recorded_past.histories_of(table):
        newest = causal_order.newest(history.of_rows(past))
        if newest is not None:
            found.add(newest.pk)
    return raw_events.read(Events.objects.filter(pk__in=found), using)


def _known(record: Record) -> set[str]:
    """Return the columns that an event can tell of: what its tracker tracks, and what it has."""
    tracked = {
        column_of(own)
        for history in recorded_past.histories_of(record.model)
        if record.tracker not in declarations.labels_of_others(history.declaration)
        for own in history.tracked
    }
    return tracked | set(record.values)


def _compared(model: type[models.Model], key: str, a: _Side, b: _Side, using: str) -> Diff:
    """Return what differs, in those of today's columns that both sides can tell of."""
    old, new = a.state, b.state
    known = [side.known for side in (a, b) if side.known is not None]
    by_column = {column_of(own): own for own in tables.own_columns(model)}
    told = [
        {c: v for c, v in (side or {}).items() if c not in by_column or all(c in k for k in known)}
        for side in (old, new)
    ]
    differing = _differing(told)
    wanted = [{c: side[c] for c in differing if c in side} for side in told]
    normal = current_rows.normal(model, wanted, using)
    before, after = (state for state, _ in normal)
    # The same value may have looked otherwise while its column had another type.
    differing = _differing([before, after])
    typed = current_rows.typed(model, [before, after], using)
    for values, (state, unreadable) in zip(typed, normal, strict=True):
        for column, text in state.items():
            # What the model no longer has, or cannot read, is shown as it is stored.
            if (
                column not in by_column
                or column in unreadable
                or row_json.absence(text) is not None
            ):
                values[column] = row_json.plain(text)
    wording = Wording(model, typed, using)
    fields: dict[str, FieldDiff] = {}
    for column in [
        *(c for c in by_column if c in differing),
        *(c for c in differing if c not in by_column),
    ]:
        own = by_column.get(column)
        name = own.name if own is not None else column
        sides = [values.get(column, MISSING) for values in typed]
        words = [
            wording.of(own, value) if there is not None else ""
            for value, there in zip(sides, (old, new), strict=True)
        ]
        fields[name] = FieldDiff(
            name=name,
            verbose_name=str(own.verbose_name) if own is not None else column,
            column=column,
            old=sides[0],
            new=sides[1],
            old_text=words[0],
            new_text=words[1],
        )
    return Diff(
        model=model,
        key=key,
        fields=fields,
        existed=old is not None,
        exists=new is not None,
    )


def _joined(tables: Sequence[Diff]) -> Diff:
    """Return the diffs of the rows of an object as one, that of its own table first."""
    own = tables[0]
    fields = {name: found for table in reversed(tables) for name, found in table.items()}
    order = [f.name for f in own.model._meta.concrete_fields]
    names = sorted(fields, key=lambda name: order.index(name) if name in order else len(order))
    return replace(own, fields={name: fields[name] for name in names})


def _differing(sides: Sequence[State]) -> list[str]:
    old, new = sides
    return [column for column in {**old, **new} if old.get(column) != new.get(column)]


adiff = sync_to_async(diff)
achanges = sync_to_async(changes)
ablame = sync_to_async(blame)
