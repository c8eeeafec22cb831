"""The trail in the admin: cards of transactions, filters, pages, and what cannot be asked."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

import pgaudit_log
from pgaudit_log.database import own_events
from pgaudit_log.models import Events
from pgaudit_log.presentation import pages
from pgaudit_log.reading.querysets import EventQuerySet
from tests.admin.site import OrderEvent
from tests.shop.models import Customer, Order, Product
from tests.support import execute

TRAIL = "/admin/pgaudit_log/events/"


def shown_events(html: str) -> list[int]:
    return [int(id) for id in re.findall(r'id="event-(\d+)"', html)]


def test_the_trail_stands_in_the_index(root: Any, page: Any) -> None:
    assert f'href="{TRAIL}"' in page(root, "/admin/")


def test_each_transaction_is_a_card_the_newest_first(
    root: Any, page: Any, transactional_db: None
) -> None:
    with pgaudit_log.context(reason="first"):
        Customer.objects.create(name="Ana")
    with pgaudit_log.context(reason="second"):
        Customer.objects.create(name="Bea")
    html = page(root, TRAIL, model="shop.Customer")
    assert html.count('<li class="pgh-card"') == 2
    assert html.index("second") < html.index("first")


def test_a_transaction_of_many_events_tells_how_many(root: Any, page: Any, db: None) -> None:
    Customer.objects.bulk_create([Customer(name=f"c{n}") for n in range(30)])
    Customer.objects.update(name="x")
    html = page(root, TRAIL, period="all")
    assert re.search(r"\d+ × customer", html) and "show all" in html


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "operations"),
    [
        ({"operation": "U"}, {"U"}),
        ({"model": "shop.Customer"}, {"I"}),
        ({"actor": "ana"}, {"U"}),
        ({"actor": "none", "model": "shop.Product"}, {"I"}),
        ({"model": "shop.Order", "changed": "status", "changed_to": "paid"}, {"U"}),
        ({"model": "shop.Order", "changed": "status", "changed_to": "lost"}, set()),
        ({"reason": "customer called"}, {"U"}),
        ({"context": "url=/orders/1/"}, {"U"}),
    ],
)
def test_filters_narrow_it(
    root: Any, order: Order, page: Any, query: dict[str, str], operations: set[str]
) -> None:
    ids = shown_events(page(root, TRAIL, **query))
    found = Events.objects.filter(pk__in=ids).values_list("pgh_operation", flat=True)
    assert set(found) == operations


def test_what_is_asked_for_stands_above_it_and_can_be_taken_away(
    root: Any, order: Order, page: Any
) -> None:
    html = page(root, TRAIL, actor="ana", model="shop.Order")
    assert "Who: ana" in html and "Model: order" in html
    assert 'href="?model=shop.Order"' in html


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"actor": "nobody"}, "There is no user"),
        ({"model": "shop.Nothing"}, "Select a valid choice"),
        ({"model": "shop.Order", "changed": "nothing"}, "There is no field"),
        ({"object": "1"}, "Choose the object"),
        ({"context": "a__" * 300 + "a=1"}, "Write key=value"),
        ({"transaction": "x"}, "Enter a whole number"),
        ({"transaction": "9" * 40}, "less than or equal"),
        ({"context_id": "x"}, "Enter a valid UUID"),
        ({"since": "yesterday?"}, "moment"),
        ({"period": "year"}, "Select a valid choice"),
        ({"operation": "X"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_asked_is_told_beside_it(
    root: Any, order: Order, refused: Any, query: dict[str, str], message: str
) -> None:
    html = refused(root, TRAIL, **query)
    assert message in html and not shown_events(html)


@pytest.mark.slow
@pytest.mark.parametrize("value", ["x", "-1", "9" * 30, "1e5", "١"])
def test_a_forged_position_does_no_harm(root: Any, order: Order, page: Any, value: str) -> None:
    page(root, TRAIL, before=value)
    page(root, TRAIL, after=value)


@pytest.mark.slow
@pytest.mark.everywhere
def test_it_shows_the_last_days_unless_more_is_asked_for(
    root: Any, order: Order, page: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = timezone.now() + timedelta(days=8)
    monkeypatch.setattr(timezone, "now", lambda: later)
    html = page(root, TRAIL)
    assert "Last 7 days" in html and not shown_events(html)
    assert shown_events(page(root, TRAIL, period="all"))
    assert shown_events(page(root, TRAIL, model="shop.Order", object=str(order.pk)))
    settings.PGAUDIT_LOG_ADMIN_DAYS = 30
    assert shown_events(page(root, TRAIL))
    settings.PGAUDIT_LOG_ADMIN_DAYS = None
    assert shown_events(page(root, TRAIL))


def test_the_flat_list_has_the_columns_of_list_display(root: Any, order: Order, page: Any) -> None:
    html = page(root, "/admin/pgaudit_log/middlewareevents/", layout="list", actor="ana")
    assert re.findall(r'<th scope="col">([^<]+)', html)[-1] == "Shout"
    assert "<td>ana</td>" in html and "<td>update!</td>" in html and "/orders/1/" in html


def test_typed_events_have_a_list_of_their_own(root: Any, order: Order, page: Any) -> None:
    html = page(root, "/admin/shop/orderevent/", period="all")
    assert len(shown_events(html)) == 2
    event = OrderEvent.objects.latest("pgh_id")
    assert "The whole row" in page(root, f"/admin/shop/orderevent/{event.pk}/change/")
    assert root.get("/admin/shop/orderevent/0/change/").status_code == 404


def test_an_event_shows_the_whole_row(root: Any, order: Order, page: Any) -> None:
    event = Events.objects.get(pgh_label="update")
    html = page(root, f"{TRAIL}{event.pk}/change/")
    assert (
        "ring twice" in html
        and "The whole context" in html
        and "Luís" not in html.split("The whole row")[0]
    )


@pytest.mark.slow
@pytest.mark.parametrize("page_name", ["add/", "1/delete/", "1/change/", "1/history/"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_nothing_adds_changes_or_deletes_an_event(
    root: Any, order: Order, page_name: str, method: str
) -> None:
    event = Events.objects.latest("pgh_id")
    before = Events.objects.count()
    place = TRAIL + page_name.replace("1", str(event.pk))
    status = getattr(root, method)(place, {"post": "yes"}).status_code
    may_look = method == "get" and page_name in ("1/change/", "1/history/")
    assert status == (200 if may_look else 403)
    assert Events.objects.count() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    "place", ["pgaudit_log/events", "pgaudit_log/middlewareevents", "shop/orderevent"]
)
def test_no_list_of_events_offers_to_change_or_delete_some(
    root: Any, order: Order, page: Any, place: str
) -> None:
    """The trail's, a subclass of its admin, and that of typed events."""
    place = f"/admin/{place}/"
    html = page(root, place, layout="list")
    assert "delete_selected" not in html and "_selected_action" not in html
    before = list(Events.objects.values_list("pgh_id", flat=True))
    event = before[-1]
    chosen = {"action": "delete_selected", "_selected_action": [event], "post": "yes"}
    root.post(place, chosen)
    for name in ("add/", f"{event}/delete/", f"{event}/change/"):
        assert root.post(place + name, {"post": "yes"}).status_code == 403, name
    assert list(Events.objects.values_list("pgh_id", flat=True)) == before


