"""Changes to the shop, made in different ways. None of them does anything to be captured."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

import pgaudit_log
from example_project.shop.models import Customer, Order, OrderLine, Product

ARTIST = "Karsh Kale"


def take_order(clerk: User) -> Order:
    """ORM: a customer orders two songs by phone, and pays."""
    with pgaudit_log.context(user=clerk.pk, reason="order by phone"):
        order = _new_order()
        order.status = Order.Status.PAID
        order.save()
    return order


def raise_prices() -> None:
    """Bulk: a management command raises prices with one update()."""
    call_command("raise_prices", ARTIST)


def double_quantities(order: Order, clerk: User) -> None:
    """Raw SQL: the customer wants two of each."""
    with pgaudit_log.context(user=clerk.pk, reason="called again"), connection.cursor() as cursor:
        cursor.execute("UPDATE shop_orderline SET quantity = 2 WHERE order_id = %s", [order.pk])


def leave_note(order: Order) -> None:
    """Raw SQL without a context: PostgreSQL still knows the database role."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE shop_order SET note = 'gift wrap' WHERE id = %s", [order.pk])


def ship(order: Order, clerk: User) -> None:
    """Request: the clerk presses "Ship" on the site."""
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(clerk)
    browser.post(reverse("ship", args=[order.pk]))


def cancel(order: Order, clerk: User) -> None:
    """Request: the clerk presses "Cancel", of the wrong order. Its lines are deleted."""
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(clerk)
    browser.post(reverse("cancel", args=[order.pk]))


def delete(order: Order, clerk: User) -> None:
    """Deletion: the clerk deletes the wrong order. Its lines go with it."""
    with pgaudit_log.context(user=clerk.pk, reason="out of stock"):
        order.delete()


def delete_twin(clerk: User) -> int:
    """Deletion: an order was entered twice. Its lines go with it."""
    with pgaudit_log.context(user=clerk.pk, reason="entered twice"):
        twin = _new_order()
        key = twin.pk
        twin.delete()
    return key


def form_team(clerk: User, admin: User) -> None:
    """Django's own User and Group: the clerk joins a team, which is then dissolved."""
    with pgaudit_log.context(user=admin.pk, reason="stocktaking"):
        team = Group.objects.create(name="Stocktaking")
        clerk.groups.add(team)
        clerk.is_staff = not clerk.is_staff
        clerk.save()
        team.delete()


def _new_order() -> Order:
    """Return a new order of the first customer for all products of the artist."""
    order = Order.objects.create(customer=Customer.objects.earliest("pk"))
    OrderLine.objects.bulk_create(
        OrderLine(order=order, product=product, price=product.price)
        for product in Product.objects.filter(artist=ARTIST)
    )
    return order
