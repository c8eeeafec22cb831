"""Whatever the log holds can be looked at, and none of it becomes markup."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest

from pgaudit_log.models import Events
from pgaudit_log.presentation import cards
from pgaudit_log.presentation.filter_bar import TrailFilterSet
from tests.admin.corpus import EVIL
from tests.shop.models import Order, OrderLine, Product
from tests.support import execute

TRAIL = "/admin/pgaudit_log/events/"


def is_markup(html: str) -> bool:
    return "<script>alert" in html or "<img src=x" in html


@pytest.mark.slow
def test_nothing_that_was_written_becomes_markup(
    root: Any, evil: Order, page: Any, url: Any
) -> None:
    event = Events.objects.filter(pgh_obj_model="shop.Order").latest("pgh_id")
    other = Events.objects.latest("pgh_id")
    first = Events.objects.filter(pgh_obj_model="shop.Order").earliest("pgh_id")
    product = Product.objects.get()
    for place in (
        TRAIL,
        f"{TRAIL}?layout=list",
        "/admin/pgaudit_log/middlewareevents/?layout=list",
        f"{TRAIL}{event.pk}/change/",
        f"{TRAIL}{other.pk}/change/",
        f"{TRAIL}transaction/{event.pgh_txid}/",
        f"{TRAIL}context/{event.pgh_context_id}/",
        url(evil, "audit"),
        url(evil, "audit", "fields"),
        f"{url(evil, 'audit', 'compare')}?a={first.pk}&b=now&unchanged=1",
        url(product, "audit"),
        url(evil.customer, "audit"),
    ):
        html = page(root, place)
        assert "alert(1)" in html and not is_markup(html) and "\u202e" not in html, place


@pytest.mark.slow
def test_nothing_that_was_asked_becomes_markup(root: Any, db: None) -> None:
    filters = [*TrailFilterSet.base_filters, "layout", "before", EVIL]
    assert {"q", "actor", "model", "changed_to", "context", "source", "at"} <= set(filters)
    for name in filters:
        for response in (
            root.get(TRAIL, {name: EVIL}),
            root.get(f"{TRAIL}saved/", {name: EVIL}),
            root.post(f"{TRAIL}export/?{urlencode({name: EVIL})}", {"format": EVIL}),
            root.post(f"{TRAIL}saved/", {"name": "", "query": urlencode({name: EVIL})}),
        ):
            assert response.status_code in (200, 400)
            assert not is_markup(response.content.decode()), name


@pytest.mark.parametrize("parameter", ["field", "parts", "before"])
def test_nor_on_a_timeline(root: Any, order: Order, page: Any, url: Any, parameter: str) -> None:
    assert not is_markup(page(root, url(order, "audit"), **{parameter: EVIL}))


@pytest.mark.slow
def test_values_of_any_size_are_shown(root: Any, order: Order, page: Any, url: Any) -> None:
    Order.objects.update(note="x" * 5_000_000)
    deep = '{"a":' * 900 + "1" + "}" * 900
    execute("UPDATE shop_product SET tags = %s::jsonb", [deep])
    execute("UPDATE shop_product SET tags = %s::jsonb", [f"[{'7' * 5000}, 1e400]"])
    events = Events.objects.all()
    product = Product.objects.only("pk").get()
    first = events.filter(pgh_obj_model="shop.Product").earliest("pgh_id")
    for place in (
        TRAIL,
        url(order, "audit"),
        url(product, "audit"),
        f"{url(product, 'audit', 'compare')}?a={first.pk}&b=now",
        f"{TRAIL}{events.filter(pgh_obj_model='shop.Order').latest('pgh_id').pk}/change/",
        f"{TRAIL}{events.latest('pgh_id').pk}/change/",
    ):
        assert len(page(root, place)) < 300_000, place
    assert "too large to show" in page(root, url(order, "audit"))
    assert re.search("7{200}", page(root, url(product, "audit")))


FORGED = [
    ("X", "'{}'", "NULL"),
    ("M", "'[1, 2]'", "NULL"),
    ("U", "'[1, 2]'", "'{\"note\": 5}'"),
    ("U", "'\"x\"'", "'[1]'"),
    ("U", "'{}'", "'{\"gone\": [1, 2]}'"),
    ("D", '\'{"status": {"a": 1}, "customer_id": "z", "placed_at": "4713-01-01 BC"}\'', "NULL"),
]
"""Events as no capture function writes them: operation, snapshot and diff."""


@pytest.mark.slow
def test_events_that_nobody_captured_break_no_page(
    root: Any, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an application may write the log, it may write anything."""
    monkeypatch.setattr(cards, "MOST_ENTRIES", 5)
    first = Events.objects.filter(pgh_obj_model="shop.Order").earliest("pgh_id").pk
    for operation, snapshot, diff in FORGED:
        execute(
            "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot, diff, shape)"
            f" VALUES ('shop.Order', %s, 'forged', %s, {snapshot}, {diff}, 0)",
            [str(order.pk), operation],
        )
    timeline = f"/admin/shop/order/{order.pk}/audit/"
    places = [TRAIL, f"{TRAIL}?layout=list", timeline, f"{timeline}fields/", f"{timeline}at/"]
    for event in Events.objects.filter(pgh_label="forged"):
        places += [
            f"{TRAIL}{event.pk}/change/",
            f"{timeline}compare/?a={first}&b={event.pk}&unchanged=1",
            *(f"{timeline}{mode}/?event={event.pk}" for mode in ("revert", "undo", "restore")),
        ]
    root.raise_request_exception = False
    assert {place for place in places if root.get(place).status_code >= 500} == set()


@pytest.mark.slow
@pytest.mark.everywhere
def test_times_that_python_does_not_have_break_no_page(
    root: Any, order: Order, page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute("UPDATE shop_order SET placed_at = '0044-03-15 BC'")
    events = Events.objects.filter(pgh_obj_model="shop.Order")
    first, last = events.earliest("pgh_id"), events.latest("pgh_id")
    timeline = f"/admin/shop/order/{order.pk}/audit/"
    for place in (
        TRAIL,
        "/admin/shop/orderevent/",
        "/admin/shop/orderevent/?layout=list",
        timeline,
        f"{timeline}fields/",
        f"{timeline}compare/?a={first.pgh_id}&b=now",
        f"{timeline}undo/?event={last.pgh_id}",
    ):
        assert "0044-03-15" in page(root, place), place
    # Nor is a line named by such an order.
    monkeypatch.setattr(OrderLine, "__str__", lambda self: f"of {self.order}")
    line = OrderLine.objects.get().pk
    assert f"Order line {line}" in page(root, f"{TRAIL}object/shop.OrderLine/{line}/fields/")
    # Django cannot read it there: of such an object only the key is known.
    assert f"Order object ({order.pk})" in page(root, f"{timeline}at/?event={last.pgh_id}")
