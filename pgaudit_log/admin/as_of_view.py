"""As of: an object as it was at a moment, with the rows that belonged to it."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.db import models, transaction
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from pgaudit_log import timetravel
from pgaudit_log.admin import past_relations
from pgaudit_log.admin.absences import Absence, absence_of
from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.asked_moments import AskedMoment, NoMomentError, asked_moment
from pgaudit_log.admin.links import AdminLinks
from pgaudit_log.admin.past_entries import PastEntries, rows_of, without_hidden
from pgaudit_log.admin.past_relations import RelatedRows
from pgaudit_log.admin.past_row_sets import row_set
from pgaudit_log.admin.past_sections import Fields, fieldsets_of
from pgaudit_log.admin.responses import crumbs_of, refusal, screen
from pgaudit_log.exceptions import UnknownPastError
from pgaudit_log.models import Events
from pgaudit_log.presentation import pages
from pgaudit_log.presentation.subjects import Subject, subject_of
from pgaudit_log.reading.whole_objects import tables_of
from pgaudit_log.timetravel import recorded_past


def as_of(
    site: AdminSite, request: HttpRequest, model: type[models.Model], text: str
) -> TemplateResponse:
    """Return an object as it was at the moment that ``t`` or ``event`` of the query says.

    Raises:
        PermissionDenied: when the person may not see it.
        Http404: when there is no such object.
    """
    access = AdminAccess(request, site)
    subject = subject_of(access, model, text)
    events: Any = Events.objects.across(*tables_of(subject.model)).filter(pgh_obj_id=subject.key)
    using = str(events.db)
    try:
        asked = asked_moment(request.GET, using)
    except NoMomentError as error:
        return _page(access, subject, None, message=str(error), status=error.status)
    if not recorded_past.is_tracked(subject.model):
        message = _("Only notes are kept of such objects, and not what they were.")
        return _page(access, subject, asked, message=message, status=404)
    entries = PastEntries(access, using, asked.moment, asked.parameters)
    try:
        with pages.bounded(using):
            obj = _object(subject, asked, using)
            if obj is not None:
                shown = _shown(access, subject, obj, asked, entries)
                return _page(access, subject, asked, **shown)
            absence = absence_of(subject, asked.moment, events, entries)
    except pages.TookTooLongError:
        return _page(access, subject, asked, message=pages.too_long())
    if absence is None:
        return refusal(site, request, _("There is no such object, and never was."))
    return _page(access, subject, asked, absence=absence)


def _object(subject: Subject, asked: AskedMoment, using: str) -> models.Model | None:
    rows: models.QuerySet[Any, Any] = models.QuerySet(subject.model, using=using)
    try:
        with transaction.atomic(using=using):
            found = rows_of(timetravel.query(rows, asked.moment).filter(pk=subject.named.pk))
    except UnknownPastError:
        return None
    return found[0] if found else None


def _page(
    access: AdminAccess,
    subject: Subject,
    asked: AskedMoment | None,
    *,
    status: int = 200,
    message: str = "",
    absence: Absence | None = None,
    title: str = "",
    **context: Any,
) -> TemplateResponse:
    links = AdminLinks(access.site)
    url = links.timeline(subject.model, subject.key)
    return screen(
        access.site,
        access.request,
        "as_of",
        status=status,
        title=capfirst(title or subject.text),
        opts=subject.model._meta,
        crumbs=crumbs_of(access, subject.model, url),
        subject=subject,
        kind=str(subject.model._meta.verbose_name),
        tab="as_of",
        timeline_url=url,
        fields_url=f"{url}fields/" if url and subject.obj is not None else "",
        as_of_url=f"{url}at/" if url else "",
        asked=asked,
        asked_event_url=links.event(asked.event.pgh_id)
        if asked is not None and asked.event is not None
        else "",
        absence=absence,
        absence_url=links.event(absence.event.pgh_id)
        if absence is not None and absence.event is not None
        else "",
        message=message,
        **context,
    )


def _shown(
    access: AdminAccess,
    subject: Subject,
    obj: models.Model,
    asked: AskedMoment,
    entries: PastEntries,
) -> dict[str, Any]:
    """Return what the page has of an object that was there."""
    hidden = access.hidden_fields(subject.model)
    fieldsets = fieldsets_of(access, subject.model, obj)
    without_hidden(obj, hidden)
    relations = past_relations.relations_of(access, subject.model)
    related = past_relations.load(
        [own for own in relations if own.name not in hidden], obj, asked.moment
    )
    entries.want(obj)
    for own in related:
        for row in own.rows:
            without_hidden(row, access.hidden_fields(own.relation.model))
            _point_at(obj, row, own)
            entries.want(row)
    entries.labels.load()
    sets = {own.relation.name: own for own in related if own.relation.other is not None}
    return {
        "title": entries.text_of(obj, subject.key),
        "sections": Fields(obj, entries, sets).sections(fieldsets, hidden),
        "row_sets": [row_set(own, entries) for own in related if not own.is_of_pairs],
    }


def _point_at(obj: models.Model, row: models.Model, own: RelatedRows) -> None:
    """Let a row that belongs to an object have it, so that no name has to ask for it."""
    for field in own.relation.fields if own.relation.above is None else ():
        if isinstance(field, models.ForeignKey):
            row._state.fields_cache[field.name] = obj