@pytest.mark.slow
@pytest.mark.parametrize("query", [{}, {"reason": "customer called"}, {"layout": "list"}])
def test_looking_writes_nothing_and_locks_no_row(
    root: Any, order: Order, page: Any, query: dict[str, str]
) -> None:
    with CaptureQueriesContext(connection) as captured:
        page(root, TRAIL, **query)
    statements = [one["sql"].upper() for one in captured.captured_queries]
    statements = [re.sub(r"(?m)^--.*\n", "", s) for s in statements if "SAVEPOINT" not in s]
    assert statements and all(sql.lstrip().startswith("SELECT") for sql in statements)
    assert not any("FOR UPDATE" in sql or "FOR SHARE" in sql for sql in statements)


@pytest.mark.slow
def test_a_question_that_takes_too_long_is_given_up_and_explained(
    root: Any, order: Order, page: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*args: Any) -> Any:
        execute("SELECT pg_sleep(5)")

    settings.PGAUDIT_LOG_ADMIN_TIMEOUT = 1
    monkeypatch.setattr(pages, "page_of", slow)
    html = page(root, TRAIL, reason="x")
    assert "took too long" in html
    assert execute("SHOW statement_timeout") == [("0",)]


def test_the_timeout_does_not_outlast_the_question(root: Any, order: Order, page: Any) -> None:
    page(root, TRAIL, reason="customer called")
    assert execute("SHOW statement_timeout") == [("0",)]
    assert execute("SHOW enable_seqscan") == [("on",)]


