"""A site of the admin for the tests' shop, with the trail on it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.urls import path

from pgaudit_log.admin import AuditTimelineMixin, EventAdmin, EventsAdmin
from pgaudit_log.models import Events, MiddlewareEvents
from tests.shop.models import Customer, Order, OrderLine, Product, Untracked

site = admin.AdminSite()

OrderEvent: Any = Order.pgh_event_model  # type: ignore[attr-defined]
ProductEvent: Any = Product.pgh_event_model  # type: ignore[attr-defined]


class LineInline(admin.TabularInline):  # type: ignore[type-arg]
    model = OrderLine


class OrderAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    inlines = (LineInline,)


class ProductAdmin(AuditTimelineMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    """Prices are for those who may change products."""

    def get_audit_hidden_fields(self, request: Any) -> Any:
        return () if request.user.has_perm("shop.change_product") else ("price",)


class RequestsAdmin(EventsAdmin):
    list_display = ("pgh_id", "user_name", "url", "pgh_obj_id", "shout")

    def shout(self, event: Any) -> str:
        return f"{event.pgh_label}!"

    def get_urls(self) -> Any:
        # The screens below the list are the trail's.
        return super(EventsAdmin, self).get_urls()


site.register(Events, EventsAdmin)
site.register(MiddlewareEvents, RequestsAdmin)
for events in (OrderEvent, ProductEvent):
    site.register(events, EventAdmin)
site.register(Order, OrderAdmin)
site.register(Product, ProductAdmin)
for model in (Customer, Group, Untracked):
    site.register(model)
site.register(User, UserAdmin)

urlpatterns = [path("admin/", site.urls)]
