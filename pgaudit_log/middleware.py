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

from pgaudit_log import request_actors
from pgaudit_log.conf import settings
from pgaudit_log.contexts.stack import LateMetadata, late_context
from pgaudit_log.identifiers import new_context_id

logger = logging.getLogger("pgaudit_log")

MAX_TEXT_LENGTH = 4096
"""How much of a URL or a header is recorded; the rest is cut off."""


class AuditMiddleware:
    """Runs each request in a context with who acts, url, method and request id.

    Put it anywhere behind Django's ``SecurityMiddleware``; it need not follow
    ``AuthenticationMiddleware``. To record more, override :meth:`get_context`; for other ways
    to say who acts, the other methods.

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
        with late_context(RequestActors(request, self), **self.get_context(request)):
            return self.get_response(request)

    async def _respond_async(self, request: HttpRequest) -> Any:
        async with late_context(RequestActors(request, self), **self.get_context(request)):
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
        """Return what is recorded of a user: the primary key, or ``None`` for an anonymous user."""
        return getattr(user, "pk", None)

    def get_user_name(self, request: HttpRequest, user: Any) -> str | None:
        """Return the name by which people know a user; ``PGAUDIT_LOG_USER_NAME`` chooses it."""
        return request_actors.name_of(user)

    def get_impersonator(self, request: HttpRequest) -> Any:
        """Return the user who acts as another, the request's user; ``None`` where nobody does.

        Knows django-hijack, django-impersonate and django-loginas. Override it for others.
        """
        return request_actors.impersonator(request)

    def get_token(self, request: HttpRequest) -> str | None:
        """Return which API token the request came with; never what could be used as one.

        Knows those of Django REST framework, django-rest-knox, Simple JWT and
        django-oauth-toolkit. Override it for others.
        """
        return request_actors.token(request)

    def get_service(self, request: HttpRequest) -> str | None:
        """Return which service sent the request: the application of an OAuth 2 token."""
        return request_actors.service(request)


def storable(text: str) -> str:
    """Return what a visitor sent so that PostgreSQL can store it: no NUL, no half surrogates, not long."""
    text = text[:MAX_TEXT_LENGTH].replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return text.encode(errors="replace").decode()


_asking: ContextVar[bool] = ContextVar("pgaudit_log_asking_for_user", default=False)
"""Whether this thread or task is loading the user, which sends statements of its own."""


class RequestActors:
    """Who acts in a request, as known when a statement is sent."""

    keys = request_actors.KEYS | {"user_error"}

    def __init__(self, request: HttpRequest, middleware: AuditMiddleware) -> None:
        self._request = request
        self._middleware = middleware
        self._known: tuple[Any, LateMetadata | None] = (None, None)

    def __call__(self, *, writing: bool) -> LateMetadata | None:
        """Return who acts; loads a user who is not loaded yet only if ``writing``.

        What goes wrong here must not refuse the write: it is logged, and recorded as
        ``user_error``.
        """
        attributes = vars(self._request)
        user, auth = attributes.get("user"), attributes.get("auth")
        if (user is None and auth is None) or _asking.get():
            return None
        if isinstance(user, LazyObject) and user._wrapped is empty and not writing:
            return None
        token = _asking.set(True)
        try:
            return self._of(user, auth)
        except Exception as error:
            logger.exception("The user of a request could not be recorded.")
            return LateMetadata.of({"user_error": storable(f"{type(error).__name__}: {error}")})
        finally:
            _asking.reset(token)

    def _of(self, user: Any, auth: Any) -> LateMetadata | None:
        value = self._middleware.get_user(self._request, user)
        # Each statement comes by here, so what was found is kept until somebody else acts.
        asked = (type(value), value, id(user), id(auth), vars(self._request).get("impersonator"))
        if self._known[0] != asked:
            found = {key: own for key, own in self._found(user, value).items() if own is not None}
            self._known = (asked, LateMetadata.of(found) if found else None)
        return self._known[1]

    def _found(self, user: Any, value: Any) -> dict[str, Any]:
        """Return what each key says; ``None`` where there is nothing to say."""
        ask = self._middleware
        request = self._request
        found = {
            "user": value,
            "user_name": None if value is None else _stored(ask.get_user_name(request, user)),
            "token": _stored(ask.get_token(request)),
            "service": _stored(ask.get_service(request)),
        }
        person = None if value is None else ask.get_impersonator(request)
        if person is not None:
            found |= {
                "on_behalf_of": value,
                "on_behalf_of_name": found["user_name"],
                "user": ask.get_user(request, person),
                "user_name": _stored(ask.get_user_name(request, person)),
            }
        return found


def _stored(text: str | None) -> str | None:
    return None if text is None else storable(str(text))
