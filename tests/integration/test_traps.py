"""What trigger-based audit logs have stumbled over, one test for each stone.

``docs/explanation/traps.md`` says which test of the suite belongs to which trap; those
that have a better place, beside the function or the page they are about, are not here.
"""

from __future__ import annotations

import secrets
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pgtrigger
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import InMemoryStorage
from django.db import (
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    connection,
    connections,
    models,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.psycopg_any import is_psycopg3
from django.db.models.functions import Lower

import pgaudit_log
from example_project.postgres_binaries import EmbeddedPostgresError, find_binaries
from pgaudit_log.database import leaf_triggers
from pgaudit_log.database.partitions import catalogue
from pgaudit_log.database.partitions.calendar import period_at
from pgaudit_log.models import Events
from pgaudit_log.testing import isolated
from pgaudit_log.values.quoting import quote_name
from tests.shop.models import Customer, Order, Parcel, Product
from tests.support import execute, last_id, trail
from tests.tables import SqlField, install, make, tracked_table

pytestmark = pytest.mark.django_db

LEVELS = pytest.mark.parametrize("level", ["STATEMENT", "ROW"])


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    with isolated():
        yield


@pytest.fixture
def order(customer: Customer) -> Order:
    return Order.objects.create(customer=customer)


@pytest.fixture
def other() -> Iterator[BaseDatabaseWrapper]:
    """Another connection to the same database, in a transaction of its own."""
    second = connection.copy()
    second.set_autocommit(False)
    try:
        yield second
    finally:
        second.rollback()
        second.close()


def contexts(after: int = 0) -> list[Any]:
    """Return the contexts of the events behind ``after``, oldest first."""
    events = Events.objects.filter(pgh_id__gt=after).order_by("pgh_id")
    return list(events.values_list("pgh_context", flat=True))


# Context


def test_a_user_id_of_any_type_is_recorded(db: None) -> None:
    users = [5, 2**63, uuid.UUID(int=7), "ana@example.org", None]
    for user in users:
        with pgaudit_log.context(user=user):
            Customer.objects.create(name="Ana")
    assert contexts() == [
        {"user": user if isinstance(user, int | None) else str(user)} for user in users
    ]


def test_a_callback_after_commit_has_the_context_it_runs_in(transactional_db: None) -> None:
    with pgaudit_log.context(request="r"), transaction.atomic():
        transaction.on_commit(lambda: Customer.objects.create(name="Bea") and None)
        with pgaudit_log.context(reason="inner"):
            Customer.objects.create(name="Ana")
    assert contexts() == [{"request": "r", "reason": "inner"}, {"request": "r"}]


def test_outside_a_transaction_each_statement_carries_the_context(transactional_db: None) -> None:
    with pgaudit_log.context(user=1):
        execute("INSERT INTO shop_customer (name) VALUES ('a')")
        execute("INSERT INTO shop_customer (name) VALUES ('b')")
    execute("INSERT INTO shop_customer (name) VALUES ('c')")
    assert contexts() == [{"user": 1}, {"user": 1}, None]


def test_what_refuses_company_runs_inside_a_context(transactional_db: None) -> None:
    execute("CREATE PROCEDURE shop_batch() LANGUAGE plpgsql AS 'BEGIN COMMIT; END'")
    try:
        with pgaudit_log.context(user=1):
            execute("VACUUM shop_customer")
            execute("CREATE INDEX CONCURRENTLY shop_customer_name ON shop_customer (name)")
            execute("DROP INDEX CONCURRENTLY shop_customer_name")
            execute("CALL shop_batch()")
    finally:
        execute("DROP PROCEDURE shop_batch")


def test_an_isolation_level_can_be_set_inside_a_context(transactional_db: None) -> None:
    with pgaudit_log.context(user=1), transaction.atomic():
        execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        assert execute("SHOW transaction_isolation") == [("serializable",)]


def test_an_aborted_transaction_goes_on_after_its_savepoint(customer: Customer) -> None:
    start = last_id()
    with pgaudit_log.context(user=1), transaction.atomic():
        execute("SAVEPOINT shop_here")
        with pytest.raises(ProgrammingError):
            execute("SELECT no_such_column")
        execute("ROLLBACK TO SAVEPOINT shop_here")
        customer.delete()
    assert contexts(start) == [{"user": 1}]


def test_a_context_first_used_in_a_savepoint_that_is_rolled_back_is_whole(db: None) -> None:
    with pgaudit_log.context(user=1):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            Customer.objects.create(name="lost")
            raise ZeroDivisionError
        Customer.objects.create(name="kept")
    assert contexts() == [{"user": 1}]


def test_several_statements_in_one_string_carry_the_context(db: None) -> None:
    with pgaudit_log.context(user=1):
        execute("SELECT 1; INSERT INTO shop_customer (name) VALUES ('a'), ('b')")
    assert contexts() == [{"user": 1}] * 2


def test_what_the_driver_says_of_a_statement_stays_the_same(db: None) -> None:
    with pgaudit_log.context(user=1), connection.cursor() as cursor:
        cursor.execute("INSERT INTO shop_customer (name) VALUES ('a'), ('b') RETURNING name")
        assert (cursor.rowcount, cursor.fetchall()) == (2, [("a",), ("b",)])
        cursor.executemany(
            "UPDATE shop_customer SET name = %s WHERE name = %s", [["x", "a"], ["y", "b"]]
        )
        assert cursor.rowcount == 2


@pytest.mark.skipif(not is_psycopg3, reason="psycopg 2 has no binding on the server")
def test_a_prepared_statement_never_brings_an_earlier_context(db: None) -> None:
    from django.db.backends.postgresql.base import ServerBindingCursor

    from pgaudit_log.contexts.connection_hooks import install as carry_context

    raw = connection.connection
    factory, threshold = raw.cursor_factory, raw.prepare_threshold
    raw.cursor_factory, raw.prepare_threshold = ServerBindingCursor, 0
    carry_context(connection)
    try:
        for user in (1, 1, 2):
            with pgaudit_log.context(user=user):
                execute("INSERT INTO shop_customer (name) VALUES (%s)", ["x"])
        execute("INSERT INTO shop_customer (name) VALUES (%s)", ["x"])
    finally:
        raw.cursor_factory, raw.prepare_threshold = factory, threshold
    assert contexts() == [{"user": 1}, {"user": 1}, {"user": 2}, None]


def test_a_statement_prepared_in_sql_has_the_context_of_its_execution(db: None) -> None:
    with pgaudit_log.context(user=1):
        execute("PREPARE shop_insert AS INSERT INTO shop_customer (name) VALUES ('x')")
    with pgaudit_log.context(user=2):
        execute("EXECUTE shop_insert")
    execute("DEALLOCATE shop_insert")
    assert contexts() == [{"user": 2}]


@pytest.mark.skipif(not is_psycopg3, reason="psycopg 2 shows no text that was sent")
def test_without_a_context_a_statement_is_sent_as_it_is(db: None) -> None:
    assert execute("SELECT current_query()") == [("SELECT current_query()",)]


@LEVELS
def test_a_malformed_setting_refuses_no_write(order: Order, level: str) -> None:
    execute("SELECT set_config('pgaudit_log.context', '{\"a\"', true)")
    start = last_id()
    if level == "ROW":
        Parcel.objects.bulk_create([Parcel(order=order, weight=n) for n in range(2)])
    else:
        Customer.objects.bulk_create([Customer(name="a"), Customer(name="b")])
    assert contexts(start) == [{"malformed": '{"a"'}] * 2


@LEVELS
def test_a_bulk_insert_reads_the_context_once(db: None, level: str, settings: Any) -> None:
    settings.PGAUDIT_LOG_LEVEL = level
    tracked_table("Many", n=models.IntegerField())
    execute("SELECT set_config('track_functions', 'all', true)")
    calls = "SELECT coalesce(pg_stat_get_xact_function_calls('pgaudit_log_context'::regproc), 0)"
    [(before,)] = execute(calls)
    with pgaudit_log.context(user=1):
        execute("INSERT INTO shop_many (n) SELECT generate_series(1, 5000)")
    assert execute(calls) == [(before + 1,)]
    assert Events.objects.filter(pgh_context__user=1).count() == 5000


def test_a_deferred_trigger_that_writes_at_commit_is_captured(transactional_db: None) -> None:
    execute(
        """
        CREATE FUNCTION shop_late() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO shop_customer (name) VALUES ('late'); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER shop_late AFTER INSERT ON shop_product
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION shop_late()
        """
    )
    try:
        with pgaudit_log.context(user=1), transaction.atomic():
            Product.objects.create(sku="A", name="Apple", price=1)
    finally:
        execute("DROP FUNCTION shop_late CASCADE")
    assert contexts() == [{"user": 1}, None]


def test_a_write_of_another_trigger_has_the_context_of_the_statement(db: None) -> None:
    execute(
        """
        CREATE FUNCTION shop_echo() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO shop_customer (name) VALUES (NEW.name); RETURN NULL; END $$;
        CREATE TRIGGER shop_echo AFTER INSERT ON shop_product
            FOR EACH ROW EXECUTE FUNCTION shop_echo()
        """
    )
    with pgaudit_log.context(user=1):
        Product.objects.create(sku="A", name="Apple", price=1)
    written = set(Events.objects.values_list("pgh_obj_model", flat=True))
    assert written == {"shop.Product", "shop.Customer"}
    assert contexts() == [{"user": 1}] * 2


def test_a_function_called_through_a_server_side_cursor_is_captured(transactional_db: None) -> None:
    execute(
        "CREATE FUNCTION shop_write() RETURNS integer LANGUAGE sql"
        " AS $$INSERT INTO shop_customer (name) VALUES ('f') RETURNING 1$$"
    )
    try:
        with pgaudit_log.context(user=1), transaction.atomic():
            with connection.chunked_cursor() as cursor:
                cursor.execute("SELECT shop_write()")
                assert cursor.fetchall() == [(1,)]
    finally:
        execute("DROP FUNCTION shop_write")
    assert contexts() == [None]


# Statements


def test_a_write_through_a_view_is_captured(customer: Customer) -> None:
    execute("CREATE VIEW shop_clients AS SELECT id, name AS client FROM shop_customer")
    start = last_id()
    execute("UPDATE shop_clients SET client = 'Bea'")
    assert trail(after=start) == [("U", str(customer.pk), {"name": ["Ana", "Bea"]})]


def test_what_another_trigger_makes_of_a_row_is_what_is_captured(db: None) -> None:
    execute(
        """
        CREATE FUNCTION shop_upper() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN NEW.name := upper(NEW.name); RETURN NEW; END $$;
        CREATE TRIGGER shop_upper BEFORE INSERT OR UPDATE ON shop_customer
            FOR EACH ROW EXECUTE FUNCTION shop_upper()
        """
    )
    customer = Customer.objects.create(name="ana")
    assert Events.objects.get().pgh_data == {"id": customer.pk, "name": "ANA"}


def test_a_deletion_that_another_trigger_prevents_leaves_no_event(customer: Customer) -> None:
    execute(
        """
        CREATE FUNCTION shop_keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER shop_keep BEFORE DELETE ON shop_customer
            FOR EACH ROW EXECUTE FUNCTION shop_keep()
        """
    )
    start = last_id()
    customer.delete()
    assert trail(after=start) == []


def test_another_triggers_update_of_the_same_row_is_an_event_of_its_own(db: None) -> None:
    execute(
        """
        CREATE FUNCTION shop_touch() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE shop_customer SET name = NEW.name || '!' WHERE id = NEW.id;
            RETURN NULL;
        END $$;
        CREATE TRIGGER a_shop_touch AFTER INSERT ON shop_customer
            FOR EACH ROW EXECUTE FUNCTION shop_touch()
        """
    )
    key = str(Customer.objects.create(name="Ana").pk)
    # The update was made inside the insert, and so was finished, and captured, before it.
    assert trail() == [("U", key, {"name": ["Ana", "Ana!"]}), ("I", key, None)]
    assert [event.pgh_data["name"] for event in Events.objects.all()] == ["Ana!", "Ana"]


def test_an_empty_search_path_refuses_no_write(db: None) -> None:
    [(schema,)] = execute("SELECT current_schema()")
    execute("SELECT set_config('search_path', '', true)")
    execute(f"INSERT INTO {schema}.shop_customer (name) VALUES ('Ana')")
    execute(f"SELECT set_config('search_path', '{schema}', true)")
    assert [operation for operation, _, _ in trail()] == ["I"]


@pytest.mark.parametrize("level", ["STATEMENT", "ROW"])
def test_captures_take_no_transaction_ids_of_their_own(order: Order, level: str) -> None:
    with pgaudit_log.context(user=1):
        for n in range(5):
            if level == "ROW":
                Parcel.objects.create(order=order, weight=n)
            else:
                Customer.objects.create(name=str(n))
    [(transactions,)] = execute("SELECT count(DISTINCT xmin::text) FROM pgaudit_log_event")
    assert transactions == 1


def test_a_table_is_truncated_and_altered_right_after_it_was_written(db: None) -> None:
    Product.objects.create(sku="A", name="Apple", price=1)
    execute("ALTER TABLE shop_product ADD COLUMN extra integer DEFAULT 1")
    execute("TRUNCATE shop_product CASCADE")
    assert [operation for operation, _, _ in trail("shop.Product")] == ["I", "T"]


def test_under_session_replication_role_replica_nothing_is_captured(customer: Customer) -> None:
    start = last_id()
    execute("SELECT set_config('session_replication_role', 'replica', true)")
    customer.delete()
    assert trail(after=start) == []


def test_what_ddl_does_to_rows_leaves_no_event(customer: Customer) -> None:
    start = last_id()
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute("ALTER TABLE shop_customer ALTER COLUMN name TYPE varchar(100) USING upper(name)")
    assert Customer.objects.get().name == "ANA"
    assert trail(after=start) == []


def test_a_column_renamed_behind_djangos_back_refuses_writes(customer: Customer) -> None:
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute("ALTER TABLE shop_customer RENAME COLUMN name TO title")
    with pytest.raises(ProgrammingError, match='no field "name"|new.name does not exist'):
        execute("INSERT INTO shop_customer (title) VALUES ('Bea')")


# Triggers and functions


CAPTURE_FUNCTIONS = """
    SELECT proname, prosrc, proconfig
    FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
    WHERE prosrc LIKE '%INSERT INTO public.pgaudit_log_event%'
"""


def test_every_capture_function_pins_what_its_plans_depend_on(db: None) -> None:
    functions = execute(CAPTURE_FUNCTIONS)
    assert functions
    for name, _, settings in functions:
        assert {"jit=off", "plan_cache_mode=force_generic_plan"} <= set(settings), name
        [path] = [setting for setting in settings if setting.startswith("search_path=")]
        assert path.startswith("search_path=pg_catalog, ") and path.endswith(", pg_temp"), name


def test_a_capture_function_pins_what_the_text_of_its_columns_depends_on(db: None) -> None:
    texts = {"TimeZone=UTC", "DateStyle=ISO, YMD", "IntervalStyle=iso_8601"}
    texts |= {"bytea_output=hex", "extra_float_digits=1"}
    found = {str(name): texts & set(settings) for name, _, settings in execute(CAPTURE_FUNCTIONS)}
    assert {frozenset(pins) for pins in found.values()} == {
        frozenset(),
        frozenset({"TimeZone=UTC"}),
        frozenset(texts),  # a condition of free SQL
    }


def test_no_capture_function_has_an_exception_block(db: None) -> None:
    assert not [name for name, source, _ in execute(CAPTURE_FUNCTIONS) if "EXCEPTION" in source]


def test_every_name_in_the_database_is_our_own(db: None) -> None:
    functions = execute(
        """
        SELECT proname FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
        """
    )
    assert functions
    assert all(name.startswith(("pgaudit_log_", "pgtrigger_")) for (name,) in functions)
    operators = execute(
        """
        SELECT oprname FROM pg_operator
        WHERE oprnamespace = current_schema()::regnamespace
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_operator.oid AND deptype = 'e')
        """
    )
    assert operators == []


def test_a_trigger_is_replaced_while_others_read_the_table(
    transactional_db: None, other: BaseDatabaseWrapper
) -> None:
    [(model, trigger)] = pgtrigger.registered("shop.Customer:audit_update")
    with other.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM shop_customer")
    with transaction.atomic():
        execute("SET LOCAL lock_timeout = '2s'")
        trigger.install(model)


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize(
    "table", ["Täble-ä b", "order", "x" * 63, '"shop_other"."thing"', "a.b", "it's"]
)
@LEVELS
def test_a_table_may_have_any_name_that_django_takes(
    db: None, table: str, level: str, settings: Any
) -> None:
    settings.PGAUDIT_LOG_LEVEL = level
    execute("CREATE SCHEMA shop_other")
    thing = tracked_table("Odd", Meta={"db_table": table}, v=models.IntegerField(default=1))
    saved = thing.objects.create()
    thing.objects.update(v=2)
    assert [event.v for event in saved.events.all()] == [1, 2]


def test_long_names_of_two_models_do_not_meet(db: None) -> None:
    name = "Long" * 15
    tables = [
        tracked_table(f"{name}{end}", Meta={"db_table": f"shop_long_{end}"}) for end in ("A", "B")
    ]
    for table in tables:
        table.objects.create()
        assert table.pgh_event_model.objects.count() == 1


# Partitioned tracked tables


@pytest.fixture
def consignments(db: None, settings: Any, level: str) -> Any:
    """Return a tracked table with a partition a region; one has its columns in another order."""
    settings.PGAUDIT_LOG_LEVEL = level
    model = make(
        "Consignment",
        number=models.IntegerField(primary_key=True),
        region=models.TextField(),
        weight=models.IntegerField(default=0),
    )
    pgaudit_log.track()(model)
    execute(
        """
        CREATE TABLE shop_consignment (number integer, region text, weight integer)
            PARTITION BY LIST (region);
        CREATE TABLE shop_consignment_north PARTITION OF shop_consignment FOR VALUES IN ('north');
        CREATE TABLE shop_consignment_south
            (gone integer, weight integer, extra text, region text, number integer);
        ALTER TABLE shop_consignment_south DROP COLUMN gone, DROP COLUMN extra;
        ALTER TABLE shop_consignment
            ATTACH PARTITION shop_consignment_south FOR VALUES IN ('south')
        """
    )
    install(model, create=False)
    leaf_triggers.install_leaf_triggers("default")
    return model


@pytest.mark.parametrize("level", ["STATEMENT"])
def test_many_rows_that_move_between_partitions_are_paired_each_with_itself(
    consignments: Any,
) -> None:
    execute("SET LOCAL work_mem = '64kB'")
    execute(
        "INSERT INTO shop_consignment (number, region, weight)"
        " SELECT n, CASE n % 2 WHEN 0 THEN 'north' ELSE 'south' END, n"
        " FROM generate_series(1, 5000) AS n"
    )
    start = last_id()
    execute(
        "UPDATE shop_consignment SET number = 5001 - number,"
        " region = CASE region WHEN 'north' THEN 'south' ELSE 'north' END"
    )
    [(count, right)] = execute(
        """
        SELECT count(*), count(*) FILTER (WHERE
            (diff #>> '{number,0}')::integer = (snapshot ->> 'weight')::integer
            AND obj_pk::integer = 5001 - (snapshot ->> 'weight')::integer
            AND diff ? 'region' AND NOT diff ? 'weight')
        FROM pgaudit_log_event WHERE id > %s
        """,
        [start],
    )
    assert (count, right) == (5000, 5000)


@LEVELS
@pytest.mark.parametrize("south", ["shop_consignment", "shop_consignment_south"])
def test_a_partition_with_its_columns_in_another_order_is_captured(
    consignments: Any, south: str
) -> None:
    execute(f"INSERT INTO {south} (number, region) VALUES (1, 'south'), (2, 'south')")
    execute(f"UPDATE {south} SET weight = 9")
    execute(f"DELETE FROM {south} WHERE number = 1")
    assert sorted(trail("shop.Consignment")) == [
        ("D", "1", None),
        ("I", "1", None),
        ("I", "2", None),
        ("U", "1", {"weight": [None, 9]}),
        ("U", "2", {"weight": [None, 9]}),
    ]
    assert Events.objects.last().pgh_data == {"number": 1, "region": "south", "weight": 9}


# Values


UNSEEN = {
    "numeric": ("1.0", "1.00"),
    "numeric(6,2)[]": ("{1.0,NaN}", "{1.0,0}"),
    "double precision": ("0", "-0"),
    "interval": ("1 day", "24 hours"),
    "json": ("{}", "{ }"),
    "point": ("(0,0)", "(-0,0)"),
}
"""Pairs of values that ``IS DISTINCT FROM`` holds for the same, or cannot compare."""


@pytest.mark.slow
@pytest.mark.everywhere
@LEVELS
@pytest.mark.parametrize("sql_type", UNSEEN)
def test_a_change_that_equality_does_not_see_is_a_change(
    db: None, sql_type: str, level: str, settings: Any
) -> None:
    settings.PGAUDIT_LOG_LEVEL = level
    tracked_table("Loose", v=SqlField(sql_type), n=models.IntegerField(default=0))
    old, new = UNSEEN[sql_type]
    execute(f"INSERT INTO shop_loose (v, n) VALUES (%s::text::{sql_type}, 0)", [old])
    execute("UPDATE shop_loose SET v = v, n = 1")
    execute(f"UPDATE shop_loose SET v = %s::text::{sql_type}", [new])
    execute(f"UPDATE shop_loose SET v = %s::text::{sql_type}", [new])
    assert [set(diff) for _, _, diff in trail() if diff] == [{"n"}, {"v"}]


@LEVELS
def test_a_change_of_case_is_a_change_whatever_the_collation(
    db: None, level: str, settings: Any
) -> None:
    settings.PGAUDIT_LOG_LEVEL = level
    try:
        with transaction.atomic():
            execute(
                "CREATE COLLATION shop_any_case"
                " (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
            )
    except NotSupportedError:
        pytest.skip("the server was built without ICU")
    table = tracked_table(
        "Loose", name=models.CharField(max_length=9, db_collation="shop_any_case")
    )
    table.objects.create(name="ana")
    assert table.objects.filter(name="ANA").update(name="ANA") == 1
    assert trail()[1:] == [("U", trail()[0][1], {"name": ["ana", "ANA"]})]


@LEVELS
def test_a_generated_column_is_captured_with_its_value(db: None, level: str, settings: Any) -> None:
    settings.PGAUDIT_LOG_LEVEL = level
    table = tracked_table(
        "Computed",
        name=models.TextField(),
        lower=models.GeneratedField(
            expression=Lower("name"), output_field=models.TextField(), db_persist=True
        ),
    )
    saved = table.objects.create(name="Ana")
    table.objects.update(name="Bea")
    assert [event.lower for event in saved.events.all()] == ["ana", "bea"]
    assert saved.events.last().pgh_diff == {"name": ["Ana", "Bea"], "lower": ["ana", "bea"]}


def test_a_table_of_many_columns_is_captured(db: None) -> None:
    names = [f"c{n}" for n in range(300)]
    table = tracked_table("Wide", **{name: models.IntegerField(default=0) for name in names})
    saved = table.objects.create()
    table.objects.update(**dict.fromkeys(names, 1))
    assert trail()[1] == ("U", str(saved.pk), {name: [0, 1] for name in names})


def test_a_json_null_a_sql_null_and_a_missing_column_are_three_things(db: None) -> None:
    table = tracked_table("Noted", note=models.JSONField(null=True))
    saved = table.objects.create(note=models.Value(None, models.JSONField()))
    table.objects.create(note=None)
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot)"
        " VALUES ('shop.Noted', '7', 'insert', 'I', '{\"id\": 7}')"
    )
    events = table.pgh_event_model.objects
    assert [e.pgh_obj_id for e in events.exclude(note__isnull=True)] == [saved.pk]
    assert [e.pgh_obj_id for e in events.exclude(pgh_data__has_key="note")] == [7]


