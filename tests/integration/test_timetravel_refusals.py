"""Time travel: the past is only read, and a moment stays in its block."""

from __future__ import annotations

import asyncio
import copy
import operator as operators
import pickle
import threading
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections, models, transaction
from django.db.models import Prefetch

from pgaudit_log import timetravel
from pgaudit_log.exceptions import QueryError, ReadOnlyError
from pgaudit_log.models import Events
from pgaudit_log.reading import moments
from tests.moments import now
from tests.shop.models import Customer, Order, OrderLine, Product, Team, Untracked
from tests.support import last_id

pytestmark = pytest.mark.django_db


@pytest.fixture
def then(customer: Customer) -> Events:
    """The moment at which Ana has one order with one line; today all is other."""
    pen = Product.objects.create(sku="pen", name="Pen", price="1.50")
    order = Order.objects.create(customer=customer, status="old")
    OrderLine.objects.create(order=order, product=pen)
    moment = now()
    Order.objects.update(status="today")
    return moment


WRITES: dict[str, Any] = {
    "save": lambda past: past.get().save(),
    "save to an alias": lambda past: past.get().save(using="default"),
    "save some": lambda past: past.get().save(update_fields=["status"]),
    "save a copy": lambda past: copy.copy(past.get()).save(),
    "save what was pickled": lambda past: pickle.loads(pickle.dumps(past.get())).save(),
    "delete an object": lambda past: past.get().delete(),
    "delete from an alias": lambda past: past.get().delete(using="default"),
    "save a related object": lambda past: past.get().customer.save(),
    "save a selected object": lambda past: past.select_related("customer").get().customer.save(),
    "delete a related object": lambda past: past.get().lines.get().delete(),
    "update": lambda past: past.update(status="x"),
    "delete": lambda past: past.delete(),
    "create": lambda past: past.create(customer_id=1),
    "bulk_create": lambda past: past.bulk_create([Order(customer_id=1)]),
    "bulk_update": lambda past: past.bulk_update(list(past), ["status"]),
    "get_or_create": lambda past: past.get_or_create(status="x"),
    "update_or_create": lambda past: past.update_or_create(status="x"),
    "update related objects": lambda past: past.get().lines.update(quantity=9),
    "delete related objects": lambda past: past.get().lines.all().delete(),
    "create a related object": lambda past: past.get().lines.create(product_id="pen"),
    "add a related object": lambda past: past.get().lines.add(OrderLine.objects.get()),
    "set related objects": lambda past: (
        past.get().lines.set([], clear=True)
        or past.get().lines.add(OrderLine(product_id="pen"), bulk=False)
    ),
    "get or create a related object": lambda past: past.get().lines.get_or_create(
        quantity=77, defaults={"product_id": "pen"}
    ),
    "bulk_update by a manager of today": lambda past: Order.objects.bulk_update(
        (o for o in past), ["status"]
    ),
    "bulk_create by a manager of today": lambda past: Order.objects.bulk_create(
        past, update_conflicts=True, update_fields=["status"], unique_fields=["pk"]
    ),
    "bulk_create of related objects": lambda past: Customer.objects.get().order_set.bulk_create(
        [*past], ignore_conflicts=True
    ),
}


@pytest.mark.parametrize("name", WRITES)
def test_what_is_of_the_past_cannot_be_written(then: Events, name: str) -> None:
    before = last_id()
    with pytest.raises(ReadOnlyError), transaction.atomic():
        WRITES[name](Order.objects.as_of(then))
    assert last_id() == before


@pytest.mark.parametrize("operator", ["and_", "or_", "xor"])
def test_no_query_is_of_two_moments(then: Events, operator: str) -> None:
    combine = getattr(operators, operator)
    past, today = Order.objects.as_of(then).filter(status="old"), Order.objects.all()
    for one in (today, Order.objects.as_of(now())):
        with pytest.raises(QueryError, match="a query has one moment"):
            combine(one, past)
    assert [o.status for o in past & today] == ["old"]
    assert [o.status for o in past | Order.objects.as_of(then)] == ["old"]


BLOCK_WRITES: dict[str, Any] = {
    **WRITES,
    "create an object": lambda orders: Customer.objects.create(name="x"),
    "save a new object": lambda orders: Customer(name="x").save(),
    "m2m": lambda orders: Team.objects.get().members.add(1),
}


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("name", BLOCK_WRITES)
def test_tracked_tables_cannot_be_written_in_a_block(then: Events, name: str) -> None:
    Team.objects.create()
    before = last_id()
    with timetravel.as_of(then), pytest.raises(ReadOnlyError), transaction.atomic():
        BLOCK_WRITES[name](Order.objects.all())
    assert last_id() == before


def test_an_object_fetched_before_a_block_cannot_be_saved_in_it(then: Events) -> None:
    order = Order.objects.get()
    before = last_id()
    with timetravel.as_of(then):
        with pytest.raises(ReadOnlyError), transaction.atomic():
            order.save()
        with pytest.raises(ReadOnlyError), transaction.atomic():
            order.delete()
        order.refresh_from_db()
        assert order.status == "old"
    with pytest.raises(ReadOnlyError):
        order.save()
    assert last_id() == before


