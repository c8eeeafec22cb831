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
from pgaudit_log.contexts.salvage import storable

_visit: ContextVar[Visit | None] = ContextVar("pgaudit_log_visit", default=None)


class Visit:
    """A block around a request; as it ends it writes what the request has left to be written."""

    def __init__(self, request: HttpRequest, impersonator: Callable[[HttpRequest], Any]) -> None:
        self.response: HttpResponseBase | None = None
        """What was answered, if anything was."""
        self._request = request
        self._impersonator = impersonator
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
        if settings.PAGE_VIEWS and is_seen(self._request, self.response):
            self.add(self._write_page_view)

    def _write(self) -> None:
        for write in self._writes:
            write()

    def _write_page_view(self) -> None:
        request = self._request
        with events.attempt("page_view"):
            user = getattr(request, "user", None)
            person = None if getattr(user, "pk", None) is None else self._impersonator(request)
            match = request.resolver_match
            data = {"url": storable(request.path), "view": match.view_name if match else None}
            if person is None:
                events.write("page_view", data, user=user)
            else:
                events.write("page_view", data, user=person, concerned=user)


def behind_the_request(write: Callable[[], None]) -> None:
    """Call ``write`` as the running request ends; at once where none runs."""
    visit = _visit.get()
    if visit is None:
        write()
    else:
        visit.add(write)


def is_seen(request: HttpRequest, response: HttpResponseBase | None) -> bool:
    """Return whether a page was shown that ``PGAUDIT_LOG_PAGE_VIEWS`` names.

    304 says that the visitor's browser has the page, and shows it.
    """
    if request.method != "GET" or response is None:
        return False
    if not (200 <= response.status_code < 300 or response.status_code == 304):
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