def test_a_number_and_a_text_of_it_differ(db: None) -> None:
    product = Product.objects.create(sku="A", name="Apple", price=1, tags=1)
    start = last_id()
    Product.objects.update(tags="1")
    assert trail(after=start) == [("U", product.pk, {"tags": [1, "1"]})]


def test_snapshots_are_keyed_by_column_and_read_by_field(db: None) -> None:
    table = tracked_table("Sized", size=models.IntegerField(db_column="Größe cm"))
    saved = table.objects.create(size=3)
    event = saved.events.get()
    assert (event.pgh_data, event.size) == ({"id": saved.pk, "Größe cm": 3}, 3)


class BackwardsField(models.TextField):  # type: ignore[type-arg]
    """A text that is stored backwards, as an encrypting field would store something else."""

    def get_prep_value(self, value: Any) -> Any:
        return value and value[::-1]

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return value and value[::-1]


def test_a_field_that_converts_its_values_reads_and_filters_events(db: None) -> None:
    table = tracked_table("Secret", word=BackwardsField())
    saved = table.objects.create(word="abc")
    assert saved.events.get().pgh_data["word"] == "cba"
    assert saved.events.filter(word="abc").get().word == "abc"


def test_of_a_file_the_path_is_captured(db: None) -> None:
    table = tracked_table("Scan", file=models.FileField(storage=InMemoryStorage()))
    scan = table.objects.create(file=ContentFile(b"content", name="a.txt"))
    assert Events.objects.get().pgh_data == {"id": scan.pk, "file": "a.txt"}
    assert scan.events.get().file.name == "a.txt"


