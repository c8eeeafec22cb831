"""The query budget: no page costs more for more events, models or transactions on it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

import pgaudit_log
from pgaudit_log.models import Events
from pgaudit_log.presentation import labels
from pgaudit_log.presentation.labels import Labels
from tests.shop.models import Customer, Order, OrderLine, Parcel, Product, Stock, UserProxy

pytestmark = pytest.mark.slow

TRAIL = "/admin/pgaudit_log/events/"

SESSION_AND_USER = 2
PREVIEW = 30
"""What the preview of one change takes here, most of it to pin settings and to set them again."""

LIMIT_OF_TIME = 4
"""A savepoint, which only tests need, and the setting that ends what takes too long, twice each."""

NEIGHBOURS = 2
"""What the same person did before and after."""

FOREIGN_KEYS = 3
"""To how many models the events of the story point: customers, orders, products."""


@pytest.fixture
def queries(root: Client) -> Any:
    """Returns how many queries a page takes beyond session and user."""

    def count(place: str, **query: Any) -> int:
        root.get("/admin/jsi18n/")  # whatever is asked once in a process
        root.get(place, query)
        with CaptureQueriesContext(connection) as captured:
            response = root.get(place, query)
        assert response.status_code == 200
        return len(captured) - SESSION_AND_USER

    return count


def story(times: int) -> Order:
    """Change rows of eight models this many times, each in a context without a name."""
    ana = User.objects.create_user("ana")
    customer = Customer.objects.create(name="Ana")
    product = Product.objects.create(sku="a", name="a", price=Decimal(1))
    order = Order.objects.create(customer=customer)
    line = OrderLine.objects.create(order=order, product=product)
    parcel = Parcel.objects.create(order=order, weight=1)
    stock = Stock.objects.create(site="here")
    proxied = UserProxy.objects.get(pk=ana.pk)
    for number in range(times):
        with pgaudit_log.context(user=ana.pk):
            Customer.objects.update(name=f"n{number}")
            Product.objects.update(name=f"n{number}")
            Order.objects.update(note=f"n{number}")
            OrderLine.objects.filter(pk=line.pk).update(quantity=number + 2)
            Parcel.objects.filter(pk=parcel.pk).update(weight=number + 2)
            Stock.objects.filter(pk=stock.pk).update(level=-number - 1)
            UserProxy.objects.filter(pk=proxied.pk).update(first_name=f"n{number}")
    ana.groups.add(Group.objects.create(name="g"))
    return order


# The page, the names of users, and how many events there are in all.
TRAIL_BUDGET = 3


def test_the_trail_without_events(queries: Any) -> None:
    assert queries(TRAIL) <= TRAIL_BUDGET


def test_the_trail_of_one_event(queries: Any) -> None:
    Customer.objects.create(name="Ana")
    assert queries(TRAIL, model="shop.Customer") <= TRAIL_BUDGET


@pytest.mark.parametrize("times", [1, 15])
def test_the_trail_of_eight_models(queries: Any, times: int) -> None:
    story(times)
    assert queries(TRAIL) <= TRAIL_BUDGET + FOREIGN_KEYS + 2  # users and groups
    assert queries(TRAIL, layout="list") <= TRAIL_BUDGET


def test_all_filters_together_cost_no_more(queries: Any) -> None:
    """Beside the page: who is meant by a name, and the two ends of a bounded search."""
    order = story(15)
    ana = User.objects.get(username="ana")
    everything = {
        "q": "note:n14",
        "period": "month",
        "actor": "ana",
        "acted": "person",
        "model": "shop.Order",
        "object": str(order.pk),
        "changed": "note",
        "changed_from": "n13",
        "changed_to": "n14",
        "operation": "U",
        "label": "update",
        "since": "2020-01-01",
        "until": "2100-01-01",
        "at": "2100-01-01",
        "context": f"user={ana.pk}",
        "source": "trigger",
        "bulk": "2",
    }
    [event] = Events.objects.filter(pgh_obj_model="shop.Order", pgh_diff__note__1="n14")
    everything |= {"transaction": str(event.pgh_txid), "context_id": str(event.pgh_context_id)}
    names_and_bounds = 7
    found = queries(TRAIL, **everything)
    assert found <= TRAIL_BUDGET + names_and_bounds, found


def test_a_second_page_costs_what_the_first_does(queries: Any) -> None:
    story(15)
    last = Events.objects.latest("pgh_id").pk
    assert queries(TRAIL, before=last - 50) <= TRAIL_BUDGET + FOREIGN_KEYS


@pytest.mark.parametrize("times", [0, 1, 100])
def test_a_timeline(queries: Any, times: int) -> None:
    """The object, the page, the names of users; and the page of what belongs to it."""
    customer = Customer.objects.create(name="Ana")
    for number in range(times):
        with pgaudit_log.context(user=1):
            Customer.objects.update(name=f"n{number}")
    assert queries(f"/admin/shop/customer/{customer.pk}/audit/") <= 3


@pytest.mark.parametrize("times", [1, 15])
def test_a_timeline_with_what_belongs_to_it(queries: Any, times: int) -> None:
    order = story(times)
    assert queries(f"/admin/shop/order/{order.pk}/audit/") <= 4 + FOREIGN_KEYS
    assert queries(f"/admin/shop/order/{order.pk}/audit/", parts="0") <= 3 + FOREIGN_KEYS


def test_the_timeline_of_what_is_gone(queries: Any) -> None:
    customer = Customer.objects.create(name="Ana")
    place = f"/admin/shop/customer/{customer.pk}/audit/"
    customer.delete()
    assert queries(place) <= 4


@pytest.mark.parametrize("times", [1, 15])
def test_a_transaction(queries: Any, times: int) -> None:
    story(times)
    txid = Events.objects.latest("pgh_id").pgh_txid
    budget = 2 + FOREIGN_KEYS + 2 + NEIGHBOURS + LIMIT_OF_TIME
    assert queries(f"{TRAIL}transaction/{txid}/") <= budget + 1  # when it began


def test_an_event(queries: Any) -> None:
    story(1)
    event = Events.objects.filter(pgh_obj_model="shop.OrderLine").latest("pgh_id")
    assert queries(f"{TRAIL}{event.pk}/change/") <= 3 + FOREIGN_KEYS


@pytest.mark.parametrize("times", [1, 100])
def test_a_comparison_costs_the_same_however_many_events_there_are(
    queries: Any, times: int
) -> None:
    """Most of its queries pin settings and set them again, for which a transaction of its own needs none."""
    order = story(1)
    for number in range(times):
        Order.objects.update(note=f"m{number}")
    events = Events.objects.filter(pgh_obj_model="shop.Order")
    place = f"/admin/shop/order/{order.pk}/audit/compare/"
    asked = {"a": events.earliest("pgh_id").pk, "b": events.latest("pgh_id").pk}
    assert queries(place, **asked) == 15
    assert queries(place, a=asked["a"], b="now") == 20


def test_the_deleted_objects(queries: Any) -> None:
    """The page, and which of its objects are there again."""
    place = "/admin/shop/order/audit/deleted/"
    assert queries(place) <= 2 + LIMIT_OF_TIME
    customer = Customer.objects.create(name="Ana")
    with pgaudit_log.context(user=1, user_name="ana"):
        for _number in range(60):
            Order.objects.create(customer=customer).delete()
    assert queries(place) == 2 + LIMIT_OF_TIME


def test_previews_cost_the_same_however_much_there_is_to_take_back(queries: Any) -> None:
    """Two queries for each model at most are the screen's own; a plan pins settings for the others."""
    customer = Customer.objects.create(name="Ana")
    orders = [Order.objects.create(customer=customer) for _number in range(9)]
    with pgaudit_log.context() as one:
        Order.objects.filter(pk=orders[0].pk).update(note="a", status="b")
    with pgaudit_log.context() as many:
        for order in orders:
            Order.objects.filter(pk=order.pk).update(note="c", status=f"d{order.pk}")
    event = Events.objects.latest("pgh_id")
    of_one = queries(f"/admin/shop/order/{event.pgh_obj_id}/audit/undo/", event=event.pk)
    of_many = queries(f"{TRAIL}context/{many.id}/undo/")
    assert of_one == PREVIEW
    # All of this was changed later, by the other.
    of_later = queries(f"{TRAIL}context/{one.id}/undo/")
    assert max(of_many, of_later) <= PREVIEW + LIMIT_OF_TIME


def test_a_page_names_the_objects_of_so_many_models_at_most(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "MOST_MODELS", 1)
    found = Labels("default", lambda model: True)
    line, order = OrderLine._meta.get_field("order"), Order._meta.get_field("customer")
    for field in (line, order):
        found.want(field, 1)  # type: ignore[arg-type]
    with CaptureQueriesContext(connection) as captured:
        found.load()
    assert len(captured) == 1
    label = found.of(order, 1)  # type: ignore[arg-type]
    assert label is not None and label.text == "customer 1" and not label.is_gone
