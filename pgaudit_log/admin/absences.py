"""Absences: why an object is not to be seen at a moment: not there yet, gone, or not known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from pgaudit_log.constants import DELETE, INSERT
from pgaudit_log.exceptions import UnknownPastError
from pgaudit_log.presentation import heads
from pgaudit_log.presentation.entries import Entries
from pgaudit_log.presentation.subjects import Subject
from pgaudit_log.reading import actors
from pgaudit_log.reading.moments import Moment
from pgaudit_log.timetravel import horizons, recorded_past


@dataclass(frozen=True, kw_only=True)
class Absence:
    """Why an object is not there."""

    message: str
    time: datetime | None = None
    """When it was added or deleted, or from when on it is known."""
    who: str = ""
    event: Any = None
    """The event that says so."""


def absence_of(subject: Subject, moment: Moment, events: Any, entries: Entries) -> Absence | None:
    """Return why an object was not found at a moment; ``None`` where nothing is known of one.

    ``events`` are those of the object.
    """
    using = str(events.db)
    horizon = horizons.horizon_of(subject.model, using)
    if horizon is not None and horizon.hides(moment):
        return Absence(
            message=_("Unknown before this time: older events were removed by retention."),
            time=horizon.since,
        )
    last = events.filter(moment.past).newest().first()
    if last is not None and last.pgh_operation == DELETE:
        return _told(_("It was deleted."), last, entries)
    first = events.order_by("pgh_id").first()
    try:
        recorded_past.refuse_unknown(subject.model, moment, [subject.key], using=using)
    except UnknownPastError:
        message = _("Unknown before this time: it is older than its first event.")
        if first is None:
            message = _("Its past is unknown: it is older than its tracking, and has no events.")
        return _told(message, first, entries)
    if last is None and first is not None and first.pgh_operation == INSERT:
        return _told(_("It did not exist yet."), first, entries)
    if first is None:
        return None
    return Absence(message=_("It was not there under this key."))


def _told(message: str, event: Any, entries: Entries) -> Absence:
    if event is None:
        return Absence(message=message)
    actor = actors.actor_of(event, actors.names([event]))
    return Absence(
        message=message,
        time=event.pgh_created_at,
        who=heads.who(actor, may_view_context=entries.access.may_view_context),
        event=event,
    )
