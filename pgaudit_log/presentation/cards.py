"""Cards: the entries of a page by day and transaction, the unit in which people did something."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from pgaudit_log.declaring import former_names, model_labels
from pgaudit_log.diffs.display import in_current_zone, safe
from pgaudit_log.presentation import heads, many_to_many
from pgaudit_log.presentation.entries import Entries
from pgaudit_log.presentation.long_transactions import Beyond
from pgaudit_log.presentation.reverted import Reverter, reverted
from pgaudit_log.presentation.shown import SIGNS, WORDS, Entry, Reverted
from pgaudit_log.reading import actors
from pgaudit_log.reading.pages import Page

MOST_ENTRIES = 20
"""How many events of a transaction are shown one by one; of more, how many of each model."""

_RECENT = timedelta(days=1)

_ENOUGH_OF_AN_ID = 13
"""How many characters of the id of a context are shown where its link has the rest."""

_NOTHING_BEYOND = Beyond(counts={}, has_more=False)


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many events of one kind a transaction has on a page."""

    sign: str
    word: Any
    operation: str
    number: str
    """How many, as the language writes it; with a plus where there are more."""
    kind: str
    fields: str
    """The names of the fields that were changed, in all of them together."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """What one transaction did in one context, as far as a page has it."""

    event: Any
    """The newest of its events."""
    time: datetime
    who: str
    """Who did it, as far as the person may know."""
    on_behalf_of: str
    by: str
    """By which the trail is asked for what else they did; empty where nobody is known."""
    reason: str
    request: str
    """The request, command or task; empty where the person may not see it."""
    observed: str
    """What PostgreSQL observed of the session; empty where the person may not see it."""
    entries: Sequence[Entry]
    counts: Sequence[Count]
    """Instead of the entries, where they are many."""
    events: int
    objects: int
    """How many objects; 0 where that is not known."""
    is_cut: bool
    """Whether the transaction may go on beyond the page."""
    at_least: str
    """How many events there are at least, as the language writes it; empty where all were counted."""
    meanwhile_url: str
    """Where it is shown what others did meanwhile; empty where that is on the next page anyway."""
    url: str
    """Where all of the transaction is shown."""
    context_url: str
    reverts: str
    """What it took back, such as ``event 17``; empty if nothing."""
    reverts_url: str

    @property
    def ago(self) -> str:
        """How long ago it was, such as ``5 minutes ago``; empty after a day."""
        since = timezone.now() - self.time
        if since >= _RECENT:
            return ""
        if since < timedelta(minutes=1):
            return _("just now")
        return _("%(time)s ago") % {"time": timesince(self.time, depth=1)}

    @property
    def context_id(self) -> Any:
        """The id of its context."""
        return self.event.pgh_context_id


@dataclass(frozen=True, kw_only=True)
class Day:
    """The cards of one day in the current time zone."""

    date: date
    cards: Sequence[Card]


def days_of(
    events: Iterable[Any],
    entries: Entries,
    *,
    parts: frozenset[int] = frozenset(),
    all_entries: bool = False,
    page: Page[Any] | None = None,
    later: Sequence[Any] = (),
    beyond: Mapping[int, Beyond] | None = None,
) -> list[Day]:
    """Return events, the newest first, as the cards of days.

    Args:
        events: those of a page.
        entries: makes the entries.
        parts: the ids of the events that are of rows that belong to an object.
        page: the page, whose transactions at its ends may go on beyond it.
        all_entries: whether also many events of a transaction are shown one by one.
        later: events beside them that may have taken some of them back.
        beyond: by transaction, what those have beyond the page at whose events it ends.
    """
    listed = list(events)
    ends = {id(event) for event in (listed[:1] + listed[-1:])}
    found_reverted = reverted(listed, [*listed, *later])
    names = actors.names([*listed, *(own.event for own in found_reverted.values())])
    by_transaction: dict[Any, list[Any]] = {}
    for event in listed:
        by_transaction.setdefault((event.pgh_txid, event.pgh_context_id), []).append(event)
    rest = {
        key: beyond[key[0]]
        for key, own in by_transaction.items()
        if beyond and key[0] in beyond and ends & {id(own[0]), id(own[-1])}
    }
    few = [
        event
        for key, own in by_transaction.items()
        if all_entries or len(own) + (rest[key].events if key in rest else 0) <= MOST_ENTRIES
        for event in own
    ]
    shown = {entry.event.pgh_id: entry for entry in entries.of(few)}
    found: dict[date, list[Card]] = {}
    for key, own in by_transaction.items():
        own_entries = [
            replace(
                shown[event.pgh_id],
                is_part=event.pgh_id in parts,
                reverted=_reverted(found_reverted.get(event.pgh_id), names, entries),
            )
            for event in own
            if event.pgh_id in shown
        ]
        is_cut = bool(own_entries) if key in rest else _may_go_on(own, listed, page)
        card = _card(own, own_entries, names, entries, rest.get(key, _NOTHING_BEYOND))
        card = replace(card, is_cut=is_cut)
        found.setdefault(in_current_zone(card.time).date(), []).append(card)
    return [Day(date=day, cards=cards) for day, cards in found.items()]


def _may_go_on(own: list[Any], listed: list[Any], page: Page[Any] | None) -> bool:
    """Return whether a transaction may have events beyond a page of which nothing more is known."""
    return page is not None and (
        (page.older is not None and own[-1] is listed[-1])
        or (page.newer is not None and own[0] is listed[0])
    )


def _card(
    events: list[Any],
    own_entries: list[Entry],
    names: actors.Names,
    entries: Entries,
    beyond: Beyond,
) -> Card:
    newest = events[0]
    access, links = entries.access, entries.links
    head = heads.head_of(newest, names, access)
    actor = head.actor
    folded = many_to_many.folded(own_entries, entries)
    reverts, reverts_url = _reverts(actors.context_of(newest), entries)
    return Card(
        event=newest,
        time=newest.pgh_created_at,
        who=head.who,
        on_behalf_of=head.on_behalf_of,
        by=links.trail(actor=actor.person.key) if actor.person is not None else "",
        reason=head.reason,
        request=head.request,
        observed=heads.observed(newest) if access.may_view_context else "",
        entries=folded,
        counts=() if own_entries else _counts(events, entries, beyond),
        events=len(events) if own_entries else len(events) + beyond.events,
        at_least=number_text(len(events) + beyond.events) if beyond.has_more else "",
        meanwhile_url=beyond.meanwhile_url,
        objects=0
        if beyond.events
        else len({(event.pgh_obj_model, event.pgh_obj_id) for event in events}),
        is_cut=False,
        url=links.transaction(newest),
        context_url=links.context(newest.pgh_context_id) if newest.pgh_context_id else "",
        reverts=reverts,
        reverts_url=reverts_url,
    )


def _reverts(context: Any, entries: Entries) -> tuple[str, str]:
    """Return what a context says that was gone back to, or taken back, and where that is."""
    event, txid = (context.get(key) for key in ("reverts_event", "reverts_txid"))
    if type(event) is int:
        return _("event %(id)d") % {"id": event}, entries.links.event(event)
    if type(txid) is int and txid >= 0:
        return _("transaction %(txid)d") % {"txid": txid}, entries.links.transaction_number(txid)
    if isinstance(id := context.get("reverts_context"), str) and id:
        if not entries.access.may_view_context:
            return _("a whole request"), ""
        short = id if len(id) <= _ENOUGH_OF_AN_ID else f"{id[:_ENOUGH_OF_AN_ID]}…"
        return _("context %(id)s") % {"id": heads.said(short)}, entries.links.context(id)
    return heads.said(context.get("reverts_to")), ""


def _reverted(found: Reverter | None, names: actors.Names, entries: Entries) -> Reverted | None:
    """Return who took an event back, in words."""
    if found is None:
        return None
    texts = {
        "undone": _("Reverted by %(who)s"),
        "restored": _("Restored by %(who)s"),
        "gone back to": _("Reverted to by %(who)s"),
    }
    actor = actors.actor_of(found.event, names)
    name = heads.who(actor, may_view_context=entries.access.may_view_context)
    id = found.event.pgh_id
    text = f"{texts[found.how] % {'who': name}} (#{id})"
    return Reverted(
        text=text,
        url=entries.links.event(id),
        who=name,
        event=found.event,
        is_back=found.how != "gone back to",
    )


def _counts(events: list[Any], entries: Entries, beyond: Beyond) -> list[Count]:
    """Return how many events of each model and kind there are, with those beyond the page."""
    grouped: dict[tuple[str, str], list[Any]] = {}
    for event in events:
        grouped.setdefault((event.pgh_obj_model, event.pgh_operation), []).append(event)
    found = []
    for place in dict.fromkeys((*grouped, *beyond.counts)):
        label, operation = place
        own = grouped.get(place, [])
        model = model_labels.model_of(label, entries.using)
        number = number_text(len(own) + beyond.counts.get(place, 0))
        found.append(
            Count(
                sign=SIGNS.get(operation, "?"),
                word=WORDS.get(operation, operation),
                operation=operation,
                number=f"{number}+" if beyond.has_more else number,
                kind=entries.kind_named(label, model),
                fields=_changed(own, model, entries) if entries.access.may_view(model) else "",
            )
        )
    return found


def number_text(number: int) -> str:
    """Return a number with its digits in groups, as the language writes it."""
    return str(number_format(number, use_l10n=True, force_grouping=True))


def _changed(events: list[Any], model: type[models.Model] | None, entries: Entries) -> str:
    fields = {} if model is None else entries.fields_of(model)
    hidden = frozenset[str]() if model is None else entries.access.hidden_fields(model)
    names: dict[str, None] = {}
    for event in events:
        diff = event.pgh_diff if isinstance(event.pgh_diff, dict) else {}
        columns = {column: column for column in diff}
        if model is not None:
            columns = former_names.today(model, columns, event.pgh_shape, entries.using)
        for column in columns:
            field = fields.get(column)
            if field is None or field.name not in hidden:
                names[str(field.verbose_name) if field is not None else safe(column)] = None
    return ", ".join(names)
