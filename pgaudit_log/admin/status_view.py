"""The status: whether the log is complete, how large it is, and what to do now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connections
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.links import AdminLinks
from pgaudit_log.admin.responses import refusal, screen
from pgaudit_log.database import event_table
from pgaudit_log.database.partitions.sizes import PartitionSize
from pgaudit_log.models import Events
from pgaudit_log.operating import health
from pgaudit_log.operating.last_events import LastEvents, last_events
from pgaudit_log.operating.table_status import TableStatus, tables_of
from pgaudit_log.operating.values import LastEvent, Status
from pgaudit_log.presentation import pages
from pgaudit_log.presentation.links import Links


@dataclass(frozen=True, kw_only=True)
class PartitionLine:
    """A partition, and what is to be known of it now."""

    partition: PartitionSize
    is_default: bool
    is_ahead: bool
    is_due: bool
    """Whether it may have events that a retention no longer keeps."""


@dataclass(frozen=True, kw_only=True)
class TableLine:
    """A tracked model, and where its events are."""

    table: TableStatus
    label: str
    kind: str
    url: str
    last: LastEvent | None
    """Its newest event, where that is among the newest of the log."""
    last_url: str
    before: datetime | None
    """Before when it was, where it is older."""


def status(site: AdminSite, request: HttpRequest) -> TemplateResponse:
    """Return the status of the log of a database; ``database`` of the query says which.

    Whoever may see the trail is told whether all is well, and of the models that they may see; what
    is wrong, and what names other tables and roles, is for superusers.

    Raises:
        PermissionDenied: when the person may not see the trail.
        Http404: for a database that is none of a log.
    """
    access = AdminAccess(request, site)
    if not access.may_view_trail:
        raise PermissionDenied
    using = request.GET.get("database") or str(Events.objects.db)
    aliases = [alias for alias in connections if event_table.is_wanted(alias)]
    if using not in aliases:
        raise Http404(_("There is no log in the database %(name)s.") % {"name": using[:100]})
    try:
        with pages.bounded(using):
            found = health.status(using)
            # Who was refused that one is refused these.
            last = last_events(using) if found.last_event is not None else LastEvents()
    except OperationalError:
        message = _("The database does not answer.")
        return refusal(site, request, message, status=503)
    except pages.TookTooLongError:
        return refusal(site, request, pages.too_long(), status=503)
    # The other screens show the log of one database.
    links = AdminLinks(site) if using == str(Events.objects.db) else Links()
    default = next((own for own in found.sizes or () if own.start is None), None)
    return screen(
        site,
        request,
        "status",
        title=_("Status of the log"),
        status=200,
        found=found,
        is_superuser=access.is_superuser,
        databases=aliases if len(aliases) > 1 else [],
        last_url=links.event(found.last_event.id) if found.last_event is not None else "",
        in_default=default.events if default is not None else None,
        tables=_tables(found, last, access, links),
        partitions=_partitions(found),
        silenced=sorted({problem.id for problem in found.silenced}),
    )


def _tables(found: Status, last: LastEvents, access: AdminAccess, links: Links) -> list[TableLine]:
    return [
        TableLine(
            table=own,
            label=own.model._meta.label,
            kind=str(own.model._meta.verbose_name),
            url=links.trail(model=own.model._meta.label),
            last=newest,
            last_url=links.event(newest.id) if newest is not None else "",
            before=last.since if own.events else None,
        )
        for own in tables_of(found)
        if access.may_view(own.model)
        for newest in [last.by_model.get(own.model._meta.label)]
    ]


def _partitions(found: Status) -> list[PartitionLine]:
    """Return the partitions, the newest first."""
    return [
        PartitionLine(
            partition=own,
            is_default=own.start is None,
            is_ahead=own.start is not None and own.start > found.asked_at,
            is_due=_is_due(own, found.retention_due),
        )
        for own in reversed(found.sizes or ())
    ]


def _is_due(own: PartitionSize, due: datetime | None) -> bool:
    return due is not None and own.end is not None and own.end <= due and own.events != 0
