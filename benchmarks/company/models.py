"""The 300 models of a company, tracked in the way of the variant that this process runs."""

from __future__ import annotations

from typing import Any

from django.db import models

from benchmarks.shop.models import Customer
from benchmarks.shop.tracking import tracked

NUMBER = 300


class Record(models.Model):
    """What each of them has."""

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    status = models.CharField(max_length=20)
    note = models.TextField()
    quantity = models.IntegerField()
    price = models.DecimalField(max_digits=10, decimal_places=2)
    is_open = models.BooleanField()
    placed_at = models.DateTimeField()

    class Meta:
        abstract = True
        app_label = "company"

    def __str__(self) -> str:
        return self.name


def _model(name: str) -> type[models.Model]:
    attributes: dict[str, Any] = {"__module__": __name__, "__qualname__": name}
    return type(name, (Record,), attributes)


MODELS = []
for _number in range(NUMBER):
    _name = f"Paper{_number:03}"
    globals()[_name] = _model(_name)
    # Not before: the class of its events is put beside it.
    MODELS.append(tracked(globals()[_name]))