def test_a_column_that_is_not_tracked_is_not_read(db: None) -> None:
    table = tracked_table(
        "Blob", track={"exclude": ["content"]}, name=models.TextField(), content=models.TextField()
    )
    table.objects.create(name="a", content="x" * 100_000)
    table.objects.update(content="y")
    table.objects.update(name="b")
    assert [diff for _, _, diff in trail()] == [None, {"name": ["a", "b"]}]
    assert not [name for name, source, _ in execute(CAPTURE_FUNCTIONS) if '"content"' in source]


def test_setting_a_many_to_many_relation_leaves_what_was_added_and_removed(db: None) -> None:
    from django.contrib.auth.models import Group, User

    user = User.objects.create_user("ana")
    first, second = (Group.objects.create(name=name) for name in "ab")
    user.groups.set([first])
    start = last_id()
    user.groups.set([second])
    events = Events.objects.filter(pgh_id__gt=start)
    assert sorted(events.values_list("pgh_label", "pgh_refs")) == [
        ("group.add", [f"auth.User:{user.pk}", f"auth.Group:{second.pk}"]),
        ("group.remove", [f"auth.User:{user.pk}", f"auth.Group:{first.pk}"]),
    ]


# The event table


def test_the_primary_key_is_the_only_unique_index_and_ids_are_bigints(customer: Customer) -> None:
    unique = execute(
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid = 'pgaudit_log_event'::regclass AND indisunique"
    )
    assert [definition.partition("(")[2] for (definition,) in unique] == ["id, created_at)"]
    types = execute("SELECT pg_typeof(id)::text, pg_typeof(txid)::text FROM pgaudit_log_event")
    assert types == [("bigint", "bigint")]


