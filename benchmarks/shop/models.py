"""The model that is written: 12 columns, a foreign key and JSON among them; and one of 100 columns."""

from __future__ import annotations

from django.db import models

from benchmarks.shop.tracking import tracked


class Customer(models.Model):
    name = models.CharField(max_length=100)

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return self.name


@tracked
class Order(models.Model):
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
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
        app_label = "shop"

    def __str__(self) -> str:
        return f"Order {self.pk}"


class _HundredColumns(models.Model):
    """The key and 99 columns of five types in turn."""

    class Meta:
        abstract = True
        app_label = "shop"


for _number in range(99):
    _kinds = (
        models.IntegerField(default=_number),
        models.CharField(max_length=50, default=f"value {_number}"),
        models.BooleanField(default=True),
        models.DecimalField(max_digits=10, decimal_places=2, default=_number),
        models.DateTimeField(null=True),
    )
    _HundredColumns.add_to_class(f"column_{_number}", _kinds[_number % 5])


@tracked
class Wide(_HundredColumns):
    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return f"Wide {self.pk}"
