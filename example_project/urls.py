"""The URLs of the example: the shop, Django's admin, and the log as JSON."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from example_project.shop import views
from example_project.shop.models import Order
from pgaudit_log.views import TimelineView

urlpatterns = [
    path("", views.front_page, name="front_page"),
    path("orders/<int:pk>/", views.order_page, name="order"),
    path(
        "orders/<int:pk>/activity/",
        TimelineView.as_view(model=Order, show_deleted=True),
        name="activity",
    ),
    path("orders/<int:pk>/ship/", views.ship, name="ship"),
    path("orders/<int:pk>/cancel/", views.cancel, name="cancel"),
    path("admin/", admin.site.urls),
    path("api/audit/", include("pgaudit_log.rest.urls")),
]
