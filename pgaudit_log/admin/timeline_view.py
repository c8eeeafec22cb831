"""The timeline in the admin: what happened to one object, there or gone, and what can be done with that.

Where the object's key was changed, the timeline of the former one is linked.
"""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.db import models
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.text import capfirst

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.export import export
from pgaudit_log.admin.export_formats import FORMATS
from pgaudit_log.admin.responses import crumbs_of, refusal, screen
from pgaudit_log.presentation.subjects import subject_of
from pgaudit_log.presentation.timelines import Timeline, events_that_changed, timeline_of


def timeline(
    site: AdminSite, request: HttpRequest, model: type[models.Model], text: str
) -> TemplateResponse:
    """Return a page of the timeline of the object whose key is ``text``.

    Raises:
        PermissionDenied: when the person may not see it.
        Http404: when there is no such object, and never was.
    """
    access = AdminAccess(request, site)
    subject = subject_of(access, model, text)
    found = timeline_of(access, subject, request.GET)
    ids = [event.pgh_id for event in found.own if event.pgh_obj_id is not None][:2]
    addresses = found.addresses(request.GET)
    own_url = access.links.timeline(subject.model, subject.key)
    return screen(
        site,
        request,
        "timeline",
        title=capfirst(found.title),
        subject=subject,
        crumbs=crumbs_of(access, subject.model),
        opts=subject.model._meta,
        days=found.days,
        deletion=found.deletion,
        restore_url=found.restore_url,
        page=found.page,
        facets=found.facets(own_url),
        field=found.field,
        message=found.message,
        can_have_parts=found.can_have_parts,
        with_parts=found.with_parts,
        is_complete=found.is_complete,
        former_url=_former(found, access),
        tab="timeline",
        timeline_url=own_url,
        fields_url=f"{own_url}fields/" if own_url and subject.obj is not None else "",
        as_of_url=f"{own_url}at/" if own_url else "",
        export_url=f"{own_url}export/{addresses['all_url']}"
        if own_url and access.may_export
        else "",
        formats=[(name, own.label) for name, own in FORMATS.items()],
        compare_url=f"{own_url}compare/"
        if own_url and len(ids) + (subject.obj is not None) > 1
        else "",
        # What is gone would have to be added.
        is_without_revert=subject.obj is None and not access.may_write("add", subject.model),
        newest_id=found.newest_id,
        checked_a=ids[-1] if ids else None,
        checked_b=ids[0] if ids and subject.obj is None else None,
        kind=found.kind,
        change_url=access.links.change(subject.model, subject.key) if subject.obj else "",
        parts_url=addresses["parts_url"],
        newer_url=addresses["newer_url"],
        older_url=addresses["older_url"],
    )


def timeline_export(
    site: AdminSite, request: HttpRequest, model: type[models.Model], text: str
) -> HttpResponseBase:
    """Return the events of an object as a file, without those of what belongs to it.

    Raises:
        PermissionDenied: when the person may not see it, or may not export.
        Http404: when there is no such object, and never was.
    """
    access = AdminAccess(request, site)
    subject = subject_of(access, model, text)
    events, message = events_that_changed(access, subject, request.GET.get("field", ""))
    if message:
        return refusal(site, request, message, status=400)
    return export(site, request, access, events, str(subject.model._meta.model_name))


def _former(found: Timeline, access: AdminAccess) -> str:
    """Return where the timeline of the key is that the object had before; empty where it had none."""
    if found.former is None:
        return ""
    key, event = found.former
    url = access.links.timeline(found.subject.model, key)
    return f"{url}?{urlencode({'before': event})}" if url else ""
