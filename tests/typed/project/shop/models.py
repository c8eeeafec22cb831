"""Tracked models of many kinds, as a project that checks its types declares them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField, DateRangeField
from django.db import models
from django.db.models.functions import Cast

import pgaudit_log

if TYPE_CHECKING:
    from shop.audit_types import BookEvent as BookEvent
    from shop.audit_types import CustomerEvent as CustomerEvent
    from shop.audit_types import EverythingEvent as EverythingEvent
    from shop.audit_types import OrderEvent as OrderEvent
    from shop.audit_types import OrderLineEvent as OrderLineEvent
    from shop.audit_types import ProductEvent as ProductEvent
    from shop.audit_types import SlotEvent as SlotEvent
    from shop.audit_types import StockLevelEvent as StockLevelEvent
    from shop.audit_types import StockRowEvent as StockRowEvent


@pgaudit_log.track()
class Customer(models.Model):
    """Has the manager that Django gives it."""

    events: pgaudit_log.EventsOf[CustomerEvent]
    pgh_event_model: ClassVar[type[CustomerEvent]]
    objects: ClassVar[pgaudit_log.TrackedManager[Customer]]

    user = models.ForeignKey(User, null=True, on_delete=models.SET_NULL)
    name = models.CharField(max_length=100)


class OrderQuerySet(pgaudit_log.TrackedQuerySet["Order"]):
    def paid(self) -> OrderQuerySet:
        return self.filter(status="paid")


class OrderManager(pgaudit_log.TrackedManager["Order"]):
    """A manager of its own."""

    def get_queryset(self) -> OrderQuerySet:
        return OrderQuerySet(self.model, using=self._db)

    def paid(self) -> OrderQuerySet:
        return self.get_queryset().paid()


@pgaudit_log.track(follow=["lines"])
class Order(models.Model):
    class Status(models.TextChoices):
        NEW = "new"
        PAID = "paid"

    events: pgaudit_log.EventsOf[OrderEvent]
    timeline: pgaudit_log.TimelineMethod
    pgh_event_model: ClassVar[type[OrderEvent]]

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE)
    status = models.CharField(max_length=20, default=Status.NEW, choices=Status)
    total = models.DecimalField(max_digits=10, decimal_places=2, default=0)
    datetime = models.DateTimeField(auto_now_add=True)

    objects = OrderManager()


class OrderLineQuerySet(pgaudit_log.TrackedQuerySet["OrderLine"]):
    def large(self) -> OrderLineQuerySet:
        return self.filter(quantity__gt=10)


OrderLineManager = pgaudit_log.TrackedManager.from_queryset(OrderLineQuerySet)


@pgaudit_log.track()
class OrderLine(models.Model):
    """Has a manager out of a queryset, of which only mypy knows the methods."""

    events: pgaudit_log.EventsOf[OrderLineEvent]
    pgh_event_model: ClassVar[type[OrderLineEvent]]

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    quantity = models.PositiveIntegerField(default=1)

    objects = OrderLineManager()


@pgaudit_log.track(pgaudit_log.UpdateEvent("level"), fields=["level"], model_name="StockLevelEvent")
@pgaudit_log.track(
    pgaudit_log.UpdateEvent("row"),
    obj_field=pgaudit_log.ObjForeignKey(related_name="row_events"),
    model_name="StockRowEvent",
)
class Stock(models.Model):
    """Tracked twice."""

    level_events: pgaudit_log.EventsOf[StockLevelEvent]
    row_events: pgaudit_log.EventsOf[StockRowEvent]
    objects: ClassVar[pgaudit_log.TrackedManager[Stock]]

    site = models.CharField(max_length=20, primary_key=True)
    level = models.IntegerField(null=True)


@pgaudit_log.track()
class Priced(models.Model):
    """Tracked for the models that inherit it."""

    price = models.FloatField()

    class Meta:
        abstract = True


class Product(Priced):
    events: pgaudit_log.EventsOf[ProductEvent]
    pgh_event_model: ClassVar[type[ProductEvent]]
    objects: ClassVar[pgaudit_log.TrackedManager[Product]]

    name = models.TextField()


@pgaudit_log.track(obj_field=pgaudit_log.ObjForeignKey(related_name="book_events"))
class Book(Product):
    """Has a row of its parent, too."""

    book_events: pgaudit_log.EventsOf[BookEvent]
    pgh_event_model: ClassVar[type[BookEvent]]  # type: ignore[assignment]

    isbn = models.CharField(max_length=13)


@pgaudit_log.track()
class Slot(models.Model):
    """Has a key of two columns."""

    events: pgaudit_log.EventsOf[SlotEvent]
    pgh_event_model: ClassVar[type[SlotEvent]]
    objects: ClassVar[pgaudit_log.TrackedManager[Slot]]

    pk = models.CompositePrimaryKey("site", "day")
    site = models.ForeignKey(Stock, on_delete=models.CASCADE)
    day = models.DateField()


if TYPE_CHECKING:
    _ColourField = models.CharField["Colour", "Colour"]
    _MysteryField = models.TextField[Any, Any]
else:
    _ColourField, _MysteryField = models.CharField, models.TextField


class Colour:
    def __init__(self, text: str) -> None:
        self.text = text


class ColourField(_ColourField):
    def from_db_value(self, value: str | None, *args: object) -> Colour | None:
        return None if value is None else Colour(value)


class MysteryField(_MysteryField):
    """A field of whose values nothing is said."""

    def from_db_value(self, value: Any, *args: Any) -> Any:
        return value


def _text_of(event: Any) -> str:
    return "everything"


def _day_of(event: Any) -> date | None:
    found: date | None = event.day
    return found


@pgaudit_log.track(
    obj_field=None,
    attrs={
        "__str__": _text_of,
        "shown_day": property(_day_of),
        "day_of": _day_of,
        "checked": True,
    },
)
class Everything(models.Model):
    """Has a field of each kind; its events do not know their object."""

    pgh_event_model: ClassVar[type[EverythingEvent]]
    objects: ClassVar[pgaudit_log.TrackedManager[Everything]]

    truth = models.BooleanField()
    day = models.DateField()
    time = models.TimeField()
    duration = models.DurationField()
    uuid = models.UUIDField()
    document = models.JSONField()
    address = models.GenericIPAddressField()
    bytes = models.BinaryField()
    file = models.FileField()
    tags = ArrayField(models.CharField(max_length=5))
    days = DateRangeField()
    twice = models.GeneratedField(
        expression=Cast("truth", models.IntegerField()),
        output_field=models.SmallIntegerField(),
        db_persist=True,
    )
    colour = ColourField(max_length=10)
    mystery = MysteryField()
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE)


class Untracked(models.Model):
    name = models.CharField(max_length=10)
