"""The status of the log in the admin: as `operating.status()` tells it, and to whom."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from pgaudit_log.models import Events
from pgaudit_log.operating import health, retention, status
from pgaudit_log.operating.last_events import last_events
from pgaudit_log.operating.table_status import tables_of
from pgaudit_log.operating.values import Growth
from tests.shop.models import Customer, Order
from tests.support import execute

pytestmark = pytest.mark.usefixtures("counted_exactly")

TRAIL = "/admin/pgaudit_log/events/"
STATUS = f"{TRAIL}status/"


def row_of(html: str, label: str) -> str:
    [row] = [row for row in html.split("<tr>") if f">{label}</div>" in row]
    return row


@pytest.mark.slow
@pytest.mark.everywhere
def test_it_tells_by_model_and_partition_what_is_captured(
    root: Any, order: Order, page: Any
) -> None:
    assert f'href="{STATUS}"' in page(root, TRAIL)
    html = page(root, STATUS)
    assert "installed" in row_of(html, "shop.Order") and "✗" not in row_of(html, "shop.Order")
    assert "password" in row_of(html, "auth.User") and "left out" in row_of(html, "auth.User")
    assert "DEFAULT" in html and "ahead" in html and "shop_untracked" in html


def test_what_is_wrong_is_told_with_what_to_do_now(root: Any, page: Any, db: None) -> None:
    execute("ALTER TABLE shop_order DISABLE TRIGGER ALL")
    html = page(root, STATUS)
    assert "audit_insert (disabled)" in row_of(html, "shop.Order")
    assert "disabled" not in row_of(html, "shop.Customer")
    assert "pgaudit_log.W003" in html and "run manage.py pgaudit_log install" in html


def test_whoever_sees_the_trail_is_told_whether_all_is_well_and_no_more(
    staff: Any, page: Any, db: None
) -> None:
    execute("ALTER TABLE shop_order DISABLE TRIGGER ALL")
    client = staff("pgaudit_log.view_events", "shop.view_order")
    html = page(client, STATUS)
    assert re.search(r"\d+ problems?\.", html) and "disabled" in row_of(html, "shop.Order")
    for word in ("shop.Customer", "shop_untracked", "W003", "could change the log", "auth.User"):
        assert word not in html, word
    client.logout()
    assert client.get(STATUS).status_code == 302


def test_it_needs_the_permission_and_a_database_of_a_log(
    staff: Any, root: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert staff("shop.view_order").get(STATUS).status_code == 403
    for name in ("nothing", "<b>"):
        assert root.get(STATUS, {"database": name}).status_code == 404

    def silent(using: str) -> Any:
        raise OperationalError("no server")

    monkeypatch.setattr(health, "status", silent)
    response = root.get(STATUS)
    assert response.status_code == 503 and b"does not answer" in response.content


def test_it_costs_no_more_for_more_events_and_writes_nothing(
    root: Any, page: Any, db: None
) -> None:
    page(root, STATUS)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            page(root, STATUS)
        counts.append(len(captured))
        Customer.objects.bulk_create([Customer(name="x") for _ in range(200)])
    assert counts[0] == counts[1]
    statements = [re.sub(r"(?m)^\s*--.*\n", "", one["sql"]).lstrip() for one in captured]
    known = ("SELECT", "WITH", "SAVEPOINT", "RELEASE", "SET LOCAL", "DECLARE")
    assert [sql for sql in statements if not sql.startswith(known)] == []


def test_retention_that_is_due_is_told_of_the_partitions(
    root: Any, page: Any, db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert status().retention_due is None
    Customer.objects.create(name="Ana")
    settings.PGAUDIT_LOG_RETENTION = {"shop.Customer": "1d"}
    later = datetime.now(timezone.utc) + timedelta(days=70)
    due = retention.due("default", later)
    assert due is not None and due <= later
    monkeypatch.setattr(retention, "due", lambda using, now: due)
    assert "partitions --remove" in page(root, STATUS)


def test_events_a_day_are_those_of_the_time_of_growth(db: None) -> None:
    Customer.objects.create(name="Ana")
    found = status()
    until = found.asked_at
    grown = replace(found, growth=Growth(since=until - timedelta(days=4), until=until, size=1))
    [customers] = [own for own in tables_of(grown) if own.model is Customer]
    assert customers.events >= 1 and customers.newest is not None
    assert customers.per_day == pytest.approx(customers.events / 4)
    [customers] = [own for own in tables_of(replace(found, growth=None)) if own.model is Customer]
    assert customers.per_day is None


def test_it_tells_when_each_model_was_last_written(
    root: Any, order: Order, page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = Events.objects.filter(pgh_obj_model="shop.Order").latest("pgh_id")
    html = page(root, STATUS)
    assert f'href="{TRAIL}{last.pk}/change/"' in row_of(html, "shop.Order")
    assert row_of(html, "shop.Parcel").rstrip().endswith("none</span></span></td></tr>")
    newest = Events.objects.latest("pgh_id")
    assert newest.pgh_obj_model != "shop.Order"
    monkeypatch.setattr("pgaudit_log.operating.last_events.MOST_EVENTS", 1)
    html = page(root, STATUS)
    assert f"{TRAIL}{newest.pk}/change/" in row_of(html, newest.pgh_obj_model)
    assert re.search(r"between \S+ and \S+</td>", row_of(html, "shop.Order"))
    assert row_of(html, "shop.Parcel").rstrip().endswith("none</span></span></td></tr>")


@pytest.mark.django_db(databases=["default", "other"])
def test_of_another_database_nothing_leads_to_the_screens_of_this_one(root: Any, page: Any) -> None:
    Customer.objects.using("other").create(name="there")
    html = page(root, STATUS, database="other").split("pgh-main")[1]
    assert "<time" in row_of(html, "shop.Customer")
    assert "/change/" not in html and "model=shop.Customer" not in html


def test_last_events_have_their_zone_without_time_zones(order: Order, settings: Any) -> None:
    event = order.events.latest("pgh_id")  # type: ignore[attr-defined]
    settings.USE_TZ = False
    last = last_events("default").by_model["shop.Order"]
    assert (last.id, last.created_at) == (event.pgh_id, event.pgh_created_at)
    assert last.created_at.tzinfo is timezone.utc
