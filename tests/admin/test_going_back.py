"""Going back in the admin: previewed by who may, confirmed with a reason, and never half, or twice."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from html import unescape
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext, override_settings

import pgaudit_log
from pgaudit_log.admin import given_values, reversal_view
from pgaudit_log.admin.given_values import ValueInput
from pgaudit_log.declaring import declarations, parts
from pgaudit_log.models import Events
from pgaudit_log.reversal import Kind, Plan, restore, undo
from pgaudit_log.reversal.checking import invariants
from tests.admin.forms import Form
from tests.admin.site import site
from tests.meanwhile import Meanwhile
from tests.shop.models import Customer, Order, OrderLine, Product
from tests.support import execute

pytestmark = pytest.mark.slow

TRAIL = "/admin/pgaudit_log/events/"


def events_of(label: str) -> Any:
    return Events.objects.filter(pgh_obj_model=label)


def status_change() -> Any:
    return events_of("shop.Order").get(pgh_label="update")


@pytest.fixture
def undo_url(order: Order) -> str:
    """Where the change of the order's status is taken back."""
    return f"/admin/shop/order/{order.pk}/audit/undo/?event={status_change().pk}"


def test_a_change_is_taken_back_with_a_reason_once(
    root: Client, order: Order, page: Any, undo_url: str, url: Any
) -> None:
    timeline = page(root, url(order, "audit"))
    assert undo_url.replace("&", "&amp;") in timeline and "Revert to this state" in timeline
    before = Events.objects.count()
    with CaptureQueriesContext(connection) as captured:
        html = page(root, undo_url)
    for one in captured.captured_queries:
        assert not re.search(
            r"\b(INSERT|UPDATE|DELETE|FOR \w+)\b(?!')", re.sub(r"'[^']*'", "", one["sql"])
        )
    assert re.search(r"<del>.*paid.*</del>.*<ins>.*new.*</ins>", html, re.DOTALL)
    form = Form(html)
    response = form.send(root, undo_url)
    assert response.status_code == 400 and b"This field is required" in response.content
    assert Events.objects.count() == before
    response = form.send(root, undo_url, reason="a <mistake>")
    assert response.status_code == 302 and response.url == url(order, "audit")
    order.refresh_from_db()
    assert order.status == "new"
    # The same form again does nothing, and says so.
    response = form.send(root, undo_url, reason="a <mistake>")
    assert response.status_code == 409 and b"or it was sent twice" in response.content
    assert b"There is nothing to do" in response.content
    event = Events.objects.latest("pgh_id")
    assert Events.objects.count() == before + 1
    user = User.objects.get(username="root")
    assert event.pgh_context is not None and event.pgh_context["reason"] == "a <mistake>"
    assert event.pgh_context["reverts_event"] == status_change_before(event).pk
    assert event.pgh_context["user"] == user.pk and event.pgh_context["user_name"] == "root"
    html = page(root, url(order, "audit"))
    assert f"Reverted by root (#{event.pk})" in html and "a &lt;mistake&gt;" in html
    assert f'{TRAIL}{status_change_before(event).pk}/change/">event' in html
    html = page(root, f"{TRAIL}{status_change_before(event).pk}/change/")
    assert f"Reverted by root (#{event.pk})" in html


def test_a_transaction_says_by_which_other_it_was_taken_back(
    root: Client, page: Any, transactional_db: None
) -> None:
    customer = Customer.objects.create(name="Ana")
    with transaction.atomic(), pgaudit_log.context(reason="a deal"):
        orders = [Order.objects.create(customer=customer, note=f"n{n}") for n in range(2)]
    done = events_of("shop.Order").earliest("pgh_id")
    with transaction.atomic():
        Order.objects.filter(pk=orders[0].pk).delete()
    deleted = events_of("shop.Order").latest("pgh_id")
    place = f"{TRAIL}transaction/{done.pgh_txid}/"
    assert "Reverted" not in page(root, place)
    with pgaudit_log.context(user_name="bea", user=1):
        undo(events_of("shop.Order").get(pgh_obj_id=orders[1].pk)).apply(reason="no")
    undone = events_of("shop.Order").latest("pgh_id")
    link = f"transaction/{undone.pgh_txid}/?t="
    for where in (place, f"{TRAIL}context/{done.pgh_context_id}/"):
        html = page(root, where)
        assert "Reverted in part by bea:" in html and link in html
    with pgaudit_log.context(user_name="cid", user=2):
        undo(txid=deleted.pgh_txid).apply(reason="no")
    assert "Reverted by cid:" in page(root, f"{TRAIL}transaction/{deleted.pgh_txid}/")


