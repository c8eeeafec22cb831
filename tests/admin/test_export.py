"""The export: a file of what was asked for, without what may not be seen, and who took it."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Permission, User
from django.db import connection, connections
from django.test import AsyncClient, Client, RequestFactory

import pgaudit_log
from pgaudit_log.admin import export, exported_rows
from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.models import AccessEvents, Events
from pgaudit_log.presentation import access
from tests.admin.site import site
from tests.shop.models import Customer, Order, OrderLine, Product
from tests.support import execute

pytestmark = pytest.mark.slow

TRAIL = "/admin/pgaudit_log/events/"


def taken(client: Client, query: str = "", form: str = "jsonl", place: str = TRAIL) -> Any:
    response: Any = client.post(f"{place}export/{query}", {"format": form})
    assert response.status_code == 200, response.content
    return b"".join(response.streaming_content).decode()


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_what_is_asked_for_is_taken_out_and_the_log_tells_who(root: Client, order: Order) -> None:
    execute("""UPDATE shop_order SET note = '=HYPERLINK("http://evil")', status = '-1'""")
    query = "?model=shop.Order"
    *events, end = lines(taken(root, query))
    assert end == {"end": 3} and [event["operation"] for event in events] == [
        "update",
        "update",
        "insert",
    ]
    changed = events[1]
    assert changed["user_name"] == "ana" and changed["reason"] == "customer called"
    assert changed["changes"] == {"status": ["new", "paid"]} and changed["row"]["status"] == "paid"
    assert changed["context"]["url"] == "/orders/1/" and changed["role"]
    assert changed["time"].endswith("Z") and changed["model"] == "shop.Order"

    text = taken(root, query, "csv")
    assert text.startswith("\ufeffid,time,") and "\r\n" in text
    header, *rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    assert rows[-1][:2] == ["end", "3"] and len(rows) == 4
    assert json.loads(rows[1][header.index("changes")]) == {"status": ["new", "paid"]}

    whole, started = AccessEvents.objects.filter(pgh_label="export").order_by("-pgh_id")[:2]
    data = started.pgh_data or {}
    assert data["state"] == "started" and data["format"] == "csv" and data["user_name"] == "root"
    assert data["query"] == "model=shop.Order" and data["url"] == f"{TRAIL}export/"
    assert whole.pgh_data == {
        **{key: data[key] for key in ("user", "user_name")},
        "state": "whole",
        "started": started.pgh_id,
        "events": 3,
    }


def test_who_took_what_is_asked_of_the_trail(root: Client, order: Order, page: Any) -> None:
    query = {"model": "pgaudit_log.Access", "label": ""}
    assert 'id="event-' not in page(root, TRAIL, **query)
    taken(root, "?model=pgaudit_log.Access")
    assert page(root, TRAIL, **query).count('id="event-') == 2
    assert page(root, TRAIL, **query, q="started").count('id="event-') == 1
    assert 'id="event-' not in page(root, TRAIL, model="pgaudit_log.Maintenance")


def test_no_cell_is_a_formula(root: Client, order: Order) -> None:
    harmful = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"]
    for text in harmful:
        with pgaudit_log.context(reason=text):
            Customer.objects.update(name=f"n{text}")
    with pgaudit_log.context(reason="-5.20"):
        Customer.objects.update(name="last")
    rows = list(csv.DictReader(io.StringIO(taken(root, "?model=shop.Customer", "csv")[1:])))
    reasons = [row["reason"] for row in rows[:-2]]
    assert reasons == ["-5.20", *(f"'{text}" for text in reversed(harmful))]


def test_the_export_needs_its_permission_a_form_and_a_format(
    staff: Any, root: Client, order: Order
) -> None:
    client = staff("pgaudit_log.view_events", "shop.view_order")
    for place in (TRAIL, "/admin/shop/orderevent/", f"/admin/shop/order/{order.pk}/audit/"):
        assert client.post(f"{place}export/", {"format": "csv"}).status_code == 403
        assert "export/" not in client.get(place).content.decode()
        assert root.get(f"{place}export/").status_code == 405
        assert root.post(f"{place}export/", {"format": "xml"}).status_code == 400
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="root"))
    assert strict.post(f"{TRAIL}export/", {"format": "csv"}).status_code == 403
    response = root.post(f"{TRAIL}export/?model=shop.Nothing", {"format": "csv"})
    assert response.status_code == 400 and "Select a valid choice" in response.content.decode()
    response = root.post(f"/admin/shop/order/{order.pk}/audit/export/?field=x", {"format": "csv"})
    assert response.status_code == 400
    assert not AccessEvents.objects.filter(pgh_label="export").exists()


def test_what_may_not_be_seen_is_not_taken_out(staff: Any, root: Client, order: Order) -> None:
    Product.objects.update(price=7)
    client = staff(
        "pgaudit_log.view_events",
        "pgaudit_log.export_events",
        "shop.view_product",
        "auth.view_user",
    )
    for form in ("csv", "jsonl"):
        text = taken(client, form=form)
        assert "Distance" in text and "D-1" in text
        for hidden in (
            "0.99",
            "7.00",
            "price",
            "Luís",
            "paid",
            "ring twice",
            "/orders/1/",
            "pbkdf2",
        ):
            assert hidden not in text, hidden
    *events, _end = lines(text)
    assert {event["model"] for event in events} == {"shop.Product", "auth.User"}
    assert not {"context", "context_id", "role", "session", "origin"} & set(events[0])
    support = User.objects.get(username="support")
    support.user_permissions.add(Permission.objects.get(codename="view_context_events"))
    text = taken(client)
    assert '"context"' in text and "ring twice" not in text and "pgaudit_log.Access" in text


def test_passwords_are_taken_out_for_nobody(
    root: Client, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "is_password", lambda field: field.name == "note")
    Order.objects.update(note="s3cret")
    changed, *_rest, _end = lines(taken(root, "?model=shop.Order"))
    mark = {"pgaudit_log.masked": True}
    assert changed["changes"] == {"note": [mark, mark]} and changed["row"]["note"] == mark
    assert "ring twice" not in taken(root)


def test_the_timeline_and_typed_events_are_taken_out(root: Client, order: Order) -> None:
    place = f"/admin/shop/order/{order.pk}/audit/"
    assert 'action="export/' not in root.get(place).content.decode()
    assert f'action="{place}export/' in root.get(place).content.decode()
    assert lines(taken(root, place=place))[-1] == {"end": 2}
    assert lines(taken(root, "?field=status", place=place))[-1] == {"end": 1}
    line = OrderLine.objects.get()
    assert lines(taken(root, place=f"{TRAIL}object/shop.OrderLine/{line.pk}/"))[-1] == {"end": 1}
    *events, end = lines(taken(root, "?period=all", place="/admin/shop/orderevent/"))
    assert end == {"end": 2} and {event["key"] for event in events} == {str(order.pk)}
    assert lines(taken(root, "?actor=none&bulk=90000"))[-1] == {"end": 0}
    order.delete()
    assert lines(taken(root, place=place))[-1] == {"end": 3}


def test_odd_values_are_taken_out_as_they_are_stored(root: Client, order: Order) -> None:
    deep = '{"a": ' * 900 + "1" + "}" * 900
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot, role, shape) VALUES"
        " ('gone.Model', '1', 'insert', 'I', %s, 'r', 0),"
        " ('shop.Order', '2', 'insert', 'I', %s, 'r', 0),"
        " ('shop.Order', '3', 'insert', 'I', 'null', 'r', 0)",
        [deep, '{"note": ' + "9" * 5000 + ', "gone": "\U0001f600 \u2028"}'],
    )
    text = taken(root)
    assert deep in text and "9" * 5000 in text and "\U0001f600 \u2028" in text
    assert taken(root, form="csv").count("9" * 5000) == 1


def test_a_client_that_goes_leaves_an_event_of_that(root: Client, order: Order) -> None:
    customer = Customer.objects.get()
    Order.objects.bulk_create([Order(customer=customer, note="x" * 5000) for _ in range(100)])
    response: Any = root.post(f"{TRAIL}export/", {"format": "csv"})
    assert b"end" not in next(response.streaming_content)[-20:]
    # As the test client's own wrapper does at the end: without closing the test's connection.
    response._iterator.close()
    broken = AccessEvents.objects.filter(pgh_label="export").latest("pgh_id").pgh_data or {}
    assert broken["state"] == "broken off" and 0 < broken["events"] < 100
    assert not connection.needs_rollback and execute("SELECT count(*) FROM pg_cursors") == [(0,)]


def test_nothing_is_taken_out_where_the_log_cannot_be_told(
    root: Client, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **options: Any) -> int:
        raise RuntimeError("no log")

    monkeypatch.setattr(export.access_events, "record", broken)
    root.raise_request_exception = False
    response = root.post(f"{TRAIL}export/", {"format": "csv"})
    assert response.status_code == 500 and not response.streaming


def test_rows_come_through_a_cursor_of_the_server(
    root: Client, order: Order, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where those are switched off because of a pooler: in one transaction they do no harm."""
    monkeypatch.setattr(exported_rows, "CHUNK", 2)
    monkeypatch.setitem(connections["default"].settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    request = RequestFactory().get("/")
    request.user = User.objects.get(username="root")
    rows = exported_rows.rows(Events.objects.all(), AdminAccess(request, site))
    assert next(rows)["id"] == Events.objects.latest("pgh_id").pgh_id
    [(statement, is_holdable)] = execute("SELECT statement, is_holdable FROM pg_cursors")
    assert "pgaudit_log_event" in statement and not is_holdable
    assert len(list(rows)) == Events.objects.count() - 1


@pytest.mark.django_db(transaction=True)
def test_it_is_streamed_by_asgi(settings: Any) -> None:
    customer = Customer.objects.create(name="Ana")
    Order.objects.bulk_create([Order(customer=customer, note="x" * 1000) for _ in range(300)])
    user = User.objects.create_superuser("root")

    async def take() -> list[bytes]:
        client = AsyncClient()
        await client.aforce_login(user)
        response: Any = await client.post(f"{TRAIL}export/?model=shop.Order", {"format": "jsonl"})
        assert response.is_async
        return [piece async for piece in response.streaming_content]

    # In this thread, whose connection is closed at the end.
    pieces = async_to_sync(take)()
    assert len(pieces) > 2 and b"".join(pieces).endswith(b'{"end": 300}\n')
    latest = AccessEvents.objects.filter(pgh_label="export").latest("pgh_id").pgh_data or {}
    assert latest["events"] == 300
