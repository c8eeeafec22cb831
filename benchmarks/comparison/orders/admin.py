"""The admins of orders, of the class that the package offers."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin

from benchmarks.comparison.orders.models import Order


def _class() -> Any:
    match settings.PACKAGE.name:
        case "auditlog":
            from auditlog.mixins import AuditlogHistoryAdminMixin

            attributes = {"show_auditlog_history_link": True}
            return type("OrderAdmin", (AuditlogHistoryAdminMixin, admin.ModelAdmin), attributes)
        case "simple_history":
            from simple_history.admin import SimpleHistoryAdmin

            return SimpleHistoryAdmin
        case "reversion":
            from reversion.admin import VersionAdmin

            return VersionAdmin
        case "easy_audit":
            from easyaudit.crudhistory_admin_mixin import CRUDHistoryAdminMixin

            return CRUDHistoryAdminMixin
    return admin.ModelAdmin


admin.site.register(Order, _class())