def test_a_transaction_shows_all_that_it_did_with_what_is_known_of_it(
    root: Any, order: Order, page: Any
) -> None:
    event = Events.objects.get(pgh_label="update")
    html = page(root, f"{TRAIL}transaction/{event.pgh_txid}/")
    assert "Distance" in html and "Database role" in html
    html = page(root, f"{TRAIL}context/{event.pgh_context_id}/")
    assert shown_events(html) == [event.pk]
    assert "customer called" in html


@pytest.mark.parametrize(
    "place",
    ["transaction/1/", f"transaction/{'9' * 40}/", "context/00000000-0000-7000-8000-000000000000/"],
)
def test_a_transaction_that_never_was_is_not_found(root: Any, order: Order, place: str) -> None:
    assert root.get(TRAIL + place).status_code == 404


def test_a_large_transaction_is_read_in_pages(
    root: Any, page: Any, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgaudit_log.admin.transaction_view.MOST_EVENTS", 3)
    Customer.objects.bulk_create([Customer(name=f"c{n}") for n in range(5)])
    txid = Events.objects.latest("pgh_id").pgh_txid
    html = page(root, f"{TRAIL}transaction/{txid}/")
    assert len(shown_events(html)) == 3
    [more] = re.findall(r'href="(\?after=[^"]+)"', html)
    assert set(shown_events(page(root, f"{TRAIL}transaction/{txid}/{more}"))).isdisjoint(
        shown_events(html)
    )


def test_events_of_what_is_no_table_are_shown(root: Any, page: Any, db: None) -> None:
    own_events.write("default", own_events.MAINTENANCE, "retention", {"steps": ["<b>detach"]})
    html = page(root, TRAIL)
    assert "maintenance of the log" in html and "&lt;b&gt;detach" in html


@pytest.mark.slow
@pytest.mark.everywhere
def test_events_of_models_and_fields_that_are_no_more_are_shown(
    root: Any, order: Order, page: Any
) -> None:
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot, diff, role, shape)"
        " SELECT 'gone.Model', '1', 'update', 'U', '{\"id\": 1}', '{\"old\": [1, {\"a\": null}]}', 'r', 0"
    )
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot, role, shape)"
        " SELECT 'shop.Product', 'x', 'insert', 'I', '{\"sku\": \"x\", \"weight\": 5, \"price\": \"cheap\"}', 'r', 0"
    )
    html = page(root, TRAIL)
    assert "gone.Model 1" in html and "no longer in the model" in html and "cheap" in html
    event = Events.objects.get(pgh_obj_model="gone.Model")
    assert "no longer in the model" in page(root, f"{TRAIL}{event.pk}/change/")


def test_a_truncated_table_is_told(root: Any, page: Any, db: None) -> None:
    Product.objects.create(sku="a", name="a", price=1)
    execute("TRUNCATE shop_product CASCADE")
    html = page(root, TRAIL)
    assert "emptied" in html and "products" in html


def test_the_permissions_exist(db: None) -> None:
    root = User.objects.create_superuser("root")
    permissions = {p for p in root.get_all_permissions() if p.startswith("pgaudit_log.")}
    assert permissions == {
        "pgaudit_log.view_events",
        "pgaudit_log.revert_events",
        "pgaudit_log.export_events",
        "pgaudit_log.view_context_events",
    }


def test_a_page_that_is_open_can_ask_what_has_come_since(
    root: Any, order: Order, page: Any, staff: Any
) -> None:
    html = page(root, TRAIL, model="shop.Customer")
    assert "just now" in html
    [url] = re.findall(r'class="pgh-newer" role="status" data-url="([^"]+)"', html)
    place = TRAIL + url.replace("&amp;", "&")
    assert root.get(place).json() == {"text": ""}
    Customer.objects.create(name="Ana")
    Product.objects.create(sku="x", name="x", price=1)
    assert root.get(place).json() == {"text": "1 newer event"}
    Customer.objects.bulk_create([Customer(name="x") for _ in range(120)])
    assert root.get(place).json() == {"text": "more than 99 newer events"}
    assert root.get(f"{TRAIL}newer/?newest=x").status_code == 400
    assert root.get(f"{TRAIL}newer/?newest=1&model=shop.Nothing").status_code == 400
    assert staff("shop.view_order").get(place).status_code == 403
    # Not on an older page, nor where a search would be repeated.
    for query in ({"before": "5"}, {"actor": "ana"}):
        assert "pgh-newer" not in page(root, TRAIL, **query)


