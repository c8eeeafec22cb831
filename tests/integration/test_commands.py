"""``manage.py pgaudit_log``: what each subcommand writes, and what it refuses with nothing written."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pgtrigger
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import models
from django.utils import timezone

import pgaudit_log
from pgaudit_log import reversal
from pgaudit_log.cli import json_output, terminal_text
from pgaudit_log.models import Events
from pgaudit_log.testing import isolated
from pgaudit_log.values.row_json import JSON_NULL
from tests import tables
from tests.projects import Project, project
from tests.shop.models import Customer, Order, OrderLine, Product, Stock
from tests.support import execute, last_id

pytestmark = pytest.mark.django_db

HOSTILE = "\x1b[31mred\x1b]0;title\x07 [red]m[/red] \u202egnp.exe\x9b2J\n:smile: \x7f"
SHOWN = r"\x1b[31mred\x1b]0;title\x07 [red]m[/red] \u202egnp.exe\x9b2J\n:smile: \x7f"


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def run(*words: Any, to: io.StringIO | None = None) -> str:
    """Return what a subcommand wrote to ``to``, by default a pipe."""
    out = to or io.StringIO()
    call_command("pgaudit_log", *map(str, words), stdout=out, stderr=io.StringIO())
    return out.getvalue()


def noted(*words: Any) -> str:
    """Return what a subcommand wrote beside its output."""
    err = io.StringIO()
    call_command("pgaudit_log", *map(str, words), stdout=io.StringIO(), stderr=err)
    return err.getvalue()


def document(*words: Any) -> Any:
    """Return the JSON document that a subcommand wrote."""
    return json.loads(run(*words, "--json"))


def everything() -> list[Any]:
    """Return what a refused subcommand must not change."""
    tracked = (Customer, Order, OrderLine, Product, Stock)
    return [last_id(), *(list(model._default_manager.order_by("pk").values()) for model in tracked)]


def refused(*words: Any) -> str:
    """Return the one message of a subcommand that ended with 2 and wrote nothing at all."""
    before = everything()
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("pgaudit_log", *map(str, words), stdout=out, stderr=err)
    assert (caught.value.returncode, out.getvalue(), err.getvalue()) == (2, "", "")
    assert everything() == before
    return str(caught.value)


def lines_of(output: str) -> list[list[str]]:
    """Return the rows of a table below its headings, split into words."""
    return [line.split() for line in output.splitlines()[1:]]


@pytest.fixture
def ana() -> User:
    return User.objects.create_user("ana", pk=700)


@pytest.fixture
def order(customer: Customer, ana: User) -> Order:
    """An order that Ana made and paid, each in a context of its own."""
    with pgaudit_log.context(user=ana.pk, url="/orders/new/"):
        order = Order.objects.create(pk=501, customer=customer, note="quick")
    with pgaudit_log.context(user=ana.pk, url="/orders/501/pay/"):
        order.status = "paid"
        order.save()
    return order


@pytest.fixture
def product() -> Product:
    product = Product.objects.create(sku="SKU-1", name="Lamp", price=Decimal("10.50"))
    product.price = Decimal("12.25")
    product.save()
    return product


def event_of(obj: models.Model, label: str) -> Any:
    return Events.objects.tracks(obj).get(pgh_label=label)


# --- trail


def test_the_trail_is_a_line_an_event_with_who_did_what_to_which_object(order: Order) -> None:
    inserted, paid = Events.objects.tracks(order).order_by("pgh_id")
    newest, oldest = run("trail", "--model", "shop.Order").splitlines()[1:]
    when = timezone.localtime(paid.pgh_created_at).strftime("%Y-%m-%d %H:%M:%S")
    for part in (str(paid.pgh_id), when, "ana (700)", "shop.Order 501", "update"):
        assert part in newest
    assert newest.endswith("status: new → paid")
    assert str(inserted.pgh_id) in oldest
    assert "customer: " in oldest and "note: quick" in oldest


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("--model shop.Order --object 501", ["update", "insert"]),
        ("--model shop.Order --object 501 --operation insert", ["insert"]),
        ("--model shop.Order --changed status", ["update"]),
        ("--changed status", ["update"]),
        ("--model shop.Order --label update", ["update"]),
        ("--by 700 --operation update", ["update"]),
        ("--by 700", ["update", "insert"]),
        ("--by ana", ["update", "insert"]),
        ("--by ana --operation update", ["update"]),
        ("--model shop.Order --by none", []),
        ("--model shop.Order --since 2000-01-01T00:00Z", ["update", "insert"]),
        ("--model shop.Order --until 2000-01-01T00:00Z", []),
    ],
)
def test_the_trail_is_narrowed_by_options(order: Order, words: str, found: list[str]) -> None:
    assert [e["operation"] for e in document("trail", *words.split())["events"]] == found


def test_moments_without_an_offset_are_those_of_the_current_time_zone(order: Order) -> None:
    execute(
        "INSERT INTO pgaudit_log_event (created_at, model, obj_pk, label, operation, snapshot)"
        " VALUES ('2020-01-01 23:30+01', 'shop.Order', '9', 'insert', 'I', '{\"id\": 9}')"
    )

    def found(*words: str) -> int:
        return len(document("trail", "--object", "9", "--model", "shop.Order", *words)["events"])

    assert found("--since", "2020-01-01T23:30", "--until", "2020-01-01T23:31") == 1
    assert found("--since", "2020-01-01", "--until", "2020-01-01") == 1
    assert found("--since", "2020-01-02") == found("--until", "2019-12-31") == 0
    words = ("as-of", "shop.Order", "9", "--at")
    at = document(*words, "2020-01-02")
    assert at["at"] == "2020-01-02T00:00:00+01:00" and len(at["rows"]) == 1
    assert document(*words, "2020-01-01T23:29")["rows"] == []
    later = ("--filter", "placed_at__gt=2020-01-01T00:00")
    assert document("as-of", "shop.Order", "--at", "2020-01-02", *later)["rows"] == []


def test_the_trail_finds_what_pointed_at_an_object(order: Order, customer: Customer) -> None:
    found = document("trail", "--references", f"shop.Customer:{customer.pk}")
    assert {event["model"] for event in found["events"]} == {"shop.Order"}


def test_the_trail_finds_the_events_of_a_context_and_of_a_transaction(order: Order) -> None:
    paid = event_of(order, "update")
    of_context = document("trail", "--context", paid.pgh_context_id)["events"]
    of_transaction = document("trail", "--txid", paid.pgh_txid)["events"]
    assert [event["id"] for event in of_context] == [paid.pgh_id]
    assert paid.pgh_id in [event["id"] for event in of_transaction]


def test_the_trail_says_how_to_get_the_next_page(order: Order) -> None:
    words = ("trail", "--model", "shop.Order", "--limit", 1)
    paid = event_of(order, "update")
    assert noted(*words) == f"There are older events: --before {paid.pgh_id} shows them.\n"
    assert document(*words)["older"] == paid.pgh_id
    older = document(*words, "--before", paid.pgh_id)
    assert [event["operation"] for event in older["events"]] == ["insert"]
    assert older["older"] is None
    assert noted(*words, "--before", paid.pgh_id) == ""


def test_the_trail_goes_towards_newer_events_too(order: Order) -> None:
    inserted, paid = Events.objects.tracks(order).order_by("pgh_id")
    words = ("trail", "--model", "shop.Order", "--limit", 1)
    assert noted(*words, "--after", 0) == (
        f"There are newer events: --after {inserted.pgh_id} shows them.\n"
    )
    between = ("--after", inserted.pgh_id - 1, "--before", paid.pgh_id)
    assert [e["id"] for e in document(*words, *between)["events"]] == [inserted.pgh_id]


def test_an_event_as_json_is_what_the_event_table_has(product: Product) -> None:
    event = event_of(product, "update")
    [found] = document("trail", "--model", "shop.Product", "--operation", "update")["events"]
    assert found == {
        "id": event.pgh_id,
        "created_at": event.pgh_created_at.isoformat(),
        "txid": event.pgh_txid,
        "model": "shop.Product",
        "object": "SKU-1",
        "label": "update",
        "operation": "update",
        "context_id": None,
        "context": event.pgh_context,
        "references": None,
        "data": {"sku": "SKU-1", "name": "Lamp", "price": "12.25", "tags": None},
        "diff": {"price": ["10.50", "12.25"]},
    }
    assert datetime.fromisoformat(found["created_at"]).tzinfo is not None


def test_the_events_of_a_model_that_is_no_more_are_still_shown(order: Order) -> None:
    execute("ALTER TABLE pgaudit_log_event DISABLE TRIGGER USER")
    execute("UPDATE pgaudit_log_event SET model = 'shop.Gone' WHERE model = 'shop.Order'")
    execute("ALTER TABLE pgaudit_log_event ENABLE TRIGGER USER")
    assert "status: new → paid" in run("trail", "--model", "shop.Gone", "--object", 501)
    paid = Events.objects.get(pgh_obj_model="shop.Gone", pgh_label="update")
    assert "status  new → paid" in run("show", paid.pgh_id)
    assert refused("diff", paid.pgh_id).startswith(f"Event {paid.pgh_id} is of shop.Gone, which is")


# --- show, diff, blame


def test_show_has_the_changes_and_the_context_of_an_event(order: Order) -> None:
    paid = event_of(order, "update")
    written = run("show", paid.pgh_id)
    assert written.startswith(f"Event {paid.pgh_id}: update shop.Order 501\n")
    for name, text in (
        ("who", "ana (700)"),
        ("transaction", paid.pgh_txid),
        ("context", paid.pgh_context_id),
        ("url", "/orders/501/pay/"),
        ("references", f"shop.Customer:{order.customer_id}"),
        ("status", "new → paid"),
    ):
        assert [name, *str(text).split()] in [line.split() for line in written.splitlines()]


def test_show_as_json_has_typed_changes(product: Product) -> None:
    [change] = document("show", event_of(product, "update").pgh_id)["changes"]
    assert change == {
        "field": "price",
        "verbose_name": "price",
        "column": "price",
        "old": "10.50",
        "new": "12.25",
        "old_text": "10.50",
        "new_text": "12.25",
    }


def test_json_tells_missing_from_null_and_json_null(product: Product) -> None:
    Product.objects.update(tags=models.Value(None, models.JSONField()))
    inserted = document("show", event_of(product, "insert").pgh_id)
    [tags] = [change for change in inserted["changes"] if change["field"] == "tags"]
    assert "old" not in tags and tags["new"] is None
    newest = Events.objects.tracks(product).newest().first()
    assert newest is not None
    [tags] = document("show", newest.pgh_id)["changes"]
    assert (tags["old"], tags["new"]) == (None, {"pgaudit_log.json": None})
    [row] = document("as-of", "shop.Product", "--at-event", newest.pgh_id)["rows"]
    assert row["tags"] == {"pgaudit_log.json": None}


def test_diff_compares_two_events_or_an_event_and_now(order: Order) -> None:
    inserted, paid = Events.objects.tracks(order).order_by("pgh_id")
    assert "status  new → paid" in run("diff", inserted.pgh_id, paid.pgh_id)
    with pgtrigger.ignore():
        Order.objects.update(status="lost")
    assert "status  new → lost" in run("diff", inserted.pgh_id)
    found = document("diff", inserted.pgh_id)
    assert (found["new_event"], found["changes"][0]["new"]) == (None, "lost")
    assert "No difference." in run("diff", paid.pgh_id, paid.pgh_id)


def test_diff_says_when_the_object_is_gone(order: Order) -> None:
    inserted = event_of(order, "insert")
    order.delete()
    assert "It is not there now." in run("diff", inserted.pgh_id)
    assert document("diff", inserted.pgh_id)["exists"] is False


def test_blame_names_the_event_that_set_each_field_last(order: Order) -> None:
    inserted, paid = Events.objects.tracks(order).order_by("pgh_id")
    by_field = {line[0]: line for line in lines_of(run("blame", "shop.Order", 501))}
    assert str(paid.pgh_id) in by_field["status"] and "paid" in by_field["status"]
    assert str(inserted.pgh_id) in by_field["note"]
    fields = {f["field"]: f for f in document("blame", "shop.Order", 501)["fields"]}
    assert fields["status"]["event"]["id"] == paid.pgh_id
    assert fields["note"]["event"]["context"] == {"user": 700, "url": "/orders/new/"}


# --- as-of


def test_as_of_shows_the_rows_as_they_were_after_an_event(order: Order) -> None:
    inserted = event_of(order, "insert")
    [row] = document("as-of", "shop.Order", "--at-event", inserted.pgh_id)["rows"]
    assert (row["id"], row["status"], row["note"]) == (501, "new", "quick")
    assert "new" in run("as-of", "shop.Order", "--at-event", inserted.pgh_id)
    assert ["status", "new"] in lines_of(
        run("as-of", "shop.Order", 501, "--at-event", inserted.pgh_id)
    )


def test_as_of_shows_the_rows_as_they_were_at_a_moment(order: Order) -> None:
    later = timezone.now().isoformat()
    assert [r["status"] for r in document("as-of", "shop.Order", "--at", later)["rows"]] == ["paid"]
    assert document("as-of", "shop.Order", "--at", "2001-01-01T00:00Z")["rows"] == []
    assert run("as-of", "shop.Order", 501, "--at", "2001-01-01T00:00Z") == (
        "There was no shop.Order with this key at 2001-01-01 01:00:00+01:00.\n"
    )


def test_as_of_is_filtered_in_the_past_and_limited(order: Order, customer: Customer) -> None:
    inserted = event_of(order, "insert")
    Order.objects.create(pk=502, customer=customer)
    words = ("as-of", "shop.Order", "--at-event")
    assert document(*words, inserted.pgh_id, "--filter", "status=paid")["rows"] == []
    assert run(*words, inserted.pgh_id, "--filter", "status=paid") == (
        f"There was no shop.Order that fits the filters after event {inserted.pgh_id}.\n"
    )
    named = document(
        *words, last_id(), "--filter", "customer__name=Ana", "--filter", "id__in=502,9"
    )
    assert [row["id"] for row in named["rows"]] == [502]
    limited = document(*words, last_id(), "--limit", 1)
    assert (len(limited["rows"]), limited["has_more"]) == (1, True)
    assert noted(*words, last_id(), "--limit", 1) == "There are more rows: --limit 10 shows more.\n"


def test_as_of_leaves_out_what_was_not_tracked() -> None:
    Stock.objects.create(site="a", level=3, note="n")
    stock = Stock.objects.get()
    stock.level = 2
    stock.save()
    [row] = document("as-of", "shop.Stock", "--at-event", last_id())["rows"]
    assert (row["level"], "note" in row) == (2, False)


# --- revert, undo, restore


def test_a_role_is_marked_as_one(order: Order) -> None:
    role = execute("SELECT session_user")[0][0]
    Order.objects.update(note="by nobody")
    newest = Events.objects.latest("pgh_id")
    assert re.search(
        rf"{newest.pgh_id} .* role {role} +shop\.Order", run("trail", "--model", "shop.Order")
    )
    assert re.search(rf"who +role {role}\n", run("show", newest.pgh_id))


def test_revert_shows_the_plan_and_writes_nothing(order: Order) -> None:
    inserted = event_of(order, "insert")
    before = everything()
    words = ("revert", "shop.Order", 501, "--to-event", inserted.pgh_id)
    assert run(*words) == (
        f"revert shop.Order 501 to event {inserted.pgh_id}\n"
        "  update shop.Order 501\n"
        "    status  paid → new\n"
    )
    assert noted(*words) == "Nothing was written. Add --apply to do it.\n"
    shown = document(*words)
    assert (shown["is_applicable"], shown["applied"]) == (True, None)
    assert shown["steps"][0]["changes"] == [{"field": "status", "now": "paid", "proposed": "new"}]
    assert everything() == before


def test_revert_with_apply_writes_and_its_event_says_why(order: Order, ana: User) -> None:
    inserted = event_of(order, "insert")
    words = ("--apply", "--reason", "mistake", "--user", ana.pk)
    written = run("revert", "shop.Order", 501, "--to-event", inserted.pgh_id, *words)
    order.refresh_from_db()
    event = Events.objects.newest().first()
    assert event is not None
    assert order.status == "new"
    assert written.endswith(f"Done: 1 row written in transaction {event.pgh_txid}.\n")
    assert event.pgh_context == {
        "command": "pgaudit_log revert",
        "user": ana.pk,
        "reason": "mistake",
        "reverts_event": inserted.pgh_id,
    }


@pytest.mark.parametrize("user", ["700", "0700", "ana", "ana (700)"])
def test_who_goes_back_is_named_as_the_trail_names_him(order: Order, user: str) -> None:
    inserted = event_of(order, "insert")
    run("revert", "shop.Order", 501, "--to-event", inserted.pgh_id, "--apply", "--user", user)
    assert Events.objects.newest().first().pgh_context["user"] == 700  # type: ignore[union-attr]


def test_revert_takes_only_the_fields_that_are_named(order: Order) -> None:
    inserted = event_of(order, "insert")
    Order.objects.update(note="slow")
    run(
        *("revert", "shop.Order", 501, "--to-event", inserted.pgh_id),
        *("--field", "note", "--through", "save", "--apply"),
    )
    order.refresh_from_db()
    assert (order.status, order.note) == ("paid", "quick")


def test_undo_takes_back_a_whole_context(customer: Customer, order: Order) -> None:
    with pgaudit_log.context(job="wrong") as running:
        Order.objects.update(status="lost")
        Order.objects.create(customer=customer)
    applied = document("undo", "--context", running.id, "--apply")["applied"]
    assert applied["rows"] == 2
    assert list(Order.objects.values_list("pk", "status")) == [(501, "paid")]


def test_a_plan_with_an_obstacle_is_shown_without_apply(order: Order) -> None:
    paid = event_of(order, "update")
    Order.objects.update(status="shipped")
    assert "In the way: shop.Order 501: status" in run("undo", paid.pgh_id)
    [obstacle] = document("undo", paid.pgh_id)["obstacles"]
    assert (obstacle["kind"], obstacle["field"]) == ("changed later", "status")
    assert "--on-conflict skip" in noted("undo", paid.pgh_id)


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_plan_with_an_obstacle_is_not_applied(order: Order, more: list[str]) -> None:
    paid = event_of(order, "update")
    Order.objects.update(status="shipped")
    before = everything()
    out = io.StringIO()
    with pytest.raises(CommandError, match="Nothing was written: 1 thing stands") as caught:
        call_command("pgaudit_log", "undo", str(paid.pgh_id), "--apply", *more, stdout=out)
    assert caught.value.returncode == 2
    assert "changed later" in out.getvalue() or "In the way" in out.getvalue()
    assert everything() == before


def test_undo_sets_a_field_that_was_changed_later_if_told_so(order: Order) -> None:
    paid = event_of(order, "update")
    Order.objects.update(status="shipped")
    written = run("undo", paid.pgh_id, "--on-conflict", "force", "--apply")
    assert "  Not in the way: shop.Order 501: status" in written
    order.refresh_from_db()
    assert order.status == "new"


def test_a_plan_that_is_stale_when_it_is_applied_ends_with_2(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = reversal.undo

    def overtaken(*args: Any, **kwargs: Any) -> Any:
        plan = real(*args, **kwargs)
        Order.objects.update(note="meanwhile")
        return plan

    monkeypatch.setattr(reversal, "undo", overtaken)
    with pytest.raises(CommandError, match="has changed since the plan was made") as caught:
        run("undo", event_of(order, "update").pgh_id, "--apply")
    assert caught.value.returncode == 2
    order.refresh_from_db()
    assert order.status == "paid"


def test_restore_brings_back_what_was_deleted_together(order: Order, product: Product) -> None:
    OrderLine.objects.create(order=order, product=product, quantity=3)
    with pgaudit_log.context(url="/orders/501/delete/"):
        order.delete()
    deleted = Events.objects.get(pgh_obj_model="shop.Order", pgh_operation="D")
    before = everything()
    assert "  insert shop.OrderLine" in run("restore", deleted.pgh_id)
    assert everything() == before
    run("restore", deleted.pgh_id, "--apply")
    assert OrderLine.objects.get().order_id == 501


def test_applying_a_plan_with_nothing_to_do_writes_nothing(order: Order) -> None:
    before = everything()
    paid = event_of(order, "update")
    assert "Nothing to do." in run(
        "revert", "shop.Order", 501, "--to-event", paid.pgh_id, "--apply"
    )
    assert everything() == before


def test_a_value_that_was_not_tracked_can_be_given() -> None:
    with isolated():
        model = tables.tracked_table(
            "Badge",
            track={"exclude": ["code", "until"]},
            name=models.CharField(max_length=9),
            code=models.IntegerField(),
            until=models.DateTimeField(null=True),
        )
        model.objects.create(pk=1, name="Ana", code=5)
        model.objects.all().delete()
        words = ("restore", last_id(), "--apply", "--value")
        assert "--value FIELD=VALUE gives a value" in noted("restore", last_id())
        assert "'x' is no value of shop.Badge.code" in refused(*words, "code=x")
        assert "has no field 'nope'" in refused(*words, "nope=1")
        naive = ("code=6", "--value", "until=2026-01-01T00:00")
        assert "a moment without a time zone" in refused(*words, *naive)
        run(*words, "code=6", "--value", "until=2026-01-01T00:00Z")
        restored = model.objects.get()
        assert (restored.name, restored.code) == ("Ana", 6)


# --- backfill


def test_backfill_says_how_many_baselines_it_wrote() -> None:
    with pgtrigger.ignore():
        Customer.objects.bulk_create(Customer(name=str(number)) for number in range(25))
    written = run("backfill", "shop.Customer", "shop.Product", "--batch-size", 5).splitlines()
    assert written[-2:] == [
        "shop.Customer: 25 rows, 25 baselines written.",
        "shop.Product: 0 rows, 0 baselines written.",
    ]
    assert document("backfill", "shop.Customer") == {
        "models": [{"model": "shop.Customer", "rows": 25, "events": 0}]
    }


def test_backfill_writes_plain_lines_of_progress_where_there_is_no_terminal() -> None:
    with pgtrigger.ignore():
        Customer.objects.bulk_create(Customer(name=str(number)) for number in range(4))
    execute("ANALYZE shop_customer")
    assert "shop.Customer: 2 of 4 rows" in run("backfill", "shop.Customer", "--batch-size", 2)


def test_backfill_shows_a_bar_on_a_terminal(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Customer.objects.create(name="a")
    monkeypatch.setattr(sys, "stderr", bar := Terminal())
    out = io.StringIO()
    call_command("pgaudit_log", "backfill", "shop.Customer", stdout=out, stderr=bar)
    assert "1/1" in bar.getvalue()
    assert out.getvalue() == "shop.Customer: 1 row, 0 baselines written.\n"


def test_backfill_of_all_takes_each_tracked_model() -> None:
    found = {one["model"] for one in document("backfill", "--all")["models"]}
    assert {"auth.User", "shop.Order", "shop.Stock"} <= found


# --- bad input

BAD = {
    "trail --model shop.Nope": "There is no model 'shop.Nope'. Tracked are auth.User,",
    "trail --model nope": "There is no model 'nope'.",
    "trail --model shop.Untracked": "shop.Untracked is not tracked",
    "trail --model shop.Order --object 99": "There are no events of shop.Order 99 in the log",
    "trail --model shop.Order --object x": "'x' is no key of shop.Order. Give a value of id.",
    "trail --object 5": "--object needs one --model",
    "trail --label nope": "There is no tracker with the label 'nope'",
    "trail --changed nope": "No tracked model has a field 'nope'.",
    "trail --model shop.Order --changed nope": "is no field of shop.Order",
    "trail --since 2026-03-29T02:30": "2026-03-29T02:30:00 is no moment in Europe/Berlin",
    "trail --until 2026-10-25T02:30": "2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00",
    "trail --by nobody": "There is no user 'nobody', and no event of one. Give a user's key",
    "trail --by 12345": "There is no user '12345'",
    "trail --since soon": "'soon' is no moment. Write one as 2026-01-31T18:00",
    "trail --until 2026-02-30": "'2026-02-30' is no moment.",
    "trail --until 9999-12-31": "is out of range",
    "trail --since 0001-01-01T00:00+14:00": "is out of range",
    "trail --txid 1": "There are no events of transaction 1 in the log",
    "trail --txid 99999999999999999999": "99999999999999999999",
    "trail --context nope": "'nope' is no id of a context",
    "trail --context 00000000-0000-0000-0000-000000000001": "There are no events of context",
    "trail --references shop.Customer": "'shop.Customer' names no object",
    "trail --references shop.Nope:1": "There is no model 'shop.Nope'",
    "trail --database nope": "There is no database 'nope'",
    "show 0": "There is no event 0 in the log of the database 'default'.",
    "show 99999999999999999999": "There is no event 99999999999999999999",
    "diff 0": "There is no event 0",
    "blame shop.Order 99": "There are no events of shop.Order 99 in the log",
    "blame shop.Untracked 1": "shop.Untracked is not tracked",
    "as-of shop.Nope --at 2026-01-01T00:00Z": "There is no model 'shop.Nope'",
    "as-of shop.Order --at 2026-03-29T02:30": "is no moment in Europe/Berlin",
    "as-of shop.Order 99 --at 2026-01-01T00:00Z": "There are no events of shop.Order 99",
    "as-of shop.Order --at 2026-01-01T00:00Z --filter nope=1": "Cannot resolve keyword 'nope'",
    "as-of shop.Order --at 2026-01-01T00:00Z --filter id=x": "--filter id=x: Field 'id' expected",
    "as-of shop.Order --at 2026-01-01T00:00Z --filter id": "Write it as field=value.",
    "as-of shop.Order --at 2026-01-01T00:00Z --filter placed_at__gt=2026-03-29T02:30": (
        "--filter placed_at__gt=2026-03-29T02:30: 2026-03-29T02:30:00 is no moment"
    ),
    "as-of shop.Stock --at 2026-01-01T00:00Z --filter note=x": "the field is not tracked",
    "revert shop.Order 501 --to 2026-10-25T02:30 --apply": "is two moments in Europe/Berlin",
    "revert shop.Order 99 --to 2026-01-01T00:00Z --apply": "shop.Order 99 did not exist",
    "undo 0 --apply": "There is no event 0",
    "undo --txid 1 --apply": "There are no events of transaction 1 in the log",
    "undo --context 00000000-0000-0000-0000-000000000001 --apply": "There are no events of context",
    "restore 0 --apply": "There is no event 0",
    "backfill": "Name the models to backfill, or say --all.",
    "backfill shop.Order shop.Nope": "There is no model 'shop.Nope'",
    "backfill shop.Untracked": "shop.Untracked is not tracked",
}


@pytest.mark.slow
@pytest.mark.parametrize("words", BAD)
def test_bad_input_is_one_clear_error(words: str, order: Order) -> None:
    with pgtrigger.ignore():
        # A backfill that had begun would write an event of it.
        Order.objects.filter(pk=501).update(note="unseen")
        Customer.objects.create(name="unseen")
    assert BAD[words] in refused(*words.split())


def test_an_empty_moment_is_refused_as_any_that_is_none() -> None:
    assert refused("trail", "--since", "").startswith("'' is no moment.")


def test_an_event_of_another_model_or_object_is_refused(order: Order, product: Product) -> None:
    bought, paid = event_of(product, "insert"), event_of(order, "update")
    words = ("revert", "shop.Order", 501, "--apply", "--to-event")
    assert f"Event {bought.pgh_id} is of shop.Product" in refused(*words, bought.pgh_id)
    assert "Give two events of one object" in refused("diff", bought.pgh_id, paid.pgh_id)
    assert "it is no deletion" in refused("restore", paid.pgh_id, "--apply")


def test_an_unknown_field_or_user_is_refused(order: Order) -> None:
    inserted = event_of(order, "insert").pgh_id
    words = ("revert", "shop.Order", 501, "--to-event", inserted, "--apply")
    assert "shop.Order has no field 'nope'" in refused(*words, "--field", "nope")
    assert refused(*words, "--user", 12345).startswith(
        "There is no user '12345'. Give a user's key"
    )
    assert refused(*words, "--user", "ana (1)").startswith("There is no user 'ana (1)'.")


def test_the_past_of_a_row_that_is_older_than_its_tracking_is_refused() -> None:
    with pgtrigger.ignore():
        customer = Customer.objects.create(name="old")
    run("backfill", "shop.Customer")
    words = ("as-of", "shop.Customer", customer.pk, "--at", "2001-01-01T00:00Z")
    assert f"shop.Customer {customer.pk} is unknown before" in refused(*words)


# --- hostile text


@pytest.fixture
def hostile(ana: User) -> Customer:
    """A customer whose every text tries to steer the terminal, on each way into the log."""
    User.objects.filter(pk=ana.pk).update(username=HOSTILE)
    with pgaudit_log.context(user=ana.pk, note=HOSTILE, **{HOSTILE: "key"}):
        customer = Customer.objects.create(name=HOSTILE)
        customer.name = f"new {HOSTILE}"
        customer.save()
    return customer


def readings(customer: Customer) -> list[tuple[Any, ...]]:
    inserted = event_of(customer, "insert").pgh_id
    return [
        ("trail",),
        ("show", inserted),
        ("diff", inserted),
        ("blame", "shop.Customer", customer.pk),
        ("as-of", "shop.Customer", "--at-event", inserted),
        ("as-of", "shop.Customer", customer.pk, "--at-event", inserted),
        ("revert", "shop.Customer", customer.pk, "--to-event", inserted),
        ("undo", inserted),
    ]


def test_text_from_the_database_never_steers_a_terminal(
    hostile: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    for words in readings(hostile):
        for output in (run(*words), run(*words, to=Terminal())):
            assert not set(output) & set("\x1b\x07\x9b\x7f\r\u202e"), words
            assert r"\x1b[31mred\x1b]0;title\x07 [red]m[" in output, words


def test_text_from_the_database_comes_out_of_json_as_it_was(hostile: Customer) -> None:
    for words in readings(hostile):
        output = run(*words, "--json")
        assert output.isascii() and output.replace("\n", "").isprintable(), words
        assert "\\u001b[31mred" in output
        json.loads(output)
    shown = document("show", event_of(hostile, "insert").pgh_id)
    assert shown["data"]["name"] == HOSTILE
    assert shown["context"][HOSTILE] == "key"


def test_an_error_about_hostile_text_does_not_steer_the_terminal(hostile: Customer) -> None:
    with pytest.raises(CommandError) as caught:
        run("trail", "--model", HOSTILE)
    assert "\x1b" not in str(caught.value)


def test_an_escape_is_visible_and_what_languages_need_stays() -> None:
    assert terminal_text.safe(HOSTILE) == SHOWN
    assert (
        terminal_text.safe("Zoë 山田 می\u200cخواهم 👩\u200d💻")
        == "Zoë 山田 می\u200cخواهم 👩\u200d💻"
    )


# --- widths, colours, values


def test_a_terminal_has_a_line_an_event_within_its_width(
    order: Order, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    Customer.objects.create(name="very long name " * 6)
    written = run("trail", to=Terminal()).splitlines()
    assert len(written) == 1 + Events.objects.count()
    assert max(map(len, written)) <= 80
    assert any("status: new → paid" in line for line in written)
    assert any(line.endswith("…") for line in written)


@contextmanager
def narrow_trail_of(
    monkeypatch: pytest.MonkeyPatch, width: int = 80, **fields: Any
) -> Iterator[Any]:
    """Give a tracked model, and what the trail on a terminal says of its events."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    with isolated():
        model = tables.tracked_table("Ticket", **fields)
        yield (
            model,
            lambda: [
                re.split(r" (?:insert|update) +", line)[1]
                for line in run("trail", "--model", "shop.Ticket", to=Terminal()).splitlines()[1:]
            ],
        )


