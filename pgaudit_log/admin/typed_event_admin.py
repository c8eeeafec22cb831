"""The admin of typed events, such as those of one model."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.read_only_admin import ReadOnlyAdmin
from pgaudit_log.presentation.filter_bar import typed_filterset


class EventAdmin(ReadOnlyAdmin):
    """The admin of typed events of one model: ``site.register(OrderEvent, EventAdmin)``."""

    def get_filterset_class(self, request: HttpRequest) -> Any:
        """Return the filter set of the list, by default that of the events' class."""
        return self.filterset_class or typed_filterset(self.model)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may see the trail, and objects of the tracked model."""
        access = AdminAccess(request, self.admin_site)
        return access.may_view_trail and access.may_view(self.model.pgh_tracked_model)

    def get_title(self, request: HttpRequest) -> str:
        """Return what the list is called."""
        name = self.model.pgh_tracked_model._meta.verbose_name
        return _("Events: %(model)s") % {"model": name}
