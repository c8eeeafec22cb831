"""The comparison: two states of one object beside each other, field by field."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.contrib.admin import AdminSite
from django.db import models
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from pgaudit_log import diffs
from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.responses import crumbs_of, refusal, screen
from pgaudit_log.diffs.display import in_current_zone
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.presentation.access import Access
from pgaudit_log.presentation.addresses import address, only
from pgaudit_log.presentation.cards import Card, days_of
from pgaudit_log.presentation.entries import Entries
from pgaudit_log.presentation.pages import number_of
from pgaudit_log.presentation.subjects import subject_of
from pgaudit_log.values.tables import Field, own_columns, parents_of

NOW = "now"
"""What stands in an address for the object as it is."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two states."""

    label: str
    event: Any = None
    """The event that left it so; of the object as it is, none."""
    who: str = ""
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A field on both sides."""

    label: str
    column: str
    old: SafeString
    new: SafeString
    change: SafeString
    is_changed: bool
    is_unknown: bool = False


def comparison(
    site: AdminSite, request: HttpRequest, model: type[models.Model], text: str
) -> TemplateResponse:
    """Return what differs between two states of an object; ``a`` and ``b`` of the query say which.

    Raises:
        PermissionDenied: when the person may not see it.
        Http404: when there is no such object.
    """
    access = AdminAccess(request, site)
    subject = subject_of(access, model, text)
    given = request.GET.get("a", ""), request.GET.get("b", NOW)
    events = _events(given)
    crumbs = crumbs_of(access, subject.model, access.links.timeline(subject.model, subject.key))
    if events is None:
        message = _("Choose two events of this object, or one and “now”.")
        return refusal(site, request, message, status=400, crumbs=crumbs)
    a, b = events
    if a is not None and b is not None and a.pgh_id > b.pgh_id:
        a, b = b, a
    try:
        found = diffs.diff(
            a if a is not None else b, b if a is not None and b is not None else diffs.NOW
        )
    except QueryError:
        found = None
    if found is None or found.model is not subject.model or found.key != subject.key:
        message = _("These are not two events of this object.")
        return refusal(site, request, message, status=400, crumbs=crumbs)
    old, new = (a, b) if a is not None else (b, None)
    entries = Entries(access, str(old._state.db))
    sides = _cards([event for event in (old, new) if event is not None], entries)
    with_same = request.GET.get("unchanged") == "1"
    is_swapped = request.GET.get("swap") == "1"
    shown_sides = [_side(own, sides, entries) for own in (old, new)]
    if is_swapped:
        found, shown_sides = _other_way_round(found), shown_sides[::-1]
    url = entries.links.timeline(subject.model, subject.key)
    return screen(
        site,
        request,
        "comparison",
        title=capfirst(subject.text),
        subject=subject,
        opts=subject.model._meta,
        crumbs=crumbs,
        lines=_lines(found, access, entries, old if with_same else None),
        existed=found.existed,
        exists=found.exists,
        sides=shown_sides,
        timeline_url=url,
        unchanged_url=_address(request, unchanged=not with_same, swap=is_swapped),
        swap_url=_address(request, unchanged=with_same, swap=not is_swapped),
        unchanged_label=_("Hide what did not change")
        if with_same
        else _("Show what did not change"),
        now_url=entries.links.comparison(url, old.pgh_id, NOW) if new is not None else "",
    )


def _events(given: tuple[str, str]) -> tuple[Any, Any] | None:
    """Return the two events, ``None`` of one that is now; ``None`` alone for what is no such pair."""
    ids = [None if text == NOW else number_of(text) for text in given]
    if any(id is None and text != NOW for id, text in zip(ids, given, strict=True)):
        return None
    wanted = {id for id in ids if id is not None}
    found = Events.objects.in_bulk(wanted)
    if not wanted or len(found) != len(wanted) or len(set(ids)) != 2:
        return None
    first, second = (None if id is None else found[id] for id in ids)
    return first, second


def _cards(events: list[Any], entries: Entries) -> dict[int, Card]:
    """Return the head of each event: who, when, why."""
    days = days_of(sorted(events, key=lambda event: -event.pgh_id), entries)
    # A transaction has a card for each context that wrote in it.
    found = {(c.event.pgh_txid, c.event.pgh_context_id): c for day in days for c in day.cards}
    return {event.pgh_id: found[event.pgh_txid, event.pgh_context_id] for event in events}


def _side(event: Any, heads: dict[int, Card], entries: Entries) -> Side:
    """Return what is told above a side; ``None`` is the object as it is."""
    if event is None:
        return Side(label=_("now"))
    time = date_format(in_current_zone(event.pgh_created_at), "SHORT_DATETIME_FORMAT")
    return Side(
        label=f"{time} (#{event.pgh_id})",
        event=event,
        who=heads[event.pgh_id].who,
        url=entries.links.event(event.pgh_id),
    )


def _address(request: HttpRequest, **choices: bool) -> str:
    """Return the address of this page with other choices: ``unchanged`` fields, sides in ``swap``."""
    chosen = {name: "1" for name, is_chosen in choices.items() if is_chosen}
    return address(only(request.GET, ("a", "b")), **chosen)


def _other_way_round(found: diffs.Diff) -> diffs.Diff:
    """Return a diff with its sides in each other's place, as if the newer state had come first."""
    fields = {name: replace(own, old=own.new, new=own.old) for name, own in found.items()}
    return replace(found, fields=fields, existed=found.exists, exists=found.existed)


def _lines(found: diffs.Diff, access: Access, entries: Entries, same_in: Any) -> list[Line]:
    """Return the fields that differ; then, out of the event ``same_in``, those that do not."""
    hidden = access.hidden_fields(found.model)
    tables = [found.model, *parents_of(found.model)]
    fields: dict[str, Field] = {f.name: f for table in reversed(tables) for f in own_columns(table)}
    shown = [own for own in found.values() if own.name not in hidden]
    same = {} if same_in is None else entries.row_of(same_in)
    differing = {own.column for own in shown}
    same = {column: own for column, own in same.items() if column not in differing}
    for own in shown:
        for value in (own.old, own.new):
            entries.labels.want(fields.get(own.name), value)
    for field, value in same.values():
        entries.labels.want(field, value)
    entries.labels.load()
    lines = [_line(own, fields.get(own.name), found, entries) for own in shown]
    return lines + [_same(column, *own, entries) for column, own in same.items()]


def _line(own: diffs.FieldDiff, field: Field | None, found: diffs.Diff, entries: Entries) -> Line:
    renderer = entries.renderer(field)
    nothing = SafeString("")
    return Line(
        label=own.verbose_name,
        column=own.column,
        old=renderer.show(own.old) if found.existed else nothing,
        new=renderer.show(own.new) if found.exists else nothing,
        change=renderer.change(own.old, own.new) if found.existed and found.exists else nothing,
        is_changed=True,
        is_unknown=field is None,
    )


def _same(column: str, field: Field | None, value: Any, entries: Entries) -> Line:
    shown = entries.renderer(field).show(value)
    return Line(
        label=str(field.verbose_name) if field is not None else column,
        column=column,
        old=shown,
        new=shown,
        change=SafeString(""),
        is_changed=False,
        is_unknown=field is None,
    )
