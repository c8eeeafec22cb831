"""The packages that are compared, each set up as its own documentation says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ADMIN_APPS = (
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
)


@dataclass(frozen=True, kw_only=True)
class Package:
    """One package, with what its quickstart puts into the settings."""

    name: str
    """Of its module among the ways, and in the stored results."""
    distribution: str
    """Its name on PyPI."""
    module: str
    apps: tuple[str, ...]
    middleware: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    variant: str | None = None
    """The variant of the benchmarks whose measured costs are its."""


PACKAGES = (
    Package(
        name="pgaudit_log",
        distribution="django-pgaudit-log",
        module="pgaudit_log",
        apps=("pgtrigger", "pgaudit_log"),
        middleware=("pgaudit_log.middleware.AuditMiddleware",),
        settings={
            "PGAUDIT_LOG_ACCESS_EVENTS": ["login", "logout", "login_failed"],
            "PGAUDIT_LOG_PAGE_VIEWS": ["/look/"],
            "PGAUDIT_LOG_RETENTION": {"default": "1y"},
        },
        variant="pgaudit_log",
    ),
    Package(
        name="pghistory",
        distribution="django-pghistory",
        module="pghistory",
        apps=("pgtrigger", "pghistory", "pghistory.admin"),
        middleware=("pghistory.middleware.HistoryMiddleware",),
        settings={"PGHISTORY_APPEND_ONLY": True},
        variant="pghistory",
    ),
    Package(
        name="auditlog",
        distribution="django-auditlog",
        module="auditlog",
        apps=("auditlog",),
        middleware=("auditlog.middleware.AuditlogMiddleware",),
        settings={
            "AUDITLOG_INCLUDE_ALL_MODELS": True,
            "AUDITLOG_INCLUDE_TRACKING_MODELS": (
                *(
                    {"model": f"orders.{name}", "serialize_data": True}
                    for name in ("Customer", "Tag", "Line", "Stamp", "Plain")
                ),
                {
                    "model": "orders.Order",
                    "m2m_fields": ["tags"],
                    "mask_fields": ["secret"],
                    "serialize_data": True,
                },
                {
                    "model": "orders.Sheet",
                    "exclude_fields": ["draft"],
                    "serialize_data": True,
                    "serialize_auditlog_fields_only": True,
                },
            ),
            "AUDITLOG_EXCLUDE_TRACKING_MODELS": ("admin", "sessions", "contenttypes"),
        },
        variant="auditlog",
    ),
    Package(
        name="simple_history",
        distribution="django-simple-history",
        module="simple_history",
        apps=("simple_history",),
        middleware=("simple_history.middleware.HistoryRequestMiddleware",),
        variant="simple_history",
    ),
    Package(
        name="reversion",
        distribution="django-reversion",
        module="reversion",
        apps=("reversion",),
        middleware=("reversion.middleware.RevisionMiddleware",),
        variant="reversion",
    ),
    Package(
        name="easy_audit",
        distribution="django-easy-audit",
        module="easyaudit",
        apps=("easyaudit",),
        middleware=("easyaudit.middleware.easyaudit.EasyAuditMiddleware",),
        settings={"DJANGO_EASY_AUDIT_CRUD_EVENT_NO_CHANGED_FIELDS_SKIP": True},
        variant="easy_audit",
    ),
)

BY_NAME = {package.name: package for package in PACKAGES}
