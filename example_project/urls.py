"""The URLs of the example: the shop, and Django's admin."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from example_project.shop import views

urlpatterns = [
    path("", views.front_page, name="front_page"),
    path("orders/<int:pk>/", views.order_page, name="order"),
    path("orders/<int:pk>/ship/", views.ship, name="ship"),
    path("orders/<int:pk>/cancel/", views.cancel, name="cancel"),
    path("admin/", admin.site.urls),
]
