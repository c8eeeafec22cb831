"""Timelines: the History pages of tracked models tell what happened, of deleted objects too."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction

import pgaudit_log
from pgaudit_log import importing
from pgaudit_log.models import Events
from pgaudit_log.presentation import pages
from tests.importing import text_tables
from tests.shop.models import Customer, Order, OrderLine, Product, Untracked
from tests.support import execute


def test_the_history_page_of_a_tracked_model_is_its_timeline(
    root: Any, order: Order, page: Any, url: Any
) -> None:
    html = page(root, url(order, "history"))
    assert "ana" in html and "customer called" in html and "POST /orders/1/" in html
    assert re.search(r"<del>.*new.*</del>.*<ins>.*paid.*</ins>", html, re.DOTALL)
    assert "doesn’t have a change history" not in html


def test_its_address_is_the_same_for_a_deleted_object(
    root: Any, order: Order, page: Any, url: Any
) -> None:
    place = url(order, "audit")
    order.lines.all().delete()  # type: ignore[attr-defined]
    order.delete()
    html = page(root, place)
    assert re.search(r"Deleted on .* by no user|Deleted on .* by role", html)
    assert "paid" in html and "deleted" in html
    assert "This object was deleted" in page(
        root, place, before=str(Events.objects.latest().pk - 2)
    )


def test_the_history_of_what_is_not_tracked_is_djangos(root: Any, page: Any, url: Any) -> None:
    html = page(root, url(Untracked.objects.create(), "history"))
    assert "doesn’t have a change history" in html


def test_without_the_setting_the_history_is_djangos_but_for_the_mixin(
    root: Any, order: Order, page: Any, url: Any, settings: Any
) -> None:
    settings.PGAUDIT_LOG_ADMIN_HISTORY = False
    assert "doesn’t have a change history" in page(root, url(order, "history"))
    assert "Distance" in page(root, url(Product.objects.get(), "history"))


def test_lines_stand_in_the_timeline_of_their_order_until_they_are_not_wanted(
    root: Any, order: Order, page: Any, url: Any
) -> None:
    html = page(root, url(order, "audit"))
    assert "order line" in html and "pgh-part" in html
    assert "order line" not in page(root, url(order, "audit"), parts="0")


def test_what_was_deleted_and_made_again_has_one_story(
    root: Any, order: Order, page: Any, url: Any
) -> None:
    place = url(order, "audit")
    key = order.pk
    order.lines.all().delete()  # type: ignore[attr-defined]
    order.delete()
    Order.objects.create(pk=key, customer=Customer.objects.get(), note="again")
    html = page(root, place)
    assert "again" in html and "paid" in html


def test_what_was_imported_says_from_where_on_the_timeline_of_the_one_object(
    root: Any, page: Any, url: Any
) -> None:
    text_tables.make_tables()
    changes = {"id": ["None", "7"], "name": ["None", "Luís"]}
    text_tables.entry(text_tables.CREATE, 7, changes, 0, model="customer", cid="a")
    execute("ALTER TABLE shop_customer DISABLE TRIGGER USER")
    customer = Customer.objects.create(pk=7, name="Luís")
    execute("ALTER TABLE shop_customer ENABLE TRIGGER USER")
    Customer.objects.update(name="Lu")
    importing.plan("auditlog", models=[Customer]).apply()
    html = page(root, url(customer, "history"))
    assert html.count("imported from django-auditlog") == 1
    assert "Jan. 1, 2020" in html and re.search(r"<ins>.*Lu.*</ins>", html, re.DOTALL)
    trail = page(root, "/admin/pgaudit_log/events/", period="all")
    assert "imported from django-auditlog" in trail


def test_a_changed_key_leads_to_the_timeline_of_the_former_one(
    root: Any, page: Any, url: Any, db: None
) -> None:
    Product.objects.create(sku="old", name="Distance", price=1)
    Product.objects.filter(sku="old").update(sku="new")
    html = page(root, url(Product.objects.get(), "audit"))
    found = re.search(r'href="([^"]+)">Before that, it had another key', html)
    assert found is not None
    assert "Distance" in page(root, found[1].replace("&amp;", "&"))


def test_a_field_narrows_the_timeline(root: Any, order: Order, page: Any, url: Any) -> None:
    Order.objects.update(note="do not ring")
    html = page(root, url(order, "audit"), field="note")
    assert "do not" in html and "paid" not in html.split("<ol")[1]
    assert "There is no such field" in page(root, url(order, "audit"), field="nothing")


def test_a_timeline_is_read_page_by_page(root: Any, order: Order, page: Any, url: Any) -> None:
    for number in range(60):
        Order.objects.filter(pk=order.pk).update(note=f"note {number}.")
    html = page(root, url(order, "audit"))
    assert "note 59." in html and "note 1." not in html
    [older] = re.findall(r'href="(\?[^"]+)" rel="next"', html)
    older_html = page(root, url(order, "audit") + older.replace("&amp;", "&"))
    assert "note 1." in older_html and "note 59." not in older_html
    [newer] = re.findall(r'href="(\?[^"]+)" rel="prev"', older_html)
    assert "note 59." in page(root, url(order, "audit") + newer.replace("&amp;", "&"))


def test_rows_of_a_many_to_many_field_are_told_as_that_field(
    root: Any, page: Any, url: Any, db: None
) -> None:
    from tests.shop.models import Team

    team = Team.objects.create()
    ana = User.objects.create_user("ana")
    team.members.add(ana)
    events = Events.objects.filter(pgh_label="member.add")
    html = page(root, f"/admin/pgaudit_log/events/transaction/{events.get().pgh_txid}/")
    assert re.search(r"members.*<ins>.*added:.*ana.*</ins>", html, re.DOTALL)


@pytest.mark.parametrize("key", ["0", "abc", "9" * 30, "%00", "1/2"])
def test_what_never_was_is_an_empty_page_or_not_found(root: Any, key: str) -> None:
    response = root.get(f"/admin/shop/order/{key}/audit/")
    assert response.status_code in (200, 404)
    if response.status_code == 200:
        assert b"No events." in response.content
    # A key that is a text.
    assert root.get(f"/admin/shop/product/{key}/audit/").status_code in (200, 404)


def test_a_list_leads_to_the_events_of_its_model(root: Any, order: Order, page: Any) -> None:
    html = page(root, "/admin/shop/order/")
    assert 'href="/admin/pgaudit_log/events/?model=shop.Order"' in html
    assert "pgaudit_log/events/?model" not in page(root, "/admin/shop/untracked/")


def test_an_object_without_an_admin_has_its_timeline_at_the_trail(
    root: Any, order: Order, page: Any
) -> None:
    line = OrderLine.objects.get()
    html = page(root, f"/admin/pgaudit_log/events/object/shop.OrderLine/{line.pk}/")
    assert "quantity" in html
    assert root.get("/admin/pgaudit_log/events/object/shop.Nothing/1/").status_code == 404
    group = Group.objects.create(name="g")
    assert root.get(f"/admin/pgaudit_log/events/object/auth.Group/{group.pk}/").status_code == 404


def test_an_object_whose_name_fails_is_called_by_its_key(
    root: Any, order: Order, page: Any, url: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Any) -> str:
        raise RuntimeError("no name")

    for model in (Order, Customer, Product):
        monkeypatch.setattr(model, "__str__", broken)
    events = Events.objects.filter(pgh_obj_model="shop.Order")
    first, last = events.earliest("pgh_id").pk, events.latest("pgh_id").pk
    for place in (
        url(order, "audit"),
        url(order, "audit", "fields"),
        url(order, "audit", "compare") + f"?a={first}&b=now&unchanged=1",
        url(order, "audit", "undo") + f"?event={last}",
    ):
        assert f"order {order.pk}" in page(root, place).lower(), place
    # Nor can Django read every object that another one points at.
    execute("UPDATE shop_product SET tags = %s::jsonb", ["7" * 5000])
    line = f"/admin/pgaudit_log/events/object/shop.OrderLine/{OrderLine.objects.get().pk}/"
    assert "product D-1" in page(root, f"{line}fields/")


def test_a_name_that_asks_the_database_does_not(
    root: Any, order: Order, page: Any, url: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Order, "__str__", lambda self: f"{self.lines.count()} lines")
    assert f"Order {order.pk}" in page(root, url(order, "audit"))


def test_whoever_acted_for_somebody_is_named_with_them(
    root: Any, order: Order, page: Any, url: Any
) -> None:
    with pgaudit_log.context(user=1, user_name="ana", on_behalf_of=2, on_behalf_of_name="bob"):
        Order.objects.update(note="for him")
    assert "for bob" in page(root, url(order, "audit"))


@pytest.mark.slow
def test_a_field_that_is_looked_for_too_long_is_given_up(
    root: Any, order: Order, page: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PGAUDIT_LOG_ADMIN_TIMEOUT = 1
    monkeypatch.setattr(pages, "page_of", lambda *args: execute("SELECT pg_sleep(5)"))
    place = f"/admin/shop/order/{order.pk}/audit/"
    assert "took too long" in page(root, place, field="note")


class CustomersElsewhere:
    """A router that has customers in a database of their own."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return "other" if model is Customer else None

    def allow_migrate(self, db: str, app_label: str, model_name: str = "", **hints: Any) -> Any:
        return (db == "other") is (model_name == "customer")


