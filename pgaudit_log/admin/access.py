"""Access in the admin: what the person who asks for a page may see, as one of its sites says it."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.admin import AdminSite
from django.db import models
from django.http import HttpRequest

from pgaudit_log.admin.links import AdminLinks
from pgaudit_log.presentation.access import Access
from pgaudit_log.values.tables import concrete


class AdminAccess(Access):
    """What one request may see, in one site of the admin."""

    links: AdminLinks

    def __init__(self, request: HttpRequest, site: AdminSite) -> None:
        super().__init__(request, AdminLinks(site))
        self.site = site

    def sites_for(self, model: type[models.Model]) -> Iterable[AdminSite]:
        """Return this site; all of them for a model of which it has no admin."""
        is_registered = any(concrete(known) is concrete(model) for known in self.site._registry)
        return (self.site,) if is_registered else super().sites_for(model)