def test_what_came_back_with_another_says_so_too(
    root: Client, order: Order, page: Any, url: Any
) -> None:
    key = str(order.lines.get().pk)  # type: ignore[attr-defined]
    order.delete()
    deletion = events_of("shop.Order").get(pgh_operation="D")
    restore(deletion).apply(reason="back")
    place = f"/admin/shop/order/{deletion.pgh_obj_id}/audit/"
    came = events_of("shop.OrderLine").filter(pgh_obj_id=key).latest("pgh_id")
    for query in ({}, {"before": deletion.pk + 1}):
        assert re.search(rf"Restored by [^<]*\(#{came.pk}\)", page(root, place, **query))


def status_change_before(event: Any) -> Any:
    return events_of("shop.Order").filter(pgh_label="update", pgh_id__lt=event.pk).latest("pgh_id")


def test_a_later_change_stays_unless_it_is_ticked(root: Client, order: Order, page: Any) -> None:
    Order.objects.update(status="sent", note="twice")
    event = Events.objects.latest("pgh_id")
    Order.objects.update(status="lost")
    place = f"/admin/shop/order/{order.pk}/audit/undo/?event={event.pk}"
    html = page(root, place)
    assert "Changed again by" in html
    form = Form(html)
    assert form.data["field"] == ["note"] and ("field", "status") in form.boxes
    assert form.send(root, place, reason="r").status_code == 302
    order.refresh_from_db()
    assert (order.status, order.note) == ("lost", "ring twice")
    form = Form(page(root, place))
    assert form.send(root, place, reason="r").status_code == 400  # nothing is ticked
    form.tick("field", "status")
    assert form.send(root, place, reason="r").status_code == 302
    order.refresh_from_db()
    assert order.status == "paid"


