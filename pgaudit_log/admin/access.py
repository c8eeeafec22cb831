"""Access in the admin: what the person who asks for a page may see, as one of its sites says it."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.admin import AdminSite
from django.http import HttpRequest

from pgaudit_log.admin.links import AdminLinks
from pgaudit_log.presentation.access import Access


class AdminAccess(Access):
    """What one request may see, in one site of the admin."""

    links: AdminLinks

    def __init__(self, request: HttpRequest, site: AdminSite) -> None:
        super().__init__(request, AdminLinks(site))
        self.site = site

    @property
    def sites(self) -> Sequence[AdminSite]:
        """This site."""
        return (self.site,)
