"""Going back in the shop: a diff, the shop as it was, and changes taken back."""

from __future__ import annotations

from decimal import Decimal

from django.contrib.auth.models import User
from django.db.models import F, Sum
from django.urls import reverse

import pgaudit_log
from example_project.shop import chinook
from example_project.shop.changes import ARTIST
from example_project.shop.models import Order, OrderLine, Product
from pgaudit_log.diffs import Diff, diff
from pgaudit_log.models import Events
from pgaudit_log.reversal import Plan, restore, undo


def compare(order: Order) -> Diff:
    """Return what is different about an order since it was taken."""
    return diff(Events.objects.tracks(order).order_by("pgh_id")[0])


def last_loaded() -> Events:
    """Return the last event that loading the data left."""
    return Events.objects.filter(pgh_context__command="load_chinook").latest("pgh_id")


def prices() -> list[tuple[Product, Product]]:
    """Return the artist's products as they were loaded, each with what it is now."""
    now = Product.objects.in_bulk()
    then = Product.objects.as_of(last_loaded()).filter(artist=ARTIST).order_by("pk")
    return [(product, now[product.pk]) for product in then]


def revenue() -> tuple[Decimal, Decimal]:
    """Return the sum of all order lines as they were loaded, and that of the data's invoices."""
    lines = OrderLine.objects.as_of(last_loaded())
    total = lines.aggregate(total=Sum(F("quantity") * F("price")))["total"]
    return total, chinook.revenue()


def undo_request(order: Order, clerk: User) -> Plan:
    """Undo: takes back all that the request did."""
    url = reverse("cancel", args=[order.pk])
    request = Events.objects.filter(pgh_context__url=url).latest("pgh_id")
    plan = undo(context=request.pgh_context_id)
    with pgaudit_log.context(user=clerk.pk):
        plan.apply(reason="the wrong order was cancelled")
    return plan


def restore_order(key: int, clerk: User) -> Plan:
    """Restore: brings the order back, with the lines that were deleted with it."""
    deletion = Events.objects.across(Order).filter(pgh_obj_id=str(key), pgh_operation="D")
    plan = restore(deletion.latest("pgh_id"))
    with pgaudit_log.context(user=clerk.pk):
        plan.apply(reason="it was in stock after all")
    return plan
