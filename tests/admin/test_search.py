"""The search box: keys, numbers, field:value and texts; nothing is found that may not be seen."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

import pgaudit_log
from pgaudit_log.models import Events
from pgaudit_log.presentation import access, filter_bar
from tests.shop.models import Customer, Order, OrderLine, Product

pytestmark = pytest.mark.slow

TRAIL = "/admin/pgaudit_log/events/"


@pytest.fixture
def found(page: Any) -> Any:
    """Returns what a search finds, as "Model operation"."""

    def of(client: Any, text: str, **query: Any) -> set[str]:
        html = page(client, TRAIL, q=text, **query)
        ids = re.findall(r'id="event-(-?\d+)"', html)
        events = Events.objects.filter(pk__in=ids)
        return {f"{e.pgh_obj_model.removeprefix('shop.')} {e.pgh_operation}" for e in events}

    return of


def test_what_a_text_means(root: Any, order: Order, found: Any, refused: Any) -> None:
    event = Events.objects.get(pgh_label="update")
    assert found(root, f"#{event.pk}") == {"Order U"}
    assert found(root, f"{event.pgh_txid}") >= {"Order U", "Customer I", "OrderLine I"}
    line = OrderLine.objects.get()
    assert "OrderLine I" in found(root, str(line.pk))
    assert found(root, str(event.pgh_context_id)) == {"Order U"}
    assert found(root, "D-1") == {"Product I", "OrderLine I"}
    assert found(root, "status:paid") == {"Order U"}
    assert found(root, "status:PAID") == set()
    assert found(root, "status:new") == {"Order I", "Order U"}
    assert found(root, "price:0.99") == {"Product I"} == found(root, "price:0.990")
    assert found(root, "status:lost") == set()
    assert found(root, f"customer:{order.customer_id}") == {"Order I", "Order U"}  # type: ignore[attr-defined]
    assert found(root, "RING tw") == {"Order I", "Order U"}
    assert found(root, "customer called") == {"Order U"}
    assert found(root, "/orders/1/") == {"Order U"}
    assert found(root, '"paid"') == {"Order U"}
    assert found(root, '"status"') == found(root, "100%_") == set()
    assert found(root, "Luís", model="shop.Order") == set()
    for text, message in (
        ("nothing:1", "There is no field"),
        ("price:cheap", "is no value of this field"),
        ("ab", "at least 3 characters"),
        ("x" * 201, "at most 200 characters"),
        ("a\0bc", "Null characters"),
    ):
        assert message in refused(root, TRAIL, q=text)


def test_texts_are_looked_for_in_the_time_that_is_chosen_and_keys_in_all(
    root: Any, order: Order, found: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = timezone.now() + timedelta(days=8)
    monkeypatch.setattr(timezone, "now", lambda: later)
    txid = Events.objects.get(pgh_label="update").pgh_txid
    assert found(root, "ring twice") == found(root, "status:paid") == set()
    assert found(root, "ring twice", period="all") == {"Order I", "Order U"}
    assert "Order U" in found(root, str(txid))


def test_nothing_is_found_by_what_may_not_be_seen(
    staff: Any, root: Any, order: Order, found: Any, refused: Any
) -> None:
    Product.objects.update(price=7)
    client = staff("pgaudit_log.view_events", "shop.view_order", "shop.view_product")
    # Prices are hidden of this person, customers are not theirs to see.
    for text in ("0.99", "7.00", "Luís", "/orders/1/"):
        assert found(client, f'"{text}"') == set(), text
    assert "There is no field" in refused(client, TRAIL, q="price:7")
    assert "There is no field" in refused(client, TRAIL, q="name:Luís", model="shop.Order")
    assert found(client, "name:Distance") == {"Product I", "Product U"}
    assert found(client, str(order.customer_id)) <= {"Order I", "Order U"}  # type: ignore[attr-defined]
    event = Events.objects.get(pgh_label="update", pgh_obj_model="shop.Order")
    assert found(client, str(event.pgh_context_id)) == set()
    assert found(client, "customer called") == {"Order U"}
    assert found(root, '"0.99"') == {"Product I", "Product U"}


def test_passwords_are_found_by_nobody(
    root: Any, order: Order, found: Any, refused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (access, filter_bar):
        monkeypatch.setattr(module, "is_password", lambda field: field.name == "note")
    Order.objects.update(note="s3cret")
    assert found(root, '"s3cret"') == found(root, '"ring twice"') == set()
    assert "There is no field" in refused(root, TRAIL, q="note:s3cret")
    query = {"model": "shop.Order", "changed": "note"}
    assert "never told" in refused(root, TRAIL, **query, changed_to="s3cret")
    assert root.get(TRAIL, query).status_code == 200


def test_events_are_found_by_who_acted_and_how_they_came_to_be(
    root: Any, order: Order, page: Any
) -> None:
    with pgaudit_log.context(command="tidy"):
        Customer.objects.update(name="Ana")

    def operations(**query: Any) -> set[str]:
        html = page(root, TRAIL, model="shop.Customer", **query)
        ids = re.findall(r'id="event-(\d+)"', html)
        return set(Events.objects.filter(pk__in=ids).values_list("pgh_operation", flat=True))

    assert operations(acted="program") == {"U"}
    assert operations(acted="none") == {"I"}
    assert operations(acted="unknown") == {"I"}
    assert operations(acted="person") == set()
    assert operations(source="trigger") == {"I", "U"}
    for source in ("manual", "baseline", "imported"):
        assert operations(source=source) == set()


def test_large_transactions_are_found(root: Any, page: Any, transactional_db: None) -> None:
    Customer.objects.create(name="alone")
    Customer.objects.bulk_create([Customer(name=f"c{n}") for n in range(4)])
    html = page(root, TRAIL, bulk="4", model="shop.Customer")
    assert html.count('id="event-') == 4 and "alone" not in html
    assert page(root, TRAIL, bulk="5", model="shop.Customer").count('id="event-') == 0


def test_the_jump_to_a_date_is_a_place_and_no_filter(root: Any, order: Order, page: Any) -> None:
    today = timezone.localdate()
    html = page(root, TRAIL, at=f"{today:%Y-%m-%d}", period="all", model="shop.Order")
    assert html.count('id="event-') == 2 and "Jump to" in html and 'class="pgh-chip"' in html
    assert "Jump to:" not in html
    html = page(root, TRAIL, at="2020-01-01", period="all")
    assert html.count('id="event-') == 0
    [newer] = re.findall(r'href="(\?[^"]*after=[^"]+)"', html)
    assert "at=" not in newer
    assert page(root, TRAIL + newer.replace("&amp;", "&")).count('id="event-') > 2


def test_my_changes(order: Order, page: Any, client: Any) -> None:
    ana = User.objects.get(username="ana")
    User.objects.filter(pk=ana.pk).update(is_staff=True, is_superuser=True)
    client.force_login(ana)
    [mine] = re.findall(r'href="(\?actor=\d+)">my changes', page(client, TRAIL))
    assert page(client, TRAIL + mine).count('id="event-') == 1


def test_names_of_users_are_offered(staff: Any, order: Order) -> None:
    client = staff("pgaudit_log.view_events")
    assert client.get(f"{TRAIL}users/", {"term": "an"}).status_code == 403
    User.objects.filter(username="support").update(is_superuser=True)
    ana = User.objects.get(username="ana")
    assert client.get(f"{TRAIL}users/", {"term": "an"}).json() == {"users": [f"ana ({ana.pk})"]}
    for term in ("", "\0", "x" * 5000):
        assert client.get(f"{TRAIL}users/", {"term": term}).json() == {"users": []}


def test_whatever_is_asked_is_answered(root: Any, order: Order) -> None:
    wrong: list[dict[str, Any]] = [
        {"since": "0001-01-01"},
        {"until": "9999-12-31"},
        {"at": "99999-01-01"},
        {"since": "-5"},
        {"actor": "a\0b"},
        {"model": "shop.Order", "changed": "note", "changed_to": "a\0b"},
        {"context": "a\0=b"},
        {"context": "__=b"},
        {"bulk": "1"},
        {"bulk": "9" * 30},
        {"source": "x"},
        {"acted": "x"},
        {"operation": ["I", "X"]},
        {"reason": "x" * 5001},
    ]
    assert [root.get(TRAIL, query).status_code for query in wrong] == [400] * len(wrong)
    right = [{"until": "9999-12-31T23:59:59"}, {"q": "9" * 19}, {"q": "#" + "9" * 30}, {"at": ""}]
    assert [root.get(TRAIL, query).status_code for query in right] == [200] * len(right)
    assert root.get(TRAIL, {"q": "x" * 5_000_000}).status_code == 414
    assert root.get(f"{TRAIL}?q=%ed%a0%80%ff").status_code == 200
