"""Newer events: how many there are by now of those that a page of the trail asked for."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.presentation import pages
from pgaudit_log.presentation.filter_bar import asked_of

MOST = 99
"""How many are counted; of more it is said that there are."""


def newer(
    site: AdminSite, request: HttpRequest, *, queryset: Any, filterset_class: type[Any]
) -> JsonResponse:
    """Return, as words for a page that is open, how many events came after the one with the id ``newest``.

    The words are empty where there are none, and where that cannot be asked.
    """
    newest = pages.number_of(request.GET.get("newest"))
    asked = asked_of(filterset_class, request.GET, queryset, AdminAccess(request, site))
    try:
        with pages.bounded(str(queryset.db)):
            if newest is None or not asked.form.is_valid():
                return JsonResponse({"text": ""}, status=400)
            found = asked.qs.after(newest).order_by("pgh_id").values_list("pgh_id")
            count = len(found[: MOST + 1])
    except pages.TookTooLongError:
        return JsonResponse({"text": ""}, status=503)
    return JsonResponse({"text": _words(count)})


def _words(count: int) -> str:
    if count > MOST:
        return _("more than %(count)d newer events") % {"count": MOST}
    words = ngettext("%(count)d newer event", "%(count)d newer events", count)
    return words % {"count": count} if count else ""
