"""Looks: that somebody looked at the log leaves an event, where a setting says so."""

from __future__ import annotations

from django.http import HttpRequest

from pgaudit_log.access import visits
from pgaudit_log.conf import settings


def tell(request: HttpRequest) -> None:
    """Leave an event of access of a page that is shown, or of an answer of the API."""
    if settings.ADMIN_VIEWS and request.method == "GET":
        visits.tell(request)
