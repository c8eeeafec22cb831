"""Long transactions: the trail counts them up to a bound, skips them, and loses nothing."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from pgaudit_log.models import Events
from pgaudit_log.reading import transaction_ends
from tests.shop.models import Order
from tests.support import execute

TRAIL = "/admin/pgaudit_log/events/"

OLD, LONG, OTHER, NEW = 11, 22, 33, 44


def write(txid: int, count: int, *, label: str = "shop.Customer", operation: str = "I") -> None:
    """Write events of a transaction of one's own making."""
    execute(
        "INSERT INTO pgaudit_log_event (txid, model, obj_pk, label, operation, snapshot, role)"
        f" SELECT %s, %s, n::text, 'x', %s, jsonb_build_object('id', n, 'name', 'of {txid}'), 'r'"
        " FROM generate_series(1, %s) AS n",
        [txid, label, operation, count],
    )


def transactions(html: str) -> list[int]:
    return [int(txid) for txid in re.findall(r'/transaction/(\d+)/[^"]*">(?!show)', html)]


def link(html: str, rel: str) -> str | None:
    found = re.search(rf'href="(\?[^"]+)" rel="{rel}"', html)
    return None if found is None else found[1].replace("&amp;", "&")


@pytest.fixture
def long(db: None) -> None:
    """A transaction of 2,205 events, with three of others among them and one on each side."""
    write(OLD, 3)
    write(LONG, 700)
    write(OTHER, 2)
    write(LONG, 1200, operation="U")
    write(OTHER + 1, 1)
    write(LONG, 305, label="shop.Order")
    write(NEW, 4)


def test_a_long_transaction_is_counted_and_the_next_page_is_behind_it(
    root: Any, page: Any, long: None
) -> None:
    html = page(root, TRAIL)
    assert transactions(html) == [NEW, LONG]
    assert "1,000+ events" in html and "305+ × order" in html and "695+ × customer" in html
    older = link(html, "next")
    assert older is not None
    behind = page(root, TRAIL + older)
    assert transactions(behind)[0] == OLD and "of 11" in behind
    # What is left out of both is told.
    [meanwhile] = re.findall(r'href="([^"]+)">what others did meanwhile', html)
    between = page(root, TRAIL + meanwhile.replace("&amp;", "&"))
    assert transactions(between)[:3] == [OTHER + 1, OTHER, OLD]
    # Upwards, too: it stands below what is newer, and the next page is above it.
    newer = link(behind, "prev")
    assert newer is not None
    html = page(root, TRAIL + newer)
    assert transactions(html) == [LONG] and "1,000+ events" in html
    newer = link(html, "prev")
    assert newer is not None and transactions(page(root, TRAIL + newer)) == [NEW]


def test_a_page_of_one_long_transaction_goes_on_with_what_is_older(
    root: Any, page: Any, db: None
) -> None:
    for txid in (OLD, OLD + 1):
        write(txid, 21)
    write(LONG, 1500)
    html = page(root, TRAIL, model="shop.Customer")
    assert transactions(html) == [LONG, OLD + 1, OLD] and "1,000+ events" in html
    assert "21 × customer" in html and link(html, "next") is None
    write(NEW, 60)
    write(OTHER, 1)
    write(NEW, 60)
    html = page(root, TRAIL, model="shop.Customer")
    assert transactions(html) == [NEW, OTHER, LONG]
    older = link(html, "next")
    assert older is not None and transactions(page(root, TRAIL + older)) == [OLD + 1, OLD]


