"""Responses: a screen as a page of the admin's site, and what stands there instead of one."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import django
from django.contrib.admin import AdminSite
from django.db import OperationalError, models
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.links import AdminLinks
from pgaudit_log.models import Events
from pgaudit_log.presentation import looks, pages

CRUMBS_ARE_A_LIST = django.VERSION >= (6, 1)
"""Whether the admin's styles want breadcrumbs as a list."""


@dataclass(frozen=True, kw_only=True)
class Crumb:
    """A page above the one that is shown; without an address, only its name."""

    label: str
    url: str = ""


def crumbs_of(access: AdminAccess, model: type[models.Model], timeline: str = "") -> list[Crumb]:
    """Return the way to a page of a model: its list, and the ``timeline`` of an object where there is one."""
    url = AdminLinks(access.site).changelist(model) if access.may_view(model) else ""
    found = [Crumb(label=capfirst(str(model._meta.verbose_name_plural)), url=url)]
    return [*found, Crumb(label=_("Timeline"), url=timeline)] if timeline else found


def screen(
    site: AdminSite,
    request: HttpRequest,
    name: str,
    *,
    status: int = 200,
    crumbs: Sequence[Crumb] = (),
    **context: Any,
) -> TemplateResponse:
    """Return the page of a template of this room; ``crumbs`` lead from the trail to it."""
    if status == 200:
        looks.tell(request)
    request.current_app = site.name
    trail_url = AdminLinks(site).trail()
    top = [Crumb(label=_("Audit trail"), url=trail_url)] if trail_url and name != "trail" else []
    return TemplateResponse(
        request,
        f"pgaudit_log/admin/{name}.html",
        {
            **site.each_context(request),
            "opts": Events._meta,
            "trail_url": trail_url,
            "crumbs": [*top, *crumbs],
            "crumbs_are_a_list": CRUMBS_ARE_A_LIST,
            **context,
        },
        status=status,
    )


def view_of(site: AdminSite, view: Callable[..., HttpResponseBase]) -> Any:
    """Return a view as one of the site's, which answers as :func:`answered` does."""

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return answered(site, request, lambda: view(request, *args, **kwargs))

    return site.admin_view(answer)


def answered(
    site: AdminSite, request: HttpRequest, answer: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    """Return an answer, or a page that says that the database has given up what it asked.

    Roles and databases may have a ``statement_timeout`` of their own.
    """
    try:
        return answer()
    except OperationalError as error:
        if not pages.is_given_up(error):
            raise
        return refusal(site, request, pages.too_long(), status=503)


def not_written(site: AdminSite, request: HttpRequest) -> TemplateResponse:
    """Return a page that says that the database did not write, such as one that is only read from."""
    message = _("The database could not do it just now. Nothing was changed; try again.")
    return refusal(site, request, message, status=503)


def refusal(
    site: AdminSite,
    request: HttpRequest,
    message: str,
    *,
    status: int = 404,
    crumbs: Sequence[Crumb] = (),
) -> TemplateResponse:
    """Return a page that says what cannot be shown, and why; ``crumbs`` lead to what can."""
    title = _("Not found") if status == 404 else _("This cannot be asked")
    return screen(
        site, request, "refusal", status=status, crumbs=crumbs, title=title, message=message
    )
