"""Plans: what the screens ask is answered by indexes, whatever there is beside it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from pgaudit_log.models import Events
from pgaudit_log.presentation import bulk
from tests.support import execute

pytestmark = pytest.mark.slow

TRAIL = "/admin/pgaudit_log/events/"


@pytest.fixture
def many(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill the table, so that the planner has a reason to choose."""
    monkeypatch.setattr(bulk, "MOST_EVENTS", 1000)
    execute("INSERT INTO shop_customer (name) SELECT 'c' || n FROM generate_series(1, 4000) AS n")
    execute(
        "INSERT INTO shop_order (customer_id, status, note, placed_at)"
        " SELECT id, 'new', '', now() FROM shop_customer"
    )
    execute("UPDATE shop_order SET status = 'paid'")
    execute("DELETE FROM shop_order WHERE id % 20 = 0")
    execute("ANALYZE pgaudit_log_event")
    execute("ANALYZE shop_order")


def scans(client: Client, place: str, query: dict[str, Any]) -> list[str]:
    """Return the lines of the plans of what a page asks the events that read a table."""
    client.get(place, query)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(place, query).status_code == 200
    every = [one["sql"] for one in captured.captured_queries]
    past = [sql for sql in every if "state.snapshot" in sql or "RECURSIVE" in sql]
    asked = [sql for sql in every if 'FROM "pgaudit_log_event"' in sql and sql not in past]
    assert asked or past
    if any("set_config('enable_seqscan', 'off'" in one["sql"] for one in captured.captured_queries):
        execute("SET LOCAL enable_seqscan = off")  # as the page had it
    found = []
    for sql in asked:
        assert " OFFSET " not in sql and "COUNT(" not in sql and "DISTINCT" not in sql
        assert re.search(r'LIMIT \d+|"id" = \d+|"id" IN', sql), sql
    for sql in (*asked, *past):
        found += [
            line.strip()
            for (line,) in execute(f"EXPLAIN {sql}")
            if "Scan" in line and "default" not in line
        ]
    return found


CASES: list[tuple[str, dict[str, str]]] = [
    ("", {}),
    ("", {"period": "all"}),
    ("", {"before": "1000000", "period": "month"}),
    ("", {"model": "shop.Order"}),
    ("", {"model": "shop.Order", "object": "1"}),
    ("", {"layout": "list"}),
    ("", {"operation": "U"}),
    ("", {"q": "{order}"}),
    ("", {"q": "{order}", "model": "shop.Order"}),
    ("", {"q": "00000000-0000-7000-8000-000000000000"}),
    ("", {"q": "#{event}"}),
    ("", {"q": "status:paid"}),
    ("", {"q": "paid"}),
    ("", {"bulk": "2"}),
    ("", {"transaction": "{txid}"}),
    ("", {"acted": "none", "source": "trigger"}),
    ("", {"at": "2030-01-01", "period": "all"}),
    ("object/shop.Order/{order}/", {}),
    ("object/shop.Order/{order}/", {"parts": "0"}),
    ("object/shop.Order/{order}/", {"field": "status"}),
    ("object/shop.Order/{order}/", {"before": "1000000"}),
    ("deleted/shop.Order/", {}),
    ("deleted/shop.Order/", {"period": "all", "before": "100000000"}),
    ("deleted/shop.Order/", {"q": "{order}"}),
    ("deleted/shop.Order/", {"q": "paid"}),
    ("transaction/{txid}/", {}),
    ("object/shop.Order/{order}/at/", {}),
    ("object/shop.Order/{order}/at/", {"t": "2001-01-01"}),
]


@pytest.mark.parametrize(("place", "query"), CASES)
def test_no_page_reads_a_whole_partition(
    root: Client, many: None, place: str, query: dict[str, str]
) -> None:
    event = Events.objects.filter(pgh_obj_model="shop.Order").latest("pgh_id")
    known = {"order": event.pgh_obj_id, "event": event.pgh_id, "txid": event.pgh_txid}
    query = {name: value.format(**known) for name, value in query.items()}
    for line in scans(root, TRAIL + place.format(**known), query):
        # Empty partitions of the future cost nothing in whichever way.
        rows = re.search(r"rows=(\d+)", line)
        assert "Seq Scan" not in line or (rows is not None and int(rows[1]) < 10), line


@pytest.mark.parametrize(
    "query",
    [{"label": "update"}, {"changed": "status"}, {"q": "7"}],
)
def test_what_may_be_seen_is_one_list_to_compare_with(root: Client, query: dict[str, str]) -> None:
    with CaptureQueriesContext(connection) as captured:
        assert root.get(TRAIL, {**query, "period": "all"}).status_code == 200
    asked = [one["sql"] for one in captured.captured_queries if '"model" IN (' in one["sql"]]
    assert asked
    for sql in asked:
        # Of the filter itself, and no more for each model that there is.
        assert sql.count('"model" = ') <= 2


@pytest.mark.parametrize("query", [{"object": "1"}, {"changed": "status"}, {"label": "update"}])
def test_of_a_chosen_model_no_other_is_asked_for(root: Client, query: dict[str, str]) -> None:
    with CaptureQueriesContext(connection) as captured:
        asked = {"model": "shop.Order", **query, "period": "all"}
        assert root.get(TRAIL, asked).status_code == 200
    events = [one["sql"] for one in captured.captured_queries if '"model" = ' in one["sql"]]
    assert events
    assert not any("shop.Customer" in sql for sql in events)


def test_the_events_of_a_transaction_are_looked_for_at_its_time(root: Client, many: None) -> None:
    [event] = Events.objects.filter(pgh_obj_model="shop.Order")[:1]
    with CaptureQueriesContext(connection) as captured:
        page = root.get(TRAIL, {"transaction": event.pgh_txid})
    assert f"{event.pgh_txid}" in page.content.decode()
    ordered = [one["sql"] for one in captured.captured_queries if '"txid" IN' in one["sql"]]
    ordered = [sql for sql in ordered if "ORDER BY" in sql]
    assert ordered and all('"created_at" = ' in sql for sql in ordered)
