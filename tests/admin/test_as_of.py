"""As of: an object as it was, in its admin's fieldsets, and what to see from there at the same moment."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pgaudit_log.models import Events
from tests.admin.site import OrderAdmin
from tests.going_back import tables
from tests.shop.models import Customer, Order, OrderLine, Product
from tests.support import execute
from tests.whole_orders import shop

AT = "/admin/pgaudit_log/events/object/"


def events_of(obj: Any) -> Any:
    label = obj._meta.label
    return Events.objects.filter(pgh_obj_model=label, pgh_obj_id=str(obj.pk)).order_by("pgh_id")


@pytest.fixture
def then(order: Order, url: Any) -> Any:
    """Returns the address of the order as of the event just before all that has changed since."""
    last = Events.objects.latest("pgh_id").pk
    Order.objects.update(note="do not ring", status="shipped")
    Customer.objects.update(name="Luis Maria")
    OrderLine.objects.update(quantity=7)
    Product.objects.update(name="Nearness")
    OrderLine.objects.create(order=order, product=Product.objects.get(), quantity=99)
    return f"{url(order, 'audit')}at/?event={last}"


@pytest.mark.slow
@pytest.mark.everywhere
def test_an_object_its_lines_and_its_names_are_of_the_moment(
    root: Any, then: Any, page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Customer, "__str__", lambda self: self.name)
    monkeypatch.setattr(Product, "__str__", lambda self: self.name)
    monkeypatch.setattr(Order, "__str__", lambda self: f"order of {self.customer}")
    fieldsets = ((None, {"fields": (("status", "customer"),)}), ("Words", {"fields": ("note",)}))
    monkeypatch.setattr(OrderAdmin, "fieldsets", fieldsets)
    html = page(root, then)
    assert "Order of Luís</h1>" in html and "pgh-as-of" in html
    for word in ("paid", "ring twice", "Luís", "Distance", '<h2 class="pgh-day">Words'):
        assert word in html, word
    for word in ("do not ring", "shipped", "Maria", "Nearness", ">99<", ">7<"):
        assert word not in html, word
    assert html.index("Other fields") < html.index("Placed at")
    # One travels on at the same moment.
    query = then.partition("?")[2]
    customer, product = Customer.objects.get(), Product.objects.get()
    assert f'href="/admin/shop/customer/{customer.pk}/audit/at/?{query}"' in html
    assert f'href="/admin/shop/product/{product.pk}/audit/at/?{query}"' in html
    assert f'href="{AT}shop.OrderLine/{OrderLine.objects.earliest("pk").pk}/at/?{query}"' in html
    assert "Luís" in page(root, f"/admin/shop/customer/{customer.pk}/audit/at/?{query}")


def test_the_timeline_leads_to_each_of_its_events_and_to_a_date(
    root: Any, order: Order, page: Any, url: Any
) -> None:
    html = page(root, url(order, "audit"))
    event = events_of(order).last()
    assert f'href="{url(order, "audit")}at/?event={event.pk}"' in html
    html = page(root, f"{url(order, 'audit')}at/")
    assert "paid" in html and 'type="datetime-local"' in html


@pytest.mark.django_db(transaction=True)
def test_a_time_is_asked_for_in_the_current_zone_and_travels_on(
    root: Any, order: Order, page: Any, url: Any, settings: Any
) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    at = events_of(order).last().pgh_created_at
    Order.objects.update(status="lost")
    place = f"{url(order, 'audit')}at/"
    local = timezone.localtime(at).replace(tzinfo=None)
    html = page(root, place, t=local.isoformat())
    assert "paid" in html and "lost" not in html
    found = re.search(rf'/customer/{order.customer_id}/audit/at/(\?t=[^"]+)"', html)  # type: ignore[attr-defined]
    assert found is not None and "%2B09%3A00" in found[1]
    before = events_of(order).first().pgh_created_at - timedelta(seconds=1)
    html = page(root, place, t=before.isoformat())
    assert "It did not exist yet." in html and "paid" not in html


def test_what_was_not_there_says_why(root: Any, order: Order, page: Any, url: Any) -> None:
    place = f"{url(order, 'audit')}at/"
    first = events_of(order).first()
    html = page(root, place, event=first.pk - 1)
    assert "It did not exist yet." in html and f"#{first.pk}" in html
    order.lines.all().delete()  # type: ignore[attr-defined]
    order.delete()
    for html in (page(root, place), page(root, place, event=Events.objects.latest("pgh_id").pk)):
        assert "It was deleted." in html and f'href="{url_of(place)}"' in html
    assert "paid" in page(root, place, event=first.pk + 1)
    execute(
        "INSERT INTO pgaudit_log_horizon (model, since, last_id) VALUES ('shop.Order', now(), %s)",
        [first.pk + 1],
    )
    html = page(root, place, event=first.pk)
    assert "removed by retention" in html and "ring twice" not in html


def url_of(place: str) -> str:
    return place.removesuffix("at/")


def test_what_is_older_than_its_tracking_is_unknown(root: Any, page: Any, db: None) -> None:
    execute("SET LOCAL session_replication_role = replica")
    execute("INSERT INTO shop_customer (id, name) VALUES (77, 'old')")
    execute("SET LOCAL session_replication_role = origin")
    place = "/admin/shop/customer/77/audit/at/"
    assert "has no events" in page(root, place)
    start = Customer.objects.create(name="new")
    Customer.objects.update(name="changed")
    html = page(root, place, event=events_of(start).first().pk)
    assert "older than its first event" in html and ">old<" not in html
    assert root.get("/admin/shop/customer/78/audit/at/").status_code == 404


def test_what_is_no_moment_is_told_with_the_form(root: Any, order: Order, url: Any) -> None:
    cases: list[tuple[dict[str, str], int, str]] = [
        ({"t": "yesterday?<b>"}, 400, "is no moment"),
        ({"t": "9999-12-31T23:59:59"}, 400, "is yet to come"),
        ({"t": "2026-02-31"}, 400, "is no moment"),
        ({"t": "2026-03-29T02:30"}, 400, "is no moment"),
        ({"t": "0001-01-01T00:00-12:00"}, 200, "did not exist yet"),
        ({"t": "2001-01-01T00:00 01:00"}, 200, "did not exist yet"),
        ({"t": "x" * 5000}, 400, "is no moment"),
        ({"event": "0"}, 404, "There is no event 0."),
        ({"event": "x'--"}, 404, "There is no event"),
        ({"event": "9" * 30}, 404, "There is no event"),
    ]
    for query, status, message in cases:
        response = root.get(f"{url(order, 'audit')}at/", query)
        html = response.content.decode()
        assert response.status_code == status and message in html, query
        assert "datetime-local" in html and "<b>" not in html and "paid" not in html, query


def test_nothing_of_it_is_shown_to_whom_it_must_not_be(
    staff: Any, then: Any, page: Any, url: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Product, "__str__", lambda self: f"{self.name} for {self.price}")
    product = Product.objects.get()
    client = staff("pgaudit_log.view_events", "shop.view_order")
    html = page(client, then)
    assert "ring twice" in html and "Luís" not in html and "Distance" not in html
    assert client.get(f"{url(product, 'audit')}at/").status_code == 403
    assert client.get(f"{AT}shop.Nothing/1/at/").status_code == 404

    User.objects.get(username="support").delete()
    client = staff(
        "pgaudit_log.view_events", "shop.view_order", "shop.view_orderline", "shop.view_product"
    )
    html = page(client, then)
    assert "Product D-1" in html or "product D-1" in html
    assert "0.99" not in html and "for " not in html.partition("Order line")[2]
    html = page(client, f"{url(product, 'audit')}at/?{then.partition('?')[2]}")
    assert "Distance" in html and "0.99" not in html and "price" not in html.lower()

    refused = lambda self, request, obj=None: obj is None  # noqa: E731
    monkeypatch.setattr(OrderAdmin, "has_view_permission", refused)
    assert client.get(then).status_code == 403


def test_many_to_many_fields_and_what_is_not_tracked(root: Any, page: Any, db: None) -> None:
    ana = User.objects.create_user("ana", email="ana@example.com")
    ana.groups.add(clerks := Group.objects.create(name="clerks"))
    event = Events.objects.latest("pgh_id")
    ana.groups.set([Group.objects.create(name="managers")])
    html = page(root, f"/admin/auth/user/{ana.pk}/audit/at/", event=event.pk)
    assert "clerks" in html and "managers" not in html and str(clerks.pk) in html
    # The password, and the permissions.
    assert html.count("not tracked") >= 2 and "ana@example.com" in html


def test_an_admin_that_fails_is_done_without(
    root: Any, then: Any, page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Any, request: Any, obj: Any = None) -> Any:
        raise RuntimeError("made for today")

    monkeypatch.setattr(ModelAdmin, "get_fieldsets", broken)
    monkeypatch.setattr(Order, "__str__", broken)
    html = page(root, then)
    assert "ring twice" in html and "Other fields" not in html


def test_each_relation_takes_one_query_and_nothing_is_written(
    root: Any, then: Any, page: Any
) -> None:
    page(root, then)
    with CaptureQueriesContext(connection) as captured:
        page(root, then)
    asked = [one["sql"].lstrip() for one in captured.captured_queries]
    asked = [sql for sql in asked if "SAVEPOINT" not in sql]
    past = [sql for sql in asked if "state.snapshot" in sql]
    # The object, its lines; the names of the customer and the products.
    assert len(past) == 4
    # Session, user, the object of today, the event of the moment, and the two ends of the limit of time.
    assert len(asked) == len(past) + 6
    assert all(sql.startswith(("SELECT", "WITH")) and "FOR UPDATE" not in sql for sql in asked)


EVIL = "<script>alert(1)</script>\u202e\"'{{ 7|add:7 }}"


@pytest.mark.slow
@pytest.mark.everywhere
def test_whatever_was_written_is_shown_as_text(
    root: Any, order: Order, page: Any, url: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for model in (Customer, Product):
        monkeypatch.setattr(model, "__str__", lambda self: self.name)
    Customer.objects.update(name=EVIL)
    Product.objects.update(name=EVIL)
    Order.objects.update(note=EVIL, status="<b>")
    product = Product.objects.get()
    for place in (url(order, "audit"), url(product, "audit"), url(order.customer, "audit")):
        html = page(root, f"{place}at/")
        assert "alert(1)" in html and "<script>alert" not in html and "\u202e" not in html, place
    Order.objects.update(note="x" * 5_000_000)
    page(root, f"{url(order, 'audit')}at/")
    for document in ('{"a":' * 900 + "1" + "}" * 900, f"[{'7' * 5000}, 1e400]"):
        execute("UPDATE shop_product SET tags = %s::jsonb", [document])
        page(root, f"{url(product, 'audit')}at/")
        page(root, f"{url(order, 'audit')}at/")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_declared_parts_are_shown_with_those_that_they_have(root: Any, page: Any) -> None:
    with tables() as made:
        whole = shop(made)
        order = whole.an_order("Blue", "Red")
        for line, percent in zip(order.lines.order_by("pk"), (51, 52), strict=True):
            whole.discount.objects.create(line=line, percent=percent)
        order.tags.add(whole.tag.objects.create(name="gift"))
        order.notes.create(text="call first")
        event = Events.objects.latest("pgh_id").pk
        whole.discount.objects.update(percent=99)
        order.lines.all().delete()
        order.tags.clear()
        order.notes.all().delete()
        place = f"{AT}{whole.order._meta.label}/{order.pk}/at/"
        page(root, place)
        with CaptureQueriesContext(connection) as captured:
            html = page(root, place, event=event)
        for word in (">51<", ">52<", "call first", "Tags"):
            assert word in html, word
        assert ">99<" not in html
        # The order; its lines, their discounts, its tags and its notes; the names of lines and tags.
        past = [one for one in captured.captured_queries if "state.snapshot" in one["sql"]]
        assert len(past) <= 7
        html = page(root, place)
        assert ">51<" not in html and "call first" not in html
