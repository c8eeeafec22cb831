"""Permissions: what a person may not view is not shown, and not found by asking for it."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth.models import Group, User
from django.db import models

import pgaudit_log
from pgaudit_log.admin import EventAdmin
from pgaudit_log.admin.columns import columns_of
from pgaudit_log.admin.trail_view import trail
from pgaudit_log.declaring import former_names
from pgaudit_log.models import Events
from pgaudit_log.presentation import cards
from pgaudit_log.presentation.filter_bar import TrailFilterSet, typed_filterset
from pgaudit_log.testing import isolated
from tests.admin.site import OrderEvent, site
from tests.shop.models import Customer, Order, OrderLine, Product
from tests.support import execute
from tests.tables import EVERYTHING, install, make, tracked_table

TRAIL = "/admin/pgaudit_log/events/"


def shown_events(html: str) -> set[int]:
    return {int(id) for id in re.findall(r'id="event-(\d+)"', html)}


@pytest.mark.slow
@pytest.mark.parametrize(
    "place",
    [
        "",
        "{event}/change/",
        "transaction/{txid}/",
        "context/{context}/",
        "object/shop.OrderLine/{line}/",
        "object/shop.OrderLine/{line}/fields/",
        "object/shop.OrderLine/{line}/compare/?a={event}&b=now",
    ],
)
def test_without_the_permission_no_screen_is_shown(staff: Any, order: Order, place: str) -> None:
    event = Events.objects.get(pgh_label="update")
    values = {
        "event": event.pk,
        "txid": event.pgh_txid,
        "context": event.pgh_context_id,
        "line": OrderLine.objects.get().pk,
    }
    client = staff("shop.view_order", "shop.view_orderline")
    assert client.get(TRAIL + place.format(**values)).status_code == 403
    assert client.get(f"/admin/shop/order/{order.pk}/audit/").status_code == 403


def test_who_may_not_see_the_trail_has_djangos_history(
    staff: Any, order: Order, page: Any, url: Any
) -> None:
    client = staff("shop.view_order", "shop.view_product")
    assert "doesn’t have a change history" in page(client, url(order, "history"))
    assert "doesn’t have a change history" in page(client, url(Product.objects.get(), "history"))
    assert "pgaudit_log" not in page(client, "/admin/shop/order/")


def test_an_anonymous_visitor_is_asked_to_log_in(client: Any, order: Order) -> None:
    for place in (TRAIL, f"/admin/shop/order/{order.pk}/audit/"):
        assert client.get(place).status_code == 302


def test_values_of_a_model_that_may_not_be_viewed_are_not_shown(
    staff: Any, order: Order, page: Any
) -> None:
    html = page(staff("pgaudit_log.view_events", "shop.view_order"), TRAIL)
    assert "You may not see this object" in html
    assert "paid" in html and "ring twice" in html
    assert "Distance" not in html and "Luís" not in html


def test_nor_is_such_an_object_named_where_another_points_at_it(
    staff: Any, order: Order, page: Any, url: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Customer, "__str__", lambda self: self.name)
    monkeypatch.setattr(Order, "__str__", lambda self: f"order of {self.customer}")
    html = page(staff("pgaudit_log.view_events", "shop.view_order"), url(order, "audit"))
    assert "Luís" not in html
    assert f"customer {order.customer_id}" in html  # type: ignore[attr-defined]


def test_nor_are_its_rows_in_the_timeline_of_another(
    staff: Any, order: Order, page: Any, url: Any
) -> None:
    html = page(staff("pgaudit_log.view_events", "shop.view_order"), url(order, "audit"))
    assert "order line" not in html


def test_nor_has_such_an_object_a_timeline(staff: Any, order: Order, url: Any) -> None:
    client = staff("pgaudit_log.view_events", "shop.view_order")
    assert client.get(url(order.customer, "audit")).status_code == 403
    line = OrderLine.objects.get().pk
    assert client.get(f"{TRAIL}object/shop.OrderLine/{line}/").status_code == 403


def test_nor_is_it_shown_by_its_event_or_transaction(staff: Any, order: Order, page: Any) -> None:
    client = staff("pgaudit_log.view_events", "shop.view_order")
    event = Events.objects.get(pgh_obj_model="shop.Product")
    for place in (f"{event.pk}/change/", f"transaction/{event.pgh_txid}/"):
        html = page(client, TRAIL + place)
        assert "Distance" not in html and "0.99" not in html and "D-1" not in html
    html = page(client, TRAIL, layout="list")
    assert "D-1" not in html


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        {"model": "shop.Product"},
        {"model": "shop.Product", "object": "D-1"},
        {"model": "shop.Product", "changed": "name"},
        {"changed": "name", "changed_to": "Luis"},
        {"label": "update", "changed": "name"},
    ],
)
def test_nor_is_it_found_by_its_values(
    staff: Any, order: Order, refused: Any, query: dict[str, str]
) -> None:
    Customer.objects.update(name="Luis")
    Product.objects.update(name="Far")
    client = staff("pgaudit_log.view_events", "shop.view_order")
    assert not shown_events(refused(client, TRAIL, **query))


@pytest.mark.slow
def test_hidden_fields_are_neither_shown_nor_found(
    staff: Any, order: Order, page: Any, refused: Any, url: Any
) -> None:
    Product.objects.update(price=7)
    client = staff("pgaudit_log.view_events", "shop.view_product")
    product = Product.objects.get()
    event = Events.objects.latest("pgh_id")
    first = Events.objects.get(pgh_obj_model="shop.Product", pgh_operation="I")
    for place in (
        url(product, "audit"),
        f"{TRAIL}{event.pk}/change/",
        f"{TRAIL}{first.pk}/change/",
        f"{TRAIL}?model=shop.Product",
        f"{TRAIL}?model=shop.Product&layout=list",
        f"{TRAIL}transaction/{event.pgh_txid}/",
        url(product, "audit", "compare") + f"?a={first.pk}&b=now&unchanged=1",
        url(product, "audit") + "?field=price",
        url(product, "audit", "fields"),
    ):
        html = page(client, place)
        assert "0.99" not in html and "7.00" not in html and ">price" not in html, place
    for query in ({"model": "shop.Product"}, {}):
        html = refused(client, TRAIL, **query, changed="price", changed_to="7")
        assert "There is no field" in html and not shown_events(html)
    assert "7.00" in page(_changing(client), url(product, "audit"))


def _changing(client: Any) -> Any:
    from django.contrib.auth.models import Permission

    user = User.objects.get(username="support")
    user.user_permissions.add(Permission.objects.get(codename="change_product"))
    return client


@pytest.mark.slow
def test_where_events_came_from_needs_a_permission_of_its_own(
    staff: Any, order: Order, page: Any, url: Any
) -> None:
    event = Events.objects.get(pgh_label="update")
    client = staff("pgaudit_log.view_events", "shop.view_order")
    places = (
        TRAIL,
        url(order, "audit"),
        f"{TRAIL}{event.pk}/change/",
        f"{TRAIL}transaction/{event.pgh_txid}/",
        "/admin/pgaudit_log/middlewareevents/?layout=list",
    )
    for place in places:
        html = page(client, place)
        assert "/orders/1/" not in html and event.pgh_role not in html, place
        assert str(event.pgh_context_id) not in html.replace(f"context/{event.pgh_context_id}/", "")
    assert "customer called" in page(client, TRAIL) and "ana" in page(client, TRAIL)
    asked = shown_events(page(client, TRAIL, context="url=/nothing/", model="shop.Order"))
    assert event.pk in asked  # it is no filter for this person


def test_what_is_of_no_model_is_for_superusers(staff: Any, root: Any, page: Any) -> None:
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot, role, shape)"
        " SELECT 'gone.Model', 'k1', 'insert', 'I', '{\"secret\": \"s3\"}', 'r', 0"
    )
    assert "s3" in page(root, TRAIL)
    html = page(staff("pgaudit_log.view_events"), TRAIL)
    assert "s3" not in html and "k1" not in html


def test_an_admin_that_shows_only_some_objects_hides_the_timelines_of_others(
    root: Any, order: Order, monkeypatch: pytest.MonkeyPatch, url: Any
) -> None:
    own: Any = site._registry[Order]
    monkeypatch.setattr(own, "get_queryset", lambda request: Order.objects.none())
    assert root.get(url(order, "audit")).status_code == 404


def test_an_admin_may_refuse_one_object(
    root: Any, order: Order, monkeypatch: pytest.MonkeyPatch, url: Any
) -> None:
    own: Any = site._registry[Order]
    monkeypatch.setattr(own, "has_view_permission", lambda request, obj=None: obj is None)
    assert root.get(url(order, "audit")).status_code == 403
    event = Events.objects.get(pgh_label="update")
    place = url(order, "audit", "compare")
    assert root.get(place, {"a": event.pk, "b": "now"}).status_code == 403


def test_typed_events_need_both_the_trail_and_the_model(staff: Any, order: Order) -> None:
    client = staff("pgaudit_log.view_events")
    assert client.get("/admin/shop/orderevent/").status_code == 403
    event = OrderEvent.objects.latest("pgh_id")
    assert client.get(f"/admin/shop/orderevent/{event.pk}/change/").status_code == 403


def test_nor_do_typed_events_show_or_find_hidden_fields(
    staff: Any, order: Order, page: Any, refused: Any
) -> None:
    Product.objects.update(price=7)
    client = staff("pgaudit_log.view_events", "shop.view_product")
    place = "/admin/shop/productevent/"
    assert "7.00" not in page(client, place)
    html = refused(client, place, changed="price", changed_to="7")
    assert "There is no field" in html and not shown_events(html)
    assert "context_id" not in html and "API token" not in html
    assert shown_events(page(client, place, operation="U"))


def test_a_hidden_many_to_many_field_is_not_told(
    staff: Any, page: Any, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    User.objects.create_user("ana").groups.add(Group.objects.create(name="secret"))
    users: Any = site._registry[User]
    client = staff("pgaudit_log.view_events", "auth.view_user", "auth.view_group")
    assert "secret" in page(client, TRAIL)
    monkeypatch.setattr(
        users, "get_audit_hidden_fields", lambda request: ("groups",), raising=False
    )
    html = page(client, TRAIL)
    assert "secret" not in html and "You may not see this object" in html


def test_a_password_is_never_shown(root: Any, db: None, page: Any) -> None:
    from pgaudit_log.presentation.labels import Labels
    from pgaudit_log.presentation.renderers import Surroundings, renderer_for

    around = Surroundings(labels=Labels("default", lambda model: True), url_of=lambda m, k: "")
    renderer = renderer_for(User._meta.get_field("password"), around)  # type: ignore[arg-type]
    for html in (renderer.show("s3cret"), renderer.change("s3cret", "0ther")):
        assert "s3cret" not in html and "0ther" not in html and "••••" in html


@pytest.mark.slow
def test_nor_is_a_hidden_value_part_of_a_name(
    staff: Any, order: Order, page: Any, url: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of today's objects and of those that they point at, whatever an admin has loaded with them."""
    monkeypatch.setattr(Product, "__str__", lambda self: f"for {self.price}")
    monkeypatch.setattr(OrderLine, "__str__", lambda self: f"line {self.product}")
    lines = ModelAdmin(OrderLine, site)
    monkeypatch.setattr(
        lines, "get_queryset", lambda request: OrderLine.objects.select_related("product")
    )
    monkeypatch.setitem(site._registry, OrderLine, lines)
    Product.objects.update(price=Decimal("7.77"))
    OrderLine.objects.update(quantity=3)
    seen = ("shop.view_product", "shop.view_order", "shop.change_orderline")
    client = staff("pgaudit_log.view_events", "pgaudit_log.revert_events", *seen)
    product = Product.objects.get()
    line = f"{TRAIL}object/shop.OrderLine/{OrderLine.objects.get().pk}/"
    first = Events.objects.filter(pgh_obj_model="shop.Product").earliest("pgh_id").pk
    last = Events.objects.filter(pgh_obj_model="shop.OrderLine").latest("pgh_id").pk
    for place in (
        TRAIL,
        url(product, "audit"),
        url(product, "audit", "fields"),
        url(product, "audit", "at"),
        url(product, "audit", "compare") + f"?a={first}&b=now&unchanged=1",
        url(order, "audit"),
        line,
        f"{line}fields/",
        f"{line}at/",
        f"{line}undo/?event={last}",
    ):
        html = page(client, place)
        assert "7.77" not in html and "0.99" not in html, place
    assert "7.77" in page(_changing(client), url(product, "audit"))


