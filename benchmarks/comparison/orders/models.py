"""The models of the project, tracked in the way of its package."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models

from benchmarks.comparison.orders import setups


class Customer(models.Model):
    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Tag(models.Model):
    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Order(models.Model):
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
    status = models.CharField(max_length=20, default="new")
    price = models.DecimalField(max_digits=10, decimal_places=2, default=1)
    placed_on = models.DateField(null=True, blank=True)
    details = models.JSONField(default=dict)
    secret = models.CharField(max_length=50, default="", blank=True)
    tags: Any = models.ManyToManyField(Tag, blank=True)
    if not settings.IS_DROPPED:
        note = models.CharField(max_length=100, default="", blank=True)

    def __str__(self) -> str:
        return f"Order {self.pk}"


class Line(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    article = models.CharField(max_length=50)
    quantity = models.IntegerField(default=1)

    def __str__(self) -> str:
        return f"{self.quantity} × {self.article}"


class Stamp(models.Model):
    """Its foreign key cascades in the database."""

    order = models.ForeignKey(Order, on_delete=models.DO_NOTHING)
    text = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.text


class Sheet(models.Model):
    """One of its fields is left out."""

    name = models.CharField(max_length=50)
    draft = models.CharField(max_length=50, default="")

    def __str__(self) -> str:
        return self.name


class Plain(models.Model):
    """It is not named in any set-up."""

    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


setups.SETUPS[settings.PACKAGE.name](globals())
