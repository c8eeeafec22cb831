"""A site of the admin under django-unfold, for the tests' shop."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.urls import path
from unfold.admin import ModelAdmin
from unfold.sites import UnfoldAdminSite

from pgaudit_log.admin import EventsAdmin
from pgaudit_log.models import Events
from tests.shop.models import Customer, Order

site: Any = UnfoldAdminSite()
site.register(Events, EventsAdmin)
for model in (Customer, Order, User):
    site.register(model, ModelAdmin)

urlpatterns = [path("admin/", site.urls)]
