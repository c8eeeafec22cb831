"""The admins of events: the trail's, and that of typed events. They read, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.as_of_view import as_of
from pgaudit_log.admin.columns import columns_of
from pgaudit_log.admin.comparison_view import comparison
from pgaudit_log.admin.deleted_view import deleted
from pgaudit_log.admin.event_view import event as event_page
from pgaudit_log.admin.fields_view import fields
from pgaudit_log.admin.newer_events import newer
from pgaudit_log.admin.responses import answered, view_of
from pgaudit_log.admin.saved_filters import saved_filters
from pgaudit_log.admin.status_view import status
from pgaudit_log.admin.timeline_view import timeline, timeline_export
from pgaudit_log.admin.trail_view import trail, trail_export
from pgaudit_log.admin.transaction_view import context, transaction
from pgaudit_log.admin.user_names import user_names
from pgaudit_log.constants import OPERATIONS
from pgaudit_log.declaring import model_labels
from pgaudit_log.models import Events
from pgaudit_log.presentation import heads
from pgaudit_log.presentation.entries import Entries
from pgaudit_log.presentation.filter_bar import TrailFilterSet, typed_filterset
from pgaudit_log.presentation.links import MODES, Mode
from pgaudit_log.presentation.pages import number_of
from pgaudit_log.presentation.shown import WORDS
from pgaudit_log.reading import actors

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin


class ReadOnlyAdmin(_ModelAdmin):
    """An admin of events: a list by pages and filters, and a page for each event.

    ``list_display`` names the columns of the flat list; ``list_filter``, ``search_fields`` and
    ``date_hierarchy``, which would count or read all events, have no effect.
    """

    actions = None
    list_display: Any = ("pgh_created_at", "who", "what_happened", "object_name", "pgh_id")
    filterset_class: ClassVar[Any] = None
    """The filter set of the list; ``None`` is the one of the package for such events."""

    def get_filterset_class(self, request: HttpRequest) -> Any:
        """Return the filter set of the list."""
        return self.filterset_class

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return that nobody may add an event."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return that nobody may change an event."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return that nobody may delete an event."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may see the trail: ``pgaudit_log.view_events``."""
        return AdminAccess(request, self.admin_site).may_view_trail

    @admin.display(description=_lazy("Who"))
    def who(self, event: Any) -> str:
        """Return who made an event; a list of events has the names of those whom it does not name."""
        return heads.who(actors.actor_of(event, {}), may_view_context=False)

    @admin.display(description=_lazy("What happened"))
    def what_happened(self, event: Any) -> str:
        """Return what happened, as a word, with the tracker's label where that says more."""
        word = str(WORDS.get(event.pgh_operation, event.pgh_operation))
        usual = OPERATIONS.get(event.pgh_operation)
        return word if event.pgh_label == usual else f"{word} ({event.pgh_label})"

    @admin.display(description=_lazy("Object"))
    def object_name(self, event: Any) -> str:
        """Return the model and the key of an event's object."""
        key = getattr(event, "pgh_obj_key", None) or getattr(event, "pgh_obj_id", None)
        model = model_labels.model_of(event.pgh_obj_model, str(event._state.db))
        return f"{Entries.kind_named(event.pgh_obj_model, model)} {key or ''}".strip()

    def get_title(self, request: HttpRequest) -> str:
        """Return what the list is called."""
        return _("Audit trail")

    def get_urls(self) -> list[Any]:
        """Return the addresses of the list, of an event, and of the export."""
        meta = self.model._meta
        return [
            path(
                "export/",
                self._view(self.export_view),
                name=f"{meta.app_label}_{meta.model_name}_export",
            ),
            path(
                "newer/",
                self._view(self.newer_view),
                name=f"{meta.app_label}_{meta.model_name}_newer",
            ),
            *super().get_urls(),
        ]

    def _view(self, view: Callable[..., HttpResponseBase]) -> Any:
        return view_of(self.admin_site, view)

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Return the events of the list that are asked for as a file.

        Raises:
            PermissionDenied: when the person may not see them, or may not export.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        return trail_export(
            self.admin_site,
            request,
            queryset=self.get_queryset(request),
            filterset_class=self.get_filterset_class(request),
            name=str(self.model._meta.model_name),
        )

    def newer_view(self, request: HttpRequest) -> HttpResponseBase:
        """Return how many events of the list there are that are newer than one.

        Raises:
            PermissionDenied: when the person may not see them.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        return newer(
            self.admin_site,
            request,
            queryset=self.get_queryset(request),
            filterset_class=self.get_filterset_class(request),
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Return a page of the list.

        Raises:
            PermissionDenied: when the person may not see it.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        return answered(
            self.admin_site,
            request,
            lambda: trail(
                self.admin_site,
                request,
                queryset=self.get_queryset(request),
                filterset_class=self.get_filterset_class(request),
                columns=columns_of(self, self.get_list_display(request)),
                title=self.get_title(request),
            ),
        )

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Return the page of an event.

        Raises:
            PermissionDenied: for whatever would add or change one, and who may not see it.
            Http404: when there is none.
        """
        if object_id is None or request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        if not self.has_view_permission(request):
            raise PermissionDenied
        text = unquote(object_id)
        # Those that a subclass leaves out are not here.
        id = number_of(text)
        if id is None or not self.get_queryset(request).filter(pk=id).exists():
            raise Http404(_("There is no event %(id)s.") % {"id": text[:20]})
        return event_page(self.admin_site, request, text)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """Return the page of an event, which has no history.

        Raises:
            Http404: when there is none.
        """
        return self.changeform_view(request, object_id)


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


def _model(label: str) -> type[models.Model]:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        raise Http404(_("There is no model %(label)s.") % {"label": label[:100]}) from None


__all__ = ["EventAdmin", "Events", "EventsAdmin", "ReadOnlyAdmin"]
