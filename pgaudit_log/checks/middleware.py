"""Checks of ``MIDDLEWARE``: whether requests are recorded, and from where on."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.core import checks
from django.utils.module_loading import import_string

from pgaudit_log.conf import settings
from pgaudit_log.constants import APP_LABEL
from pgaudit_log.declaring import declarations
from pgaudit_log.middleware import AuditMiddleware

_WHERE = (
    'Put "pgaudit_log.middleware.AuditMiddleware", or your subclass of it, into MIDDLEWARE before'
    " SessionMiddleware, best right behind SecurityMiddleware. It asks for the user only when"
    " something is written."
)


def check_middleware(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Return a warning where requests of users, or what sessions write of them, have no context."""
    classes = [_imported(path) for path in django_settings.MIDDLEWARE]
    session = _first(classes, SessionMiddleware)
    audit = _first(classes, AuditMiddleware)
    if session is None or not declarations.declarations():
        return []
    if audit is None:
        if not _has_users(classes):
            return []
        return [
            checks.Warning(
                "Models are tracked and users log in, but AuditMiddleware is not in MIDDLEWARE, so"
                " that no event of a request says who sent it.",
                hint=f"{_WHERE} If requests get their context otherwise, silence this check.",
                obj=APP_LABEL,
                id="pgaudit_log.W015",
            )
        ]
    if session < audit:
        return [
            checks.Warning(
                "AuditMiddleware stands behind SessionMiddleware, which saves sessions after it is"
                " done: what is written then has no context.",
                hint=_WHERE,
                obj=APP_LABEL,
                id="pgaudit_log.W016",
            )
        ]
    return []


def check_page_views(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Return a warning where page views are asked for, and nothing looks at requests."""
    classes = [_imported(path) for path in django_settings.MIDDLEWARE]
    if not settings.PAGE_VIEWS or _first(classes, AuditMiddleware) is not None:
        return []
    return [
        checks.Warning(
            "PGAUDIT_LOG_PAGE_VIEWS names pages, but AuditMiddleware is not in MIDDLEWARE, so that"
            " no page view leaves an event.",
            hint=_WHERE,
            obj=APP_LABEL,
            id="pgaudit_log.W026",
        )
    ]


def _has_users(classes: list[Any]) -> bool:
    """Return whether requests have users."""
    if not apps.is_installed("django.contrib.auth"):
        return False
    # Where the app is not installed, its models cannot be imported, and so neither can this.
    from django.contrib.auth.middleware import AuthenticationMiddleware

    return _first(classes, AuthenticationMiddleware) is not None


def _imported(path: str) -> Any:
    """Return a middleware; ``None`` for one that Django is going to refuse itself."""
    try:
        return import_string(path)
    except ImportError:
        return None


def _first(classes: list[Any], base: type[Any]) -> int | None:
    """Return where the first subclass of ``base`` stands; ``None`` if there is none."""
    for place, found in enumerate(classes):
        if isinstance(found, type) and issubclass(found, base):
            return place
    return None
