"""An order with its parts: lines with discounts, tags, and notes of a generic relation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models

from pgaudit_log.declaring import declarations, parts
from tests.going_back import Tables

FOLLOW = ["lines", "tags", "notes"]


@dataclass(frozen=True, kw_only=True)
class Shop:
    """The models."""

    tag: Any
    note: Any
    order: Any
    line: Any
    discount: Any

    def an_order(self, *names: str) -> Any:
        """Return a new order with lines of these names."""
        order = self.order.objects.create()
        for name in names:
            self.line.objects.create(order=order, name=name)
        return order


def shop(made: Tables, follow: list[str] | None = None) -> Shop:
    """Make the tables; orders follow ``follow``."""
    tag = made.make("Label", name=models.TextField(), __str__=lambda self: self.name)
    note = made.make(
        "Remark",
        content_type=models.ForeignKey(ContentType, models.CASCADE, related_name="+"),
        object_id=models.TextField(),
        target=GenericForeignKey(),
        text=models.TextField(),
        __str__=lambda self: self.text,
    )
    order = made.make(
        "Basket",
        track={"follow": FOLLOW if follow is None else follow},
        status=models.TextField(default="new"),
        tags=models.ManyToManyField(tag),
        notes=GenericRelation(note),
    )
    line = made.make(
        "BasketLine",
        track={"follow": ["discounts"]},
        order=models.ForeignKey(order, models.CASCADE, related_name="lines"),
        name=models.TextField(),
        quantity=models.IntegerField(default=1),
        __str__=lambda self: f"{self.quantity} × {self.name}",
    )
    discount = made.make(
        "Discount",
        line=models.ForeignKey(line, models.CASCADE, related_name="discounts"),
        percent=models.IntegerField(),
        __str__=lambda self: f"{self.percent} %",
    )
    return Shop(tag=tag, note=note, order=order, line=line, discount=discount)


@contextmanager
def following(model: Any, *names: str) -> Iterator[None]:
    """Let the objects of a model that is tracked already follow relations, in a block."""
    [declaration] = declarations.declarations_of(model)
    object.__setattr__(declaration, "follow", names)
    parts._parts_of.cache_clear()
    try:
        yield
    finally:
        object.__setattr__(declaration, "follow", ())
        parts._parts_of.cache_clear()
