"""Visits: what is written when a request is over, behind its transaction: page views, failed logins."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextvars import ContextVar, Token
from functools import lru_cache
from types import TracebackType
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from pgaudit_log.access import events
from pgaudit_log.conf import settings
from pgaudit_log.contexts import request_actors
from pgaudit_log.contexts.salvage import storable

_visit: ContextVar[Visit | None] = ContextVar("pgaudit_log_visit", default=None)


class Visit:
    """A block around a request; as it ends it writes what the request has left to be written."""

    def __init__(self, request: HttpRequest, impersonator: Callable[[HttpRequest], Any]) -> None:
        self.response: HttpResponseBase | None = None
        """What was answered, if anything was."""
        self._request = request
        self._impersonator = impersonator
        self.must_be_told = False
        """Whether a page view is written, whatever ``PGAUDIT_LOG_PAGE_VIEWS`` names."""
        self._writes: list[Callable[[], None]] = []
        self._token: Token[Visit | None] | None = None

    def add(self, write: Callable[[], None]) -> None:
        """Keep something to be written at the end."""
        self._writes.append(write)

    def __enter__(self) -> Visit:
        self._token = _visit.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave()
        self._write()

    async def __aenter__(self) -> Visit:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave()
        if self._writes:
            await sync_to_async(self._write)()

    def _leave(self) -> None:
        assert self._token is not None
        _visit.reset(self._token)
        if self.must_be_told:
            if was_shown(self.response):
                self.add(self._write_whole_page_view)
        elif settings.PAGE_VIEWS and is_seen(self._request, self.response):
            self.add(self._write_page_view)

    def _write(self) -> None:
        for write in self._writes:
            write()

    def _write_page_view(self) -> None:
        _write_page_view(self._request, self._impersonator)

    def _write_whole_page_view(self) -> None:
        _write_page_view(self._request, self._impersonator, with_query=True)


def _write_page_view(
    request: HttpRequest, impersonator: Callable[[HttpRequest], Any], *, with_query: bool = False
) -> None:
    with events.attempt("page_view"):
        user = getattr(request, "user", None)
        person = None if getattr(user, "pk", None) is None else impersonator(request)
        match = request.resolver_match
        data = {"url": storable(request.path), "view": match.view_name if match else None}
        if with_query and (query := request.META.get("QUERY_STRING")):
            data["query"] = storable(query)
        if person is None:
            events.write("page_view", data, user=user)
        else:
            events.write("page_view", data, user=person, concerned=user)


def tell(request: HttpRequest) -> None:
    """Write a page view with what was asked for, if the page is shown; at once where no visit runs."""
    visit = _visit.get()
    if visit is None:
        _write_page_view(request, request_actors.impersonator, with_query=True)
    else:
        visit.must_be_told = True


def behind_the_request(write: Callable[[], None]) -> None:
    """Call ``write`` as the running request ends; at once where none runs."""
    visit = _visit.get()
    if visit is None:
        write()
    else:
        visit.add(write)


def was_shown(response: HttpResponseBase | None) -> bool:
    """Return whether a request was answered with success.

    304 says that the visitor's browser has the page, and shows it.
    """
    return response is not None and (
        200 <= response.status_code < 300 or response.status_code == 304
    )


def is_seen(request: HttpRequest, response: HttpResponseBase | None) -> bool:
    """Return whether a page was shown that ``PGAUDIT_LOG_PAGE_VIEWS`` names."""
    if request.method != "GET" or not was_shown(response):
        return False
    paths, views = _patterns(tuple(settings.PAGE_VIEWS))
    match = request.resolver_match
    return bool(
        paths.fullmatch(request.path)
        or (match is not None and match.view_name and views.fullmatch(match.view_name))
    )


@lru_cache(maxsize=8)
def _patterns(chosen: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return what the paths and the names of views look like; a star stands for any text."""
    paths = [one for one in chosen if one.startswith("/")]
    return _pattern(paths), _pattern([one for one in chosen if one not in paths])


def _pattern(chosen: Sequence[str]) -> re.Pattern[str]:
    parts = [".*".join(map(re.escape, one.split("*"))) for one in chosen]
    return re.compile("|".join(parts) if parts else r"(?!)", re.DOTALL)
