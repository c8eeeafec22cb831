"""Django's hooks for the admin: the History pages of tracked models without any code.

Three methods of ``ModelAdmin`` itself are wrapped, so that an admin that has its own goes its own way:
``get_urls()``, and with ``extra_context`` ``history_view()`` and ``changelist_view()`` (since Django 1.1).
They do nothing for models that are not tracked, and where the setting ``PGAUDIT_LOG_ADMIN_HISTORY`` is off.
"""

from __future__ import annotations

import functools
from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest

from pgaudit_log.admin.timeline_mixin import (
    AuditTimelineMixin,
    audit_urls,
    history,
    is_tracked,
    with_trail_link,
)
from pgaudit_log.conf import settings

_MARK = "pgaudit_log_wrapped"


def install() -> None:
    """Wrap the methods, once."""
    if hasattr(ModelAdmin, _MARK):
        return
    setattr(ModelAdmin, _MARK, True)
    get_urls = ModelAdmin.get_urls
    history_view = ModelAdmin.history_view
    changelist_view = ModelAdmin.changelist_view

    @functools.wraps(get_urls)
    def get_urls_with_timelines(self: ModelAdmin[Any]) -> Any:
        urls = get_urls(self)
        return [*audit_urls(self), *urls] if _is_meant(self) else urls

    @functools.wraps(history_view)
    def history_or_timeline(
        self: ModelAdmin[Any], request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> Any:
        found = history(self, request, object_id) if _is_meant(self) else None
        return found if found is not None else history_view(self, request, object_id, extra_context)

    @functools.wraps(changelist_view)
    def changelist_with_link(
        self: ModelAdmin[Any], request: HttpRequest, extra_context: Any = None
    ) -> Any:
        response = changelist_view(self, request, extra_context)
        return with_trail_link(self, request, response) if _is_meant(self) else response

    for method in (get_urls_with_timelines, history_or_timeline, changelist_with_link):
        setattr(ModelAdmin, method.__name__, method)


def _is_meant(model_admin: ModelAdmin[Any]) -> bool:
    return (
        settings.ADMIN_HISTORY
        and is_tracked(model_admin)
        and not isinstance(model_admin, AuditTimelineMixin)
    )
