"""The admin of the trail, with the screens of transactions, contexts and objects below it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.admin.utils import unquote
from django.db import models
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import path
from django.utils.translation import gettext as _

from pgaudit_log.admin.as_of_view import as_of
from pgaudit_log.admin.comparison_view import comparison
from pgaudit_log.admin.deleted_view import deleted
from pgaudit_log.admin.fields_view import fields
from pgaudit_log.admin.read_only_admin import ReadOnlyAdmin
from pgaudit_log.admin.saved_filters import saved_filters
from pgaudit_log.admin.status_view import status
from pgaudit_log.admin.timeline_view import timeline, timeline_export
from pgaudit_log.admin.transaction_view import context, transaction
from pgaudit_log.admin.user_names import user_names
from pgaudit_log.presentation.filter_bar import TrailFilterSet
from pgaudit_log.presentation.links import MODES, Mode


class EventsAdmin(ReadOnlyAdmin):
    """The admin of the trail, with the screens of transactions, contexts and objects below it."""

    filterset_class = TrailFilterSet

    def get_urls(self) -> list[Any]:
        """Return the addresses of the screens, beside those of the list and of an event."""
        name = "pgaudit_log_events"
        return [
            path("status/", self._view(self.status_view), name=f"{name}_status"),
            path(
                "transaction/<int:txid>/",
                self._view(self.transaction_view),
                name=f"{name}_transaction",
            ),
            path(
                "transaction/<int:txid>/undo/",
                self._view(self.transaction_undo_view),
                name=f"{name}_transaction_undo",
            ),
            path("context/<uuid:id>/", self._view(self.context_view), name=f"{name}_context"),
            path(
                "context/<uuid:id>/undo/",
                self._view(self.context_undo_view),
                name=f"{name}_context_undo",
            ),
            path("deleted/<str:label>/", self._view(self.deleted_view), name=f"{name}_deleted"),
            path(
                "object/<str:label>/<path:key>/compare/",
                self._view(self.object_comparison_view),
                name=f"{name}_object_comparison",
            ),
            path(
                "object/<str:label>/<path:key>/at/",
                self._view(self.object_as_of_view),
                name=f"{name}_object_as_of",
            ),
            path(
                "object/<str:label>/<path:key>/fields/",
                self._view(self.object_fields_view),
                name=f"{name}_object_fields",
            ),
            *(
                path(
                    f"object/<str:label>/<path:key>/{mode}/",
                    self._view(self.object_reversal_view),
                    {"mode": mode},
                    name=f"{name}_object_{mode}",
                )
                for mode in MODES
            ),
            path(
                "object/<str:label>/<path:key>/export/",
                self._view(self.object_export_view),
                name=f"{name}_object_export",
            ),
            path(
                "object/<str:label>/<path:key>/",
                self._view(self.object_view),
                name=f"{name}_object",
            ),
            path("saved/", self._view(self.saved_view), name=f"{name}_saved"),
            path("users/", self._view(self.users_view), name=f"{name}_users"),
            *super().get_urls(),
        ]

    def saved_view(self, request: HttpRequest) -> HttpResponseBase:
        """Return the filters that the person has saved."""
        return saved_filters(self.admin_site, request)

    def users_view(self, request: HttpRequest) -> HttpResponseBase:
        """Return the users whose names begin with a text, for the field *Who*."""
        return user_names(self.admin_site, request)

    def object_export_view(self, request: HttpRequest, label: str, key: str) -> Any:
        """Return the timeline of an object as a file."""
        return timeline_export(self.admin_site, request, _model(label), unquote(key))

    def status_view(self, request: HttpRequest) -> Any:
        """Return the status of the log."""
        return status(self.admin_site, request)

    def transaction_view(self, request: HttpRequest, txid: int) -> Any:
        """Return the events of a transaction."""
        return transaction(self.admin_site, request, txid)

    def context_view(self, request: HttpRequest, id: UUID) -> Any:
        """Return the events of a context."""
        return context(self.admin_site, request, id)

    def object_view(self, request: HttpRequest, label: str, key: str) -> Any:
        """Return the timeline of an object, of a model that has no admin of its own, too."""
        return timeline(self.admin_site, request, _model(label), unquote(key))

    def object_fields_view(self, request: HttpRequest, label: str, key: str) -> Any:
        """Return who set what of an object."""
        return fields(self.admin_site, request, _model(label), unquote(key))

    def object_reversal_view(self, request: HttpRequest, label: str, key: str, mode: Mode) -> Any:
        """Return what an object goes back to by an event, and take it there."""
        # Only now: few processes go back.
        from pgaudit_log.admin.reversal_view import object_reversal

        return object_reversal(self.admin_site, request, _model(label), unquote(key), mode)

    def transaction_undo_view(self, request: HttpRequest, txid: int) -> Any:
        """Return what taking a whole transaction back would change, and do it."""
        from pgaudit_log.admin.reversal_view import transaction_undo

        return transaction_undo(self.admin_site, request, txid)

    def context_undo_view(self, request: HttpRequest, id: UUID) -> Any:
        """Return what taking all back would change that was done in a context, and do it."""
        from pgaudit_log.admin.reversal_view import context_undo

        return context_undo(self.admin_site, request, id)

    def deleted_view(self, request: HttpRequest, label: str) -> Any:
        """Return the deleted objects of a model, of one that has no admin of its own, too."""
        return deleted(self.admin_site, request, _model(label))

    def object_as_of_view(self, request: HttpRequest, label: str, key: str) -> Any:
        """Return an object as it was at a moment."""
        return as_of(self.admin_site, request, _model(label), unquote(key))

    def object_comparison_view(self, request: HttpRequest, label: str, key: str) -> Any:
        """Return what differs between two states of an object."""
        return comparison(self.admin_site, request, _model(label), unquote(key))


def _model(label: str) -> type[models.Model]:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        raise Http404(_("There is no model %(label)s.") % {"label": label[:100]}) from None