def test_after_the_block_all_is_as_ever(then: Events) -> None:
    with timetravel.as_of(then):
        assert Order.objects.get().status == "old"
    order = Order.objects.get()
    assert order.status == "today"
    order.status = "saved"
    order.save()
    order.lines.add(OrderLine(product_id="pen"), bulk=False)
    order.delete()
    assert not Order.objects.exists()


def test_untracked_tables_can_be_written_in_a_block(then: Events) -> None:
    with timetravel.as_of(then):
        saved = Untracked.objects.create()
        Untracked.objects.filter(pk=saved.pk).update(group=None)
        saved.delete()


def test_as_of_connects_no_signal_and_deletes_stay_fast(then: Events) -> None:
    list(Order.objects.as_of(then))
    assert not models.signals.pre_save.has_listeners(Order)
    assert not models.signals.pre_delete.has_listeners(Order)


def test_blocks_nest_and_restore_when_they_raise(then: Events) -> None:
    later = now()
    with timetravel.as_of(then):
        with pytest.raises(RuntimeError, match="out"), timetravel.as_of(later):
            assert Order.objects.get().status == "today"
            raise RuntimeError("out")
        assert Order.objects.get().status == "old"
        assert Order.objects.as_of(later).get().status == "today"
        assert Order.objects.as_of(later).get().lines.get().order.status == "today"
    assert moments.current() is None
    with pytest.raises(RuntimeError), timetravel.as_of(then):
        raise RuntimeError
    assert moments.current() is None


def test_a_queryset_is_of_the_moment_at_which_it_is_evaluated(then: Events) -> None:
    with timetravel.as_of(then):
        made_inside = Order.objects.all()
    assert made_inside.get().status == "today"


def test_a_router_of_ones_own_does_not_lead_out_of_the_past(then: Events, settings: Any) -> None:
    class Router:
        def db_for_read(self, model: Any, **hints: Any) -> str:
            return "default"

        db_for_write = db_for_read

    settings.DATABASE_ROUTERS = [Router()]
    past = Order.objects.as_of(then)
    order = past.get()
    OrderLine.objects.update(quantity=99)
    Customer.objects.update(name="today")
    assert order.customer.name == "Ana"
    assert [line.quantity for line in order.lines.all()] == [1]
    [order] = past.prefetch_related(Prefetch("lines", OrderLine.objects.using("default")))
    assert [line.quantity for line in order.lines.all()] == [1]
    order.refresh_from_db()
    assert order.status == "old"
    with pytest.raises(ReadOnlyError):
        order.save()
    with pytest.raises(ReadOnlyError), transaction.atomic():
        order.lines.update(quantity=5)


@pytest.mark.django_db(databases=["default", "other"])
def test_another_database_has_a_past_of_its_own() -> None:
    Customer.objects.using("other").create(name="old")
    moment = Events.objects.using("other").order_by("-pgh_id").first()
    Customer.objects.using("other").update(name="new")
    Customer.objects.create(name="here")
    past = Customer.objects.as_of(moment).using("other")
    assert past.get().name == "old"
    assert Customer.objects.using("other").as_of(moment).get().name == "old"
    assert Customer.objects.db_manager("other").as_of(moment).get()._state.db == "other"
    with timetravel.as_of(moment):
        assert Customer.objects.using("other").get().name == "old"


async def _async_questions(moment: Events) -> None:
    past = Order.objects.as_of(moment)
    assert (await past.aget()).status == "old"
    assert [order.status async for order in past] == ["old"]
    assert await past.acount() == 1
    assert [o.status async for o in past.prefetch_related("lines").aiterator(chunk_size=1)] == [
        "old"
    ]
    order = await past.afirst()
    assert order is not None
    assert [line.quantity async for line in order.lines.all()] == [1]
    await order.arefresh_from_db()
    assert order.status == "old"
    for refused in (order.asave, order.adelete, past.adelete, past.acreate):
        with pytest.raises(ReadOnlyError):
            await refused()
    with timetravel.as_of(moment):
        assert (await Order.objects.aget()).status == "old"
        assert [o.status async for o in Order.objects.all()] == ["old"]
        with pytest.raises(ReadOnlyError):
            await Order.objects.aupdate(status="x")
    assert (await Order.objects.aget()).status == "today"
    await sync_to_async(connections.close_all)()


@pytest.mark.django_db(transaction=True)
def test_async_questions_are_answered_from_the_past(then: Events) -> None:
    asyncio.run(_async_questions(then))


def test_tasks_and_threads_do_not_share_a_moment(then: Events) -> None:
    seen: dict[str, Any] = {}
    inside, looked = asyncio.Event(), asyncio.Event()

    async def traveller() -> None:
        with timetravel.as_of(then):
            inside.set()
            await looked.wait()
            seen["traveller"] = await sync_to_async(moments.current)()

    async def neighbour() -> None:
        await inside.wait()
        seen["neighbour"] = moments.current()
        looked.set()

    async def both() -> None:
        await asyncio.gather(traveller(), neighbour())

    asyncio.run(both())
    with timetravel.as_of(then):
        thread = threading.Thread(target=lambda: seen.update(thread=moments.current()))
        thread.start()
        thread.join()
    assert seen == {"traveller": moments.Moment.of(then), "neighbour": None, "thread": None}
