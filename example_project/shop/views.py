"""The pages of the shop."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from example_project.shop import trail
from example_project.shop.models import Order
from pgaudit_log.models import Events


def front_page(request: HttpRequest) -> HttpResponse:
    """Show the newest orders and the newest events."""
    return render(
        request,
        "shop/front_page.html",
        {
            "orders": Order.objects.select_related("customer").order_by("-placed_on", "-pk")[:15],
            "entries": trail.read(Events.objects.order_by("-pgh_id")[:15]),
        },
    )


def order_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Show an order and all events of the order and its lines, even after it is deleted.

    What happened first comes first, as in a story; the front page has the newest first.
    """
    order = Order.objects.filter(pk=pk).select_related("customer").first()
    events = Events.objects.filter(
        Q(pgh_obj_model="shop.Order", pgh_obj_id=str(pk))
        | Q(pgh_refs__contains=[f"shop.Order:{pk}"])
    ).order_by("pgh_id")
    entries = trail.read(events)
    if not order and not entries:
        raise Http404(f"There never was an order {pk}.")
    return render(
        request,
        "shop/order_page.html",
        {
            "pk": pk,
            "order": order,
            "lines": order.lines.select_related("product").order_by("pk") if order else (),
            "entries": entries,
        },
    )


@login_required
def ship(request: HttpRequest, pk: int) -> HttpResponse:
    """Ship an order. The middleware says who did it; nothing here has to."""
    order = get_object_or_404(Order, pk=pk)
    if request.method == "POST" and order.status != Order.Status.CANCELLED:
        order.status = Order.Status.SHIPPED
        order.save()
    return redirect(order)


@login_required
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Cancel an order: it stays as a cancelled one, without its lines."""
    order = get_object_or_404(Order, pk=pk)
    if request.method == "POST":
        order.lines.all().delete()
        order.status = Order.Status.CANCELLED
        order.save()
    return redirect(order)
