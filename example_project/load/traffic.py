"""Traffic: what happens in a shop, one thing at a time; each says how many events it must leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import F
from django.test import Client
from django.urls import reverse

import pgaudit_log
from example_project.shop.models import Customer, Order, OrderLine, Product

CITIES = ("Porto", "Bergen", "Ghent", "Turku", "Graz", "Cork")
MOST_ORDERS = 300
"""How many orders a writer remembers; older ones are left alone."""


@dataclass(kw_only=True)
class Clerk:
    """One writer: a user of the site, and the orders and customers that are theirs to change."""

    name: str
    number: int
    writers: int
    random: Random
    user: User = field(init=False)
    browser: Client = field(default_factory=lambda: Client(SERVER_NAME="localhost"))
    orders: list[int] = field(default_factory=list)
    customers: list[int] = field(default_factory=list)
    artists: list[str] = field(default_factory=list)
    products: list[tuple[int, Decimal]] = field(default_factory=list)

    def begin(self) -> None:
        """Find out who they are, and what there is to be sold."""
        self.user, _ = User.objects.get_or_create(username=self.name)
        artists = Product.objects.order_by("artist").values_list("artist", flat=True).distinct()
        # Two who raise the same prices would wait for each other, or lock each other out.
        self.artists = list(artists)[self.number :: self.writers]
        self.products = list(Product.objects.values_list("pk", "price"))
        self.customers = list(Customer.objects.order_by("pk").values_list("pk", flat=True))
        self.customers = self.customers[self.number :: self.writers]

    def an_order(self) -> Order | None:
        """Return one of their orders, if there is one that is still there."""
        if not self.orders:
            return None
        return Order.objects.filter(pk=self.random.choice(self.orders)).first()


def take_order(clerk: Clerk) -> int:
    """Take an order by phone: the order, its lines, and the payment."""
    chosen = clerk.random.sample(clerk.products, clerk.random.randrange(1, 8))
    customer = clerk.random.choice(clerk.customers)
    with transaction.atomic(), pgaudit_log.context(user=clerk.user.pk, reason="order by phone"):
        order = Order.objects.create(customer_id=customer)
        OrderLine.objects.bulk_create(
            OrderLine(order=order, product_id=product, price=price) for product, price in chosen
        )
        order.status = Order.Status.PAID
        order.save()
    clerk.orders = [*clerk.orders[-MOST_ORDERS:], order.pk]
    return 2 + len(chosen)


def edit_order(clerk: Clerk) -> int:
    """Let a customer have one more of each."""
    if (order := clerk.an_order()) is None:
        return 0
    with transaction.atomic(), pgaudit_log.context(user=clerk.user.pk, reason="called again"):
        events = order.lines.update(quantity=F("quantity") + 1)
        note = f"changed {clerk.random.random()}"
        return events + Order.objects.filter(pk=order.pk).update(note=note)


def ship_order(clerk: Clerk) -> int:
    """Ship an order on the site; one that is shipped already stays so."""
    order = clerk.an_order()
    if order is None or order.status != Order.Status.PAID:
        return 0
    clerk.browser.post(reverse("ship", args=[order.pk]))
    return 1


def cancel_order(clerk: Clerk) -> int:
    """Cancel an order on the site: its lines are deleted."""
    order = clerk.an_order()
    if order is None or order.status == Order.Status.CANCELLED:
        return 0
    lines = order.lines.count()
    clerk.browser.post(reverse("cancel", args=[order.pk]))
    return lines + 1


def delete_order(clerk: Clerk) -> int:
    """Delete an order that was entered twice, with its lines."""
    if (order := clerk.an_order()) is None:
        return 0
    clerk.orders.remove(order.pk)
    with pgaudit_log.context(user=clerk.user.pk, reason="entered twice"):
        return order.delete()[0]


def change_prices(clerk: Clerk) -> int:
    """Change the prices of an artist's products with one statement."""
    products = Product.objects.filter(artist=clerk.random.choice(clerk.artists))
    step = Decimal(clerk.random.choice(["0.01", "-0.01"]))
    with pgaudit_log.context(command="raise_prices"):
        return products.update(price=F("price") + step)


def move_customer(clerk: Clerk) -> int:
    """Change where a customer lives, with save(), in autocommit."""
    customer = Customer.objects.get(pk=clerk.random.choice(clerk.customers))
    customer.city = clerk.random.choice([city for city in CITIES if city != customer.city])
    customer.save()
    return 1


def form_team(clerk: Clerk) -> int:
    """Form a team, which is a relation of many to many, and dissolve it."""
    with transaction.atomic(), pgaudit_log.context(user=clerk.user.pk, reason="stocktaking"):
        team = Group.objects.create(name=f"{clerk.name} {clerk.random.random()}")
        clerk.user.groups.add(team)
        return 2 + team.delete()[0]


def log_in(clerk: Clerk) -> int:
    """Log in anew on the site."""
    clerk.browser.force_login(clerk.user)
    return 1


TRAFFIC: dict[Callable[[Clerk], int], int] = {
    take_order: 30,
    edit_order: 25,
    ship_order: 12,
    cancel_order: 6,
    delete_order: 6,
    change_prices: 3,
    move_customer: 10,
    form_team: 4,
    log_in: 4,
}
"""What happens, and how often."""