def test_a_page_ends_between_transactions_and_none_is_lost(
    root: Any, page: Any, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for txid in range(100, 120):
        write(txid, 1 + txid % 7)
    write(200, 20)
    write(201, 3)
    write(200, 21)
    write(202, 170)
    write(203, 49)
    seen: dict[int, int] = {}
    html, pages = page(root, TRAIL, model="shop.Customer"), 1
    while True:
        for card in html.split('<li class="pgh-card"')[1:]:
            if found := transactions(card):
                [count] = re.findall(r"(\d+) events?<", card)
                assert "on this page" not in card
                assert found[0] not in seen
                seen[found[0]] = int(count)
        if (older := link(html, "next")) is None:
            break
        html, pages = page(root, TRAIL + older), pages + 1
    assert [*seen][:4] == [203, 202, 200, 201]
    assert {txid: seen[txid] for txid in (200, 201, 202, 203)} == {
        200: 41,
        201: 3,
        202: 170,
        203: 49,
    }
    assert all(seen[txid] == 1 + txid % 7 for txid in range(100, 120))
    assert pages < 10


def test_the_end_of_a_run_is_found_without_reading_it(long: None) -> None:
    own = Events.objects.filter(pgh_txid=LONG)
    for event in (own.earliest("pgh_id"), own.latest("pgh_id"), own[900]):
        assert transaction_ends.end_of(event, "first", "default") == own.earliest("pgh_id").pk
        assert transaction_ends.end_of(event, "last", "default") == own.latest("pgh_id").pk
    alone = Events.objects.get(pgh_txid=OTHER + 1)
    assert transaction_ends.end_of(alone, "first", "default") == alone.pk


def test_it_takes_two_queries_more_and_each_reads_few_events(
    root: Any, page: Any, long: None
) -> None:
    page(root, TRAIL)
    with CaptureQueriesContext(connection) as captured:
        page(root, TRAIL)
    asked = [one["sql"] for one in captured.captured_queries if "pgaudit_log_event" in one["sql"]]
    [_page, counted, end] = [sql for sql in asked if "reltuples" not in sql]
    assert (
        re.search(r"LIMIT 10\d\d$", counted) and '"snapshot"' not in counted and "RECURSIVE" in end
    )


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("skip", ["x", "1", "1.2.x", "9" * 90, "1.2.3.4", "0.-5.99999999999", ".."])
def test_a_forged_skip_does_no_harm(root: Any, order: Order, page: Any, skip: str) -> None:
    html = page(root, TRAIL, skip=skip)
    assert "ring twice" in html


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_long_transaction_is_read_from_its_first_event_to_its_last(
    root: Any, page: Any, long: None
) -> None:
    """Whatever its address says of when it began."""
    [first] = re.findall(rf'href="([^"]+/transaction/{LONG}/[^"]+)">1,000', page(root, TRAIL))
    for place in (first, first.partition("?")[0], first.partition("?")[0] + "?t=2001-01-01"):
        seen: list[int] = []
        html = page(root, place)
        while True:
            seen += [int(id) for id in re.findall(r'id="event-(\d+)"', html)]
            if (more := link(html, "next")) is None:
                break
            html = page(root, place.partition("?")[0] + more)
        assert seen == [*Events.objects.filter(pgh_txid=LONG).values_list("pk", flat=True)]


def test_what_the_same_person_did_before_and_next_is_a_step_away(
    root: Any, page: Any, db: None
) -> None:
    for txid, user in ((1, "7"), (2, "8"), (3, "7"), (4, None), (5, "7")):
        context = None if user is None else f'{{"user": {user}, "user_name": "ana"}}'
        execute(
            "INSERT INTO pgaudit_log_event (txid, model, obj_pk, label, operation, context, role)"
            " VALUES (%s, 'shop.Customer', '1', 'x', 'U', %s, 'r')",
            [txid, context],
        )

    def neighbours(txid: int) -> list[str]:
        html = page(root, f"{TRAIL}transaction/{txid}/")
        return re.findall(r'transaction/(\d+)/[^"]*" rel="(?:prev|next)">What ana did', html)

    assert [neighbours(n) for n in (1, 2, 3, 4, 5)] == [["3"], [], ["1", "5"], [], ["3"]]


@pytest.mark.slow
@pytest.mark.everywhere
def test_typed_events_and_those_of_a_person_are_counted_and_skipped_as_well(
    root: Any, page: Any, db: None
) -> None:
    for txid, count in ((OLD, 2), (LONG, 1300), (NEW, 1)):
        execute(
            "INSERT INTO pgaudit_log_event"
            " (txid, model, obj_pk, label, operation, snapshot, context, role)"
            " SELECT %s, 'shop.Order', n::text, 'insert', 'I', jsonb_build_object('id', n), %s, 'r'"
            " FROM generate_series(1, %s) AS n",
            [txid, '{"user": 7}', count],
        )
    for place in ("/admin/shop/orderevent/?", f"{TRAIL}?actor=7&"):
        html = page(root, f"{place}period=all")
        assert transactions(html) == [NEW, LONG] and "1,000+ × order" in html, place
        older = link(html, "next")
        assert older is not None
        assert transactions(page(root, place.partition("?")[0] + older)) == [OLD], place


def test_a_context_is_shown_whole_whether_its_events_are_of_one_day_or_of_several(
    root: Any,
) -> None:
    """It is looked for in the days around one of its events, but only if all of them lie there."""
    context = uuid4()
    for key, days in (("1", 0), ("2", 0), ("3", 40)):
        execute(
            "INSERT INTO pgaudit_log_event"
            " (created_at, model, obj_pk, label, operation, snapshot, context_id)"
            f" VALUES (now() - interval '{days} days', 'shop.Customer', '{key}', 'update', 'U',"
            f""" '{{"name": "Ana {key}"}}', '{context}')"""
        )
        page = root.get(f"{TRAIL}context/{context}/").content.decode()
        assert [n for n in "123" if f"Ana {n}" in page] == list("123"[: int(key)])
