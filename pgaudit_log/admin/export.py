"""The export of what was asked for: a file that is streamed, and an event of who took it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from contextlib import closing
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseNotAllowed, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from pgaudit_log.access import events as access_events
from pgaudit_log.admin import exported_rows
from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.export_formats import FORMATS, Format
from pgaudit_log.admin.responses import not_written, refusal
from pgaudit_log.contexts import request_actors
from pgaudit_log.contexts.salvage import storable
from pgaudit_log.diffs.display import in_current_zone
from pgaudit_log.reading.moments import aware

LABEL: Final = "export"


def export(
    site: AdminSite, request: HttpRequest, access: AdminAccess, events: Any, name: str
) -> HttpResponseBase:
    """Return events as a file, the newest first, or a page that says why not.

    Before its first byte an event of access tells who asked for what; another one, after its last,
    how many there were. A file without its last line, ``end``, is not whole.

    Args:
        site: the site of the admin.
        request: a POST, whose ``format`` is one of :data:`FORMATS`.
        access: what the person may see.
        events: those that were asked for; what is of models that the person may not view is left out.
        name: what the file is called.

    Raises:
        PermissionDenied: when the person may not export.
    """
    if not access.may_export:
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    form = FORMATS.get(request.POST.get("format", ""))
    if form is None:
        return refusal(site, request, _("There is no such format."), status=400)
    try:
        taken = _Taken(request, form)
    except DatabaseError:
        # Nothing is taken out that the log cannot be told.
        return not_written(site, request)
    content: Any = _content(exported_rows.viewable(events, access), access, form, taken)
    if isinstance(request, ASGIRequest):
        content = _in_steps(content)
    response = StreamingHttpResponse(content, content_type=form.content_type)
    moment = in_current_zone(aware(timezone.now())).strftime("%Y%m%d-%H%M%S")
    response["Content-Disposition"] = content_disposition_header(
        True, f"{name}-{moment}.{form.suffix}"
    )
    return response


def _content(events: Any, access: AdminAccess, form: Format, taken: _Taken) -> Generator[bytes]:
    try:
        # Their transaction ends before the log is told, also where the client has gone.
        with closing(exported_rows.rows(events, access)) as rows:
            yield from form.chunks(taken.counted(rows), exported_rows.columns(access))
        taken.is_whole = True
    finally:
        taken.end()


async def _in_steps(content: Generator[bytes]) -> AsyncIterator[bytes]:
    """Yield the pieces of a file without blocking the event loop, each made in the request's thread."""
    make: Any = sync_to_async(next)
    try:
        while (piece := await make(content, None)) is not None:
            yield piece
    finally:
        await sync_to_async(content.close)()


class _Taken:
    """Tells the log of an export, as it begins and as it ends."""

    def __init__(self, request: HttpRequest, form: Format) -> None:
        user = request.user
        person = request_actors.impersonator(request)
        self._people = {"user": user} if person is None else {"user": person, "concerned": user}
        self.is_whole = False
        self._events = 0
        self._id = self._write(
            {
                "state": "started",
                "format": form.suffix,
                "url": storable(request.path),
                "query": storable(request.META.get("QUERY_STRING", "")),
            }
        )

    def counted(self, rows: Iterator[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """Yield rows, and count them."""
        for row in rows:
            self._events += 1
            yield row

    def end(self) -> None:
        """Tell how many events were taken; that this cannot be told is no reason to fail any more."""
        state = "whole" if self.is_whole else "broken off"
        with access_events.attempt(LABEL):
            self._write({"state": state, "started": self._id, "events": self._events})

    def _write(self, data: Mapping[str, Any]) -> int:
        return access_events.record(LABEL, data, **self._people)
