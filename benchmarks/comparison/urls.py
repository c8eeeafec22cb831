"""The addresses of the project: an order is changed in several ways, and looked at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path

from benchmarks.comparison.orders.models import Line, Order


def save(request: HttpRequest, pk: int, status: str) -> HttpResponse:
    """Save an order."""
    order = Order.objects.get(pk=pk)
    order.status = status
    order.save()
    return HttpResponse()


def bulk(request: HttpRequest, pk: int, status: str) -> HttpResponse:
    """Update an order by a queryset."""
    Order.objects.filter(pk=pk).update(status=status)
    return HttpResponse()


def raw(request: HttpRequest, pk: int, status: str) -> HttpResponse:
    """Update an order by SQL."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_order SET status = %s WHERE id = %s", [status, pk])
    return HttpResponse()


def both(request: HttpRequest, pk: int, status: str) -> HttpResponse:
    """Save an order and a line of it."""
    order = Order.objects.get(pk=pk)
    order.status = status
    order.save()
    Line.objects.create(order=order, article="tea", quantity=1)
    return HttpResponse()


async def async_save(request: HttpRequest, pk: int, status: str) -> HttpResponse:
    """Save an order in a coroutine."""
    order: Any = await Order.objects.aget(pk=pk)
    order.status = status
    await order.asave()
    return HttpResponse()


def look(request: HttpRequest) -> HttpResponse:
    """Change nothing."""
    return HttpResponse()


urlpatterns = [
    path("admin/", admin.site.urls),
    path("save/<int:pk>/<str:status>/", save),
    path("bulk/<int:pk>/<str:status>/", bulk),
    path("raw/<int:pk>/<str:status>/", raw),
    path("both/<int:pk>/<str:status>/", both),
    path("async/<int:pk>/<str:status>/", async_save),
    path("look/", look),
]
