"""The mixin for admins of tracked models: their History pages are timelines."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest
from django.template.loader import select_template
from django.urls import path

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.as_of_view import as_of
from pgaudit_log.admin.comparison_view import comparison
from pgaudit_log.admin.deleted_view import deleted
from pgaudit_log.admin.fields_view import fields
from pgaudit_log.admin.links import AdminLinks
from pgaudit_log.admin.responses import answered, view_of
from pgaudit_log.admin.timeline_view import timeline, timeline_export
from pgaudit_log.declaring import model_labels
from pgaudit_log.presentation.links import MODES, Mode
from pgaudit_log.values.tables import concrete


def is_tracked(model_admin: ModelAdmin[Any]) -> bool:
    """Return whether objects of an admin have timelines."""
    return concrete(model_admin.model) in model_labels.tracked_models()


def audit_urls(model_admin: ModelAdmin[Any]) -> list[Any]:
    """Return the addresses of the timelines of an admin's objects."""
    site, model = model_admin.admin_site, model_admin.model
    name = f"{model._meta.app_label}_{model._meta.model_name}_audit"

    def timeline_view(request: HttpRequest, object_id: str) -> Any:
        return timeline(site, request, model, unquote(object_id))

    def comparison_view(request: HttpRequest, object_id: str) -> Any:
        return comparison(site, request, model, unquote(object_id))

    def fields_view(request: HttpRequest, object_id: str) -> Any:
        return fields(site, request, model, unquote(object_id))

    def deleted_view(request: HttpRequest) -> Any:
        return deleted(site, request, model)

    def reversal_view(request: HttpRequest, object_id: str, mode: Mode) -> Any:
        # Only now: few processes go back.
        from pgaudit_log.admin.reversal_view import object_reversal

        return object_reversal(site, request, model, unquote(object_id), mode)

    def as_of_view(request: HttpRequest, object_id: str) -> Any:
        return as_of(site, request, model, unquote(object_id))

    def export_view(request: HttpRequest, object_id: str) -> Any:
        return timeline_export(site, request, model, unquote(object_id))

    return [
        path("audit/deleted/", view_of(site, deleted_view), name=f"{name}_deleted"),
        *(
            path(
                f"<path:object_id>/audit/{mode}/",
                view_of(site, reversal_view),
                {"mode": mode},
                name=f"{name}_{mode}",
            )
            for mode in MODES
        ),
        path("<path:object_id>/audit/at/", view_of(site, as_of_view), name=f"{name}_as_of"),
        path("<path:object_id>/audit/export/", view_of(site, export_view), name=f"{name}_export"),
        path("<path:object_id>/audit/fields/", view_of(site, fields_view), name=f"{name}_fields"),
        path(
            "<path:object_id>/audit/compare/",
            view_of(site, comparison_view),
            name=f"{name}_comparison",
        ),
        path("<path:object_id>/audit/", view_of(site, timeline_view), name=name),
    ]


def history(model_admin: ModelAdmin[Any], request: HttpRequest, object_id: str) -> Any:
    """Return the timeline for a History page; ``None`` where the person may not see the trail."""
    site = model_admin.admin_site
    if not is_tracked(model_admin) or not AdminAccess(request, site).may_view_trail:
        return None
    key = unquote(object_id)
    return answered(site, request, lambda: timeline(site, request, model_admin.model, key))


def with_trail_link(model_admin: ModelAdmin[Any], request: HttpRequest, response: Any) -> Any:
    """Return the page of a list with a link to the events of its model, where there can be one."""
    access = AdminAccess(request, model_admin.admin_site)
    model = concrete(model_admin.model)
    names = getattr(response, "template_name", None)
    context = getattr(response, "context_data", None)
    if names is None or not isinstance(context, dict) or not is_tracked(model_admin):
        return response
    if not access.may_view_trail or not access.may_view(model):
        return response
    links = AdminLinks(model_admin.admin_site)
    url, deleted_url = links.trail(model=model._meta.label), links.deleted(model)
    if not (url or deleted_url) or response.is_rendered:
        return response
    template: Any = select_template([names] if isinstance(names, str) else list(names))
    context["audit_parent"] = template.template
    context["audit_trail_url"] = url
    context["audit_deleted_url"] = deleted_url
    response.template_name = "pgaudit_log/admin/change_list.html"
    return response


class AuditTimelineMixin:
    """Gives a ``ModelAdmin`` timelines, whatever the settings say of the others."""

    def get_audit_hidden_fields(self, request: HttpRequest) -> Collection[str]:
        """Return the names of the fields whose values this person is not to see in the log."""
        return ()

    def get_urls(self) -> list[Any]:
        """Return the addresses of the admin, with those of timelines."""
        own: Any = self
        return [*audit_urls(own), *super().get_urls()]  # type: ignore[misc]

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Return the timeline of an object, for those who may see the trail."""
        own: Any = self
        found = history(own, request, object_id)
        if found is not None:
            return found
        return super().history_view(request, object_id, extra_context)  # type: ignore[misc]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Return the list, with a link to the events of its model."""
        own: Any = self
        response = super().changelist_view(request, extra_context)  # type: ignore[misc]
        return with_trail_link(own, request, response)
