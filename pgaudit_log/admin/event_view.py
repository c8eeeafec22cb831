"""One event: what it changed, the whole row, and where it came from."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.responses import screen
from pgaudit_log.admin.transaction_view import document_of, facts_of
from pgaudit_log.models import Events
from pgaudit_log.presentation import cards, pages
from pgaudit_log.presentation.entries import Entries
from pgaudit_log.presentation.reverted import reverters
from pgaudit_log.presentation.shown import Shown


def event(site: AdminSite, request: HttpRequest, text: str) -> TemplateResponse:
    """Return the page of the event whose id is ``text``.

    Raises:
        PermissionDenied: when the person may not see the trail.
        Http404: when there is none.
    """
    access = AdminAccess(request, site)
    if not access.may_view_trail:
        raise PermissionDenied
    id = pages.number_of(text)
    found = None if id is None else Events.objects.filter(pk=id).first()
    if found is None:
        raise Http404(_("There is no event %(id)s.") % {"id": text[:20]})
    entries = Entries(access, str(found._state.db))
    later = reverters([found], newer_than=found.pgh_id)
    [day] = cards.days_of([found], entries, all_entries=True, later=later)
    [card] = day.cards
    may_view = not card.entries[0].is_restricted
    return screen(
        site,
        request,
        "event",
        title=_("Event %(id)d") % {"id": found.pgh_id},
        event=found,
        card=card,
        row=_row(found, entries) if may_view else [],
        is_restricted=not may_view,
        facts=facts_of(found, access, entries),
        document=document_of(found, access),
    )


def _row(found: Any, entries: Entries) -> list[Shown]:
    """Return the whole row that an event has, as it left it."""
    values = entries.row_of(found)
    for column in values:
        entries.labels.want(*values[column])
    entries.labels.load()
    return [entries.value(column, *own) for column, own in values.items()]
