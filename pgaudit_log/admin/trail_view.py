"""The trail: what happened to all models, a page of cards, narrowed by the filter bar."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.http import HttpRequest, QueryDict
from django.template.response import TemplateResponse
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.columns import Column
from pgaudit_log.admin.responses import screen
from pgaudit_log.database.partitions.sizes import estimated_events
from pgaudit_log.models import Events
from pgaudit_log.presentation import cards, pages
from pgaudit_log.presentation.entries import Entries
from pgaudit_log.presentation.filter_bar import SHORT, GuardedFilterSet
from pgaudit_log.reading import actors
from pgaudit_log.reading.pages import Page

LAYOUTS = ("cards", "list")


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
    access = AdminAccess(request, site)
    parameters = request.GET
    options = {"access": access} if issubclass(filterset_class, GuardedFilterSet) else {}
    asked = filterset_class(parameters, queryset, request=request, **options)
    using = str(queryset.db)
    is_search = getattr(asked, "is_search", True)
    page: Page[Any] = Page(events=())
    message = ""
    if asked.form.is_valid():
        try:
            with pages.bounded(using) if is_search else nullcontext():
                page = pages.page_of(asked.qs, pages.Position.of(parameters))
        except pages.TookTooLongError:
            message = pages.too_long()
    estimate = estimated_events(using) if access.is_superuser else None
    names = actors.names(page.events) if parameters.get("layout") == "list" else {}
    layout = parameters.get("layout") if parameters.get("layout") in LAYOUTS else LAYOUTS[0]
    entries = Entries(access, using)
    return screen(
        site,
        request,
        "trail",
        title=title,
        form=asked.form,
        short=[asked.form[name] for name in SHORT if name in asked.form.fields],
        long=[asked.form[name] for name in asked.form.fields if name not in SHORT],
        has_long=any(asked.form.data.get(name) for name in asked.form.fields if name not in SHORT),
        chips=asked.chips(parameters) if hasattr(asked, "chips") else [],
        days=cards.days_of(_of_trail(page.events, using), entries, page=page)
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
        newer_url=_address(parameters, after=page.newer) if page.newer is not None else "",
        older_url=_address(parameters, before=page.older) if page.older is not None else "",
        is_first=not (parameters.get("before") or parameters.get("after")),
        estimate=estimate,
        estimate_text="" if estimate is None else _rounded(estimate),
        timeout_message=message,
        all_url=_address(QueryDict(), period="all"),
    )


def _rounded(number: int) -> str:
    """Return a number to three digits, as the language writes it."""
    rest = max(len(str(number)) - 3, 0)
    return str(number_format(round(number, -rest), use_l10n=True, force_grouping=True))


def _of_trail(events: tuple[Any, ...], using: str) -> list[Any]:
    """Return events as those of the trail, which cards are made of."""
    if all(isinstance(event, Events) for event in events):
        return list(events)
    found = Events.objects.using(using).in_bulk([event.pgh_id for event in events])
    return [found[event.pgh_id] for event in events if event.pgh_id in found]


def _address(parameters: QueryDict, **changed: Any) -> str:
    """Return the address of a page with other parameters; a position is never kept."""
    kept = [
        (name, value)
        for name, values in parameters.lists()
        if name not in ("before", "after", *changed)
        for value in values
        if value
    ]
    return f"?{urlencode([*kept, *changed.items()])}"
