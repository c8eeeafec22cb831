"""Contexts: who and where, told to each variant in its own way, as its middleware does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from benchmarks import variants

MakeContext = Callable[[Any, str], AbstractContextManager[Any]]
"""Takes the user and the URL."""


def maker() -> MakeContext:
    """Return what makes a context in the variant that this process runs."""
    return _MAKERS.get(settings.VARIANT, lambda: _none)()


def _none(user: Any, url: str) -> AbstractContextManager[Any]:
    return nullcontext()


def _pghistory() -> MakeContext:
    import pghistory

    return lambda user, url: pghistory.context(user=user.pk, url=url)


def _pgaudit_log() -> MakeContext:
    import pgaudit_log

    return lambda user, url: pgaudit_log.context(user=user.pk, url=url)


def _auditlog() -> MakeContext:
    from auditlog.context import set_actor

    return lambda user, url: set_actor(user)  # it keeps no URL


def _simple_history() -> MakeContext:
    from simple_history.middleware import _context_manager

    return lambda user, url: _context_manager(_request(user, url))


def _reversion() -> MakeContext:
    import reversion

    @contextmanager
    def revision(user: Any, url: str) -> Any:
        with reversion.create_revision():
            reversion.set_user(user)
            yield

    return revision


def _easy_audit() -> MakeContext:
    from easyaudit.middleware import easyaudit

    @contextmanager
    def running(user: Any, url: str) -> Any:
        easyaudit._thread_locals.request = _request(user, url)
        try:
            yield
        finally:
            easyaudit.clear_request()

    return running


def _request(user: Any, url: str) -> HttpRequest:
    request = HttpRequest()
    request.path = url
    request.user = user
    return request


_MAKERS: dict[variants.Variant, Callable[[], MakeContext]] = {
    variants.PGHISTORY: _pghistory,
    variants.PGHISTORY_STATEMENT: _pghistory,
    variants.PGHISTORY_DENORMALIZED: _pghistory,
    variants.AUDITLOG: _auditlog,
    variants.SIMPLE_HISTORY: _simple_history,
    variants.REVERSION: _reversion,
    variants.EASY_AUDIT: _easy_audit,
    variants.OURS: _pgaudit_log,
    variants.OURS_ROW: _pgaudit_log,
    variants.READING: _pgaudit_log,
}
