"""How a context is carried: in the text, in a setting of the transaction, or by its id alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pgtrigger
import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.db.backends.postgresql.psycopg_any import is_psycopg3

import pgaudit_log
from pgaudit_log.contexts.connection_hooks import install
from pgaudit_log.models import Events
from tests.shop.models import Customer, Order, Parcel
from tests.support import execute

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not is_psycopg3, reason="psycopg 2 prepares no statements"),
]

INSERT = "INSERT INTO shop_customer (name) VALUES (%s)"


def contexts() -> list[Any]:
    """Return the contexts of all events, oldest first."""
    return list(Events.objects.order_by("pgh_id").values_list("pgh_context", flat=True))


def insert() -> None:
    """Write a row by the same statement each time."""
    execute(INSERT, ["x"])


@pytest.fixture
def prepared() -> Iterator[Any]:
    """Bind parameters on the server and prepare what is sent a second time."""
    from django.db.backends.postgresql.base import ServerBindingCursor

    connection.ensure_connection()
    raw: Any = connection.connection
    factory, threshold = raw.cursor_factory, raw.prepare_threshold
    raw.cursor_factory, raw.prepare_threshold = ServerBindingCursor, 1
    install(connection)
    yield raw
    raw.cursor_factory, raw.prepare_threshold = factory, threshold


@pytest.fixture(params=["prepared", "setting", "id"])
def carrier(request: pytest.FixtureRequest, settings: Any) -> str:
    """Carry contexts by a setting of the transaction, for each reason that there is to."""
    if request.param == "prepared":
        request.getfixturevalue("prepared")
    else:
        settings.PGAUDIT_LOG_CONTEXT_CARRIER = request.param
    name: str = request.param
    return name


def running_setting() -> str:
    """Return what the setting holds, as a statement outside of contexts finds it."""
    [(value,)] = execute("SELECT current_setting('pgaudit_log.running', true)")
    return value or ""


def test_each_event_of_a_transaction_has_the_context_of_its_block(carrier: str) -> None:
    with transaction.atomic():
        insert()
        with pgaudit_log.context(user=1):
            insert()
            insert()
            with pgaudit_log.context(reason="r"):
                insert()
            insert()
        insert()
        with pgaudit_log.context(user=2):
            insert()
    insert()
    assert contexts() == [
        None,
        {"user": 1},
        {"user": 1},
        {"user": 1, "reason": "r"},
        {"user": 1},
        None,
        {"user": 2},
        None,
    ]


def test_a_savepoint_that_is_rolled_back_takes_no_context_along(carrier: str) -> None:
    with transaction.atomic(), pgaudit_log.context(user=1):
        try:
            with transaction.atomic():
                insert()
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        insert()
    assert contexts() == [{"user": 1}]


def test_a_savepoint_that_is_rolled_back_brings_no_context_again(carrier: str) -> None:
    with transaction.atomic():
        with pgaudit_log.context(user=1):
            insert()
        execute("SAVEPOINT here")
        insert()
        execute("ROLLBACK TO SAVEPOINT here")
        insert()
        with pgaudit_log.context(user=2):
            insert()
            execute("ROLLBACK TO SAVEPOINT here")
        insert()
    assert contexts() == [{"user": 1}, None]


def test_an_error_inside_takes_no_context_along(carrier: str) -> None:
    with transaction.atomic(), pgaudit_log.context(user=1):
        insert()
        with pytest.raises(DatabaseError), transaction.atomic():
            execute("SELECT 1 / 0")
        insert()
        with pytest.raises(DatabaseError), transaction.atomic(), pgaudit_log.context(step=2):
            execute("SELECT 1 / 0")
        insert()
    assert contexts() == [{"user": 1}] * 3


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_transaction_of_the_driver_leaves_no_context(carrier: str, end: str) -> None:
    connection.ensure_connection()
    raw: Any = connection.connection
    raw.autocommit = False
    try:
        with pgaudit_log.context(user=1):
            raw.execute(INSERT, ["x"])
        getattr(raw, end)()
        raw.execute(INSERT, ["x"])
        raw.commit()
        with pgaudit_log.context(user=2):
            raw.execute(INSERT, ["x"])
            raw.commit()
            raw.execute(INSERT, ["x"])
            raw.commit()
    finally:
        raw.rollback()
        raw.autocommit = True
    first = [{"user": 1}] if end == "commit" else []
    assert contexts() == [*first, None, {"user": 2}, {"user": 2}]


def test_blocks_of_the_driver_are_seen(carrier: str) -> None:
    connection.ensure_connection()
    raw: Any = connection.connection
    with pgaudit_log.context(user=1):
        with raw.transaction():
            raw.execute(INSERT, ["x"])
        with raw.transaction():
            with raw.transaction(force_rollback=True):
                raw.execute(INSERT, ["x"])
            raw.execute(INSERT, ["x"])
    with raw.transaction():
        raw.execute(INSERT, ["x"])
    assert contexts() == [{"user": 1}, {"user": 1}, None]


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize(
    "statements",
    [
        ["BEGIN", INSERT, "ROLLBACK", "BEGIN", INSERT, "COMMIT"],
        ["BEGIN", "SAVEPOINT s", INSERT, "ROLLBACK TO SAVEPOINT s", INSERT, "COMMIT"],
        ["BEGIN", "SAVEPOINT s", INSERT, "/* x */ rollback to s; SELECT 1", INSERT, "COMMIT"],
        ["BEGIN", INSERT, "COMMIT AND CHAIN", "SAVEPOINT s", INSERT, "ROLLBACK TO s", "COMMIT"],
        ["BEGIN", "SAVEPOINT s", INSERT, "ROLLBACK TO s", "RESET ALL", INSERT, "COMMIT"],
    ],
)
def test_statements_that_end_what_is_set_are_seen(carrier: str, statements: list[str]) -> None:
    with pgaudit_log.context(user=1), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, ["x"] if "%s" in statement else None)
    assert contexts() == [{"user": 1}]
    insert()
    assert contexts()[1:] == [None]


def test_every_kind_of_statement_has_the_context(carrier: str) -> None:
    from psycopg import sql

    with transaction.atomic(), pgaudit_log.context(user=1), connection.cursor() as cursor:
        cursor.execute("INSERT INTO shop_customer (name) VALUES ('a;b')")
        cursor.execute(
            sql.SQL("INSERT INTO {} (name) VALUES (%s)").format(sql.Identifier("shop_customer")),
            ["x"],
        )
        cursor.execute(INSERT.encode(), ["x"])
        cursor.executemany(INSERT, [["x"], ["y"]])
        with cursor.copy("COPY shop_customer (id, name) FROM STDIN") as copy:
            copy.write_row((-1, "x"))
        cursor.execute(
            "WITH made AS (INSERT INTO shop_customer (name) VALUES ('x') RETURNING 1) SELECT 1"
        )
        cursor.execute("INSERT INTO shop_customer (name) VALUES ('1'); SELECT 1")
    with pgaudit_log.context(user=1), connection.cursor() as cursor:
        cursor.executemany(INSERT, [["x"]])
        with cursor.copy("COPY shop_customer (id, name) FROM STDIN") as copy:
            copy.write_row((-2, "x"))
        cursor.execute("DO $$ BEGIN INSERT INTO shop_customer (name) VALUES ('x'); END $$")
    assert contexts() == [{"user": 1}] * 11
    assert running_setting() == ""


@pytest.mark.skipif(
    bool(os.environ.get("PGAUDIT_LOG_TEST_SERVER_SIDE_BINDING")),
    reason="pgtrigger puts a statement in front, and server-side binding refuses two",
)
@pytest.mark.parametrize("carrier", ["setting", "id"], indirect=True)
def test_inside_pgtrigger_ignore_and_schema(carrier: str) -> None:
    with transaction.atomic(), pgaudit_log.context(user=1):
        with pgtrigger.schema("public"):
            insert()
        with pgtrigger.ignore("shop.Customer:audit_insert"):
            insert()
        insert()
    assert contexts() == [{"user": 1}] * 2


def test_row_level_triggers_read_it_too(carrier: str) -> None:
    order = Order.objects.create(customer=Customer.objects.create(name="Ana"))
    with transaction.atomic():
        with pgaudit_log.context(user=1):
            Parcel.objects.create(order=order, weight=1)
        Parcel.objects.create(order=order, weight=1)
    found = Events.objects.filter(pgh_obj_model="shop.Parcel").order_by("pgh_id")
    assert [event.pgh_context for event in found] == [{"user": 1}, None]


def test_an_isolation_level_can_still_be_set_first(carrier: str) -> None:
    with pgaudit_log.context(user=1), transaction.atomic():
        execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        execute("LOCK TABLE shop_customer")
        insert()
    assert contexts() == [{"user": 1}]


def test_a_setting_of_psql_holds_outside_of_blocks(carrier: str) -> None:
    with transaction.atomic():
        execute("""SELECT set_config('pgaudit_log.context', '{"user": "psql"}', true)""")
        insert()
        with pgaudit_log.context(user=1):
            insert()
        insert()
    assert contexts() == [{"user": "psql"}, {"user": 1}, {"user": "psql"}]


def test_what_sets_the_setting_itself_is_seen(carrier: str) -> None:
    with transaction.atomic(), pgaudit_log.context(user=1):
        insert()
        execute("SELECT set_config('pgaudit_log.running', '', true)")
        insert()
    assert contexts() == [{"user": 1}] * 2


def test_a_pool_hands_no_context_over(settings: Any) -> None:
    settings.PGAUDIT_LOG_CONTEXT_CARRIER = "setting"
    database = {**connections["default"].settings_dict}
    database["OPTIONS"] = {**database["OPTIONS"], "pool": {"min_size": 1, "max_size": 1}}
    database["CONN_MAX_AGE"] = 0
    pooled = type(connections["default"])(database, alias="pooled")
    try:
        for user in (1, 2, None):
            block = pgaudit_log.context(**({"user": user} if user else {}))
            with pooled.cursor() as cursor:
                cursor.execute("BEGIN")
                if user:
                    with block:
                        cursor.execute(INSERT, ["pooled"])
                else:
                    cursor.execute(INSERT, ["pooled"])
                cursor.execute("COMMIT")
            pooled.close()
    finally:
        pooled.close_pool()  # type: ignore[attr-defined]
    assert contexts() == [{"user": 1}, {"user": 2}, None]


def test_in_a_pipeline_each_statement_carries_its_own(prepared: Any) -> None:
    with pgaudit_log.context(user=1), prepared.pipeline():
        prepared.execute(INSERT, ["x"])
        prepared.execute(INSERT, ["x"])
    with prepared.pipeline():
        prepared.execute(INSERT, ["x"])
    assert contexts() == [{"user": 1}, {"user": 1}, None]


def test_prepared_statements_stay_prepared(prepared: Any) -> None:
    with transaction.atomic():
        for user in range(20):
            with pgaudit_log.context(user=user):
                insert()
        rows = execute(
            "SELECT statement FROM pg_prepared_statements WHERE statement LIKE 'INSERT%'"
        )
    assert rows == [(INSERT.replace("%s", "$1"),)]
    assert contexts() == [{"user": user} for user in range(20)]


def test_what_is_never_prepared_is_carried_in_the_text(prepared: Any) -> None:
    prepared.prepare_threshold = None
    with transaction.atomic(), pgaudit_log.context(user=1):
        assert execute("SELECT current_query()")[0][0].startswith("/*pgaudit_log:")
        insert()
        assert running_setting() == ""
    assert contexts() == [{"user": 1}]


def test_the_setting_is_sent_only_where_it_differs(prepared: Any) -> None:
    from psycopg import Cursor

    sent = []
    execute_plain = Cursor.execute

    def spy(self: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        sent.append(str(query)[:6])
        return execute_plain(self, query, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch, transaction.atomic():
        patch.setattr(Cursor, "execute", spy)
        with pgaudit_log.context(user=1):
            for _ in range(3):
                insert()
        insert()
        insert()
    assert sent == ["SELECT", "INSERT", "INSERT", "INSERT", "SELECT", "INSERT", "INSERT"]


@pytest.mark.parametrize("in_transaction", [True, False])
def test_the_text_has_the_id_alone(settings: Any, in_transaction: bool) -> None:
    settings.PGAUDIT_LOG_CONTEXT_CARRIER = "id"
    execute("CREATE TABLE shop_sent (text text)")
    try:
        with pgaudit_log.context(user="secret") as running:
            if in_transaction:
                with transaction.atomic():
                    execute("INSERT INTO shop_sent VALUES (current_query())")
                    insert()
            else:
                execute("INSERT INTO shop_sent VALUES (current_query())")
                insert()
        [(text,)] = execute("SELECT text FROM shop_sent")
    finally:
        execute("DROP TABLE shop_sent")
    assert text == f"/*pgaudit_log:{running.id}*/INSERT INTO shop_sent VALUES (current_query())"
    assert contexts() == [{"user": "secret"}]
    assert Events.objects.get().pgh_context_id == running.id


def test_an_id_whose_metadata_is_not_there_is_recorded_alone(settings: Any) -> None:
    settings.PGAUDIT_LOG_CONTEXT_CARRIER = "id"
    execute(
        "CREATE FUNCTION shop_write() RETURNS void LANGUAGE sql"
        " AS 'INSERT INTO shop_customer (name) VALUES (''x'')'"
    )
    try:
        with pgaudit_log.context(user=1) as running:
            execute("SELECT shop_write()")
    finally:
        execute("DROP FUNCTION shop_write")
    event = Events.objects.get()
    assert (event.pgh_context_id, event.pgh_context) == (running.id, {})


def test_plain_reads_can_be_left_alone(settings: Any) -> None:
    settings.PGAUDIT_LOG_CONTEXT_ON = "writes"
    with pgaudit_log.context(user=1):
        assert execute("SELECT current_query()") == [("SELECT current_query()",)]
        insert()
        execute("/*NO LOAD BALANCE*/ SELECT 1")
    assert contexts() == [{"user": 1}]


@pytest.mark.parametrize(
    ("statement", "sent"),
    [
        ("/*+ SeqScan(t) */SELECT current_query()", "/*+ SeqScan(t) */{}SELECT current_query()"),
        (
            "/*+ SeqScan(t) */ SELECT %s, current_query()",
            "/*+ SeqScan(t) */{} SELECT 1, current_query()",
        ),
        (
            "SELECT /*+ SeqScan(t) */ current_query()",
            "/*+ SeqScan(t) */{}SELECT /*+ SeqScan(t) */ current_query()",
        ),
        (
            "EXPLAIN (ANALYZE) /*+ SeqScan(t) */ SELECT 1",
            "/*+ SeqScan(t) */{}EXPLAIN (ANALYZE) /*+ SeqScan(t) */ SELECT 1",
        ),
        ("/*+ a /* b */ */SELECT current_query()", "{}/*+ a /* b */ */SELECT current_query()"),
        ("SELECT '/*+ x */', current_query()", "{}SELECT '/*+ x */', current_query()"),
        ("/* x */ SELECT /*+ y */ current_query()", "{}/* x */ SELECT /*+ y */ current_query()"),
    ],
)
@pytest.mark.parametrize("kind", ["str", "bytes", "sql"])
def test_a_hint_stays_first(statement: str, sent: str, kind: str) -> None:
    from psycopg import sql

    query: Any = {"str": statement, "bytes": statement.encode(), "sql": sql.SQL(statement)}[kind]
    with pgaudit_log.context(user=1) as running, connection.cursor() as cursor:
        cursor.cursor.execute(query, [1] if "%s" in statement else None)
        cursor.cursor.fetchall()
        # With server-side binding a parameter stays one.
        found = cursor.cursor._query.query.decode().replace("$1", "1")
        assert found == sent.format(f"/*pgaudit_log:{running.text}*/")


@pytest.mark.parametrize("hint", ["/*+ SeqScan(t) */", "/*+ Rows(t #%s) */ "])
def test_behind_a_hint_the_context_is_read(hint: str) -> None:
    with pgaudit_log.context(user=1):
        execute(hint + INSERT, [1, "x"] if "%s" in hint else ["x"])
    assert contexts() == [{"user": 1}]


def test_statements_with_a_hint_keep_their_text() -> None:
    from psycopg._queries import _query2pg_client

    for user in range(2):
        with pgaudit_log.context(user=user):
            execute("/*+ SeqScan(shop_customer) */ SELECT %s FROM shop_customer", [user])
    before = _query2pg_client.cache_info().misses
    with pgaudit_log.context(user=3):
        execute("/*+ SeqScan(shop_customer) */ SELECT %s FROM shop_customer", [3])
    assert _query2pg_client.cache_info().misses == before


def test_logged_queries_do_not_show_the_context_behind_a_hint() -> None:
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries, pgaudit_log.context(user=1):
        execute("/*+ SeqScan(t) */ SELECT 1")
    assert queries.captured_queries[0]["sql"] == "/*+ SeqScan(t) */ SELECT 1"
