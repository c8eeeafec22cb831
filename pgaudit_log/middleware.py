"""The middleware that records, with every event of a request, who sent it and where to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import LazyObject, empty

from pgaudit_log.conf import settings
from pgaudit_log.contexts.stack import late_context
from pgaudit_log.identifiers import new_context_id

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
            "request_id": storable(request.headers.get("X-Request-ID") or str(new_context_id())),
        }

    def get_user(self, request: HttpRequest, user: Any) -> Any:
        """Return what is recorded as ``user``: the primary key, or ``None`` for an anonymous user."""
        return getattr(user, "pk", None)


def storable(text: str) -> str:
    """Return what a visitor sent so that PostgreSQL can store it: no NUL, no half surrogates, not long."""
    text = text[:MAX_TEXT_LENGTH].replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return text.encode(errors="replace").decode()


class RequestUser:
    """The user of a request, as known when a statement is sent."""

    keys = frozenset({"user"})

    def __init__(self, request: HttpRequest, get_user: Callable[[HttpRequest, Any], Any]) -> None:
        self._request = request
        self._get_user = get_user
        self._asking = False

    def __call__(self, *, writing: bool) -> tuple[tuple[str, Any], ...]:
        """Return the pair ``("user", …)``; loads a user who is not loaded yet only if ``writing``."""
        user = vars(self._request).get("user")
        if user is None or self._asking:
            return ()
        if isinstance(user, LazyObject) and user._wrapped is empty and not writing:
            return ()
        # Loading the user sends statements of its own, which come here again.
        self._asking = True
        try:
            value = self._get_user(self._request, user)
        finally:
            self._asking = False
        return () if value is None else (("user", value),)
