"""Access in the admin: what the person who asks for a page may see, as one of its sites says it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
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

    def admins_of(self, model: type[models.Model]) -> Sequence[ModelAdmin[Any]]:
        """Return what this site has registered for a model."""
        registered = self.site._registry.get(concrete(model))
        return () if registered is None else (registered,)
