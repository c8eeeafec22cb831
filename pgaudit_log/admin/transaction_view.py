"""The transaction: every event of a transaction, or of a context such as a request, in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.links import AdminLinks
from pgaudit_log.admin.responses import refusal, screen
from pgaudit_log.diffs.display import safe
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.presentation import cards, pages
from pgaudit_log.presentation.access import UNDONE_BY
from pgaudit_log.presentation.entries import Entries
from pgaudit_log.presentation.links import Links
from pgaudit_log.presentation.reverted import reverters
from pgaudit_log.presentation.shown import Entry, Reverted
from pgaudit_log.presentation.transaction_times import of_transaction
from pgaudit_log.reading import actors
from pgaudit_log.reading.transaction_ends import end_of

MOST_EVENTS = 500
"""How many events stand on a page."""

_AROUND = timedelta(days=1)


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
    """Return the events of a transaction, and where those are that the same person made before and after.

    Raises:
        PermissionDenied: when the person may not see the trail.
        Http404: when it has none.
    """
    access = _access(site, request)
    try:
        with pages.bounded(str(Events.objects.db)):
            events = of_transaction(Events.objects, txid, began=request.GET.get("t", ""))
            title = _("Transaction %(txid)d") % {"txid": txid}
            undo = AdminLinks(site).undo_transaction(txid), _("Undo this whole transaction…")
            return _page(access, events, title, undo, is_transaction=True)
    except pages.TookTooLongError:
        return refusal(site, request, pages.too_long(), status=503)


def _access(site: AdminSite, request: HttpRequest) -> AdminAccess:
    access = AdminAccess(request, site)
    if not access.may_view_trail:
        raise PermissionDenied
    return access


def context(site: AdminSite, request: HttpRequest, id: UUID) -> TemplateResponse:
    """Return the events of a context: one request, command or task, of several transactions maybe.

    Raises:
        PermissionDenied: when the person may not see the trail.
        Http404: when it has none.
    """
    access = _access(site, request)
    try:
        with pages.bounded(str(Events.objects.db)):
            title = _("Context %(id)s") % {"id": id}
            undo = AdminLinks(site).undo_context(id), _("Undo all of this…")
            return _page(access, _of_context(id), title, undo)
    except pages.TookTooLongError:
        return refusal(site, request, pages.too_long(), status=503)


def _of_context(id: UUID) -> Any:
    """Return the events of a context, looked for in the days around one of them, if all are of these.

    Of a context that is frequent, as that of half a million events is, the planner would look for the
    first few in the order of ids, through all partitions.
    """
    events: Any = Events.objects.in_context(id)
    times = events.order_by().values_list("pgh_created_at", flat=True)
    for found in times[:1]:
        start, end = found - _AROUND, found + _AROUND
        if times.filter(Q(pgh_created_at__lt=start) | Q(pgh_created_at__gte=end)).exists():
            break
        return events.between(start, end)
    return events


def _page(
    access: AdminAccess,
    events: Any,
    title: str,
    undo: tuple[str, str],
    *,
    is_transaction: bool = False,
) -> TemplateResponse:
    parameters = access.request.GET
    after = pages.number_of(parameters.get("after"))
    if after is not None:
        events = events.after(after)
    found = list(events.order_by("pgh_id")[: MOST_EVENTS + 1])
    if not found:
        raise Http404(_("The trail has no such events."))
    shown = found[:MOST_EVENTS]
    entries = Entries(access, str(events.db))
    later = reverters(shown, newer_than=shown[-1].pgh_id)
    days = cards.days_of(shown, entries, all_entries=True, later=later)
    own = [card for day in days for card in day.cards]
    more = len(found) > MOST_EVENTS
    kept = {"t": parameters["t"]} if "t" in parameters else {}
    return screen(
        access.site,
        access.request,
        "transaction",
        title=title,
        card=own[0],
        cards=[(card, _groups(card)) for card in own],
        events=len(shown),
        is_whole=after is None and not more,
        more_url=f"?{urlencode({**kept, 'after': shown[-1].pgh_id})}" if more else "",
        neighbours=_neighbours(shown, entries, is_first=after is None, is_last=not more)
        if is_transaction
        else [],
        facts=facts_of(shown[0], access, entries),
        document=document_of(shown[0], access),
        reversals=_reversals(
            own, entries.links, "reverts_txid" if is_transaction else "reverts_context"
        ),
        undo_url=undo[0] if any(_can_be_undone(card) for card in own) else "",
        undo_label=undo[1],
        seconds=(shown[-1].pgh_created_at - shown[0].pgh_created_at).total_seconds(),
    )


def _reversals(own: list[cards.Card], links: Links, whole: str) -> list[Fact]:
    """Return by which transactions that was taken back which is shown, or a part of it.

    ``whole`` is what a context says that takes back all of it. The page may not know of each event.
    """
    entries = [
        entry
        for card in own
        for entry in card.entries
        if not entry.is_restricted and entry.operation in UNDONE_BY
    ]
    by: dict[int, list[Reverted]] = {}
    for entry in entries:
        if entry.reverted is not None and entry.reverted.is_back:
            by.setdefault(entry.reverted.event.pgh_txid, []).append(entry.reverted)
    found = []
    for txid, taken in by.items():
        event = taken[0].event
        is_whole = whole in actors.context_of(event) or len(taken) == len(entries)
        text = _("Reverted by %(who)s:") if is_whole else _("Reverted in part by %(who)s:")
        found.append(
            Fact(
                label=text % {"who": taken[0].who},
                value=_("transaction %(txid)d") % {"txid": txid},
                url=links.transaction(event),
            )
        )
    return found


def _can_be_undone(card: cards.Card) -> bool:
    """Return whether the person may take something back that a card tells."""
    return any(entry.undo_url for entry in card.entries)


def _neighbours(
    shown: list[Any], entries: Entries, *, is_first: bool, is_last: bool
) -> list[tuple[str, str]]:
    """Return the addresses of what the same user did before and after, each with its relation."""
    person = actors.actor_of(shown[0], {}).person
    if person is None:
        return []
    try:
        theirs: Any = Events.objects.using(entries.using).by(person.key)
    except QueryError:
        return []
    theirs = theirs.exclude(pgh_txid=shown[0].pgh_txid)
    before: list[Any] = list(theirs.before(shown[0].pgh_id).newest()[:1]) if is_first else []
    last = shown[-1].pgh_id if is_last else end_of(shown[-1], "last", entries.using)
    after: list[Any] = list(theirs.after(last).order_by("pgh_id")[:1])
    return [
        *(("prev", entries.links.transaction(event)) for event in before),
        *(("next", entries.links.transaction(event)) for event in after),
    ]


def _groups(card: cards.Card) -> list[Group]:
    """Return the entries of a card by model, in the order in which each came first."""
    found: dict[str, list[Entry]] = {}
    for entry in card.entries:
        found.setdefault(entry.kind, []).append(entry)
    return [Group(label=label, entries=own) for label, own in found.items()]


def facts_of(event: Any, access: AdminAccess, entries: Entries) -> list[Fact]:
    """Return what is known of where an event came from, as far as the person may know it."""
    links = entries.links
    found = [
        Fact(
            label=_("Transaction"),
            value=str(event.pgh_txid),
            url=links.transaction(event),
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


def document_of(event: Any, access: AdminAccess) -> str:
    """Return the context as JSON; empty where there is none, or the person may not see it."""
    if event.pgh_context is None or not access.may_view_context:
        return ""
    return _json(event.pgh_context)


def _json(value: Any) -> str:
    return safe(json.dumps(value, indent=2, ensure_ascii=False, default=str), keep="\n")[:20_000]
