"""Rows that are older than their tracking get one baseline event, which looks like a captured one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import connection, models

import pgaudit_log
from pgaudit_log.backfill import Backfilled, abackfill, backfill
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from tests.integration.test_types import (
    CASES,
    SESSIONS,
    configure,
    session,
    skip_what_the_server_lacks,
)
from tests.shop.models import Customer, Order, Product, Stock, Untracked, UserProxy
from tests.support import execute, trail
from tests.tables import SqlField, declarations_forgotten, install, make, tracked_table

__all__ = ["session"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def forget(db: None) -> Iterator[None]:
    with declarations_forgotten():
        yield


def unseen(sql: str, using: str = "default") -> None:
    """Run ``sql`` as if there were no triggers yet."""
    execute("SELECT set_config('session_replication_role', 'replica', false)", using=using)
    execute(sql, using=using)
    execute("SELECT set_config('session_replication_role', 'origin', false)", using=using)


def old_customers(count: int) -> None:
    """Make customers that are older than their tracking, with the keys 1, 2, …"""
    unseen(
        "INSERT INTO shop_customer (id, name)"
        f" SELECT n, 'c' || n FROM generate_series(1, {count}) AS n"
    )


def baselines(model: str) -> list[str | None]:
    """Return the keys of the objects that have a baseline, in the order of the events."""
    events = Events.objects.filter(pgh_obj_model=model, pgh_operation="B").order_by("pgh_id")
    return list(events.values_list("pgh_obj_id", flat=True))


def test_each_old_row_gets_a_baseline() -> None:
    old_customers(3)
    assert backfill(Customer) == Backfilled(model="shop.Customer", rows=3, events=3)
    assert trail("shop.Customer") == [("B", "1", None), ("B", "2", None), ("B", "3", None)]


def test_a_baseline_is_a_typed_event() -> None:
    old_customers(1)
    backfill(Customer)
    event = Customer.objects.get().events.get()
    assert (event.name, event.pgh_label, event.get_pgh_operation_display()) == (
        "c1",
        "baseline",
        "baseline",
    )


def test_a_second_run_adds_nothing() -> None:
    old_customers(5)
    backfill(Customer, batch_size=2)
    assert backfill(Customer, batch_size=2) == Backfilled(model="shop.Customer", rows=5, events=0)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 6, 7, 8])
def test_batches_of_any_size_cover_each_row_once(batch_size: int) -> None:
    old_customers(7)
    backfill(Customer, batch_size=batch_size)
    assert baselines("shop.Customer") == [str(n) for n in range(1, 8)]


def test_a_table_without_rows_is_done_at_once() -> None:
    assert backfill(Customer) == Backfilled(model="shop.Customer", rows=0, events=0)


def test_what_was_done_cannot_be_changed() -> None:
    done: Any = backfill(Customer)
    with pytest.raises(FrozenInstanceError):
        done.rows = 5


def test_rows_whose_state_an_event_tells_get_none() -> None:
    Customer.objects.create(pk=1, name="inserted")
    unseen("INSERT INTO shop_customer VALUES (2, 'a')")
    Customer.objects.filter(pk=2).update(name="updated")
    backfill(Customer)
    assert baselines("shop.Customer") == []


def test_a_row_whose_newest_event_is_a_delete_gets_one() -> None:
    Customer.objects.create(pk=1, name="first life").delete()
    old_customers(1)
    backfill(Customer)
    assert baselines("shop.Customer") == ["1"]


def test_a_row_with_only_manual_events_gets_one() -> None:
    old_customers(1)
    pgaudit_log.create_event(Customer.objects.get(), label="update")
    backfill(Customer)
    assert baselines("shop.Customer") == ["1"]


def test_a_manual_event_does_not_hide_what_is_known() -> None:
    pgaudit_log.create_event(Customer.objects.create(name="a"), label="update")
    backfill(Customer)
    assert baselines("shop.Customer") == []


def test_rows_that_follow_a_truncate_get_one() -> None:
    Product.objects.create(sku="before", name="a", price=1)
    execute("TRUNCATE shop_product CASCADE")
    unseen("INSERT INTO shop_product VALUES ('before', 'a', 1, NULL)")
    Product.objects.create(sku="after", name="b", price=1)
    backfill(Product)
    assert baselines("shop.Product") == ["before"]
    assert backfill(Product).events == 0


def test_events_under_a_former_label_are_known(forget: None) -> None:
    thing = tracked_table("Moved", track={"former_labels": ["old.Thing"]}, n=models.IntegerField())
    unseen("INSERT INTO shop_moved (id, n) VALUES (1, 1), (2, 2)")
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot)"
        " VALUES ('old.Thing', '1', 'insert', 'I', '{}')"
    )
    backfill(thing)
    assert baselines("shop.Moved") == ["2"]


def test_the_running_context_is_recorded() -> None:
    old_customers(1)
    with pgaudit_log.context(job="50% 'quoted'") as running:
        backfill(Customer)
    event = Events.objects.get()
    assert (event.pgh_context_id, event.pgh_context) == (running.id, {"job": "50% 'quoted'"})


def test_references_are_filled() -> None:
    old_customers(1)
    unseen(
        "INSERT INTO shop_order (id, customer_id, status, note, placed_at)"
        " VALUES (5, 1, 'new', '', now())"
    )
    backfill(Order)
    assert Events.objects.get(pgh_obj_model="shop.Order").pgh_refs == ["shop.Customer:1"]


def test_the_time_is_what_the_setting_says(settings: Any) -> None:
    settings.PGAUDIT_LOG_CREATED_AT_FUNCTION = "timestamptz '2001-02-03 04:05:06+00'"
    old_customers(1)
    backfill(Customer)
    assert Events.objects.get().pgh_created_at.isoformat() == "2001-02-03T04:05:06+00:00"


def test_progress_is_told_after_each_batch() -> None:
    old_customers(5)
    # The total is an estimate, which the server may have made at any time before.
    execute("ANALYZE shop_customer")
    told: list[tuple[int, int]] = []
    backfill(Customer, batch_size=2, progress=lambda done, total: told.append((done, total)))
    assert told == [(2, 5), (4, 5), (5, 5)]


@pytest.mark.parametrize("rows", [2, 6])
def test_progress_ends_at_its_total_however_wrong_the_estimate_was(rows: int) -> None:
    old_customers(4)
    execute("ANALYZE shop_customer")
    if rows < 4:
        unseen(f"DELETE FROM shop_customer WHERE id > {rows}")
    else:
        unseen("INSERT INTO shop_customer VALUES (5, ''), (6, '')")
    told: list[tuple[int, int]] = []
    backfill(Customer, batch_size=1, progress=lambda done, total: told.append((done, total)))
    assert told[0] == (1, 4)
    assert told[-1] == (rows, rows)
    assert all(done <= total for done, total in told)


def test_an_interrupted_run_is_taken_up_again() -> None:
    old_customers(6)

    def interrupt(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backfill(Customer, batch_size=2, progress=interrupt)
    assert baselines("shop.Customer") == ["1", "2", "3", "4"]
    assert backfill(Customer).events == 2


def test_each_declaration_sees_its_own_baseline_only() -> None:
    unseen("INSERT INTO shop_stock (id, site, level, note) VALUES (1, 'Kiel', 3, 'n')")
    assert backfill(Stock) == Backfilled(model="shop.Stock", rows=1, events=2)
    stock = Stock.objects.get()
    rows, levels = stock.row_events.get(), stock.level_events.get()
    assert (rows.pgh_label, rows.pgh_data) == (
        "baseline",
        {"id": 1, "site": "Kiel", "level": 3},
    )
    assert (levels.pgh_label, levels.pgh_data) == ("baseline.StockLevelHistory", {"level": 3})
    assert backfill(Stock).events == 0


def test_the_label_of_a_tracker_says_which_declaration_is_meant() -> None:
    unseen("INSERT INTO shop_stock (id, site, level, note) VALUES (1, '', 3, '')")
    backfill(Stock, label="fell")
    assert list(Events.objects.values_list("pgh_label", flat=True)) == [
        "baseline.StockLevelHistory"
    ]
    backfill(Stock)
    assert Stock.objects.get().row_events.count() == 1


@pytest.mark.parametrize("model", [UserProxy, User, "shop.UserProxy", "auth.User"])
def test_a_proxy_stands_for_its_table(model: Any) -> None:
    unseen(
        "INSERT INTO auth_user (id, username, password, first_name, last_name, email,"
        " is_superuser, is_staff, is_active, date_joined)"
        " VALUES (1, 'ana', 'secret', '', '', '', false, false, true, now())"
    )
    assert backfill(model) == Backfilled(model="auth.User", rows=1, events=1)
    [event] = UserProxy.pgh_event_model.objects.all()
    assert event.username == "ana"
    assert "password" not in event.pgh_data


def test_a_child_and_its_parent_are_backfilled_each_by_itself(forget: None) -> None:
    parent = make("Animal", name=models.TextField())
    pgaudit_log.track()(parent)
    child = make("Dog", (parent,), breed=models.TextField())
    pgaudit_log.track()(child)
    install(parent, child)
    unseen("INSERT INTO shop_animal (id, name) VALUES (1, 'Rex'), (2, 'Tom')")
    unseen("INSERT INTO shop_dog (animal_ptr_id, breed) VALUES (1, 'lab')")
    backfill(parent)
    backfill(child)
    assert (baselines("shop.Animal"), baselines("shop.Dog")) == (["1", "2"], ["1"])
    dog = child.objects.get()
    assert [(e.name, e.breed) for e in dog.events.order_by("pgh_id")] == [
        ("Rex", None),
        ("Rex", "lab"),
    ]


def test_names_that_need_quotes(forget: None) -> None:
    odd = tracked_table(
        "Odd",
        key=models.TextField(primary_key=True, db_column="The 100% key"),
        new=models.TextField(db_column="select"),
        Meta={"db_table": "Odd 50% table"},
    )
    unseen("""INSERT INTO "Odd 50% table" VALUES ('%s', 'x'), ('a''b', 'y')""")
    assert backfill(odd, batch_size=1).events == 2
    assert sorted(odd.pgh_event_model.objects.values_list("key", "new")) == [
        ("%s", "x"),
        ("a'b", "y"),
    ]


def test_partitions_of_a_tracked_table_are_covered(forget: None) -> None:
    model = make("Reading", n=models.IntegerField())
    pgaudit_log.track()(model)
    execute(
        "CREATE TABLE shop_reading (id bigint PRIMARY KEY, n integer) PARTITION BY RANGE (id);"
        "CREATE TABLE shop_reading_1 PARTITION OF shop_reading FOR VALUES FROM (1) TO (4);"
        "CREATE TABLE shop_reading_2 PARTITION OF shop_reading FOR VALUES FROM (4) TO (9);"
        "INSERT INTO shop_reading SELECT n, n FROM generate_series(1, 8) AS n"
    )
    install(model, create=False)
    told: list[tuple[int, int]] = []
    backfill(model, batch_size=3, progress=lambda done, total: told.append((done, total)))
    assert baselines("shop.Reading") == [str(n) for n in range(1, 9)]
    assert told[0] == (3, 8)


def test_a_composite_key_is_walked_in_its_order(forget: None) -> None:
    seat = tracked_table(
        "Seat",
        pk=models.CompositePrimaryKey("hall", "row"),
        row=models.IntegerField(),
        hall=models.TextField(),
    )
    unseen(
        "INSERT INTO shop_seat (hall, row)"
        " SELECT hall, row FROM generate_series(1, 3) AS row, unnest('{a,b}'::text[]) AS hall"
    )
    backfill(seat, batch_size=2)
    assert baselines("shop.Seat") == [f'["{h}", {n}]' for h in "ab" for n in (1, 2, 3)]
    assert backfill(seat, batch_size=2).events == 0


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
@pytest.mark.parametrize(
    ("type_name", "keys"),
    [
        ("text", ["'a'", "'B'", "'ä'", "''", "'%s'"]),
        ("uuid", ["'018f0000-0000-7000-8000-000000000001'", "gen_random_uuid()"]),
        ("timestamp with time zone", ["'2024-01-01 00:00:00.1+05'", "'infinity'", "'-infinity'"]),
        ("date", ["'0044-03-15 BC'", "'2024-02-29'"]),
        ("double precision", ["0.1::float8 + 0.2", "0.3", "'NaN'", "-1e300"]),
        ("numeric", ["1.10", "'Infinity'"]),
        ("citext", ["'a'", "'B'"]),
        ("char(5)", ["'a'", "'b'"]),
        ("bytea", ["'\\x00ff'", "''"]),
    ],
)
def test_any_type_of_key_is_walked(
    type_name: str, keys: list[str], zone: str, forget: None
) -> None:
    skip_what_the_server_lacks(type_name)
    thing = tracked_table("Keyed", id=SqlField(type_name, primary_key=True), n=SqlField("integer"))
    values = ", ".join(f"({key}, {n})" for n, key in enumerate(keys))
    unseen(f"INSERT INTO shop_keyed (id, n) VALUES {values}")
    configure("odd")
    execute("SELECT set_config('TimeZone', %s, true)", [zone])
    assert backfill(thing, batch_size=1).events == len(keys)
    execute("UPDATE shop_keyed SET n = n + 100")
    captured = Events.objects.filter(pgh_operation="U").values_list("pgh_obj_id", flat=True)
    assert sorted(baselines("shop.Keyed")) == sorted(captured)


@pytest.mark.parametrize("type_name", CASES)
def test_a_baseline_has_the_snapshot_that_a_trigger_would_write(
    type_name: str, session: str, forget: None
) -> None:
    skip_what_the_server_lacks(type_name)
    thing = tracked_table("Zoo", v=SqlField(type_name, null=True), n=SqlField("integer", null=True))
    rows = ", ".join(f"(({value})::{type_name})" for value in ["NULL", *CASES[type_name]])
    unseen(f"INSERT INTO shop_zoo (v) VALUES {rows}")
    configure(session)
    backfill(thing, batch_size=3)
    execute("UPDATE shop_zoo SET n = 1")
    execute("UPDATE shop_zoo SET n = NULL")
    [(compared, same)] = execute(
        """
        SELECT count(*), bool_and(baseline.snapshot::text = captured.snapshot::text)
        FROM pgaudit_log_event AS baseline
        JOIN LATERAL (
            SELECT snapshot FROM pgaudit_log_event AS event
            WHERE event.obj_pk = baseline.obj_pk AND event.operation = 'U'
            ORDER BY id DESC LIMIT 1
        ) AS captured ON true
        WHERE baseline.operation = 'B'
        """
    )
    assert (compared, same) == (len(CASES[type_name]) + 1, True)


def test_settings_of_the_session_are_as_they_were() -> None:
    configure("odd")
    execute("SELECT set_config('enable_seqscan', 'on', true)")
    names = [*SESSIONS["odd"], "enable_seqscan", "jit"]
    before = execute("SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name", [names])
    old_customers(1)
    backfill(Customer)
    assert (
        execute("SELECT name, current_setting(name) FROM unnest(%s::text[]) AS name", [names])
        == before
    )


def test_no_row_reaches_the_client(django_assert_max_num_queries: Any) -> None:
    old_customers(1000)
    fetched = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        fetched.append(context["cursor"].rowcount if sql.startswith("SELECT") else 0)
        return result

    with connection.execute_wrapper(watch):
        backfill(Customer)
    assert max(fetched) < 10
    assert len(baselines("shop.Customer")) == 1000


def test_rows_that_are_known_are_not_locked() -> None:
    old_customers(2)
    backfill(Customer)
    before = execute("SELECT ctid::text, xmax::text FROM shop_customer ORDER BY id")
    backfill(Customer)
    assert execute("SELECT ctid::text, xmax::text FROM shop_customer ORDER BY id") == before


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (Untracked, {}, "Cannot backfill shop.Untracked: it is not tracked"),
        ("shop.Untracked", {}, "Cannot backfill shop.Untracked: it is not tracked"),
        ("shop.Nothing", {}, 'Cannot backfill "shop.Nothing": there is no such model'),
        ("nothing", {}, 'Cannot backfill "nothing": there is no such model'),
        (Customer(name="x"), {}, "it is an object. Give its model, Customer"),
        (5, {}, "Cannot backfill 5: it is no model"),
        (
            Customer,
            {"label": "nope"},
            'no tracker "nope". Its trackers are delete, insert, truncate',
        ),
        (Customer, {"batch_size": 0}, "in batches of 0 rows"),
    ],
)
def test_what_cannot_be_backfilled_is_an_error(
    model: Any, options: dict[str, Any], message: str
) -> None:
    old_customers(1)
    with pytest.raises(QueryError, match=message):
        backfill(model, **options)
    assert trail() == []


@pytest.mark.django_db(transaction=True)
def test_the_async_form_does_the_same_in_the_same_context() -> None:
    old_customers(2)

    async def run() -> Backfilled:
        with pgaudit_log.context(job="nightly"):
            return await abackfill("shop.Customer", batch_size=1)

    assert async_to_sync(run)() == Backfilled(model="shop.Customer", rows=2, events=2)
    assert set(Events.objects.values_list("pgh_context__job", flat=True)) == {"nightly"}


@pytest.mark.django_db(databases=["default", "other"])
def test_the_database_is_the_one_that_was_asked_for_or_that_the_router_gives(settings: Any) -> None:
    unseen("INSERT INTO shop_customer (id, name) VALUES (1, 'there')", using="other")
    assert backfill(Customer).rows == 0
    assert backfill(Customer, using="other").events == 1
    settings.DATABASE_ROUTERS = ["tests.integration.test_backfill.WritesElsewhere"]
    assert backfill(Customer).rows == 1


class WritesElsewhere:
    """A router that sends writes to the other database."""

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "other"
