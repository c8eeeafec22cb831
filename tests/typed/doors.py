"""What a type checker says of the public names: ``mypy`` reads this, and nothing runs it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_type

from django.db import models

import pgaudit_log
from pgaudit_log import diffs, operating, reversal, testing, timetravel, trails
from pgaudit_log.contexts.stack import Context
from pgaudit_log.diffs import Diff, PartDiff, PartObject
from pgaudit_log.models import Events
from pgaudit_log.operating.values import Growth, Problem, Status
from pgaudit_log.reading.event_model import Event
from pgaudit_log.reading.moments import Moment
from pgaudit_log.reading.pages import Page
from pgaudit_log.reading.trail_querysets import TrailQuerySet
from tests.shop.models import Order


class Base(models.Model):
    class Meta:
        abstract = True
        app_label = "shop"


# track(): the class comes back as it is, with its own type.
Tracked = pgaudit_log.track(
    pgaudit_log.InsertEvent("created"),
    pgaudit_log.UpdateEvent("paid", condition=pgaudit_log.AnyChange("status"), row=pgaudit_log.Old),
    pgaudit_log.DeleteEvent(level=pgaudit_log.Row),
    pgaudit_log.ManualEvent("noted"),
    fields=["status"],
    obj_field=pgaudit_log.ObjForeignKey(related_name="audit_events"),
)(Order)
assert_type(Tracked, type[Order])
assert_type(pgaudit_log.untrack()(Order), type[Order])
pgaudit_log.track(pgaudit_log.UpdateEvent)  # type: ignore[arg-type]
pgaudit_log.track(level="ROW")  # type: ignore[arg-type]
assert_type(pgaudit_log.track(follow=["lines"])(Order), type[Order])
pgaudit_log.UpdateEvent(row="new")  # type: ignore[arg-type]


# context: a block, sync or async, and a decorator that keeps the type of what it decorates.
@pgaudit_log.context(reason="refund")
def refund(order: Order, *, amount: int) -> bool:
    return amount > 0


@pgaudit_log.context(reason="refund")
async def refund_async(order: Order) -> str:
    async with pgaudit_log.context(step=1) as running:
        assert_type(running, Context)
    return "done"


def contexts(order: Order) -> None:
    with pgaudit_log.context(user=1) as running:
        assert_type(running, Context)
    assert_type(refund(order, amount=1), bool)
    refund(order, amount="1")  # type: ignore[arg-type]


def trail(order: Order) -> None:
    assert_type(pgaudit_log.create_event(order, label="noted"), Event)
    assert_type(Events.objects.get(), Events)
    assert_type(Events.objects.across(Order, "shop.Stock"), TrailQuerySet[Events, Events])
    assert_type(Events.objects.by(7).newest().first(), Events | None)
    assert_type(trails.page(Events.objects), Page[Events])
    assert_type(Events.objects.page().events, tuple[Events, ...])
    assert_type(Events.objects.get().pgh_diff, dict[str, list[Any]] | None)
    # timeline(): of the trail, with parts, it is a queryset of the trail still.
    assert_type(Events.objects.all().timeline(order, parts=True), TrailQuerySet[Events, Events])


def differences(event: Event) -> None:
    found = diffs.diff(event, diffs.NOW)
    assert_type(found, Diff)
    assert_type(diffs.diff(event, of=Order(), parts=True).parts["lines"], PartDiff)
    assert_type(found.parts["lines"].added[0], PartObject)


def plans(order: Order, event: Event) -> None:
    assert_type(reversal.undo(event), reversal.Plan)
    assert_type(reversal.revert(order, event), reversal.Plan)
    assert_type(reversal.revert(order, event, parts=True), reversal.Plan)
    assert_type(reversal.restore(event), reversal.Plan)
    assert_type(reversal.undo(event).apply(), reversal.Applied)


async def plans_async(order: Order, event: Event) -> None:
    assert_type(await reversal.aundo(event), reversal.Plan)
    assert_type(await reversal.arevert(order, event), reversal.Plan)


def past(moment: datetime) -> None:
    with timetravel.as_of(moment) as point:
        assert_type(point, Moment)
    assert_type(
        timetravel.query(Order.objects.all(), moment, parts=True), models.QuerySet[Order, Order]
    )
    rows = timetravel.query(Order.objects.all(), moment)
    assert_type(rows, models.QuerySet[Order, Order])


@testing.isolated()
def isolated(number: int) -> Any:
    return number


with testing.isolated():
    pass


# operating: what is wrong, as values.
def health() -> None:
    status = operating.status(using="default")
    assert_type(status, Status)
    assert_type(status.is_healthy, bool)
    assert_type(status.problems, tuple[Problem, ...])
    assert_type(status.growth, Growth | None)
    assert_type(status.size, int | None)
    assert_type(status.as_document(), dict[str, Any])
