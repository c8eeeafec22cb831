"""The JSON API: what the screens show, for programs, and not more of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

import pgaudit_log
from pgaudit_log.models import Events
from tests.admin import own_pages
from tests.admin.corpus import EVIL
from tests.shop.models import Customer, Order, OrderLine, Product
from tests.support import execute

pytestmark = pytest.mark.slow

EVENTS = "/api/audit/events/"


@pytest.fixture(autouse=True)
def _api(_site: None, settings: Any) -> None:
    settings.ROOT_URLCONF = own_pages.__name__
    cache.clear()  # of what throttles count


def timeline(obj: Any) -> str:
    return reverse("audit-timeline-list", args=[obj._meta.label, obj.pk])


def get(client: Client, url: str, status: int = 200, **query: Any) -> Any:
    response = client.get(url, query)
    assert response.status_code == status, response.content[:2000]
    assert response["Content-Type"] == "application/json"
    return response.json()


def test_the_trail_tells_who_did_what(root: Client, order: Order) -> None:
    answer = get(root, EVENTS, model="shop.Order", operation="U")
    assert answer["next"] is answer["previous"] is None
    [event] = answer["results"]
    assert event["changes"] == [
        {
            "field": "status",
            "label": "status",
            "old": {"kind": "value", "value": "new", "text": "new"},
            "new": {"kind": "value", "value": "paid", "text": "paid"},
            "delta": "",
            "is_in_model": True,
        }
    ]
    ana = User.objects.get(username="ana")
    told = {
        "operation": "U",
        "operation_text": "changed",
        "model": "shop.Order",
        "kind": "order",
        "key": str(order.pk),
        "object": f"order {order.pk}",
        "tracker": "update",
        "who": "ana",
        "actor": {"key": str(ana.pk), "name": "ana"},
        "on_behalf_of": None,
        "reason": "customer called",
        "request": "POST /orders/1/",
        "is_restricted": False,
    }
    assert {name: event[name] for name in told} == told
    assert event["context"]["url"] == "/orders/1/" and event["role"] and event["context_id"]

    alone = get(root, f"{EVENTS}{event['id']}/")
    row = {own["field"]: own["value"] for own in alone.pop("row")}
    assert alone == event
    assert row["status"]["value"] == "paid" and row["customer"]["value"] == order.customer.pk
    assert row["customer"]["text"] == str(order.customer)
    for odd, status in (("0", 404), ("9" * 30, 404), ("-1", 404)):
        get(root, f"{EVENTS}{odd}/", status)


def test_what_was_added_and_deleted_has_one_side(root: Client, order: Order) -> None:
    OrderLine.objects.all().delete()
    for operation, side, other in (("I", "new", "old"), ("D", "old", "new")):
        [event] = get(root, EVENTS, model="shop.OrderLine", operation=operation)["results"]
        changes = {own["field"]: own for own in event["changes"]}
        assert changes["quantity"][side]["value"] == 2 and changes["quantity"][other] is None
        assert changes["product"][side]["value"] == "D-1"


def test_pages_are_walked_through_by_cursors(root: Client, order: Order) -> None:
    for number in range(5):
        Order.objects.update(note=f"n{number}")
    everything = [e["id"] for e in get(root, EVENTS, model="shop.Order")["results"]]
    found, pages, url = [], [], f"{EVENTS}?model=shop.Order&page_size=3"
    while url:
        answer = get(root, url)
        pages.append(answer)
        found += [event["id"] for event in answer["results"]]
        url = answer["next"]
    assert found == everything and [len(page["results"]) for page in pages] == [3, 3, 1]
    assert get(root, pages[1]["previous"])["results"] == pages[0]["results"]
    # The most that a page can have, and what is no size.
    for size in ("100000", "x", "-1", "0"):
        assert len(get(root, EVENTS, model="shop.Order", page_size=size)["results"]) == 7
    for cursor in ("x", "cD14", "cD1h", "é", "\x00"):
        get(root, EVENTS, 404, cursor=cursor)
        get(root, timeline(order), 404, cursor=cursor)


def test_a_timeline_has_what_belongs_to_an_object(root: Client, order: Order) -> None:
    events = get(root, timeline(order))["results"]
    assert [(own["model"], own["is_part"]) for own in events] == [
        ("shop.OrderLine", True),
        ("shop.Order", False),
        ("shop.Order", False),
    ]
    # That its lines are of this order says nothing here.
    assert "order" not in {own["field"] for own in events[0]["changes"]}
    for query in ({"parts": "0"}, {"actor": "none"}, {"until": "2999-01-01"}):
        assert {own["model"] for own in get(root, timeline(order), **query)["results"]} == {
            "shop.Order"
        }
    for query in (
        {"field": "status"},
        {"changed": "status"},
        {"actor": "ana"},
        {"reason": "customer called"},
    ):
        [only] = get(root, timeline(order), **query)["results"]
        assert only["changes"][0]["field"] == "status"
    # Another object is not asked for by a parameter.
    other = {"object": "999", "model": "shop.Product", "parts": "0"}
    assert len(get(root, timeline(order), **other)["results"]) == 2
    assert get(root, f"/api/orders/{order.pk}/timeline/")["results"] == events
    order_pk = order.pk
    order.delete()
    gone = reverse("audit-timeline-list", args=["shop.Order", order_pk])
    assert get(root, gone)["results"][0]["operation"] == "D"
    assert get(root, f"/api/orders/{order_pk}/timeline/", 404)


def test_what_cannot_be_asked_is_refused(root: Client, order: Order) -> None:
    before = Events.objects.count()
    for query in (
        {"model": "shop.Nothing"},
        {"operation": "X"},
        {"since": "yesterdayish"},
        {"object": "17"},
        {"changed": "nothing"},
        {"changed_from": "x"},
        {"actor": "nobody"},
        {"transaction": "9" * 30},
        {"context_id": "x"},
        {"period": "ever"},
        {"reason": "\x00"},
        {"context": "x"},
    ):
        assert set(get(root, EVENTS, 400, **query)) == set(query)
    get(root, timeline(order), 400, field="nothing")
    get(root, timeline(order), 400, changed="nothing")
    get(root, timeline(order), 400, since="x")
    for place in (
        "shop.Nothing/1/",
        "nothing/1/",
        "shop.Order/x/",
        "shop.Untracked/1/",
        "a.b.c/1/",
    ):
        get(root, f"/api/audit/timelines/{place}", 404)
    for method in ("post", "put", "patch", "delete"):
        for url in (EVENTS, f"{EVENTS}{Events.objects.latest('pgh_id').pk}/", timeline(order)):
            assert getattr(root, method)(url).status_code == 405
    assert Events.objects.count() == before


def test_a_question_that_takes_too_long_is_given_up(
    root: Client, order: Order, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pgaudit_log.presentation import pages

    def slow(*args: Any) -> Any:
        execute("SELECT pg_sleep(5)")

    settings.PGAUDIT_LOG_ADMIN_TIMEOUT = 0.2
    monkeypatch.setattr("pgaudit_log.rest.pagination.page_of", slow)
    assert "Narrow" in get(root, EVENTS, 400)["detail"]

    # Also whom a name means, which may be looked for among all events.
    monkeypatch.setattr("pgaudit_log.reading.user_lookup.keys", slow)
    assert "Narrow" in get(root, EVENTS, 400, actor="ana")["detail"]
    assert "Narrow" in str(get(root, timeline(order), 400, actor="ana"))

    def given_up(*args: Any) -> Any:
        raise pages.TookTooLongError

    monkeypatch.setattr(pages, "page_of", given_up)
    for query in ({"reason": "x"}, {"field": "status"}):
        assert "Narrow" in str(get(root, timeline(order), 400, **query))


def test_permissions_are_those_of_the_screens(staff: Any, root: Client, order: Order) -> None:
    Product.objects.update(price=7654)
    get(Client(), EVENTS, 403)
    client = staff("shop.view_order")
    for url in (EVENTS, timeline(order), f"/api/orders/{order.pk}/timeline/"):
        kept = root.get(url)["Cache-Control"]
        assert "private" in kept and "no-store" in kept, url
    get(client, EVENTS, 403)
    get(client, timeline(order), 403)
    get(client, f"/api/orders/{order.pk}/timeline/", 403)
    user = User.objects.get(username="support")
    grant(user, "view_events")
    answer = get(client, EVENTS)["results"]
    told = {event["model"]: event for event in answer}
    assert told["shop.Order"]["changes"] and not told["shop.Order"]["is_restricted"]
    hidden = told["shop.Product"]
    assert hidden["is_restricted"] and hidden["changes"] == [] and hidden["key"] is None
    assert hidden["object"] == hidden["tracker"] == ""
    assert get(client, f"{EVENTS}{hidden['id']}/")["row"] == []
    text = str(answer)
    for secret in ("Distance", "D-1", "7654", "7,654", "Luís", "POST", "/orders/1/"):
        assert secret not in text
    assert {event["context"] for event in answer} == {event["role"] for event in answer} == {None}
    get(client, timeline(Product.objects.get()), 403)
    for query in ({"model": "shop.Product"}, {"model": "shop.Product", "object": "D-1"}):
        get(client, EVENTS, 400, **query)
    get(client, EVENTS, 400, changed="price")

    grant(user, "view_product")
    product = get(client, EVENTS, model="shop.Product")["results"][0]
    assert [own["field"] for own in product["changes"]] == []
    get(client, EVENTS, 400, model="shop.Product", changed="price")
    get(client, timeline(Product.objects.get()), 400, field="price")
    grant(user, "view_context_events")
    assert "POST /orders/1/" in {event["request"] for event in get(client, EVENTS)["results"]}
    assert get(client, EVENTS, context="url=/orders/1/")["results"]
    # What the project's own viewset leaves out stays out.
    Order.objects.update(status="secret")
    get(client, f"/api/orders/{order.pk}/timeline/", 404)


def grant(user: User, codename: str) -> None:
    from django.contrib.auth.models import Permission

    user.user_permissions.add(*Permission.objects.filter(codename=codename))


def test_secrets_and_marks_are_not_told(root: Client, order: Order) -> None:
    user = User.objects.get(username="ana")
    user.set_password("correct horse")
    user.save()
    mark = '{"pgaudit_log.masked": true}'
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot, diff, shape)"
        " SELECT model, obj_pk, 'update', 'U', snapshot || jsonb_build_object('note', %s::jsonb),"
        " jsonb_build_object('note', jsonb_build_array(%s::jsonb, 'null'::jsonb)), shape"
        " FROM pgaudit_log_event WHERE model = 'shop.Order' ORDER BY id DESC LIMIT 1",
        [mark, mark],
    )
    [event] = get(root, EVENTS, page_size=1)["results"]
    assert event["changes"][0]["old"] == {"kind": "masked", "value": None, "text": "••••"}
    assert event["changes"][0]["new"] == {"kind": "null", "value": None, "text": "–"}
    everything = root.get(EVENTS, {"page_size": 200}).content.decode()
    assert "md5$" not in everything and "pgaudit_log.masked" not in everything


def test_values_of_any_kind_and_size_are_told(root: Client, order: Order) -> None:
    Order.objects.update(note="x" * 5_000_000)
    deep = '{"a":' * 120 + "1" + "}" * 120
    for tags in (deep, f"[{'7' * 5000}, 1e400, 1.50, null]", '{"a": [1, true]}', "null"):
        execute("UPDATE shop_product SET tags = %s::jsonb, price = price + 1", [tags])
    events = get(root, timeline(Product.objects.only("pk").get()))["results"]
    tags = [
        own["new"]
        for event in events
        for own in event["changes"]
        if own["field"] == "tags" and event["operation"] == "U"
    ]
    assert tags[0] == {"kind": "value", "value": None, "text": "null"}
    assert tags[1] == {"kind": "value", "value": {"a": [1, True]}, "text": '{"a": [1, true]}'}
    assert tags[2]["value"][1:] == ["1" + "0" * 400, "1.50", None]
    assert tags[2]["value"][0] == "7" * 5000 and tags[3]["kind"] == "too_large"
    price = next(own for own in events[0]["changes"] if own["field"] == "price")
    assert (price["new"]["value"], price["delta"]) == ("4.99", "+1.00 (+25 %)")
    [note] = get(root, timeline(order), field="note")["results"][0]["changes"]
    assert note["new"]["kind"] == "too_large" and "too large to show" in note["new"]["text"]
    assert note["old"]["text"] == "ring twice"


def test_nothing_that_was_written_becomes_markup(root: Client, evil: Order, settings: Any) -> None:
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "rest_framework"]
    assert EVIL.replace("\u202e", r"\u202e") in {
        event["reason"] for event in get(root, EVENTS, page_size=200)["results"]
    }
    for place in (EVENTS, timeline(evil)):
        html = root.get(place, {"page_size": 200}, headers={"accept": "text/html"})
        assert html["Content-Type"].startswith("text/html")
        text = html.content.decode()
        assert "alert(1)" in text and "<script>alert" not in text and "<img src=x" not in text


def test_the_page_of_eight_models_costs_what_one_does(
    root: Client, order: Order, django_assert_max_num_queries: Any
) -> None:
    """Session and user; the page with its limit of time, the names of users, and what is pointed at."""
    get(root, EVENTS)
    with django_assert_max_num_queries(2 + 4 + 1 + 3):
        get(root, EVENTS)
    for number in range(60):
        with pgaudit_log.context(user=1):
            Customer.objects.update(name=f"n{number}")
            OrderLine.objects.update(quantity=number)
    with django_assert_max_num_queries(2 + 4 + 1 + 3):
        assert len(get(root, EVENTS)["results"]) == 50
    with django_assert_max_num_queries(2 + 1 + 3 + 2):
        get(root, timeline(order))


def test_who_looked_is_told_where_a_setting_says_so(
    root: Client, order: Order, settings: Any
) -> None:
    settings.PGAUDIT_LOG_ADMIN_VIEWS = True
    places = (EVENTS, f"{EVENTS}{order.events.latest('pgh_id').pk}/", timeline(order))  # type: ignore[attr-defined]
    for place in (*places, f"/orders/{order.pk}/activity/"):
        assert root.get(place).status_code == 200
        seen = Events.objects.latest("pgh_id")
        assert (seen.pgh_label, seen.pgh_context["url"]) == ("page_view", place)
    # It has never had a model.
    [told] = get(root, EVENTS, page_size=1)["results"]
    assert told["kind"] == "access" and {own["is_in_model"] for own in told["changes"]} == {True}


def test_so_many_questions_may_be_asked(
    root: Client, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pgaudit_log.rest.viewsets import AuditThrottle

    assert AuditThrottle().get_rate() == "120/min"
    monkeypatch.setattr(AuditThrottle, "THROTTLE_RATES", {"audit": "1/min"})
    get(root, EVENTS)
    get(root, timeline(order), 429)


def test_a_schema_can_be_made_of_it(rf: Any, admin_user: User) -> None:
    from rest_framework.schemas.openapi import SchemaGenerator

    schema = SchemaGenerator(title="Log", urlconf=own_pages.__name__).get_schema()
    path = schema["paths"]["/api/audit/events/"]["get"]
    parameters = {own["name"] for own in path["parameters"]}
    assert {"cursor", "page_size", "actor", "changed", "since", "context"} <= parameters
    assert "/api/audit/timelines/{model}/{key}/" in schema["paths"]
    assert "/api/orders/{id}/timeline/" in schema["paths"]
    event = schema["components"]["schemas"]["Event"]["properties"]
    assert event["changes"]["items"]["properties"]["old"]["properties"]["kind"]["enum"]
    assert event["created_at"]["format"] == "date-time" and event["context"]["readOnly"]
