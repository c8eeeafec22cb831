"""The middleware that records, with every event of a request, who sent it and where to."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from contextvars import ContextVar
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import LazyObject, empty

from pgaudit_log.access.visits import Visit
from pgaudit_log.conf import settings
from pgaudit_log.constants import LATE_MAX_BYTES
from pgaudit_log.contexts import request_actors
from pgaudit_log.contexts.salvage import MAX_FAULT_BYTES, cut, said, salvaged, storable
from pgaudit_log.contexts.stack import (
    LateMetadata,
    context,
    late_context,
    new_context_id,
    room_in_request,
)

logger = logging.getLogger("pgaudit_log")

MAX_VALUE_BYTES = 1000
"""How much room each thing that says who acts may take as JSON; it goes with each statement."""


class AuditMiddleware:
    """Runs each request in a context with who acts, url, method and request id.

    Put it right behind Django's ``SecurityMiddleware``, so that what other middleware writes,
    such as ``SessionMiddleware``, is in the context too. To record more, override
    :meth:`get_context`; for other ways to say who acts, the other methods.

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
        if self.is_async:
            return self._respond_async(request)
        with self._block(request), Visit(request, self.get_impersonator) as visit:
            response = visit.response = self.get_response(request)  # type: ignore[assignment]
            return response

    async def _respond_async(self, request: HttpRequest) -> Any:
        async with self._block(request), Visit(request, self.get_impersonator) as visit:
            response = visit.response = await self.get_response(request)  # type: ignore[misc]
            return response

    def _block(self, request: HttpRequest) -> context | nullcontext[None]:
        """Return the block of a request, whatever :meth:`get_context` returns or raises."""
        if not _is_recorded(request.method):
            return nullcontext()
        late = RequestActors(request, self)
        fault = ""
        try:
            metadata = self.get_context(request)
        except Exception as error:
            logger.exception("get_context() of %s failed.", type(self).__name__)
            metadata, fault = AuditMiddleware.get_context(self, request), said(error)
        try:
            return late_context(late, **{**metadata, **({"malformed": fault} if fault else {})})
        except Exception:
            logger.exception("The context of a request could not be recorded as it is.")
        return self._salvaged_block(late, metadata, fault)

    @staticmethod
    def _salvaged_block(
        late: RequestActors, metadata: Any, fault: str
    ) -> context | nullcontext[None]:
        room = room_in_request() - MAX_FAULT_BYTES - len('"malformed":,')
        kept, faults = salvaged(metadata, room)
        if fault := fault or faults:
            kept["malformed"] = fault
        try:
            return late_context(late, **kept)
        except Exception:
            # What is running around the request leaves no room; it is recorded alone.
            return nullcontext()

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


def _is_recorded(method: str | None) -> bool:
    """Return whether requests with an HTTP method get a context."""
    methods = settings.MIDDLEWARE_METHODS
    # Django answers HEAD as it does GET, by the same view.
    return methods is None or method in methods or (method == "HEAD" and "GET" in methods)


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
            return _late({"user_error": said(error)})
        finally:
            _asking.reset(token)

    def _of(self, user: Any, auth: Any) -> LateMetadata | None:
        value = self._middleware.get_user(self._request, user)
        # Each statement comes by here, so what was found is kept until somebody else acts.
        asked = (type(value), value, id(user), id(auth), vars(self._request).get("impersonator"))
        if self._known[0] != asked:
            found = {key: own for key, own in self._found(user, value).items() if own is not None}
            self._known = (asked, _late(found) if found else None)
        return self._known[1]

    def _found(self, user: Any, value: object) -> dict[str, Any]:
        """Return what each key says; ``None`` where there is nothing to say."""
        hooks = self._middleware
        faults: list[str] = []

        def ask(hook: Callable[..., Any], *of: Any) -> Any:
            try:
                return hook(self._request, *of)
            except Exception as error:
                logger.exception("%s of a request failed.", getattr(hook, "__qualname__", "A hook"))
                faults.append(said(error))
                return None

        found = {
            "user": value,
            "user_name": None if value is None else ask(hooks.get_user_name, user),
            "token": ask(hooks.get_token),
            "service": ask(hooks.get_service),
        }
        person = None if value is None else ask(hooks.get_impersonator)
        if person is not None:
            found |= {
                "on_behalf_of": value,
                "on_behalf_of_name": found["user_name"],
                "user": ask(hooks.get_user, person),
                "user_name": ask(hooks.get_user_name, person),
            }
        return {**found, "user_error": " ".join(faults) or None}


_TEXTS = ("user_name", "on_behalf_of_name", "token", "service")


def _late(found: dict[str, Any]) -> LateMetadata:
    """Return what was found of who acts, as far as it can be carried, and what was wrong with it."""
    if all(isinstance(found.get(key, ""), str) for key in _TEXTS):
        # As nearly always, all is well.
        with suppress(Exception):
            return LateMetadata.of(found)
    faults = []
    for key in _TEXTS:
        try:
            if key in found:
                found[key] = str(found[key])
        except Exception as error:
            faults.append(f'"{key}" {said(error)}.')
            del found[key]
    kept, fault = salvaged(found, LATE_MAX_BYTES, MAX_VALUE_BYTES)
    if fault or faults:
        logger.error("Who acts in a request could not be recorded as it is: %s", fault)
        said_before = kept.get("user_error", "")
        kept["user_error"] = cut(" ".join([said_before, *faults, fault]).strip(), MAX_VALUE_BYTES)
    return LateMetadata.of(kept)
