"""The URLs of the test suite."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from tests.shop import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("customers/", views.create_customer),
    path("async-customers/", views.create_customer_async),
    path("pages/", views.page),
    path("login/", views.log_in_and_write),
]
