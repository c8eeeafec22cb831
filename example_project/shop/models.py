"""The models of the shop: `track()` above a class is all that capture asks of it."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.urls import reverse
from django.utils import timezone

import pgaudit_log


@pgaudit_log.track()
class Customer(models.Model):
    name = models.CharField(max_length=100)
    email = models.EmailField()
    city = models.CharField(max_length=100)
    country = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


@pgaudit_log.track()
class Product(models.Model):
    name = models.CharField(max_length=200)
    artist = models.CharField(max_length=100)
    genre = models.CharField(max_length=100)
    price = models.DecimalField(max_digits=10, decimal_places=2)

    def __str__(self) -> str:
        return f"{self.name} by {self.artist}"


@pgaudit_log.track()
class Order(models.Model):
    class Status(models.TextChoices):
        NEW = "new"
        PAID = "paid"
        SHIPPED = "shipped"
        CANCELLED = "cancelled"

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
    status = models.CharField(max_length=10, choices=Status, default=Status.NEW)
    note = models.CharField(max_length=200, blank=True)
    placed_on = models.DateField(default=timezone.localdate)

    def __str__(self) -> str:
        return f"order {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("order", args=[self.pk])


@pgaudit_log.track()
class OrderLine(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.PROTECT)
    quantity = models.PositiveIntegerField(default=1)
    price = models.DecimalField(max_digits=10, decimal_places=2)

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product}"

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.price


# Django's users and groups, and who is in which: no proxy and no migration comes of it.
pgaudit_log.track_models(
    "auth.User",
    "auth.Group",
    exclude=["auth.User.password", "auth.User.last_login", "auth.*.*permissions"],
    into="shop",
)