def test_who_is_faster_wins_and_the_preview_is_shown_again(
    root: Client, order: Order, page: Any, undo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = Form(page(root, undo_url))
    Order.objects.update(note="meanwhile")
    response = form.send(root, undo_url, reason="r")
    assert response.status_code == 409 and b"Something has changed" in response.content
    assert Order.objects.get().status == "paid"
    form = Form(response.content.decode())
    applying = reversal_view._Page._apply

    def slow(self: Any, *args: Any) -> Any:
        Order.objects.update(note="in the very moment")
        return applying(self, *args)

    monkeypatch.setattr(reversal_view._Page, "_apply", slow)
    response = form.send(root, undo_url, reason="r")
    assert response.status_code == 409 and b"Something has changed" in response.content
    assert Order.objects.get().status == "paid"


def test_an_object_goes_back_to_a_state_in_the_fields_that_are_ticked(
    root: Client, order: Order, page: Any, settings: Any
) -> None:
    settings.PGAUDIT_LOG_ADMIN_REASON = False
    first = events_of("shop.Order").earliest("pgh_id")
    Order.objects.update(note="do not ring")
    place = f"/admin/shop/order/{order.pk}/audit/revert/?event={first.pk}"
    form = Form(page(root, place))
    assert set(form.data["field"]) == {"status", "note"}
    form.untick("field", "status")
    assert form.send(root, place).status_code == 302
    order.refresh_from_db()
    assert (order.status, order.note) == ("paid", "ring twice")
    assert "Reverted to by root" in page(root, f"/admin/shop/order/{order.pk}/audit/")
    # Everybody's default state: nothing to do.
    newest = events_of("shop.Order").latest("pgh_id")
    assert "There is nothing to do" in page(root, place.replace(str(first.pk), str(newest.pk)))


def test_a_deleted_object_comes_back_with_what_was_deleted_with_it(
    root: Client, order: Order, page: Any, url: Any
) -> None:
    timeline = url(order, "audit")
    key = order.pk
    with pgaudit_log.context(user=1, user_name="ana"):
        order.delete()
    html = page(root, "/admin/shop/order/audit/deleted/")
    deletion = events_of("shop.Order").get(pgh_operation="D")
    place = f"{timeline}restore/?event={deletion.pk}"
    assert place in html and "ana" in html and 'data-label="Deleted with it"><a' in html
    assert "/admin/shop/order/audit/deleted/" in page(root, "/admin/shop/order/")
    assert place in page(root, timeline)
    form = Form(page(root, place))
    assert form.data["row"] == [
        f"shop.Order {key}",
        f"shop.OrderLine {line_key()}",
    ]
    form.untick("row", f"shop.OrderLine {line_key()}")
    assert form.send(root, place, reason="r", preview="1").status_code == 200
    assert not Order.objects.exists()
    form.tick("row", f"shop.OrderLine {line_key()}")
    assert form.send(root, place, reason="r").status_code == 302
    assert Order.objects.get().status == "paid" and OrderLine.objects.get().order_id == key
    assert "Restored by root" in page(root, timeline)
    html = page(root, "/admin/shop/order/audit/deleted/")
    assert place not in html and "exists again" in html


def line_key() -> str:
    return str(events_of("shop.OrderLine").latest("pgh_id").pgh_obj_id)


def test_a_whole_transaction_is_taken_back_but_for_what_is_unticked(
    root: Client, order: Order, page: Any
) -> None:
    with pgaudit_log.context(reason="cleanup"):
        Order.objects.update(note="", status="closed")
        Customer.objects.update(name="X")
        product = Product.objects.create(sku="N", name="New", price=1)
    done = Events.objects.latest("pgh_id")
    Order.objects.update(status="open")
    for scope in (f"transaction/{done.pgh_txid}/", f"context/{done.pgh_context_id}/"):
        assert f"{TRAIL}{scope}undo/" in page(root, TRAIL + scope)
    place = f"{TRAIL}context/{done.pgh_context_id}/undo/"
    html = page(root, place)
    assert "It stays as it is." in html and "is deleted" in html
    form = Form(html)
    assert len(form.data["row"]) == 3
    form.untick("row", f"shop.Product {product.pk}")
    assert form.send(root, place, reason="r").status_code == 302
    order.refresh_from_db()
    assert (order.note, order.status) == ("ring twice", "open")
    assert Customer.objects.get().name == "Luís" and Product.objects.filter(pk="N").exists()
    html = page(root, place)
    assert re.search("was.*ring twice|was.*paid.*was set to.*closed.*is now.*open", html, re.DOTALL)
    form = Form(html)
    form.tick("on_conflict", "force")
    assert form.send(root, place, reason="r").status_code == 302
    order.refresh_from_db()
    assert order.status == "paid" and not Product.objects.filter(pk="N").exists()


def test_what_is_overwritten_is_shown_before(root: Client, page: Any, db: None) -> None:
    customer = Customer.objects.create(name="Ana")
    key = customer.pk
    with pgaudit_log.context() as request:
        customer.delete()
        Customer.objects.create(name="Bo")
    Customer.objects.create(pk=key, name="Somebody else")
    place = f"{TRAIL}context/{request.id}/undo/"
    html = page(root, place)
    assert "It is there again, with other values." in html and "Bo" in html
    form = Form(html)
    form.tick("on_conflict", "force")
    response = form.send(root, place, reason="r")
    assert response.status_code == 200 and b"changes more than was shown" in response.content
    assert Customer.objects.get(pk=key).name == "Somebody else"
    assert Form(response.content.decode()).send(root, place, reason="r").status_code == 302
    assert Customer.objects.get().name == "Ana"


def test_what_stands_in_the_way_is_told_and_can_be_given_or_left_out(
    root: Client, order: Order, page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = OrderLine.objects.get()
    order.delete()
    Customer.objects.all().delete()
    deletion = events_of("shop.Order").get(pgh_operation="D")
    place = f"/admin/shop/order/{deletion.pgh_obj_id}/audit/restore/?event={deletion.pk}"
    html = page(root, place)
    assert "would point at what is not there" in html
    assert "/admin/shop/customer/audit/deleted/" in html
    form = Form(html)
    response = form.send(root, place, reason="r")
    assert response.status_code == 409 and b"Something stands in the way" in response.content
    response = form.send(root, place, reason="r", **{"value-shop.Order.customer": "x"})
    assert response.status_code == 400 and b"A value cannot be used" in response.content
    response = form.send(root, place, reason="r", **{"value-shop.Order.customer": "9" * 30})
    assert response.status_code == 400 and b"A value cannot be used" in response.content
    other = Customer.objects.create(name="Zoe")
    response = form.send(root, place, reason="r", **{"value-shop.Order.customer": str(other.pk)})
    assert response.status_code == 200 and not Order.objects.exists()
    assert Form(response.content.decode()).send(root, place, reason="r").status_code == 302
    assert Order.objects.get().customer == other and OrderLine.objects.get() == line

    # A project's own check stands in nobody's way who leaves the rows out.
    broken = invariants.Invariant(model=Order, check=lambda plan: ["sums <differ>"])
    monkeypatch.setattr(invariants, "_invariants", [broken])
    place = f"/admin/shop/order/{Order.objects.get().pk}/audit/undo/?event={status_change().pk}"
    assert "sums &lt;differ&gt;" in page(root, place)
    monkeypatch.setattr(invariants, "_invariants", [])


@pytest.fixture
def helper(staff: Any) -> Any:
    """Returns the browser of somebody who may revert, and whatever else is named."""

    def make(*permissions: str) -> Client:
        return staff("pgaudit_log.view_events", "pgaudit_log.revert_events", *permissions)  # type: ignore[no-any-return]

    return make


def allow(*codenames: str) -> None:
    user = User.objects.get(username="support")
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))


