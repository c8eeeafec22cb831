"""Whatever the log holds can be looked at, and none of it becomes markup."""

from __future__ import annotations

import re
from typing import Any

import pytest

import pgaudit_log
from pgaudit_log.models import Events
from tests.shop.models import Customer, Order, Product
from tests.support import execute

TRAIL = "/admin/pgaudit_log/events/"

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}\u202e"


def is_markup(html: str) -> bool:
    return "<script>alert" in html or "<img src=x" in html


@pytest.fixture
def evil(order: Order, monkeypatch: pytest.MonkeyPatch) -> Order:
    """An order of which everything that anybody may write is an attack."""
    monkeypatch.setattr(Customer, "__str__", lambda self: self.name)
    monkeypatch.setattr(Order, "__str__", lambda self: f"order {self.note}")
    Customer.objects.update(name=EVIL)
    with pgaudit_log.context(
        user=EVIL,
        user_name=EVIL,
        on_behalf_of=EVIL,
        on_behalf_of_name=EVIL,
        reason=EVIL,
        method=EVIL,
        url=EVIL,
        **{EVIL: EVIL},
    ):
        Order.objects.update(note=EVIL, status=EVIL[:20])
        Product.objects.update(tags={EVIL: [EVIL, {"id": EVIL}]})
    with pgaudit_log.context(service=EVIL):
        Product.objects.update(tags=[EVIL], name=EVIL)
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot, role, session, origin, shape)"
        " SELECT %s, %s, %s, 'M', jsonb_build_object(%s::text, %s::text), %s,"
        " jsonb_build_object('application', %s::text, 'address', %s::text), to_jsonb(%s::text), 0",
        [EVIL] * 9,
    )
    return order


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


@pytest.mark.parametrize(
    "name",
    [
        *("actor", "model", "object", "changed", "changed_from", "reason", "context", "period"),
        *("label", "since", "transaction", "context_id", "operation", "layout", "before", EVIL),
    ],
)
def test_nothing_that_was_asked_becomes_markup(root: Any, db: None, name: str) -> None:
    response = root.get(TRAIL, {name: EVIL})
    assert response.status_code in (200, 400)
    assert not is_markup(response.content.decode())


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
