"""The 20 tracked models whose events are read; each points at a customer of `benchmarks.shop`."""

from __future__ import annotations

from typing import Any

from django.db import models

import pgaudit_log
from benchmarks.shop.models import Customer

NAMES = (
    "Offer",
    "Contract",
    "Invoice",
    "Payment",
    "Refund",
    "Delivery",
    "Return",
    "Complaint",
    "Ticket",
    "Call",
    "Visit",
    "Repair",
    "Rental",
    "Deposit",
    "Coupon",
    "Review",
    "Address",
    "Consent",
    "Letter",
    "Reminder",
)


class Paper(models.Model):
    """What each of them has: 12 columns."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="+")
    email = models.EmailField()
    status = models.CharField(max_length=20)
    note = models.TextField()
    quantity = models.IntegerField()
    price = models.DecimalField(max_digits=10, decimal_places=2)
    discount = models.FloatField()
    is_paid = models.BooleanField()
    placed_at = models.DateTimeField()
    due_on = models.DateField()
    tags = models.JSONField()

    class Meta:
        abstract = True
        app_label = "archive"

    def __str__(self) -> str:
        return f"{self._meta.object_name} {self.pk}"


def _model(name: str) -> type[models.Model]:
    attributes: dict[str, Any] = {"__module__": __name__, "__qualname__": name}
    return type(name, (Paper,), attributes)


MODELS = []
for _name in NAMES:
    globals()[_name] = _model(_name)
    # Not before: the class of its events is put beside it.
    MODELS.append(pgaudit_log.track()(globals()[_name]))