def test_no_index_reads_snapshots_or_diffs(db: None) -> None:
    definitions = execute(
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid = 'pgaudit_log_event'::regclass"
    )
    assert not [text for (text,) in definitions if "snapshot" in text or "diff" in text]


def test_events_refer_to_nothing_whose_deletion_could_reach_them(db: None) -> None:
    constraints = execute(
        "SELECT conname FROM pg_constraint WHERE contype = 'f'"
        " AND conrelid IN (SELECT relid FROM pg_partition_tree('pgaudit_log_event'))"
    )
    assert constraints == []


@pytest.mark.parametrize(("function", "moments"), [("now()", 1), ("clock_timestamp()", 2)])
def test_the_setting_says_which_moment_is_recorded(
    db: None, settings: Any, function: str, moments: int
) -> None:
    settings.PGAUDIT_LOG_CREATED_AT_FUNCTION = function
    table = tracked_table("Timed")
    table.objects.create()
    table.objects.create()
    assert len(set(Events.objects.values_list("pgh_created_at", flat=True))) == moments


def test_a_transaction_that_commits_late_can_be_told_from_one_that_is_over(
    transactional_db: None, other: BaseDatabaseWrapper
) -> None:
    finished = (
        "SELECT id FROM pgaudit_log_event WHERE txid < txid_snapshot_xmin(txid_current_snapshot())"
    )
    with other.cursor() as cursor:
        cursor.execute("INSERT INTO shop_customer (name) VALUES ('lower id, commits later')")
    Customer.objects.create(name="higher id, commits first")
    assert Events.objects.count() == 1
    assert execute(finished) == []
    other.commit()
    assert [
        name for (name,) in execute("SELECT snapshot ->> 'name' FROM pgaudit_log_event ORDER BY id")
    ] == [
        "lower id, commits later",
        "higher id, commits first",
    ]