def test_each_object_needs_the_permission_of_its_model(
    helper: Any, order: Order, page: Any, undo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = helper("shop.view_order")
    assert "Undo this change" not in page(client, f"/admin/shop/order/{order.pk}/audit/")
    form = {"fingerprint": "x:y", "reason": "r", "field": "status"}
    assert client.get(undo_url).status_code == client.post(undo_url, form).status_code == 403
    allow("change_order")
    assert "Undo this change" in page(client, f"/admin/shop/order/{order.pk}/audit/")
    assert "status" in page(client, undo_url)
    own: Any = site._registry[Order]
    with monkeypatch.context() as patch:
        patch.setattr(own, "has_change_permission", lambda request, obj=None: obj is None)
        assert client.get(undo_url).status_code == 403
    user = User.objects.get(username="support")
    user.user_permissions.remove(Permission.objects.get(codename="revert_events"))
    assert client.get(undo_url).status_code == client.post(undo_url, form).status_code == 403
    assert "Undo this change" not in page(client, f"/admin/shop/order/{order.pk}/audit/")
    assert client.get(f"{TRAIL}transaction/{status_change().pgh_txid}/undo/").status_code == 403
    assert Order.objects.get().status == "paid"


def test_what_a_person_may_not_write_stays_and_is_not_named(
    helper: Any, order: Order, page: Any
) -> None:
    with pgaudit_log.context() as request:
        Order.objects.update(note="")
        Customer.objects.update(name="X")
    place = f"{TRAIL}context/{request.id}/undo/"
    client = helper("shop.change_order")
    html = page(client, place)
    assert "1 object that you may not change" in html
    assert "Luís" not in html and "shop.Customer" not in html and "X" not in Form(html).data
    form = Form(html)
    form.data["row"] = [f"shop.Order {order.pk}", f"shop.Customer {order.customer.pk}"]
    assert form.send(client, place, reason="r").status_code == 400
    assert Form(html).send(client, place, reason="r").status_code == 302
    order.refresh_from_db()
    assert order.note == "ring twice" and Customer.objects.get().name == "X"
    deletion = f"/admin/shop/order/{order.pk}/audit"
    order.delete()
    event = events_of("shop.Order").get(pgh_operation="D")
    assert client.get(f"{deletion}/restore/?event={event.pk}").status_code == 403
    assert "Restore…" not in page(client, "/admin/shop/order/audit/deleted/")
    assert "Revert to this state" not in page(client, f"{deletion}/")
    allow("add_order")
    html = page(client, f"{deletion}/restore/?event={event.pk}")
    assert "1 object that you may not change" in html
    assert (
        Form(html).send(client, f"{deletion}/restore/?event={event.pk}", reason="r").status_code
        == 302
    )
    assert Order.objects.exists() and not OrderLine.objects.exists()


def test_what_was_changed_later_is_shown_to_those_who_may_see_it(
    helper: Any, order: Order, page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of models that a person may not view, nor of objects that an admin does not show them."""
    other = Order.objects.create(customer=order.customer, note="of another")
    with pgaudit_log.context() as request:
        Order.objects.update(note="")
        Customer.objects.update(name="X-name")
        Product.objects.update(name="X-name", price=5)
    Customer.objects.update(name="Y-name")
    Product.objects.update(name="Y-name", price=6)
    Order.objects.filter(pk=other.pk).update(note="of another now")
    monkeypatch.setattr(Order, "__str__", lambda self: f"order {self.note}")
    own: Any = site._registry[Order]
    with monkeypatch.context() as patch:
        patch.setattr(own, "get_queryset", lambda request: Order.objects.exclude(pk=other.pk))
        client = helper("shop.change_order")
        html = page(client, f"{TRAIL}context/{request.id}/undo/")
        assert "ring twice" in html and html.count("You may not see this object.") == 3
        assert not re.search("[XY]-name|Luís|Distance|of another", html)
        form = Form(html)
        assert (
            form.send(client, f"{TRAIL}context/{request.id}/undo/", reason="r").status_code == 302
        )
        order.refresh_from_db()
        assert order.note == "ring twice" and Customer.objects.get().name == "Y-name"
        patch.setattr(own, "has_view_permission", lambda request, obj=None: obj is None)
        assert "ring twice" not in client.get(f"{TRAIL}context/{request.id}/undo/").content.decode()
    allow("change_customer")
    html = page(client, f"{TRAIL}context/{request.id}/undo/")
    assert "Y-name" in html and "of another now" in html and "Distance" not in html


def test_hidden_fields_are_neither_shown_nor_taken_back(
    helper: Any, order: Order, page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    products: Any = site._registry[Product]
    monkeypatch.setattr(products, "get_audit_hidden_fields", lambda request: ("price",))
    Product.objects.update(price=7, name="Near")
    event = Events.objects.latest("pgh_id")
    client = helper("shop.change_product")
    place = f"/admin/shop/product/D-1/audit/undo/?event={event.pk}"
    html = page(client, place)
    assert "Near" in html and "0.99" not in html and "7.00" not in html and "price" not in html
    form = Form(html)
    form.data["field"].append("price")
    assert form.send(client, place, reason="r").status_code == 400
    with pgaudit_log.context() as request:
        Product.objects.update(price=8)
        Order.objects.update(note="")
    whole = f"{TRAIL}context/{request.id}/undo/"
    assert client.get(whole).status_code == 403
    allow("change_order")
    html = page(client, whole)
    assert "1 object that you may not change" in html and "7.00" not in html and "8.00" not in html
    assert Form(page(client, place)).send(client, place, reason="r").status_code == 302
    product = Product.objects.get()
    assert (product.name, product.price) == ("Distance", Decimal(8))
    # A deleted one comes back whole, and nothing of it is told.
    OrderLine.objects.all().delete()
    product.delete()
    allow("add_product")
    deletion = events_of("shop.Product").get(pgh_operation="D")
    place = f"/admin/shop/product/D-1/audit/restore/?event={deletion.pk}"
    html = page(client, place)
    assert "8.00" not in html and "Fields that you may not see come back as they were" in html
    assert Form(html).send(client, place, reason="r").status_code == 302
    assert Product.objects.get().price == 8


BAD = (
    ("shop/order/{order}/audit/undo/", 404),
    ("shop/order/{order}/audit/undo/?event=x", 404),
    ("shop/order/{order}/audit/undo/?event=99999999999999999999", 404),
    ("shop/order/{order}/audit/undo/?event={line}", 400),
    ("shop/order/{order}/audit/revert/?event={line}", 400),
    ("shop/order/{order}/audit/restore/?event={update}", 400),
    ("shop/order/999999/audit/undo/?event={update}", 400),
    ("shop/order/x/audit/undo/?event={update}", 404),
    ("pgaudit_log/events/object/no.Model/1/undo/?event={update}", 404),
    ("pgaudit_log/events/transaction/1/undo/", 404),
    ("pgaudit_log/events/transaction/99999999999999999999/undo/", 404),
    ("pgaudit_log/events/deleted/shop.Untracked/", 404),
)


def test_bad_questions_get_the_right_answer(root: Client, order: Order) -> None:
    values = {
        "order": order.pk,
        "update": status_change().pk,
        "line": events_of("shop.OrderLine").get().pk,
    }
    before = Events.objects.count()
    for text, status in BAD:
        place = f"/admin/{text.format(**values)}"
        assert root.get(place).status_code == status, place
        assert root.post(place, {"reason": "r", "fingerprint": "é"}).status_code == status, place
    assert Events.objects.count() == before


def test_forged_forms_write_nothing(
    root: Client, order: Order, page: Any, undo_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = Form(page(root, undo_url))
    assert root.post(undo_url, {"reason": "r"}).status_code == 409
    for forged in ({"field": ["pk"]}, {"field": ["status", "id"]}):
        assert form.send(root, undo_url, reason="r", **forged).status_code == 400
    assert form.send(root, undo_url, reason="x" * 501).status_code == 400
    assert form.send(root, undo_url, reason="a\0b").status_code == 400
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="root"))
    assert form.send(strict, undo_url, reason="r").status_code == 403
    assert Order.objects.get().status == "paid"
    monkeypatch.setattr(reversal_view, "MOST_EVENTS", 0)
    response = root.get(f"{TRAIL}transaction/{status_change().pgh_txid}/undo/")
    assert response.status_code == 400 and b"too many" in response.content


def test_what_the_database_refuses_is_told_and_nothing_is_written(
    root: Client,
    order: Order,
    page: Any,
    undo_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from django.core.exceptions import ValidationError

    def refuse(self: Any) -> None:
        raise ValidationError("paid <is> paid")

    monkeypatch.setattr(Order, "clean", refuse)
    monkeypatch.setattr(Order, "__str__", lambda self: 1 / 0)
    html = page(root, undo_url)
    with override_settings(PGAUDIT_LOG_ADMIN_REVERT_THROUGH="save"):
        response = Form(html).send(root, undo_url, reason="r")
    assert response.status_code == 409 and b"paid &lt;is&gt; paid" in response.content
    assert Order.objects.get().status == "paid"


def test_an_object_goes_back_with_its_parts_if_that_is_wanted(
    root: Client, order: Order, page: Any
) -> None:
    [declaration] = declarations.declarations_of(Order)
    event = events_of("shop.OrderLine").latest("pgh_id")
    paid = status_change()
    OrderLine.objects.update(quantity=7)
    Order.objects.update(note="")
    place = f"/admin/shop/order/{order.pk}/audit/revert/?event={paid.pk}"
    assert "parts=1" not in page(root, place)
    assert root.get(f"{place.replace(str(paid.pk), str(event.pk))}").status_code == 400
    with followed(declaration, ("lines",)):
        assert f"event={paid.pk}&amp;parts=1" in page(root, place)
        place = f"/admin/shop/order/{order.pk}/audit/revert/?event={event.pk}&parts=1"
        html = page(root, place)
        assert "order line" in html
        form = Form(html)
        form.untick("row", f"shop.Order {order.pk}")
        assert form.send(root, place, reason="r").status_code == 302
    assert OrderLine.objects.get().quantity == 2 and Order.objects.get().note == ""


@contextmanager
def followed(declaration: Any, names: tuple[str, ...]) -> Iterator[None]:
    """Let a model follow relations to its parts."""
    usual = declaration.follow
    object.__setattr__(declaration, "follow", names)
    parts._parts_of.cache_clear()
    try:
        yield
    finally:
        object.__setattr__(declaration, "follow", usual)
        parts._parts_of.cache_clear()


def test_keys_and_texts_that_anybody_may_have_written_are_only_texts(
    root: Client, page: Any, db: None
) -> None:
    sku = "a b/<b>\"'&_"
    Product.objects.create(sku=sku, name="<script>alert(1)</script>", price=1, tags={"<i>": 1})
    with pgaudit_log.context(user=1, user_name="<u>"):
        Product.objects.all().delete()
    html = page(root, "/admin/shop/product/audit/deleted/", q="alert")
    assert "<script>alert" not in html and "<u>" not in html and "&lt;u&gt;" in html
    [place] = re.findall(r'href="([^"]+/restore/[^"]+)"', html)
    place = unescape(place)
    html = page(root, place)
    assert "<script>alert" not in html and "<i>" not in html and "<b>" not in html
    assert Form(html).send(root, place, reason="<r>").status_code == 302
    assert Product.objects.get().sku == sku
    assert "No deleted objects" in page(root, "/admin/shop/product/audit/deleted/", q=sku)


def test_values_that_nobody_would_expect_go_back_all_the_same(
    root: Client, page: Any, db: None
) -> None:
    number = "7" * 5000
    Product.objects.create(sku="odd", name="odd", price=1)
    for tags in (number, "[" * 900 + "]" * 900, '{"text": "%s"}' % ("long " * 4_000)):
        execute("UPDATE shop_product SET tags = %s::jsonb", [tags])
        event = Events.objects.latest("pgh_id")
        execute("UPDATE shop_product SET tags = '[1]'")
        place = f"/admin/shop/product/odd/audit/undo/?event={event.pk}"
        form = Form(page(root, place))
        form.tick("field", "tags")
        assert form.send(root, place, reason="r").status_code == 302
        place = f"/admin/shop/product/odd/audit/revert/?event={event.pk}"
        assert Form(page(root, place)).send(root, place, reason="r").status_code == 302
        [[stored]] = execute("SELECT tags::text FROM shop_product")
        assert stored.replace(" ", "") == tags.replace(" ", "")


def raw_event(label: str, key: int, operation: str, snapshot: str, diff: str = "null") -> Any:
    execute(
        "INSERT INTO pgaudit_log_event"
        " (model, obj_pk, label, operation, snapshot, diff, role, shape, context_id)"
        " VALUES (%s, %s, 'update', %s, %s, nullif(%s::jsonb, 'null'), 'r', 0, gen_random_uuid())",
        [label, str(key), operation, snapshot, diff],
    )
    return Events.objects.latest("pgh_id")


def test_fields_and_models_that_are_no_more_are_left_alone(
    root: Client, order: Order, page: Any
) -> None:
    diff = '{"colour": ["red", "blue"], "status": ["old", "paid"], "customer_id": ["x", 1]}'
    event = raw_event("shop.Order", order.pk, "U", "{}", diff)
    place = f"/admin/shop/order/{order.pk}/audit/undo/?event={event.pk}"
    html = page(root, place)
    assert "“colour” is no longer in the model" in html and "In the way" not in html
    assert Form(html).data["field"] == ["status"]
    assert Form(html).send(root, place, reason="r").status_code == 302
    assert Order.objects.get().status == "old"
    gone = raw_event("gone.Model", 1, "I", '{"id": 1}')
    response = root.get(f"{TRAIL}context/{gone.pgh_context_id}/undo/")
    assert response.status_code == 400 and b"This cannot be taken back" in response.content
    noted = raw_event("shop.Order", order.pk, "B", '{"id": 1}')
    response = root.get(place.replace(str(event.pk), str(noted.pk)))
    assert response.status_code == 400


def test_what_is_not_tracked_is_told(root: Client, page: Any, db: None) -> None:
    user = User.objects.create_user("ana", password="x")
    User.objects.update(first_name="Ana")
    event = events_of("auth.User").filter(pgh_obj_id=str(user.pk)).earliest("pgh_id")
    html = page(root, f"/admin/auth/user/{user.pk}/audit/revert/?event={event.pk}")
    assert "Not in the log:" in html and "last login" in html


def test_every_kind_of_obstacle_has_words() -> None:
    from pgaudit_log.admin.obstacle_texts import TEXTS

    assert set(TEXTS) == set(Kind)


def test_objects_are_called_by_what_they_point_at(
    root: Client, order: Order, page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OrderLine, "__str__", lambda self: f"{self.quantity} × {self.product.name}")
    line = order.lines.get()  # type: ignore[attr-defined]
    added = events_of("shop.OrderLine").latest("pgh_id")
    place = f"{TRAIL}object/shop.OrderLine/{line.pk}/undo/"
    assert f"Undo event {added.pk} of 2 × Distance" in page(root, place, event=added.pk)
    for screen in ("", "at/", "fields/", f"compare/?a={added.pk}&b=now", f"?before={added.pk}"):
        html = page(root, f"{TRAIL}object/shop.OrderLine/{line.pk}/{screen}")
        assert re.search("<h1.*2 × Distance.*</h1>", html), screen
    line.delete()
    deleted = f"{TRAIL}deleted/shop.OrderLine/"
    assert ">2 × Distance</bdi></a>" in page(root, deleted)
    monkeypatch.setattr(
        "pgaudit_log.admin.access.AdminAccess.hidden_fields", lambda self, model: {"product"}
    )
    html = page(root, deleted)
    assert "Distance" not in html and f">order line {added.pgh_obj_id}</bdi></a>" in html


def test_a_form_that_is_sent_twice_at_once_writes_once(page: Any, transactional_db: None) -> None:
    """Both have seen the same; the second waits for the first, and finds what that has written."""
    customer = Customer.objects.create(name="a")
    Customer.objects.update(name="b")
    root = Client()
    root.force_login(User.objects.create_superuser("root"))
    change = events_of("shop.Customer").latest("pgh_id")
    timeline = f"/admin/shop/customer/{customer.pk}/audit"
    undone = f"{timeline}/undo/?event={change.pk}"
    assert sorted(sent_twice(root, undone, page)) == [302, 409]
    assert Customer.objects.get().name == "a"
    assert events_of("shop.Customer").filter(pgh_id__gt=change.pk).count() == 1

    customer.delete()
    deletion = events_of("shop.Customer").latest("pgh_id")
    restored = f"{timeline}/restore/?event={deletion.pk}"
    assert sorted(sent_twice(root, restored, page)) == [302, 409]
    assert Customer.objects.get().name == "a"
    assert events_of("shop.Customer").filter(pgh_id__gt=deletion.pk).count() == 1


def sent_twice(client: Client, place: str, page: Any) -> list[int]:
    """Return how a form is answered that is sent twice, both before either writes."""
    form = Form(page(client, place))
    both = threading.Barrier(2, timeout=60)
    apply = Plan.apply

    def together(self: Plan, *args: Any, **options: Any) -> Any:
        both.wait()
        return apply(self, *args, **options)

    def send() -> int:
        other = Client()
        other.cookies = client.cookies
        return int(form.send(other, place, reason="r").status_code)

    with mock.patch.object(Plan, "apply", together):
        return [int(str(one.done())) for one in [Meanwhile(send), Meanwhile(send)]]


def test_a_document_that_is_too_deep_is_no_value() -> None:
    tags: Any = Product._meta.get_field("tags")
    one = ValueInput(
        name="shop.Product.tags",
        label="tags",
        field=tags,
        form_field=tags.formfield(required=False),
        can_be_empty=True,
    )
    filled, values = given_values.read({one.name: one}, {one.id: "[" * 100_000})
    assert not values and filled[one.name].error == "This is no value."


def test_a_database_that_is_only_read_from_is_told(
    root: Client, order: Order, page: Any, undo_url: str
) -> None:
    form = Form(page(root, undo_url))
    with transaction.atomic():
        execute("SET LOCAL transaction_read_only = on")
        answers = [
            form.send(root, undo_url, reason="r"),
            root.post(f"{TRAIL}export/", {"format": "csv"}),
            root.post(f"{TRAIL}saved/", {"name": "n", "query": "q=1"}),
            root.post(f"{TRAIL}saved/", {"forget": "1"}),
        ]
        page(root, undo_url)
        transaction.set_rollback(True)
    assert [answer.status_code for answer in answers] == [409, 503, 503, 503]
    assert b"read-only transaction" in answers[0].content
    assert all(b"could not do it just now" in answer.content for answer in answers[1:])
