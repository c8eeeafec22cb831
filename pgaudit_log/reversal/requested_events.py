"""Requested events: those that a plan is to take back, read from the database that is written to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import router

from pgaudit_log.constants import DELETE, INSERT, OPERATIONS, TRUNCATE, UPDATE
from pgaudit_log.declaring import model_labels
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.reading import raw_events
from pgaudit_log.reading.event_model import Event
from pgaudit_log.reading.raw_events import Record, event_id
from pgaudit_log.reversal.targets.at import no_such_event

OF_CHANGES = (INSERT, UPDATE, DELETE)
"""The operations that changed a row, and so can be taken back."""


def alias_of(event: Event, using: str | None) -> str:
    """Return the database in which an event is taken back, as it is today.

    It need not be the one that the event was read from, which may be a replica.
    """
    if using is not None or event is None:
        return str(using or router.db_for_write(Events))
    event_id(event)
    of_events = str(router.db_for_write(Events, instance=event))
    model = model_labels.model_of(str(getattr(event, "pgh_obj_model", "")), of_events)
    return of_events if model is None else str(router.db_for_write(model, instance=event))


def read_event(event: Event, using: str) -> list[Record]:
    """Return an event as the database has it that is written to.

    Raises:
        QueryError: when that has another event of this id, or none.
    """
    events = Events.objects.filter(pk=event_id(event), pgh_created_at=event.pgh_created_at)
    found = raw_events.read(events, using)
    if not found:
        raise no_such_event(event, using)
    return found


def context_id(context: Any) -> UUID:
    """Return the id of a context, or of what is its id.

    Raises:
        QueryError: for what is neither.
    """
    value = getattr(context, "id", context)
    try:
        return value if isinstance(value, UUID) else UUID(str(value))
    except ValueError as error:
        raise QueryError(f"{context!r} is no context. Give its id, a UUID.") from error


def changes_in(found: Sequence[Record], subject: str) -> list[Record]:
    """Return those of ``found`` that changed rows.

    Raises:
        QueryError: when there are none, or a truncation is among them.
    """
    for record in found:
        if record.operation == TRUNCATE:
            raise QueryError(
                f"Cannot undo {subject}: it truncated {record.label}, of which the log does not have"
                " the rows as a deletion. Restore from what as_of() shows just before it."
            )
    changes = [record for record in found if record.operation in OF_CHANGES]
    if not changes:
        raise QueryError(
            f"Cannot undo {subject}: it changed nothing, but only has events of operation"
            f" {', '.join(sorted({OPERATIONS.get(r.operation, r.operation) for r in found}))}."
        )
    return changes