def test_a_role_that_is_captured_cannot_write_events_of_its_own(transactional_db: None) -> None:
    execute("DROP ROLE IF EXISTS pgaudit_log_forger")
    execute("CREATE ROLE pgaudit_log_forger")
    execute("GRANT INSERT ON shop_customer TO pgaudit_log_forger")
    try:
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            execute("SET LOCAL ROLE pgaudit_log_forger")
            execute(
                "INSERT INTO pgaudit_log_event (model, label, operation) VALUES ('m', 'l', 'I')"
            )
    finally:
        execute("DROP OWNED BY pgaudit_log_forger")
        execute("DROP ROLE pgaudit_log_forger")


MOMENT = datetime(2047, 5, 6, tzinfo=timezone.utc)


def test_a_partition_is_made_while_others_write(
    transactional_db: None, other: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "LOCK_TIMEOUT", "2s")
    with other.cursor() as cursor:
        cursor.execute("INSERT INTO shop_customer (name) VALUES ('Ana')")
    period = period_at(MOMENT, "month")
    try:
        catalogue.Plan(using="default", create=[period]).apply()
        assert period in catalogue.existing("default")
    finally:
        other.rollback()
        execute(f"DROP TABLE IF EXISTS {quote_name(period.table)}")


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_partition_that_would_keep_writers_waiting_is_given_up(
    transactional_db: None, other: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "LOCK_TIMEOUT", "200ms")
    with other.cursor() as cursor:
        cursor.execute("LOCK TABLE pgaudit_log_event IN SHARE MODE")
    period = period_at(MOMENT, "month")
    with pytest.raises(OperationalError, match="lock timeout"), transaction.atomic():
        execute("SET LOCAL statement_timeout = '10s'")
        catalogue.Plan(using="default", create=[period]).apply()
    other.rollback()
    assert period not in catalogue.existing("default")
    assert execute("SELECT to_regclass(%s)", [period.table]) == [(None,)]


