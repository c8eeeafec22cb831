"""The admin of events of any kind, which only reads: a list, and a page for each event."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.columns import columns_of
from pgaudit_log.admin.event_view import event as event_page
from pgaudit_log.admin.newer_events import newer
from pgaudit_log.admin.responses import answered, view_of
from pgaudit_log.admin.trail_view import trail, trail_export
from pgaudit_log.constants import OPERATIONS
from pgaudit_log.declaring import model_labels
from pgaudit_log.presentation import heads
from pgaudit_log.presentation.entries import Entries
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