@pytest.mark.slow
@pytest.mark.django_db(databases=["default", "other"])
def test_what_is_in_another_database_is_named_out_of_that(
    root: Any, order: Order, page: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Customer, "__str__", lambda self: self.name)
    timeline = f"/admin/shop/order/{order.pk}/audit/"
    Customer.objects.using("other").create(pk=order.customer.pk, name="Elsewhere")
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute("DROP TABLE shop_customer CASCADE")
    settings.DATABASE_ROUTERS = [CustomersElsewhere()]
    event = Events.objects.filter(pgh_obj_model="shop.Order").earliest("pgh_id")
    for place in (
        "/admin/pgaudit_log/events/",
        timeline,
        f"{timeline}at/?event={event.pk}",
        f"{timeline}fields/",
    ):
        assert "Elsewhere" in page(root, place), place


@pytest.mark.slow
def test_what_the_database_gives_up_by_itself_is_told(
    root: Any, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A role may have a timeout of its own."""

    def slow(*args: Any) -> Any:
        with transaction.atomic():
            execute("SET LOCAL statement_timeout = 20")
            execute("SELECT pg_sleep(5)")

    monkeypatch.setattr("pgaudit_log.presentation.subjects._object", slow)
    event = Events.objects.latest("pgh_id").pk
    for timeline in (
        f"/admin/shop/order/{order.pk}/audit/",
        f"/admin/pgaudit_log/events/object/shop.Order/{order.pk}/",
    ):
        for place in ("", "fields/", f"compare/?a={event}&b=now", "at/", f"undo/?event={event}"):
            response = root.get(timeline + place)
            assert response.status_code == 503 and b"took too long" in response.content, place
    assert root.get(f"/admin/shop/order/{order.pk}/history/").status_code == 503
    monkeypatch.setattr("pgaudit_log.presentation.pages.page_of", slow)
    assert root.get("/admin/pgaudit_log/events/").status_code == 503
