"""The middleware that records, with every event of a request, who sent it and where to."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import LazyObject, empty

from pgaudit_log.conf import settings
from pgaudit_log.contexts.stack import LateMetadata, late_context
from pgaudit_log.identifiers import new_context_id

logger = logging.getLogger("pgaudit_log")

MAX_TEXT_LENGTH = 4096
"""How much of a URL or a header is recorded; the rest is cut off."""


class AuditMiddleware:
    """Runs each request in a context with its user, url, method and request id.

    Put it anywhere behind Django's ``SecurityMiddleware``; it need not follow
    ``AuthenticationMiddleware``. To record more, override :meth:`get_context`.

    The user is asked for when a statement writes, not when the request arrives: a user
    who is authenticated late (Django REST framework, ``login()``) is seen, and a page
    that never writes loads neither session nor user on our account.
    """

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]
    ) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if request.method not in settings.MIDDLEWARE_METHODS:
            return self.get_response(request)
        if self.is_async:
            return self._respond_async(request)
        with late_context(RequestUser(request, self.get_user), **self.get_context(request)):
            return self.get_response(request)

    async def _respond_async(self, request: HttpRequest) -> Any:
        async with late_context(RequestUser(request, self.get_user), **self.get_context(request)):
            return await self.get_response(request)  # type: ignore[misc]

    def get_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what is recorded beside the user: ``url``, ``method`` and ``request_id``.

        Override it to record more::

            def get_context(self, request):
                return {**super().get_context(request), "ip": request.META["REMOTE_ADDR"]}
        """
        return {
            "url": storable(request.path),
            "method": storable(request.method or ""),
            "request_id": storable(request.headers.get("X-Request-ID") or new_context_id()),
        }

    def get_user(self, request: HttpRequest, user: Any) -> Any:
        """Return what is recorded as ``user``: the primary key, or ``None`` for an anonymous user."""
        return getattr(user, "pk", None)


def storable(text: str) -> str:
    """Return what a visitor sent so that PostgreSQL can store it: no NUL, no half surrogates, not long."""
    text = text[:MAX_TEXT_LENGTH].replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return text.encode(errors="replace").decode()


_asking: ContextVar[bool] = ContextVar("pgaudit_log_asking_for_user", default=False)
"""Whether this thread or task is loading the user, which sends statements of its own."""


class RequestUser:
    """The user of a request, as known when a statement is sent."""

    keys = frozenset({"user", "user_error"})

    def __init__(self, request: HttpRequest, get_user: Callable[[HttpRequest, Any], Any]) -> None:
        self._request = request
        self._get_user = get_user
        self._known: tuple[Any, LateMetadata | None] = (None, None)

    def __call__(self, *, writing: bool) -> LateMetadata | None:
        """Return who the user is; loads a user who is not loaded yet only if ``writing``.

        What goes wrong here must not refuse the write: it is logged, and recorded as
        ``user_error``.
        """
        user = vars(self._request).get("user")
        if user is None or _asking.get():
            return None
        if isinstance(user, LazyObject) and user._wrapped is empty and not writing:
            return None
        token = _asking.set(True)
        try:
            return self._of(user)
        except Exception as error:
            logger.exception("The user of a request could not be recorded.")
            return LateMetadata.of({"user_error": storable(f"{type(error).__name__}: {error}")})
        finally:
            _asking.reset(token)

    def _of(self, user: Any) -> LateMetadata | None:
        value = self._get_user(self._request, user)
        if value is None:
            return None
        known_value, known = self._known
        if known is None or type(known_value) is not type(value) or known_value != value:
            known = LateMetadata.of({"user": value})
            self._known = (value, known)
        return known
