"""Who set what: of each field of an object who gave it its value, when, and by which event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin import AdminSite
from django.db import models
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from pgaudit_log import diffs
from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.responses import crumbs_of, refusal, screen
from pgaudit_log.models import Events
from pgaudit_log.presentation import heads
from pgaudit_log.presentation.entries import Entries
from pgaudit_log.presentation.subjects import subject_of
from pgaudit_log.reading import actors
from pgaudit_log.reading.whole_objects import tables_of
from pgaudit_log.values.tables import Field, own_columns, parents_of

MOST_EVENTS = 1000
"""How many events an object may have: all of them are read."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A field, and who set it."""

    label: str
    column: str
    value: SafeString
    time: datetime | None
    """``None`` where it was set before the object was tracked."""
    who: str
    event_url: str


def fields(
    site: AdminSite, request: HttpRequest, model: type[models.Model], text: str
) -> TemplateResponse:
    """Return who set what of the object whose key is ``text``.

    Raises:
        PermissionDenied: when the person may not see it.
        Http404: when there is no such object any more.
    """
    access = AdminAccess(request, site)
    subject = subject_of(access, model, text)
    if subject.obj is None:
        raise Http404(_("There is no such object."))
    url = access.links.timeline(subject.model, subject.key)
    crumbs = crumbs_of(access, subject.model, url)
    events = Events.objects.across(*tables_of(subject.model)).filter(pgh_obj_id=subject.key)
    if len(events.order_by().values_list("pgh_id")[: MOST_EVENTS + 1]) > MOST_EVENTS:
        message = _("This object has more than %(count)d events, too many to look through.")
        return refusal(site, request, message % {"count": MOST_EVENTS}, status=400, crumbs=crumbs)
    entries = Entries(access, str(events.db))
    return screen(
        site,
        request,
        "fields",
        title=capfirst(subject.text),
        opts=subject.model._meta,
        crumbs=crumbs,
        tab="fields",
        timeline_url=url,
        fields_url=f"{url}fields/" if url else "",
        as_of_url=f"{url}at/" if url else "",
        lines=_lines(diffs.blame(subject.obj), subject.model, entries),
    )


def _lines(
    blamed: dict[str, diffs.Blame], model: type[models.Model], entries: Entries
) -> list[Line]:
    tables = [model, *parents_of(model)]
    known: dict[str, Field] = {f.name: f for table in reversed(tables) for f in own_columns(table)}
    hidden = entries.access.hidden_fields(model)
    shown = [own for own in blamed.values() if own.name not in hidden and own.name in known]
    for own in shown:
        entries.labels.want(known[own.name], own.value)
    entries.labels.load()
    names = actors.names(own.event for own in shown if own.event is not None)
    return [_line(own, known[own.name], names, entries) for own in shown]


def _line(own: diffs.Blame, field: Field, names: actors.Names, entries: Entries) -> Line:
    event: Any = own.event
    who = ""
    if event is not None:
        may_view_context = entries.access.may_view_context
        who = heads.who(actors.actor_of(event, names), may_view_context=may_view_context)
    return Line(
        label=own.verbose_name,
        column=str(field.column),
        value=entries.renderer(field).show(own.value),
        time=None if event is None else event.pgh_created_at,
        who=who,
        event_url="" if event is None else entries.links.event(event.pgh_id),
    )
