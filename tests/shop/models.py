"""A small shop: tracked models of every kind that the main job names."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.db import models

import pgaudit_log


@pgaudit_log.track()
class Customer(models.Model):
    name = models.CharField(max_length=100)


@pgaudit_log.track(
    pgaudit_log.InsertEvent(),
    pgaudit_log.UpdateEvent(),
    pgaudit_log.DeleteEvent(),
    pgaudit_log.TruncateEvent(),
)
class Product(models.Model):
    sku = models.CharField(max_length=32, primary_key=True)
    name = models.CharField(max_length=200)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    tags = models.JSONField(null=True)


@pgaudit_log.track()
class Order(models.Model):
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
    status = models.CharField(max_length=20, default="new")
    note = models.TextField(blank=True)
    placed_at = models.DateTimeField(auto_now_add=True)


@pgaudit_log.track()
class OrderLine(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, on_delete=models.PROTECT)
    quantity = models.PositiveIntegerField(default=1)


@pgaudit_log.track(level=pgaudit_log.Row)
class Parcel(models.Model):
    """Captured at row level."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE)
    weight = models.IntegerField()


@pgaudit_log.track(
    pgaudit_log.UpdateEvent(
        "fell", condition=pgaudit_log.Q(new__level__lt=pgaudit_log.F("old__level"))
    ),
    pgaudit_log.UpdateEvent(
        "site_changed", row=pgaudit_log.Old, condition=pgaudit_log.AnyChange("site")
    ),
    fields=["level"],
    model_name="StockLevelHistory",
)
@pgaudit_log.track(
    pgaudit_log.UpdateEvent(
        "row_fell", condition=pgaudit_log.Q(new__level__lt=pgaudit_log.F("old__level"))
    ),
    pgaudit_log.ManualEvent("counted"),
    level=pgaudit_log.Row,
    exclude=["note"],
    obj_field=pgaudit_log.ObjForeignKey(related_name="row_events"),
    model_name="StockRowEvent",
    attrs={"__str__": lambda self: f"stock {self.level}"},
    meta={"verbose_name": "row event"},
)
class Stock(models.Model):
    site = models.CharField(max_length=20)
    level = models.IntegerField(default=0, null=True)
    note = models.TextField(blank=True)


@pgaudit_log.track(exclude=["password", "last_login"])
class UserProxy(User):
    class Meta:
        proxy = True


@pgaudit_log.track(
    pgaudit_log.AfterInsert("group.add"),
    pgaudit_log.BeforeDelete("group.remove"),
    obj_field=None,
)
class UserGroups(User.groups.through):  # type: ignore[name-defined,misc]
    class Meta:
        proxy = True


class Untracked(models.Model):
    """Not tracked, and never to be."""

    group = models.ForeignKey(Group, null=True, on_delete=models.SET_NULL)


class Team(models.Model):
    members = models.ManyToManyField(User, related_name="+")


pgaudit_log.track(pgaudit_log.InsertEvent("member.add"), pgaudit_log.DeleteEvent("member.remove"))(
    Team.members.through
)
