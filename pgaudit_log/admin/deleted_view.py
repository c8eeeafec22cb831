"""Deleted objects of a model: what each was called, who deleted it and when, and how it comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.lookups import IContains
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.links import AdminLinks
from pgaudit_log.admin.responses import crumbs_of, screen
from pgaudit_log.constants import DELETE, INSERT
from pgaudit_log.declaring import model_labels
from pgaudit_log.models import Events
from pgaudit_log.presentation import heads, object_texts, pages
from pgaudit_log.presentation.addresses import address, only
from pgaudit_log.presentation.entries import Entries
from pgaudit_log.presentation.filter_bar import PERIODS
from pgaudit_log.reading import actors
from pgaudit_log.reading.expressions import any_of
from pgaudit_log.reading.objects import primary_key_of
from pgaudit_log.reading.pages import Page
from pgaudit_log.values.keys import key_fields, key_text, parse_key
from pgaudit_log.values.tables import column_of, concrete, own_columns

USUAL_PERIOD = "month"
"""How far back the list goes where nobody says: deletions have no index of their own."""

MOST_WITH_IT = 100
"""How many events around a deletion are looked at for what else its transaction deleted."""

MOST_CHARACTERS = 200
"""How long a text may be that is looked for."""


@dataclass(frozen=True, kw_only=True)
class Deleted:
    """A deleted object."""

    text: str
    key: str
    time: datetime
    who: str
    with_it: int
    """How many other objects its transaction deleted."""
    has_more: bool
    """Whether they may be more than that."""
    url: str
    transaction_url: str
    restore_url: str


def deleted(site: AdminSite, request: HttpRequest, model: type[models.Model]) -> TemplateResponse:
    """Return a page of the deleted objects of a model, those that exist again left out.

    Raises:
        PermissionDenied: when the person may not see them.
        Http404: when the model is not tracked.
    """
    access, model = AdminAccess(request, site), concrete(model)
    if model not in model_labels.tracked_models():
        raise Http404(_("%(model)s is not tracked.") % {"model": model._meta.verbose_name})
    if not (access.may_view_trail and access.may_view(model)):
        raise PermissionDenied
    links = AdminLinks(site)
    asked = " ".join(request.GET.get("q", "").replace("\0", "").split())[:MOST_CHARACTERS]
    period = request.GET.get("period", USUAL_PERIOD)
    period = period if period in PERIODS else USUAL_PERIOD
    events: Any = Events.objects.across(model)
    condition, is_narrow = _asked_for(asked, model, access, str(events.db))
    events = events.filter(condition, pgh_operation=DELETE)
    length = PERIODS[period][1]
    if length is not None and not is_narrow:
        events = events.between(timezone.now() - length, None)
    page, message = Page[Any](events=()), ""
    try:
        with pages.bounded(str(events.db)):
            page = pages.page_of(_with_company(events), pages.Position.of(request.GET))
    except pages.TookTooLongError:
        message = pages.too_long()
    found = _still_gone(page.events, model, str(events.db))
    return screen(
        site,
        request,
        "deleted",
        title=_("Deleted: %(models)s") % {"models": model._meta.verbose_name_plural},
        opts=model._meta,
        crumbs=crumbs_of(access, model),
        found=_rows(found, model, access, links),
        left_out=len(page.events) - len(found),
        asked=asked,
        period=period,
        periods=[(name, label) for name, (label, _length) in PERIODS.items()],
        message=message,
        page=page,
        newer_url=_address(request, after=page.newer) if page.newer is not None else "",
        older_url=_address(request, before=page.older) if page.older is not None else "",
    )


def _asked_for(
    text: str, model: type[models.Model], access: AdminAccess, using: str
) -> tuple[Q, bool]:
    """Return the condition that a search means, and whether it finds few events by an index.

    What is a number, or ends in one, is the key of a model whose keys are numbers. Other texts are looked
    for in the texts that the objects had.
    """
    if not text:
        return Q(), False
    keys = key_fields(model)
    is_by_text = any(isinstance(own, models.CharField | models.TextField) for own in keys)
    key = parse_key(model, text if is_by_text else text.rsplit(maxsplit=1)[-1].lstrip("#"))
    by_key = Q(pk__in=[]) if key is None else Q(pgh_obj_id=key_text(key, keys))
    if key is not None and not is_by_text:
        return by_key, True
    secret = access.secret_keys(model, using)
    columns = [
        column_of(own)
        for own in own_columns(model)
        if isinstance(own, models.CharField | models.TextField) and column_of(own) not in secret
    ]
    by_value = (Q(IContains(KeyTextTransform(column, "pgh_data"), text)) for column in columns)
    return by_key | any_of(by_value), False


def _with_company(events: Any) -> Any:
    """Return the events with what their transactions deleted around them, and whether there is news."""
    day = timedelta(days=1)
    around = Events.objects.filter(
        pgh_txid=OuterRef("pgh_txid"),
        pgh_operation=DELETE,
        pgh_id__gt=OuterRef("pgh_id") - MOST_WITH_IT,
        pgh_id__lt=OuterRef("pgh_id") + MOST_WITH_IT,
        pgh_created_at__gt=OuterRef("pgh_created_at") - day,
        pgh_created_at__lt=OuterRef("pgh_created_at") + day,
    )
    newer = Events.objects.filter(
        pgh_obj_model=OuterRef("pgh_obj_model"),
        pgh_obj_id=OuterRef("pgh_obj_id"),
        pgh_id__gt=OuterRef("pgh_id"),
        pgh_operation__in=(INSERT, DELETE),
    )
    return events.annotate(
        pgh_around=ArraySubquery(around.order_by().values("pgh_id")),
        pgh_has_newer=Exists(newer.order_by()),
    )


def _still_gone(events: Sequence[Any], model: type[models.Model], using: str) -> list[Any]:
    """Return those of a page's deletions whose object has not come back; one query for all."""
    wanted = {
        event.pgh_id: primary_key_of(model, event) for event in events if not event.pgh_has_newer
    }
    keys = [key for key in wanted.values() if key is not None]
    # Not the model's own manager, which may hide rows.
    every: models.QuerySet[Any, Any] = models.QuerySet(model, using=using)
    there = set(every.filter(pk__in=keys).values_list("pk", flat=True)) if keys else set()
    return [
        event for event in events if event.pgh_id in wanted and wanted[event.pgh_id] not in there
    ]


