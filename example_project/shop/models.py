"""The models of the shop: `track()` above a class is all that capture asks of it."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import pgaudit_log


@pgaudit_log.track()
class Customer(models.Model):
    name = models.CharField(_("name"), max_length=100)
    email = models.EmailField(_("e-mail"))
    city = models.CharField(_("city"), max_length=100)
    country = models.CharField(_("country"), max_length=100)

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")

    def __str__(self) -> str:
        return self.name


@pgaudit_log.track()
class Product(models.Model):
    name = models.CharField(_("name"), max_length=200)
    artist = models.CharField(_("artist"), max_length=100)
    genre = models.CharField(_("genre"), max_length=100)
    price = models.DecimalField(_("price"), max_digits=10, decimal_places=2)

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")

    def __str__(self) -> str:
        return f"{self.name} – {self.artist}"


@pgaudit_log.track()
class Order(models.Model):
    class Status(models.TextChoices):
        NEW = "new", _("New")
        PAID = "paid", _("Paid")
        SHIPPED = "shipped", _("Shipped")
        CANCELLED = "cancelled", _("Cancelled")

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, verbose_name=_("customer"))
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.NEW)
    note = models.CharField(_("note"), max_length=200, blank=True)
    placed_on = models.DateField(_("placed on"), default=timezone.localdate)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("order", args=[self.pk])


@pgaudit_log.track()
class OrderLine(models.Model):
    order = models.ForeignKey(
        Order, on_delete=models.CASCADE, related_name="lines", verbose_name=_("order")
    )
    product = models.ForeignKey(Product, on_delete=models.PROTECT, verbose_name=_("product"))
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    price = models.DecimalField(_("price"), max_digits=10, decimal_places=2)

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")

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
