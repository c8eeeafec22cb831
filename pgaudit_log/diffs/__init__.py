"""Diffs: what differs between two states of an object, field by field, in the model's terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.db import router

from pgaudit_log.diffs.blames import Blame, blame
from pgaudit_log.diffs.comparison import Side, compared
from pgaudit_log.diffs.field_diffs import Diff, FieldDiff, joined
from pgaudit_log.diffs.sides import known_to, model_of, records_of, refuse_others, side_of
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.reading import moments, object_timeline
from pgaudit_log.timetravel import recorded_past
from pgaudit_log.values.tables import parents_of

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
        by_id = {record.id: record for record in records_of(events, alias)}
        sides = [None if side is NOW else by_id[side.pgh_id] for side in (a, b)]
        model = model_of(events, list(by_id.values()))
        refuse_others(model, list(by_id.values()), alias)
        newest = max(by_id.values(), key=lambda record: record.id)
        key = object_timeline.current_key(newest.model, (str(newest.key), newest.id), alias)
        key = key or str(newest.key)
        found: list[Diff] = []
        for table in [model, *parents_of(model)]:
            if not recorded_past.is_tracked(table):
                continue
            old, new = (side_of(side, table, key, alias) for side in sides)
            if found:
                # A row that is inherited comes before the object, and goes after it.
                old = old if found[0].existed else Side(state=None, known=old.known)
                new = new if found[0].exists else Side(state=None, known=new.known)
            found.append(compared(table, key, old, new, alias))
        return joined(found)


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
        return compared(record.model, str(record.key), old, new, alias)


def _alias(events: Sequence[Any], using: str | None) -> str:
    """Return the database of events, as it is today."""
    found = using or getattr(getattr(events[0], "_state", None), "db", None)
    return str(found or router.db_for_read(Events))


adiff = sync_to_async(diff)
achanges = sync_to_async(changes)
ablame = sync_to_async(blame)