def _rows(
    events: Sequence[Any], model: type[models.Model], access: AdminAccess, links: AdminLinks
) -> list[Deleted]:
    names, texts = actors.names(events), _texts(events, model, access)
    may_restore = access.may_revert and access.may_write("add", model)
    rows = []
    for event in events:
        key = str(event.pgh_obj_id)
        url = links.timeline(model, key)
        actor = actors.actor_of(event, names)
        rows.append(
            Deleted(
                text=texts[event.pgh_id],
                key=key,
                time=event.pgh_created_at,
                who=heads.who(actor, may_view_context=access.may_view_context),
                with_it=max(len(event.pgh_around) - 1, 0),
                has_more=len(event.pgh_around) >= MOST_WITH_IT,
                url=url,
                transaction_url=links.transaction(event),
                restore_url=links.reversal(url, "restore", event.pgh_id) if may_restore else "",
            )
        )
    return rows


def _texts(events: Sequence[Any], model: type[models.Model], access: AdminAccess) -> dict[int, str]:
    """Return what the objects were called, by the ids of their events.

    Only where a name says more with what the object pointed at, that is asked for: once for each model.
    """
    hidden = access.hidden_fields(model)
    names = {one.pgh_id: object_texts.name_at(model, one, hidden=hidden) for one in events}
    nameless = [one for one in events if names[one.pgh_id] is None]
    if nameless:
        entries = Entries(access, str(nameless[0]._state.db))
        for one in nameless:
            for field, value, _new in entries.values_of(one, model).values():
                entries.labels.want(field, value)
        entries.labels.load()
        related = entries.labels.object_of
        for one in nameless:
            names[one.pgh_id] = object_texts.name_at(model, one, hidden=hidden, related=related)
    return {
        one.pgh_id: names[one.pgh_id] or object_texts.plain_text(model, one.pgh_obj_id)
        for one in events
    }


def _address(request: HttpRequest, **changed: Any) -> str:
    return address(only(request.GET, ("q", "period")), **changed)