@pytest.mark.parametrize("width", [80, 120])
def test_automatic_timestamps_are_left_out_and_defaults_come_last(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    fields = {
        "created_at": models.DateTimeField(auto_now_add=True),
        "updated_at": models.DateTimeField(auto_now=True),
        "due_on": models.DateField(default=timezone.localdate),
        "is_open": models.BooleanField(default=True),
        "tags": models.JSONField(default=list),
        "title": models.TextField(),
    }
    with narrow_trail_of(monkeypatch, width, **fields) as (model, told):
        ticket = model.objects.create(title="Paper")
        ticket.title = "Toner"
        ticket.save()
        ticket.save()
        touched, changed, made = told()
        assert made.startswith("title: Paper, due_on: 20") and "created_at" not in made
        assert changed == "title: Paper → Toner"
        # What changed nothing else says so.
        assert touched.startswith("updated_at: 20")


def test_a_terminal_that_is_narrow_gets_no_app_and_no_date_of_today(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    newest = run("trail", "--model", "Order", to=Terminal()).splitlines()[1]
    paid = event_of(order, "update")
    when = timezone.localtime(paid.pgh_created_at).strftime("%H:%M:%S")
    assert newest.split(maxsplit=5) == [
        str(paid.pgh_id),
        when,
        "ana",
        "(700)",
        "Order",
        "501  update  status: new → paid",
    ]


@pytest.mark.parametrize("words", ["blame Order 501", "trail --model Order --object 501"])
def test_the_name_of_a_model_is_enough_where_one_app_has_it(order: Order, words: str) -> None:
    assert "501" in run(*words.split())


def test_the_name_of_a_model_is_not_enough_where_two_apps_have_it(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(User._meta, "object_name", "Order")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "There is no model 'Order'" in refused("blame", "Order", "501")
    assert "shop.Order 501" in run("trail", "--model", "shop.Order", to=Terminal())


def test_a_pipe_gets_a_line_an_event_that_is_not_cut(order: Order) -> None:
    Order.objects.update(status="x" * 20, note="y" * 39)
    newest = run("trail").splitlines()[1]
    assert newest.endswith(f"note: quick → {'y' * 39}")


def test_rows_too_wide_for_a_terminal_are_shown_one_below_the_other(
    order: Order, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    Order.objects.create(pk=502, customer=customer, note="long " * 30)
    words = ("as-of", "shop.Order", "--at-event", last_id())
    monkeypatch.setenv("COLUMNS", "80")
    narrow = run(*words, to=Terminal())
    assert max(map(len, narrow.splitlines())) <= 80
    assert narrow.count("long") == 30
    monkeypatch.setenv("COLUMNS", "300")
    assert len(run(*words, to=Terminal()).splitlines()) == 4


def test_colours_are_for_terminals_only(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in run("trail", to=Terminal())
    assert "\x1b[" not in run("trail")
    assert "\x1b[" not in run("trail", "--no-color", to=Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in run("trail", to=Terminal())


def test_values_of_every_kind_are_valid_json() -> None:
    value = {
        "decimal": Decimal("1.50"),
        "bytes": memoryview(b"\x00\xff"),
        "infinity": float("inf"),
        "duration": timedelta(days=1, seconds=2),
        "day": datetime(2026, 1, 2).date(),  # noqa: DTZ001
        "null": None,
        "json": JSON_NULL,
        "many": (1, {2.5}),
        3: "three",
    }
    assert json.loads(json_output.dump(value)) == {
        "decimal": "1.50",
        "bytes": "00ff",
        "infinity": "inf",
        "duration": "P1DT00H00M02S",
        "day": "2026-01-02",
        "null": None,
        "json": {"pgaudit_log.json": None},
        "many": [1, [2.5]],
        "3": "three",
    }


def test_stored_values_are_readable() -> None:
    assert terminal_text.of_stored({"pgaudit_log.masked": True}) == "hidden"
    assert terminal_text.of_stored({"pgaudit_log.erased": True}) == "erased"
    assert terminal_text.of_stored({"pgaudit_log.json": None}) == "null (JSON)"
    assert (
        terminal_text.of_stored({"a": [Decimal("1.50"), None, "é"]}) == '{"a": [1.50, null, "é"]}'
    )
    assert (terminal_text.of_stored(None), terminal_text.of_stored("")) == ("–", '""')


def test_an_interrupted_command_says_so(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: Any, **kwargs: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(reversal, "undo", interrupt)
    with pytest.raises(CommandError, match="Interrupted") as caught:
        run("undo", event_of(order, "update").pgh_id)
    assert caught.value.returncode == 130


def test_a_composite_key_is_a_json_array() -> None:
    with isolated():
        model = tables.tracked_table(
            "Seat",
            pk=models.CompositePrimaryKey("row", "number"),
            row=models.CharField(max_length=2),
            number=models.IntegerField(),
            name=models.CharField(max_length=20, default=""),
        )
        seat = model.objects.create(row="A", number=7)
        seat.name = "Ana"
        seat.save()
        [_, first] = document("trail", "--model", "shop.Seat", "--object", '["A",7]')["events"]
        assert first["object"] == '["A", 7]'
        assert ["name", '""'] in lines_of(
            run("as-of", "shop.Seat", '["A", 7]', "--at-event", first["id"])
        )
        run("revert", "shop.Seat", '["A", 7]', "--to-event", first["id"], "--apply")
        assert model.objects.get().name == ""
        assert "Give a JSON array of row, number." in refused("blame", "shop.Seat", "A")


# --- as a program


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with project(tmp_path_factory.mktemp("store")) as made:
        made.manage("makemigrations", "store")
        made.manage("migrate")
        made.shell(
            "from store.models import Item\nfor n in range(300): Item.objects.create(name=n)"
        )
        yield made


def program(store: Project, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "django", "pgaudit_log", *words],
        cwd=store.folder,
        env={**store.environment, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
def test_the_program_ends_with_0_and_writes_only_json_to_stdout(store: Project) -> None:
    done = program(store, "trail", "--json", "--limit", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)["events"]) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [["trail", "--model", "store.Nope"], ["show", "x"], ["undo", "--txid", "1", "--apply"]]
)
def test_the_program_ends_with_2_for_bad_input(store: Project, words: list[str]) -> None:
    done = program(store, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_reader_that_goes_away_gets_no_traceback(store: Project) -> None:
    command = [sys.executable, "-m", "django", "pgaudit_log", "trail"]
    with subprocess.Popen(
        command,
        cwd=store.folder,
        env=store.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        # Before Django has started.
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (141, b"")


@pytest.mark.slow
def test_an_encoding_without_our_signs_is_no_error(store: Project) -> None:
    store.shell("from store.models import Item\nItem.objects.filter(name='1').update(name='Zoë')")
    done = program(store, "trail", "--limit", "1", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("name: 1 -> Zo\\xeb")


@pytest.mark.slow
def test_a_server_that_is_not_there_is_one_line(store: Project) -> None:
    done = program(store, "trail", PROJECT_DATABASE_URL="postgres://nobody@127.0.0.1:1/none")
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: The database cannot be asked:")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_options_of_every_command_may_stand_behind_the_subcommand(store: Project) -> None:
    done = program(store, "trail", "--no-color", "--settings", "settings", "-v", "0")
    assert done.returncode == 0, done.stderr
    assert "store.Item" in done.stdout
