"""What both type checkers must say: the type behind ``is:``, and an error on lines that are ``wrong``.

Where the two differ, because only mypy has the plugin of django-stubs, the comment says in which.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from accounts.models import GroupEvent, GroupPermissionsEvent, TrackedUser, TrackedUserEvent
from django.contrib.auth.models import User
from django.db import models
from django.db.models import Count

import pgaudit_log
from pgaudit_log import timetravel, trails
from pgaudit_log.models import Events, MiddlewareEvents
from shop import audit_types
from shop.models import (
    Book,
    BookEvent,
    Customer,
    EverythingEvent,
    Order,
    OrderEvent,
    OrderLine,
    Product,
    Slot,
    SlotEvent,
    Stock,
    Untracked,
)

if TYPE_CHECKING:
    from typing_extensions import reveal_type  # noqa: TC004 - nothing here runs


class OrderEvents(OrderEvent):
    user = pgaudit_log.ProxyField("pgh_context__user", models.TextField(null=True))

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]
        proxy = True


def of_a_proxy(user: User) -> None:
    reveal_type(OrderEvents.objects.by(user).first())  # is: OrderEvents | None
    reveal_type(OrderEvents.objects.get().user)  # is: str | None, in mypy
    reveal_type(OrderEvents.objects.get().status)  # is: str | None


def of_an_object(order: Order, moment: datetime) -> None:
    reveal_type(order.events)  # is: ObjectEvents[OrderEvent, Order]
    reveal_type(Order.events)  # is: EventsOf[OrderEvent]
    reveal_type(order.events.all())  # is: EventQuerySet[OrderEvent, OrderEvent]
    reveal_type(order.events.get())  # is: OrderEvent
    reveal_type(order.events.first())  # is: OrderEvent | None
    reveal_type(order.events.latest("pgh_id"))  # is: OrderEvent
    reveal_type(order.events.newest()[0])  # is: OrderEvent
    reveal_type(order.events.by(7).changed("status").last())  # is: OrderEvent | None
    reveal_type(order.events.page())  # is: Page[OrderEvent]
    reveal_type(order.events.page().events)  # is: tuple[OrderEvent, ...]
    reveal_type(trails.page(order.events))  # is: Page[OrderEvent]
    reveal_type(order.events.as_of(moment))  # is: Order
    reveal_type(order.events.timeline(order))  # is: EventQuerySet[OrderEvent, OrderEvent]
    for event in order.events.all():
        reveal_type(event)  # is: OrderEvent
    reveal_type(order.timeline())  # is: TrailQuerySet[Events, Events]
    reveal_type(order.timeline().get())  # is: Events
    reveal_type(Events.objects.timeline(order, parts=True))  # is: TrailQuerySet[Events, Events]
    reveal_type(order.events.as_of(moment, parts=True))  # is: Order
    reveal_type(Customer.objects.as_of(moment, parts=True).get())  # is: Customer
    order.timelines()  # wrong
    order.evnts  # wrong
    order.events.labelled("update")  # wrong
    order.events.add(1)  # wrong
    for event in order.events:  # wrong
        pass


async def in_a_coroutine(order: Order) -> None:
    reveal_type(await order.events.aget())  # is: OrderEvent
    reveal_type(await order.events.apage())  # is: Page[OrderEvent]
    reveal_type([event async for event in order.events.all()])  # is: list[OrderEvent]


def of_an_event(event: OrderEvent) -> None:
    reveal_type(event.status)  # is: str | None
    reveal_type(event.get_status_display())  # is: str, in mypy; is: str | None, in pyright
    reveal_type(event.total)  # is: Decimal | None
    reveal_type(event.datetime)  # is: datetime | None
    reveal_type(event.customer)  # is: Customer | None
    reveal_type(event.customer_id)  # is: int | None
    reveal_type(event.pgh_obj)  # is: Order | None
    reveal_type(event.pgh_obj_id)  # is: int | None
    reveal_type(event.pgh_id)  # is: int
    reveal_type(event.pgh_created_at)  # is: datetime
    reveal_type(event.pgh_label)  # is: str
    reveal_type(event.get_pgh_operation_display())  # is: str
    reveal_type(event.pgh_data)  # is: dict[str, Any] | None
    reveal_type(event.pgh_diff)  # is: dict[str, list[Any]] | None
    reveal_type(event.pgh_refs)  # is: list[str] | None
    reveal_type(event.pgh_context)  # is: dict[str, Any] | None
    reveal_type(event.pgh_context_id)  # is: UUID | None
    reveal_type(event.revert())  # is: Order
    reveal_type(event.can_revert)  # is: bool
    event.stauts  # wrong
    event.status = "paid"  # wrong


def of_a_model(moment: datetime, event: OrderEvent) -> None:
    reveal_type(Order.pgh_event_model.objects)  # is: EventManager[OrderEvent]
    reveal_type(Order.pgh_event_model)  # is: type[OrderEvent]
    reveal_type(OrderEvent.objects.filter(status="paid").get().status)  # is: str | None
    reveal_type(OrderEvent.objects.as_of(moment).get())  # is: OrderEvent
    reveal_type(OrderEvent.objects.filter(pgh_id=1).as_of(event).get())  # is: OrderEvent
    reveal_type(OrderEvent.objects.annotate(n=Count("status")).get().total)  # is: Decimal | None
    reveal_type(audit_types.OrderEvent.objects.get())  # is: OrderEvent
    OrderEvent.objects.across(Order)  # wrong
    OrderEvent.objects.filter(stauts="paid")  # wrong, in mypy
    Stock.pgh_event_model  # wrong
    Untracked.pgh_event_model  # wrong


def of_the_past(moment: datetime, event: OrderEvent) -> None:
    reveal_type(Order.objects)  # is: OrderManager
    reveal_type(Order.objects.paid().as_of(moment))  # is: OrderQuerySet
    reveal_type(Order.objects.as_of(moment).get())  # is: Order
    reveal_type(Order.objects.filter(pk=1).as_of(event).get())  # is: Order
    reveal_type(Customer.objects)  # is: TrackedManager[Customer]
    reveal_type(Customer.objects.as_of(moment))  # is: TrackedQuerySet[Customer, Customer]
    reveal_type(Customer.objects.exclude(pk=1).as_of(moment).first())  # is: Customer | None
    reveal_type(OrderLine.objects.large().get())  # is: OrderLine, in mypy; wrong, in pyright
    reveal_type(Stock.objects.as_of(moment).get())  # is: Stock
    reveal_type(timetravel.query(User.objects.all(), moment))  # is: QuerySet[User, User]
    Order.objects.as_of("yesterday")  # wrong
    Untracked.objects.as_of(moment)  # wrong
    Events.objects.as_of(moment)  # wrong


def of_the_trail(order: Order) -> None:
    reveal_type(Events.objects)  # is: TrailManager[Events]
    reveal_type(Events.objects.across(Order, "shop.Stock"))  # is: TrailQuerySet[Events, Events]
    reveal_type(Events.objects.across(Order).by(7).newest().first())  # is: Events | None
    reveal_type(Events.objects.tracks(order).get().pgh_obj_id)  # is: str | None
    reveal_type(Events.objects.references(order).page())  # is: Page[Events]
    reveal_type(MiddlewareEvents.objects.labelled("insert").get())  # is: MiddlewareEvents
    reveal_type(MiddlewareEvents.objects.get().user_name)  # is: str | None
    reveal_type(Events.objects.get().pgh_obj)  # is: Model | None
    Events.objects.acros(Order)  # wrong
    Events.objects.get().status  # wrong


def of_other_declarations(stock: Stock, book: Book, product: Product, slot: Slot) -> None:
    reveal_type(stock.row_events.get())  # is: StockRowEvent
    reveal_type(stock.level_events.get().level)  # is: int | None
    stock.level_events.get().site  # wrong
    stock.events  # wrong
    reveal_type(product.events.get().price)  # is: float | None
    reveal_type(book.book_events.get())  # is: BookEvent
    reveal_type(Book.pgh_event_model)  # is: type[BookEvent]
    reveal_type(BookEvent.objects.get().product_ptr)  # is: Product | None
    reveal_type(slot.events.as_of(SlotEvent.objects.get()))  # is: Slot
    reveal_type(SlotEvent.objects.get().pgh_obj_day)  # is: date | None


def of_models_of_others(user: User, tracked: TrackedUser) -> None:
    reveal_type(TrackedUser.pgh_event_model.objects.get())  # is: TrackedUserEvent
    reveal_type(TrackedUserEvent.objects.timeline(user).get())  # is: TrackedUserEvent
    reveal_type(TrackedUserEvent.objects.get().username)  # is: str | None
    user.events  # wrong, in pyright
    reveal_type(GroupEvent.objects.get().name)  # is: str | None
    reveal_type(GroupEvent.objects.get().revert())  # is: Group
    reveal_type(GroupPermissionsEvent.objects.get().group)  # is: Group | None
    GroupEvent.objects.get().nam  # wrong
    TrackedUserEvent.objects.get().password  # wrong


def of_all_kinds(event: EverythingEvent) -> None:
    reveal_type(event.truth)  # is: bool | None
    reveal_type(event.time)  # is: time | None
    reveal_type(event.duration)  # is: timedelta | None
    reveal_type(event.uuid)  # is: UUID | None
    reveal_type(event.document)  # is: Any
    reveal_type(event.address)  # is: str | None
    reveal_type(event.bytes)  # is: bytes | memoryview[int] | None
    reveal_type(event.file)  # is: FieldFile
    reveal_type(event.tags)  # is: list[str | None] | None
    reveal_type(event.days)  # is: Range[date] | None
    reveal_type(event.twice)  # is: int | None
    reveal_type(event.colour)  # is: Colour | None
    reveal_type(event.mystery)  # is: Any
    reveal_type(event.parent)  # is: Everything | None
    reveal_type(event.shown_day)  # is: date | None
    reveal_type(event.day_of())  # is: date | None
    reveal_type(event.revert())  # is: Everything
    event.pgh_obj  # wrong
