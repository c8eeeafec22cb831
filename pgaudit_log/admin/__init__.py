"""The audit admin: who changed this? Django's admin imports it, if it is installed.

The trail is registered, and the History pages of tracked models are their timelines, unless the
settings ``PGAUDIT_LOG_ADMIN_TRAIL`` and ``PGAUDIT_LOG_ADMIN_HISTORY`` say otherwise.
"""

from __future__ import annotations

from django.contrib import admin

from pgaudit_log.admin import history_hooks
from pgaudit_log.admin.timeline_mixin import AuditTimelineMixin
from pgaudit_log.admin.trail_admin import EventsAdmin
from pgaudit_log.admin.typed_event_admin import EventAdmin
from pgaudit_log.conf import settings
from pgaudit_log.models import Events

__all__ = ["AuditTimelineMixin", "EventAdmin", "EventsAdmin"]

history_hooks.install()
if settings.ADMIN_TRAIL and not admin.site.is_registered(Events):
    admin.site.register(Events, EventsAdmin)
