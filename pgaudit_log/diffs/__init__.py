"""Diffs: what differs between two states of an object, field by field, in the model's terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.db import models, router

from pgaudit_log.diffs import part_sides
from pgaudit_log.diffs.blames import Blame, blame
from pgaudit_log.diffs.comparison import Pair, Side, compared
from pgaudit_log.diffs.field_diffs import Diff, FieldDiff, PartDiff, PartObject, joined
from pgaudit_log.diffs.part_comparison import part_diffs
from pgaudit_log.diffs.part_sides import PartSide
from pgaudit_log.diffs.sides import (
    known_to,
    masked_changes,
    model_of,
    records_of,
    refuse_others,
    side_at,
    side_of,
)
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.reading import moments, object_timeline, whole_objects
from pgaudit_log.reading.moments import Moment
from pgaudit_log.timetravel import recorded_past
from pgaudit_log.values import causal_order, row_json
from pgaudit_log.values.keys import key_fields, key_text
from pgaudit_log.values.tables import concrete, parents_of

__all__ = [
    "NOW",
    "Blame",
    "Diff",
    "FieldDiff",
    "PartDiff",
    "PartObject",
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


def diff(
    a: Any,
    b: Any = NOW,
    *,
    of: models.Model | None = None,
    parts: bool = False,
    using: str | None = None,
) -> Diff:
    """Return what differs between two events of an object, or an event and the object as it is.

    Each side is the object as the event left it, as far as it was tracked, with the rows that it
    inherits.

    Args:
        a: the old side, an event.
        b: the new side, an event or :data:`NOW`.
        of: the object; then each side may be any moment, an aware datetime or an event of another
            object, such as one of its parts, and is the object as of it.
        parts: whether its parts are compared, too: what ``track(follow=…)`` names. They take
            a few queries for each relation, however many there are.
        using: the database; by default that of the first event, or of the object.

    Raises:
        QueryError: for events of different objects, and what is no moment.
        UnknownPastError: when the object ``of`` may have been there, but was not tracked yet.
        DeclarationError: for a relation that cannot be followed.
    """
    events = [side for side in (a, b) if side is not NOW]
    if not events:
        raise QueryError("diff() was given NOW twice. Give at least one event.")
    alias = _alias([of] if of is not None else events, using)
    with moments.today():
        found = _of_events(a, b, events, alias) if of is None else _of_object(of, a, b, alias)
        return _with_parts(found, a, b, alias) if parts else found


def _of_events(a: Any, b: Any, events: Sequence[Any], alias: str) -> Diff:
    """Return what differs in the object that events are of."""
    by_id = {record.id: record for record in records_of(events, alias)}
    sides = [None if side is NOW else by_id[side.pgh_id] for side in (a, b)]
    model = model_of(events, list(by_id.values()))
    refuse_others(model, list(by_id.values()), alias)
    newest = max(by_id.values(), key=lambda record: record.id)
    key = object_timeline.current_key(newest.model, (str(newest.key), newest.id), alias)
    key = key or str(newest.key)
    pasts = [
        models.Q(pk__isnull=False)
        if side is None
        else causal_order.up_to(side.id, side.txid, side.turn)
        for side in sides
    ]
    return _all_tables(
        model, key, alias, pasts, lambda table: [side_of(side, table, key, alias) for side in sides]
    )


def _of_object(of: Any, a: Any, b: Any, alias: str) -> Diff:
    """Return what differs in the object that was named."""
    if not isinstance(of, models.Model) or of.pk is None:
        raise QueryError(f"diff() was given of={of!r}. Give an object that was saved.")
    model = concrete(type(of))
    recorded_past.of_model(model)
    key = key_text(of.pk, key_fields(model))
    sides = [None if side is NOW else Moment.of(side, alias) for side in (a, b)]
    pasts = [models.Q(pk__isnull=False) if side is None else side.past for side in sides]
    return _all_tables(
        model, key, alias, pasts, lambda table: [side_at(side, table, key, alias) for side in sides]
    )


def _all_tables(
    model: type[models.Model],
    key: str,
    alias: str,
    pasts: Sequence[models.Q],
    sides_of: Callable[[type[models.Model]], list[Side]],
) -> Diff:
    """Return what differs in the tables that an object has rows in, at the ends of two ``pasts``."""
    found: list[Diff] = []
    for table in [model, *parents_of(model)]:
        if not recorded_past.is_tracked(table):
            continue
        old, new = sides_of(table)
        if found:
            # A row that is inherited comes before the object, and goes after it.
            old = old if found[0].existed else Side(state=None, known=old.known)
            new = new if found[0].exists else Side(state=None, known=new.known)
        pair = Pair(key=key, old=old, new=new, changed=masked_changes(table, key, pasts, alias))
        found.append(compared(table, pair, alias))
    return joined(found)


def _with_parts(found: Diff, a: Any, b: Any, alias: str) -> Diff:
    """Return what differs between two sides of an object with what differs among its parts."""
    whole = whole_objects.load(found.model, found.key, alias)
    old, new = (
        PartSide(moment=None)
        if not is_there
        else part_sides.now(whole)
        if side is NOW
        else part_sides.at(whole, Moment.of(side, alias))
        for side, is_there in ((a, found.existed), (b, found.exists))
    )
    return replace(found, parts=part_diffs(whole.parts, old, new, alias))


def changes(event: Any, *, using: str | None = None) -> Diff:
    """Return what an event itself changed: of an update what it changed, else the whole row.

    Raises:
        QueryError: for what is no event.
    """
    alias = _alias([event], using)
    with moments.today():
        [record] = records_of([event], alias)
        known = frozenset(known_to(record))
        old, new = Side(state=record.before, known=known), Side(state=record.after, known=known)
        changed = frozenset(row_json.split(record.diff))
        pair = Pair(key=str(record.key), old=old, new=new, changed=changed)
        return compared(record.model, pair, alias)


def _alias(events: Sequence[Any], using: str | None) -> str:
    """Return the database of events, as it is today."""
    found = using or getattr(getattr(events[0], "_state", None), "db", None)
    return str(found or router.db_for_read(Events))


adiff = sync_to_async(diff)
achanges = sync_to_async(changes)
ablame = sync_to_async(blame)
