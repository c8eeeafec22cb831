"""Who set what: of each field who gave it its value, and by which event."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pgaudit_log.admin import fields_view
from pgaudit_log.models import Events
from tests.shop.models import Order, OrderLine
from tests.support import execute


def test_each_field_has_who_set_it_last(root: Any, order: Order, page: Any, url: Any) -> None:
    html = page(root, url(order, "audit", "fields"))
    event = Events.objects.get(pgh_label="update")
    status = html[html.index(">status<") : html.index(">note<")]
    note = html[html.index(">note<") :]
    assert "paid" in status and "ana" in status and f"/{event.pk}/change/" in status
    assert "ring twice" in note and "ana" not in note.split("</tr>")[0]
    assert "Who set what" in page(root, url(order, "audit"))


def test_what_has_no_admin_has_it_at_the_trail(root: Any, order: Order, page: Any) -> None:
    line = OrderLine.objects.get()
    html = page(root, f"/admin/pgaudit_log/events/object/shop.OrderLine/{line.pk}/fields/")
    assert re.search(r">quantity<.*>2<", html, re.DOTALL)


def test_a_field_that_was_set_before_the_tracking_says_so(
    root: Any, order: Order, page: Any, url: Any
) -> None:
    execute("SET session_replication_role = replica")
    [(key,)] = execute(
        "INSERT INTO shop_order (customer_id, status, note, placed_at)"
        " SELECT customer_id, 'new', '', now() FROM shop_order RETURNING id"
    )
    execute("SET session_replication_role = origin")
    older = Order.objects.get(pk=key)
    assert "before it was tracked" in page(root, url(older, "audit", "fields"))


def test_of_what_is_gone_or_has_too_many_events_it_is_refused(
    root: Any, order: Order, url: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fields_view, "MOST_EVENTS", 1)
    response = root.get(url(order, "audit", "fields"))
    assert response.status_code == 400 and b"more than 1 events" in response.content
    place = url(order, "audit", "fields")
    order.lines.all().delete()  # type: ignore[attr-defined]
    order.delete()
    assert root.get(place).status_code == 404
    assert b"Who set what" not in root.get(place.replace("fields/", "")).content
