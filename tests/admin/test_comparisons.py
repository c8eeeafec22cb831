"""Comparisons: two states of one object beside each other."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pgaudit_log.models import Events
from tests.shop.models import Customer, Order


def place(order: Order) -> str:
    return f"/admin/shop/order/{order.pk}/audit/compare/"


def ids(order: Order) -> list[int]:
    events = Events.objects.filter(pgh_obj_model="shop.Order", pgh_obj_id=str(order.pk))
    return list(events.order_by("pgh_id").values_list("pgh_id", flat=True))


def test_two_events_are_compared_in_whichever_order(root: Any, order: Order, page: Any) -> None:
    first, second = ids(order)
    for a, b in ((first, second), (second, first)):
        html = page(root, place(order), a=a, b=b)
        assert html.index(">new<") < html.index(">paid<")
        assert "ring twice" not in html
        # Each has its own author, though one transaction wrote both.
        old, new = re.findall(r'<br><span class="pgh-who">(.*?)</span>', html)
        assert old != new == "ana"


def test_an_event_is_compared_with_now(root: Any, order: Order, page: Any) -> None:
    Order.objects.update(note="do not ring")
    html = page(root, place(order), a=ids(order)[0], b="now")
    assert "do not" in html and "ring twice" in html


def test_what_did_not_change_is_shown_on_request(root: Any, order: Order, page: Any) -> None:
    first, second = ids(order)
    html = page(root, place(order), a=first, b=second, unchanged="1")
    assert "ring twice" in html and "Hide what did not change" in html


def test_equal_states_are_told(root: Any, order: Order, page: Any) -> None:
    assert "Nothing differs" in page(root, place(order), a=ids(order)[-1], b="now")


def test_a_deleted_object_is_compared_with_its_absence(root: Any, order: Order, page: Any) -> None:
    order.lines.all().delete()  # type: ignore[attr-defined]
    Order.objects.all().delete()
    html = page(root, place(order), a=ids(order)[0], b=ids(order)[-1])
    assert "not there on the second side" in html and "ring twice" in html


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        {},
        {"a": "x"},
        {"a": "now", "b": "now"},
        {"a": "0", "b": "now"},
        {"a": "{first}", "b": "{first}"},
        {"a": "{first}", "b": "{other}"},
        {"a": "{other}", "b": "now"},
        {"a": "9" * 40, "b": "now"},
        {"a": "<script>", "b": "now"},
    ],
)
def test_what_is_no_pair_of_this_objects_events_is_refused(
    root: Any, order: Order, query: dict[str, str]
) -> None:
    other = Events.objects.filter(pgh_obj_model="shop.Customer").latest("pgh_id").pk
    values = {"first": ids(order)[0], "other": other}
    asked = {name: text.format(**values) for name, text in query.items()}
    response = root.get(place(order), asked)
    assert response.status_code == 400
    back = place(order).removesuffix("compare/")
    assert f'<p class="pgh-acts"><a href="/admin/shop/order/">Orders</a><a href="{back}">' in (
        response.content.decode()
    )
    assert b"<script>" not in response.content.split(b"pgh-main")[1]


def test_an_event_of_another_object_of_the_model_is_refused(root: Any, order: Order) -> None:
    other = Order.objects.create(customer=Customer.objects.get())
    response = root.get(place(order), {"a": ids(other)[0], "b": "now"})
    assert response.status_code == 400


def test_the_sides_are_swapped(root: Any, order: Order, page: Any) -> None:
    first, second = ids(order)
    html = page(root, place(order), a=first, b=second)
    assert html.index(f">#{first}<") < html.index(f">#{second}<")
    assert f'href="?a={first}&amp;b={second}&amp;swap=1">Swap sides' in html
    html = page(root, place(order), a=first, b=second, swap="1", unchanged="1")
    assert html.index(f">#{second}<") < html.index(f">#{first}<")
    assert re.search(r"<del>.*paid.*</del>.*<ins>.*new.*</ins>", html, re.DOTALL)
    assert f'href="?a={first}&amp;b={second}&amp;unchanged=1">Swap sides' in html
    assert "ring twice" in html
    html = page(root, place(order), a=first, b="now", swap="1")
    assert html.index(">now<") < html.index(f">#{first}<")