@pytest.mark.slow
def test_what_a_filter_finds_is_counted_up_to_a_bound(
    root: Any, page: Any, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the page has costs nothing to count; of a search, that is all that is known."""
    Customer.objects.bulk_create([Customer(name=f"same {n}") for n in range(70)])
    assert "events found" not in page(root, TRAIL)
    asked = {"model": "shop.Customer", "operation": "I"}

    assert "70 events found" in page(root, TRAIL, **asked)
    assert "1 event found" in page(root, TRAIL, q='"same 69"', **asked)
    assert "50+ events found" in page(root, TRAIL, layout="list", q="same", **asked)
    monkeypatch.setattr("pgaudit_log.admin.found_numbers.MOST_COUNTED", 60)
    assert "60+ events found" in page(root, TRAIL, **asked)
    older = Events.objects.latest("pgh_id").pk
    assert "events found" not in page(root, TRAIL, before=older, **asked)

    def slow(*args: Any) -> Any:
        execute("SELECT pg_sleep(1)")

    monkeypatch.setattr("pgaudit_log.admin.found_numbers.MOST_MILLISECONDS", 20)
    monkeypatch.setattr(EventQuerySet, "values_list", slow)
    assert "50+ events found" in page(root, TRAIL, layout="list", **asked)


def test_an_event_that_is_older_than_the_log_has_a_page(
    root: Any, order: Order, page: Any, settings: Any
) -> None:
    """What is imported has ids below 0; no language writes ids as numbers for people."""
    settings.USE_THOUSAND_SEPARATOR, settings.LANGUAGE_CODE = True, "de"
    execute(
        "INSERT INTO pgaudit_log_event (id, model, obj_pk, label, operation, snapshot, shape)"
        " OVERRIDING SYSTEM VALUE SELECT -12345, model, obj_pk, label, operation, snapshot, shape"
        " FROM pgaudit_log_event WHERE model = 'shop.Order' ORDER BY id LIMIT 1"
    )
    html = page(root, f"/admin/shop/order/{order.pk}/audit/")
    assert f'href="{TRAIL}-12345/change/"' in html and 'id="event--12345"' in html
    assert "12.345" not in html
    for place in (f"{TRAIL}-12345/change/", "/admin/shop/orderevent/-12345/change/"):
        assert "ring twice" in page(root, place)


@pytest.mark.slow
def test_it_works_without_time_zones(root: Any, order: Order, page: Any, settings: Any) -> None:
    event = Events.objects.get(pgh_label="update")
    settings.USE_TZ = False
    timeline = f"/admin/shop/order/{order.pk}/audit/"
    for place in (
        TRAIL,
        f"{TRAIL}status/",
        f"{TRAIL}{event.pk}/change/",
        f"{TRAIL}transaction/{event.pgh_txid}/",
        timeline,
        f"{timeline}at/?event={event.pk}",
        f"{timeline}undo/?event={event.pk}",
    ):
        page(root, place)
    response = root.post(f"{TRAIL}export/", {"format": "csv"})
    at = event.pgh_created_at.isoformat().replace("+00:00", "Z")
    assert at in b"".join(response).decode()


@pytest.mark.slow
@pytest.mark.everywhere
def test_documents_are_asked_for_by_what_they_were(
    root: Any, order: Order, page: Any, refused: Any
) -> None:
    for tags in (0, 10**30, 1.5, [1, {"a": True}]):
        Product.objects.update(tags=tags)
        query = {"model": "shop.Product", "changed": "tags", "changed_to": json.dumps(tags)}
        assert shown_events(page(root, TRAIL, **query)) == [Events.objects.latest("pgh_id").pk]
    for text in ("NaN", "1e400", "[Infinity]", "[" * 2000, "7" * 4900):
        query = {"model": "shop.Product", "changed": "tags", "changed_to": text}
        assert "is no value of this field" in refused(root, TRAIL, **query)