def test_nor_is_a_hidden_field_named_as_it_was_called_formerly(
    staff: Any, order: Order, page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def former(model: Any) -> dict[str, str]:
        return {"cost": "price", "title": "name"} if model is Product else {}

    monkeypatch.setattr(former_names, "declared_columns", former)
    monkeypatch.setattr(cards, "MOST_ENTRIES", 0)
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, diff, shape)"
        " SELECT model, obj_pk, 'update', 'U', '{\"cost\": [1, 2], \"title\": [3, 4]}', shape"
        " FROM pgaudit_log_event WHERE model = 'shop.Product' LIMIT 1"
    )
    html = page(staff("pgaudit_log.view_events", "shop.view_product"), TRAIL)
    assert re.search(r"1 × product</span>\s*<div class=\"pgh-told\">name ", html)
    assert "cost" not in html


@pytest.mark.slow
def test_what_is_hidden_of_a_model_is_hidden_of_its_heirs_and_by_its_proxies(
    root: Any, page: Any, refused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hiding(model: Any, *names: str) -> None:
        own: Any = ModelAdmin(model, site)
        own.get_audit_hidden_fields = lambda request: names
        monkeypatch.setitem(site._registry, model, own)

    with isolated():
        place = tracked_table(
            "Place",
            *EVERYTHING,
            secret=models.TextField(),
            rent=models.TextField(),
            fee=models.TextField(),
        )
        cafe = make("Cafe", (place,), stars=models.IntegerField(default=1))
        pgaudit_log.track(*EVERYTHING)(cafe)
        install(cafe)
        hiding(place, "secret")
        hiding(cafe, "rent", "stars")
        hiding(make("Old", (place,), Meta={"proxy": True}), "fee")
        one = cafe.objects.create(secret="s3cret", rent="r3nt", fee="f33")
        cafe.objects.update(secret="0ther", rent="0ther rent", fee="0ther fee")
        events = Events.objects.filter(pgh_obj_model="shop.Cafe")
        first, timeline = events.earliest("pgh_id"), f"{TRAIL}object/shop.Cafe/{one.pk}/"
        for address in (
            TRAIL,
            timeline,
            f"{timeline}at/",
            f"{timeline}fields/",
            f"{timeline}compare/?a={first.pk}&b=now&unchanged=1",
            f"{timeline}revert/?event={first.pk}",
            f"{TRAIL}object/shop.Place/{one.pk}/",
        ):
            html = page(root, address)
            assert not re.search("s3cret|r3nt|f33|0ther", html), address
        for query in ({"model": "shop.Cafe"}, {"model": "shop.Place"}):
            asked = {**query, "changed": "secret", "changed_to": "0ther"}
            assert "There is no field" in refused(root, TRAIL, **asked)


def test_of_what_a_site_has_no_admin_the_admins_of_other_sites_say_what_is_hidden(
    root: Any, order: Order, page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hiding(ModelAdmin):  # type: ignore[type-arg]
        def get_audit_hidden_fields(self, request: Any) -> Any:
            return ("price",)

    other = AdminSite(name="other")
    other.register(Product, Hiding)
    assert "0.99" in page(root, TRAIL)
    monkeypatch.delitem(site._registry, Product)
    html = page(root, TRAIL)
    assert "0.99" not in html and "Distance" in html
    monkeypatch.setattr(Hiding, "has_view_permission", lambda self, request, obj=None: False)
    assert "Distance" not in page(root, TRAIL)


@pytest.mark.slow
def test_what_an_admin_refuses_even_a_superuser_is_not_found(
    root: Any, order: Order, page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot, shape)"
        " SELECT 'gone.Model', 'k', 'insert', 'I', '{\"a\": \"Distance\"}', 0"
    )
    gone = Events.objects.latest("pgh_id").pk
    queries = ({"q": '"Distance"'}, {"label": "insert"})
    products = Events.objects.filter(pgh_obj_model="shop.Product").values_list("pk", flat=True)
    for query in queries:
        assert shown_events(page(root, TRAIL, **query)) >= {gone, *products}
    own: Any = site._registry[Product]
    monkeypatch.setattr(own, "has_view_permission", lambda request, obj=None: False)
    for query in queries:
        found = shown_events(page(root, TRAIL, **query))
        assert gone in found and not found & {*products}
    response = root.post(f"{TRAIL}export/", {"format": "csv"})
    text = b"".join(response.streaming_content).decode()
    assert "gone.Model" in text and "shop.Product" not in text


def test_a_column_of_a_list_shows_nothing_else(
    staff: Any, order: Order, rf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is called, and wherever it reads: documents, keys in them, and names of others."""
    monkeypatch.setattr(Customer, "__str__", lambda self: self.name)
    Product.objects.update(price=7)
    staff("pgaudit_log.view_events", "shop.view_product", "shop.view_order")
    request = rf.get("/", {"layout": "list"})
    request.user = User.objects.get(username="support")

    def cells(model: Any, *columns: str) -> str:
        own: Any = EventAdmin(model, site)
        own.list_display = columns
        filterset = typed_filterset(model) if model is not Priced else TrailFilterSet
        html = trail(
            site,
            request,
            queryset=model.objects.all(),
            filterset_class=filterset,
            columns=columns_of(own, columns),
            title="",
        ).rendered_content
        return html.partition("<tbody")[2]

    with isolated():

        class Priced(Events):
            cost = pgaudit_log.ProxyField("pgh_data__price", models.TextField(null=True))
            pgh_cost = pgaudit_log.ProxyField("pgh_diff__price__1", models.TextField(null=True))

            class Meta:
                proxy = True
                app_label = "shop"

        html = cells(Priced, "pgh_id", "cost", "pgh_cost", "pgh_data", "pgh_diff", "pgh_obj")
        assert "ring twice" in html and not re.search("0.99|7.00|Distance|Luís", html)
        html = cells(OrderEvent, "pgh_id", "customer", "status")
        assert "paid" in html and f"customer {order.customer.pk}" in html and "Luís" not in html
