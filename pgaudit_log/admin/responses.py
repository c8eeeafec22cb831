"""Responses: a screen as a page of the admin's site, and what stands there instead of one."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from pgaudit_log.admin.links import Links
from pgaudit_log.models import Events


def screen(
    site: AdminSite, request: HttpRequest, name: str, *, status: int = 200, **context: Any
) -> TemplateResponse:
    """Return the page of a template of this room."""
    request.current_app = site.name
    links = Links(site)
    return TemplateResponse(
        request,
        f"pgaudit_log/admin/{name}.html",
        {
            **site.each_context(request),
            "opts": Events._meta,
            "trail_url": links.trail(),
            **context,
        },
        status=status,
    )


def refusal(
    site: AdminSite, request: HttpRequest, message: str, *, status: int = 404
) -> TemplateResponse:
    """Return a page that says what cannot be shown, and why."""
    title = _("Not found") if status == 404 else _("This cannot be asked")
    return screen(site, request, "refusal", status=status, title=title, message=message)
