"""Representations: events as the API has them, all that a page has at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pgaudit_log.constants import BASELINE, INSERT
from pgaudit_log.presentation.entries import Entries
from pgaudit_log.presentation.heads import head_of
from pgaudit_log.presentation.renderers.base import Renderer
from pgaudit_log.presentation.renderers.texts import LONGEST
from pgaudit_log.presentation.shown import Entry, Shown
from pgaudit_log.reading import actors
from pgaudit_log.reading.actors import Person
from pgaudit_log.rest.json_values import Value, document_of, value_of

MOST_IN_LISTS = 10_000
"""How many characters a value has at most where events are listed; alone, an event has more."""


@dataclass(frozen=True, kw_only=True)
class FieldValue:
    """A field, and what it had."""

    field: str
    label: str
    value: Value


@dataclass(frozen=True, kw_only=True)
class FieldChange:
    """A field, and what it had before and after; ``None`` where the object was not there."""

    field: str
    label: str
    old: Value | None
    new: Value | None
    delta: str
    is_in_model: bool


@dataclass(frozen=True, kw_only=True)
class Representation:
    """An event, as far as the person may see it."""

    id: int
    created_at: datetime
    operation: str
    operation_text: str
    model: str
    kind: str
    key: str | None
    object: str
    is_restricted: bool
    is_part: bool
    tracker: str
    transaction: int
    who: str
    actor: Person | None
    on_behalf_of: Person | None
    reason: str
    request: str
    context_id: UUID | None
    context: Any
    role: str | None
    changes: Sequence[FieldChange]
    row: Sequence[FieldValue] = ()


def represented(
    events: Iterable[Any], entries: Entries, *, parts: frozenset[int] = frozenset()
) -> list[Representation]:
    """Return events in their order; ``parts`` has the ids of those that are of rows of an object."""
    listed = list(events)
    names = actors.names(listed)
    return [
        _of(entry, entries, names, is_part=entry.event.pgh_id in parts, most=MOST_IN_LISTS)
        for entry in entries.of(listed)
    ]


def represented_alone(event: Any, entries: Entries) -> Representation:
    """Return one event, with the whole row."""
    [entry] = entries.of([event])
    row: list[FieldValue] = []
    if not entry.is_restricted:
        values = entries.row_of(event)
        for field, value in values.values():
            entries.labels.want(field, value)
        entries.labels.load()
        row = [
            FieldValue(
                field=shown.name,
                label=shown.label,
                value=value_of(entries.renderer(shown.field), shown.old, most=LONGEST),
            )
            for shown in (entries.value(column, *own) for column, own in values.items())
        ]
    return _of(entry, entries, actors.names([event]), row=row, most=LONGEST)


def _of(
    entry: Entry,
    entries: Entries,
    names: actors.Names,
    *,
    most: int,
    is_part: bool = False,
    row: Sequence[FieldValue] = (),
) -> Representation:
    event = entry.event
    head = head_of(event, names, entries.access)
    may_view_context = entries.access.may_view_context
    return Representation(
        id=event.pgh_id,
        created_at=event.pgh_created_at,
        operation=entry.operation,
        operation_text=str(entry.word),
        model=event.pgh_obj_model,
        kind=entry.kind,
        key=None if entry.is_restricted else event.pgh_obj_id,
        object=entry.text,
        is_restricted=entry.is_restricted,
        is_part=is_part,
        tracker="" if entry.is_restricted else event.pgh_label,
        transaction=event.pgh_txid,
        who=head.who,
        actor=head.actor.person,
        on_behalf_of=head.actor.on_behalf_of,
        reason=head.reason,
        request=head.request,
        context_id=event.pgh_context_id if may_view_context else None,
        context=document_of(event.pgh_context, most=LONGEST) if may_view_context else None,
        role=event.pgh_role if may_view_context else None,
        changes=[
            _change(event, shown, entries.renderer(shown.field), most)
            for shown in (*entry.shown, *entry.rest)
        ],
        row=row,
    )


def _change(event: Any, shown: Shown, renderer: Renderer, most: int) -> FieldChange:
    is_change = event.pgh_diff is not None
    is_new = event.pgh_operation in (INSERT, BASELINE)
    first = value_of(renderer, shown.old, most=most)
    return FieldChange(
        field=shown.name,
        label=shown.label,
        old=first if is_change or not is_new else None,
        new=value_of(renderer, shown.new, most=most) if is_change else (first if is_new else None),
        delta=renderer.delta(shown.old, shown.new) if is_change else "",
        is_in_model=not shown.is_unknown,
    )
