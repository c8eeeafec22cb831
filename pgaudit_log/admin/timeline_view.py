"""The timeline: what happened to one object, there or gone, with the rows that belong to it.

It is found by the object's key, so that one query is enough, and that what was deleted and restored has one
story. Where the key was changed, the timeline of the former one is linked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.db import models
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from pgaudit_log.admin import cards, object_texts, pages, related_rows
from pgaudit_log.admin.access import Access
from pgaudit_log.admin.entries import Entries
from pgaudit_log.admin.export import export
from pgaudit_log.admin.export_formats import FORMATS
from pgaudit_log.admin.responses import Crumb, refusal, screen
from pgaudit_log.admin.subjects import Subject, subject_of
from pgaudit_log.capture_v1.references import former_key
from pgaudit_log.constants import DELETE
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.reading.pages import Page
from pgaudit_log.reading.whole_objects import tables_of


@dataclass(frozen=True, kw_only=True)
class Facet:
    """A field, and how many events of the page changed it."""

    name: str
    label: str
    count: int
    url: str
    is_chosen: bool


def timeline(
    site: AdminSite, request: HttpRequest, model: type[models.Model], text: str
) -> TemplateResponse:
    """Return a page of the timeline of the object whose key is ``text``.

    Raises:
        PermissionDenied: when the person may not see it.
        Http404: when there is no such object, and never was.
    """
    access = Access(request, site)
    subject = subject_of(access, model, text)
    parameters = request.GET
    position = pages.Position.of(parameters)
    field = parameters.get("field", "")
    hidden = access.hidden_fields(subject.model)
    events, message = _events(subject, field, hidden)
    can_have_parts = not field and related_rows.has_related(access, subject.model)
    with_parts = can_have_parts and parameters.get("parts") != "0"
    page, parts = Page[Any](events=()), frozenset[int]()
    try:
        # The events of a field are looked for among all of the object.
        with pages.bounded(str(events.db)) if field else nullcontext():
            if with_parts:
                page, parts = related_rows.page_with_related(access, subject, events, position)
            else:
                page = pages.page_of(events, position)
    except pages.TookTooLongError:
        message = pages.too_long()
    entries = Entries(access, str(events.db), subject=(subject.model, subject.key))
    own = [event for event in page if event.pgh_id not in parts]
    ids = [event.pgh_id for event in own if event.pgh_obj_id is not None][:2]
    days = cards.days_of(page, entries, parts=parts, all_entries=True, page=page)
    own_url = entries.links.timeline(subject.model, subject.key)
    return screen(
        site,
        request,
        "timeline",
        title=capfirst(_title(subject, own, hidden)),
        subject=subject,
        crumbs=[Crumb(label=capfirst(str(subject.model._meta.verbose_name_plural)))],
        opts=subject.model._meta,
        days=days,
        deletion=_deletion(days, subject),
        page=page,
        facets=_facets(own, subject, entries, field, own_url),
        field="" if message else field,
        message=message,
        can_have_parts=can_have_parts,
        with_parts=with_parts,
        is_complete=page.older is None and page.newer is None,
        former_url=_former(own, subject, entries),
        tab="timeline",
        timeline_url=own_url,
        fields_url=f"{own_url}fields/" if own_url and subject.obj is not None else "",
        as_of_url=f"{own_url}at/" if own_url else "",
        export_url=f"{own_url}export/{_address(parameters)}"
        if own_url and access.may_export
        else "",
        formats=[(name, own.label) for name, own in FORMATS.items()],
        compare_url=f"{own_url}compare/"
        if own_url and len(ids) + (subject.obj is not None) > 1
        else "",
        checked_a=ids[0 if subject.obj is not None else -1] if ids else None,
        checked_b=ids[0] if ids and subject.obj is None else None,
        kind=str(subject.model._meta.verbose_name),
        change_url=entries.links.change(subject.model, subject.key) if subject.obj else "",
        parts_url=_address(parameters, parts="0" if with_parts else "1"),
        newer_url=_address(parameters, after=page.newer) if page.newer is not None else "",
        older_url=_address(parameters, before=page.older) if page.older is not None else "",
    )


def timeline_export(
    site: AdminSite, request: HttpRequest, model: type[models.Model], text: str
) -> HttpResponseBase:
    """Return the events of an object as a file, without those of what belongs to it.

    Raises:
        PermissionDenied: when the person may not see it, or may not export.
        Http404: when there is no such object, and never was.
    """
    access = Access(request, site)
    subject = subject_of(access, model, text)
    hidden = access.hidden_fields(subject.model)
    events, message = _events(subject, request.GET.get("field", ""), hidden)
    if message:
        return refusal(site, request, message, status=400)
    return export(site, request, access, events, str(subject.model._meta.model_name))


def _events(subject: Subject, field: str, hidden: frozenset[str]) -> tuple[Any, str]:
    """Return the events of an object, those that changed a field; and what cannot be asked."""
    events: Any = Events.objects.across(*tables_of(subject.model)).filter(pgh_obj_id=subject.key)
    if not field:
        return events, ""
    try:
        if field not in hidden:
            return events.changed(field), ""
    except QueryError:
        pass
    # One that is hidden is unknown here.
    return Events.objects.none(), _("There is no such field.")


def _title(subject: Subject, own: list[Any], hidden: frozenset[str]) -> str:
    """Return what the object is called; if it is gone, as its newest event calls it."""
    if subject.obj is None and own:
        newest = next((e for e in own if e.pgh_model is subject.model), None)
        if newest is not None:
            return object_texts.text_at(subject.model, newest, hidden=hidden)
    return subject.text


def _deletion(days: list[cards.Day], subject: Subject) -> cards.Card | None:
    """Return the card of the deletion of an object that is gone, if the page has it."""
    if subject.obj is not None:
        return None
    for card in (card for day in days for card in day.cards):
        for entry in card.entries:
            if entry.operation == DELETE and not entry.is_part:
                return card
    return None


def _former(own: list[Any], subject: Subject, entries: Entries) -> str:
    """Return where the timeline of the key is that the object had before; empty where it had none."""
    for event in own:
        start = former_key(event.pgh_obj_model, "")
        for reference in event.pgh_refs or ():
            if reference.startswith(start):
                url = entries.links.timeline(subject.model, reference.removeprefix(start))
                return f"{url}?{urlencode({'before': event.pgh_id})}" if url else ""
    return ""


def _facets(
    own: Iterable[Any], subject: Subject, entries: Entries, chosen: str, url: str
) -> list[Facet]:
    """Return the fields that events of the page changed, the most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    for event in own:
        if event.pgh_diff is None:
            continue
        for column, (field, _old, _new) in entries.values_of(event, event.pgh_model).items():
            if field is not None:
                counts[field.name, str(field.verbose_name)] += 1
            else:
                counts[column, column] += 0
    return [
        Facet(
            name=name,
            label=label,
            count=count,
            url=f"{url}?{urlencode({'field': name})}" if name != chosen else url,
            is_chosen=name == chosen,
        )
        for (name, label), count in counts.most_common()
        if count
    ]


def _address(parameters: Any, **changed: Any) -> str:
    kept = [(name, parameters[name]) for name in ("field", "parts") if parameters.get(name)]
    return f"?{urlencode([*((n, v) for n, v in kept if n not in changed), *changed.items()])}"
