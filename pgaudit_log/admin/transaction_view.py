"""The transaction: every event of a transaction, or of a context such as a request, in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.responses import screen
from pgaudit_log.diffs.display import safe
from pgaudit_log.models import Events
from pgaudit_log.presentation import cards, pages
from pgaudit_log.presentation.access import Access
from pgaudit_log.presentation.entries import Entries
from pgaudit_log.presentation.shown import Entry

MOST_EVENTS = 500
"""How many events stand on a page."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """The entries of one model."""

    label: str
    entries: Sequence[Entry]


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One thing that is known of where events came from."""

    label: str
    value: str
    url: str = ""


def transaction(site: AdminSite, request: HttpRequest, txid: int) -> TemplateResponse:
    """Return the events of a transaction.

    Raises:
        PermissionDenied: when the person may not see the trail.
        Http404: when it has none.
    """
    events = Events.objects.filter(pk__in=[])
    if txid < 2**63:
        events = Events.objects.in_transaction(txid)
    return _page(site, request, events, _("Transaction %(txid)d") % {"txid": txid})


def context(site: AdminSite, request: HttpRequest, id: UUID) -> TemplateResponse:
    """Return the events of a context: one request, command or task, of several transactions maybe.

    Raises:
        PermissionDenied: when the person may not see the trail.
        Http404: when it has none.
    """
    return _page(site, request, Events.objects.in_context(id), _("Context %(id)s") % {"id": id})


def _page(site: AdminSite, request: HttpRequest, events: Any, title: str) -> TemplateResponse:
    access = AdminAccess(request, site)
    if not access.may_view_trail:
        raise PermissionDenied
    after = pages.number_of(request.GET.get("after"))
    if after is not None:
        events = events.after(after)
    found = list(events.order_by("pgh_id")[: MOST_EVENTS + 1])
    if not found:
        raise Http404(_("The trail has no such events."))
    shown = found[:MOST_EVENTS]
    entries = Entries(access, str(events.db))
    days = cards.days_of(shown, entries, all_entries=True)
    own = [card for day in days for card in day.cards]
    more = len(found) > MOST_EVENTS
    return screen(
        site,
        request,
        "transaction",
        title=title,
        card=own[0],
        cards=[(card, _groups(card)) for card in own],
        events=len(shown),
        more_url=f"?after={shown[-1].pgh_id}" if more else "",
        facts=facts_of(shown[0], access, entries),
        document=document_of(shown[0], access),
        seconds=(shown[-1].pgh_created_at - shown[0].pgh_created_at).total_seconds(),
    )


def _groups(card: cards.Card) -> list[Group]:
    """Return the entries of a card by model, in the order in which each came first."""
    found: dict[str, list[Entry]] = {}
    for entry in card.entries:
        found.setdefault(entry.kind, []).append(entry)
    return [Group(label=label, entries=own) for label, own in found.items()]


def facts_of(event: Any, access: Access, entries: Entries) -> list[Fact]:
    """Return what is known of where an event came from, as far as the person may know it."""
    links = entries.links
    found = [
        Fact(
            label=_("Transaction"),
            value=str(event.pgh_txid),
            url=links.transaction(event.pgh_txid),
        )
    ]
    if not access.may_view_context:
        return found
    if event.pgh_context_id is not None:
        id = str(event.pgh_context_id)
        found.append(Fact(label=_("Context"), value=id, url=links.context(id)))
    session = event.pgh_session if isinstance(event.pgh_session, dict) else {}
    known = (
        (_("Database role"), event.pgh_role),
        (_("Acting as role"), session.get("set_role")),
        (_("Application"), session.get("application")),
        (_("Address"), session.get("address")),
    )
    found += [Fact(label=label, value=safe(own)[:300]) for label, own in known if own]
    if event.pgh_origin is not None:
        found.append(Fact(label=_("Imported from"), value=_json(event.pgh_origin)))
    return found


def document_of(event: Any, access: Access) -> str:
    """Return the context as JSON; empty where there is none, or the person may not see it."""
    if event.pgh_context is None or not access.may_view_context:
        return ""
    return _json(event.pgh_context)


def _json(value: Any) -> str:
    return safe(json.dumps(value, indent=2, ensure_ascii=False, default=str), keep="\n")[:20_000]
