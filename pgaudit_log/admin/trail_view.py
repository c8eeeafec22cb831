"""The trail: what happened to all models, a page of cards, narrowed by the filter bar."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from pgaudit_log.admin import found_numbers
from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.columns import Column
from pgaudit_log.admin.export import export
from pgaudit_log.admin.export_formats import FORMATS
from pgaudit_log.admin.responses import refusal, screen
from pgaudit_log.database.partitions.sizes import estimated_events
from pgaudit_log.models import Events
from pgaudit_log.presentation import cards, pages, search
from pgaudit_log.presentation.addresses import POSITIONS, address, kept
from pgaudit_log.presentation.entries import Entries
from pgaudit_log.presentation.filter_bar import APART, SHORT, asked_of
from pgaudit_log.presentation.long_transactions import CardPage, Skip, card_page, plain_page
from pgaudit_log.reading import actors, user_lookup
from pgaudit_log.reading.objects import UNREADABLE
from pgaudit_log.reading.pages import Page

LAYOUTS = ("cards", "list")

LONGEST_QUERY = 16_000
"""How long what is asked for may be; it stands in each link of the page."""


def trail(
    site: AdminSite,
    request: HttpRequest,
    *,
    queryset: Any,
    filterset_class: type[Any],
    columns: list[Column],
    title: str,
) -> TemplateResponse:
    """Return a page of events.

    Args:
        site: the site of the admin.
        request: whose query says what is asked for.
        queryset: the events that may be asked for: the trail, or typed events.
        filterset_class: what they can be asked; a subclass of ``GuardedFilterSet`` is told who asks.
        columns: the columns of the flat list.
        title: what the page is called.
    """
    if len(request.META.get("QUERY_STRING", "")) > LONGEST_QUERY:
        return refusal(site, request, _("What is asked for is too long."), status=414)
    access = AdminAccess(request, site)
    parameters = request.GET
    asked = asked_of(filterset_class, parameters, queryset, access)
    using = str(queryset.db)
    is_search = getattr(asked, "is_search", True)
    layout = parameters.get("layout") if parameters.get("layout") in LAYOUTS else LAYOUTS[0]
    skip = Skip.of(parameters)
    found = CardPage(page=Page(events=()))
    message, is_valid = "", True
    # What a name means is looked for among the events, too.
    try:
        with pages.bounded(using) if is_search or skip is not None else nullcontext():
            is_valid = asked.form.is_valid()
            if is_valid:
                position = replace(
                    pages.Position.of(parameters), until=asked.form.cleaned_data.get("at")
                )
                try:
                    found = _read(asked.qs, layout, position, skip)
                except UNREADABLE:
                    # Python has no value for one of a typed event, such as a date before our era.
                    layout = LAYOUTS[0]
                    found = _read(asked.qs, layout, position, skip)
    except pages.TookTooLongError:
        message = pages.too_long()
    page = found.page
    chips = asked.chips(parameters) if hasattr(asked, "chips") else []
    is_first = not any(parameters.get(name) for name in POSITIONS)
    is_counted = is_valid and is_first and chips and not message
    estimate = estimated_events(using) if access.is_superuser else None
    names = actors.names(page.events) if layout == "list" else {}
    entries = Entries(access, using)
    form = asked.form
    long = [name for name in form.fields if name not in (*SHORT, *APART)]
    own_key = user_lookup.key_of(request.user)
    return screen(
        site,
        request,
        "trail",
        status=200 if is_valid else 400,
        title=title,
        form=form,
        search=form[search.NAME] if search.NAME in form.fields else None,
        jump=form["at"] if "at" in form.fields else None,
        jump_kept=kept(parameters, without=("period",)),
        short=[form[name] for name in SHORT if name in form.fields],
        long=[form[name] for name in long],
        has_long=any(form.data.get(name) for name in long),
        my_url=_address(QueryDict(), actor=own_key) if own_key else "",
        saved_url=f"{saved}{_address(parameters)}"
        if (saved := access.links.saved_filters()) and is_valid and queryset.model is Events
        else "",
        users_url=access.links.users(),
        export_url=f"export/{_address(parameters)}" if is_valid and access.may_export else "",
        formats=[(name, own.label) for name, own in FORMATS.items()],
        chips=chips,
        found_text=found_numbers.words(asked.qs, found, has_text=bool(parameters.get(search.NAME)))
        if is_counted
        else "",
        days=cards.days_of(
            _of_trail(page.events, using),
            entries,
            beyond={
                txid: replace(own, meanwhile_url=_address(parameters, **own.meanwhile))
                for txid, own in found.beyond.items()
            },
        )
        if layout == "cards"
        else [],
        columns=columns,
        rows=[
            [column.of(event, access, names) for column in columns]
            for event in (page.events if layout == "list" else ())
        ],
        layout=layout,
        layouts=[
            (name, label, _address(parameters, layout=name))
            for name, label in (("cards", _("By transaction")), ("list", _("List")))
        ],
        page=page,
        newer_url=_address(parameters, **found.newer) if found.newer else "",
        older_url=_address(parameters, **found.older) if found.older else "",
        is_first=is_first,
        estimate=estimate,
        estimate_text="" if estimate is None else _rounded(estimate),
        timeout_message=message,
        all_newer_url=_address(parameters),
        newer_count_url=""
        if message or is_search or not is_first
        else f"newer/{_address(parameters, newest=page.events[0].pgh_id if page.events else 0)}",
        status_url=access.links.status(),
        all_url=_address(QueryDict(), period="all"),
    )


def _read(
    queryset: Any, layout: str | None, position: pages.Position, skip: Skip | None
) -> CardPage:
    """Return a page of a queryset; for cards, which are of the trail, of typed events only the place."""
    if layout != "cards":
        return plain_page(queryset, position, skip)
    if not issubclass(queryset.model, Events):
        queryset = queryset.only("pgh_id", "pgh_txid", "pgh_created_at")
    return card_page(queryset, position, skip)


def _rounded(number: int) -> str:
    """Return a number to three digits, as the language writes it."""
    rest = max(len(str(number)) - 3, 0)
    return cards.number_text(round(number, -rest))


def _of_trail(events: tuple[Any, ...], using: str) -> list[Any]:
    """Return events as those of the trail, which cards are made of."""
    if all(isinstance(event, Events) for event in events):
        return list(events)
    found = Events.objects.using(using).in_bulk([event.pgh_id for event in events])
    return [found[event.pgh_id] for event in events if event.pgh_id in found]


def _address(parameters: QueryDict, **changed: Any) -> str:
    """Return the address of a page with other parameters."""
    return address(kept(parameters), **changed)


def trail_export(
    site: AdminSite, request: HttpRequest, *, queryset: Any, filterset_class: type[Any], name: str
) -> HttpResponseBase:
    """Return the events that are asked for as a file.

    Raises:
        PermissionDenied: when the person may not export.
    """
    access = AdminAccess(request, site)
    asked = asked_of(filterset_class, request.GET, queryset, access)
    try:
        with pages.bounded(str(queryset.db)):
            is_valid = asked.form.is_valid()
    except pages.TookTooLongError:
        return refusal(site, request, pages.too_long(), status=400)
    if not is_valid:
        told = [message for errors in asked.form.errors.values() for message in errors]
        return refusal(site, request, " ".join(map(str, told))[:1000], status=400)
    return export(site, request, access, asked.qs, name)