# Dump and restore


@pytest.fixture
def programs() -> Path:
    """Return the folder with pg_dump and psql of the server's own version."""
    major = connection.pg_version // 10000  # type: ignore[attr-defined]
    folders = [Path(f"/usr/lib/postgresql/{major}/bin")]
    with suppress(EmbeddedPostgresError):
        folders.append(find_binaries(major))
    for folder in folders:
        if all((folder / name).exists() for name in ("pg_dump", "psql")):
            return folder
    pytest.skip(f"there is no pg_dump {major}")


@pytest.fixture
def restored(transactional_db: None) -> Iterator[BaseDatabaseWrapper]:
    """An empty database beside that of the tests."""
    name = f"{connection.settings_dict['NAME']}_restored"
    execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    execute(f"CREATE DATABASE {name}")
    tested = connections["default"]
    wrapper = type(tested)({**tested.settings_dict, "NAME": name}, alias="restored")
    try:
        yield wrapper
    finally:
        wrapper.close()
        execute(f"DROP DATABASE {name} WITH (FORCE)")


def run(program: Path, wrapper: Any, *arguments: str) -> str:
    """Run one of PostgreSQL's programs on a database and return what it printed."""
    settings = wrapper.settings_dict
    names = {"HOST": "--host", "PORT": "--port", "USER": "--username"}
    where = [f"{option}={settings[key]}" for key, option in names.items() if settings.get(key)]
    environment = {"PGPASSWORD": settings.get("PASSWORD") or "", "PGDATABASE": settings["NAME"]}
    done = subprocess.run(
        [program, *where, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(wrapper: Any, sql: str) -> list[Any]:
    with wrapper.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


WHOLE_TRAIL = "SELECT e::text FROM pgaudit_log_event AS e ORDER BY id"


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_restored_database_has_the_same_events_and_goes_on(
    programs: Path, restored: BaseDatabaseWrapper, tmp_path: Path
) -> None:
    with pgaudit_log.context(user=1):
        customer = Customer.objects.create(name="Ana")
        Order.objects.create(customer=customer)
        Customer.objects.update(name="Bea")
    dump = tmp_path / "dump.sql"
    run(programs / "pg_dump", connection, f"--file={dump}")
    run(programs / "psql", restored, "-Xq", "-v", "ON_ERROR_STOP=1", f"--file={dump}")

    assert rows(restored, WHOLE_TRAIL) == rows(connection, WHOLE_TRAIL)
    typed = "SELECT v::text FROM shop_orderevent AS v"
    assert rows(restored, typed) == rows(connection, typed)
    guards = "SELECT tgrelid::regclass::text, tgname, tgenabled::text FROM pg_trigger ORDER BY 1, 2"
    assert rows(restored, guards.replace("ORDER", "WHERE NOT tgisinternal ORDER")) == rows(
        connection, guards.replace("ORDER", "WHERE NOT tgisinternal ORDER")
    )
    with restored.cursor() as cursor, pgaudit_log.context(user=2):
        cursor.execute("UPDATE shop_customer SET name = 'Cleo'")
    newest = (
        "SELECT diff #>> '{name,1}', context ->> 'user' FROM pgaudit_log_event ORDER BY id DESC"
    )
    assert rows(restored, newest)[0] == ("Cleo", "2")


@pytest.mark.parametrize(("option", "captured"), [(None, 1), ("--disable-triggers", 0)])
def test_data_restored_without_its_schema_is_captured_unless_triggers_are_disabled(
    transactional_db: None, programs: Path, tmp_path: Path, option: str | None, captured: int
) -> None:
    Customer.objects.create(name="Ana")
    dump = tmp_path / "dump.sql"
    options = ["--data-only", "--table=shop_customer", *filter(None, [option])]
    run(programs / "pg_dump", connection, *options, f"--file={dump}")
    execute("TRUNCATE shop_customer CASCADE")
    start = last_id()
    run(programs / "psql", connection, "-Xq", "-v", "ON_ERROR_STOP=1", f"--file={dump}")
    assert Customer.objects.get().name == "Ana"
    assert len(trail(after=start)) == captured


# Known gaps: each of these says what should be so


@LEVELS
def test_a_virtual_generated_column_refuses_no_write(db: None, level: str, settings: Any) -> None:
    if not getattr(connection.features, "supports_virtual_generated_columns", False):
        pytest.skip("virtual generated columns need PostgreSQL 18 and Django 6")
    settings.PGAUDIT_LOG_LEVEL = level
    table = tracked_table(
        "Computed",
        name=models.TextField(),
        lower=models.GeneratedField(
            expression=Lower("name"), output_field=models.TextField(), db_persist=False
        ),
    )
    saved = table.objects.create(name="Ana")
    assert saved.events.get().name == "Ana"
    assert Events.objects.get().pgh_data.get("lower", "ana") == "ana"


def test_a_long_user_refuses_no_write(db: None) -> None:
    with pgaudit_log.context(user=secrets.token_hex(4000)):
        Customer.objects.create(name="Ana")


@LEVELS
def test_the_longest_key_that_a_table_takes_refuses_no_write(
    db: None, level: str, settings: Any
) -> None:
    settings.PGAUDIT_LOG_LEVEL = level
    table = tracked_table("Keyed", code=models.TextField(primary_key=True))
    saved = table.objects.create(code=secrets.token_hex(1345))
    assert saved.events.get().pgh_obj == saved


def test_a_setting_changed_inside_a_function_counts_at_both_levels(order: Order) -> None:
    start = last_id()
    execute(
        f"""
        DO $$
        BEGIN
            PERFORM set_config('pgaudit_log.context', '{{"user": 1}}', true);
            INSERT INTO shop_parcel (order_id, weight) VALUES ({order.pk}, 1);
            INSERT INTO shop_customer (name) VALUES ('one');
            PERFORM set_config('pgaudit_log.context', '{{"user": 2}}', true);
            INSERT INTO shop_parcel (order_id, weight) VALUES ({order.pk}, 2);
            INSERT INTO shop_customer (name) VALUES ('two');
        END $$
        """
    )
    assert [context["user"] for context in contexts(start)] == [1, 1, 2, 2]


def test_a_malformed_ignore_setting_refuses_no_write(db: None) -> None:
    execute("SELECT set_config('pgtrigger.ignore', 'not an array', true)")
    Customer.objects.create(name="Ana")
