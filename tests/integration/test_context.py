"""The context reaches each event of its block, and none outside it."""

from __future__ import annotations

import asyncio
import contextvars
import datetime
import io
import json
import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pgtrigger
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection, connections, transaction
from django.db.backends.postgresql.psycopg_any import is_psycopg3
from django.test.utils import CaptureQueriesContext

import pgaudit_log
from pgaudit_log.contexts.connection_hooks import install
from pgaudit_log.contexts.cursors import carrying
from pgaudit_log.contexts.stack import current
from pgaudit_log.exceptions import ContextError
from pgaudit_log.models import Events
from tests.shop.models import Customer, Order, Parcel
from tests.support import copy_in, driver_sql, execute

pytestmark = pytest.mark.django_db

AWKWARD = {
    "quote": "it's",
    "double": 'a "b"',
    "comment": "*/ /* -- ; */",
    "percent": "100% %s %(x)s %%",
    "backslash": "a\\b \\u0041 \\\\",
    "unicode": "ä ☃ \U0001f600",
    "newline": "a\nb\tc",
    "dollar": "$1 $$",
    "placeholder": "{} {0}",
    "nested": {"a": [1, 2.5, None, True]},
    "large": 2**80,
}


@pytest.fixture(params=["client-side binding", "server-side binding"])
def binding(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run a test in both binding modes of psycopg 3."""
    if request.param == "server-side binding":
        if not is_psycopg3:
            pytest.skip("psycopg 2 always merges parameters itself")
        from django.db.backends.postgresql.base import ServerBindingCursor

        request.getfixturevalue("db")
        raw = connection.connection
        factory = raw.cursor_factory
        raw.cursor_factory = ServerBindingCursor
        install(connection)
        yield request.param
        raw.cursor_factory = factory
    else:
        yield request.param


def contexts() -> list[Any]:
    """Return the contexts of all events, oldest first."""
    return list(Events.objects.order_by("pgh_id").values_list("pgh_context", flat=True))


def test_an_event_has_the_context_of_its_block(db: None) -> None:
    with pgaudit_log.context(user=5, reason="refund") as context:
        Customer.objects.create(name="Ana")
    event = Events.objects.get()
    assert event.pgh_context == {"user": 5, "reason": "refund"}
    assert event.pgh_context_id == context.id


def test_a_context_id_sorts_by_time() -> None:
    with pgaudit_log.context() as first:
        pass
    with pgaudit_log.context() as second:
        pass
    assert first.id.version == second.id.version == 7
    assert first.id.int >> 80 <= second.id.int >> 80


def test_awkward_values_arrive_as_they_are(binding: str) -> None:
    with pgaudit_log.context(**AWKWARD):
        Customer.objects.create(name="Ana")
        execute("INSERT INTO shop_customer (name) VALUES ('no parameters 100%')")
        execute("INSERT INTO shop_customer (name) VALUES (%s || '%%')", ["100%"])
    assert contexts() == [json.loads(json.dumps(AWKWARD))] * 3
    assert list(Customer.objects.order_by("pk").values_list("name", flat=True)) == [
        "Ana",
        "no parameters 100%",
        "100%%",
    ]


@pytest.mark.parametrize("params", [None, [], (), {}])
def test_percent_signs_mean_what_they_meant(params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.cursor.execute("SELECT '100%%'", params)
        [(without,)] = cursor.fetchall()
        with pgaudit_log.context(**AWKWARD):
            cursor.cursor.execute("SELECT '100%%'", params)
        assert cursor.fetchall() == [(without,)]


def test_named_parameters(binding: str) -> None:
    params = {"name": "Ana"}
    with pgaudit_log.context(user=1):
        execute("INSERT INTO shop_customer (name) VALUES (%(name)s)", params)
    assert contexts() == [{"user": 1}]
    assert params == {"name": "Ana"}


def test_executemany(binding: str) -> None:
    with pgaudit_log.context(note="100%"), connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO shop_customer (name) VALUES (%s || '%%')", [["a"], ["b"], ["c"]]
        )
    assert contexts() == [{"note": "100%"}] * 3


@pytest.mark.parametrize("kind", ["str", "bytes", "composed", "sql"])
def test_every_kind_of_query(binding: str, kind: str) -> None:
    sql = driver_sql
    text = "INSERT INTO shop_customer (name) VALUES (%s)"
    query: Any = {
        "str": text,
        "bytes": text.encode(),
        "sql": sql.SQL("INSERT INTO shop_customer (name) VALUES (%s)"),
        "composed": sql.SQL("INSERT INTO {} (name) VALUES (%s)").format(
            sql.Identifier("shop_customer")
        ),
    }[kind]
    with pgaudit_log.context(user=1), connection.cursor() as cursor:
        cursor.execute(query, ["x"])
        cursor.cursor.execute(query, ["x"])
        connection.connection.cursor().execute(query, ["x"])
    assert contexts() == [{"user": 1}] * 3


def test_copy_and_functions_and_ctes_carry_the_context(binding: str) -> None:
    execute(
        "CREATE FUNCTION pg_temp.write_customer() RETURNS void LANGUAGE sql"
        " AS $$INSERT INTO shop_customer (name) VALUES ('f')$$"
    )
    with pgaudit_log.context(user=1):
        copy_in("COPY shop_customer (name) FROM STDIN", "c\n")
        execute("SELECT pg_temp.write_customer()")
        execute(
            "WITH w AS (INSERT INTO shop_customer (name) VALUES ('w') RETURNING 1) SELECT FROM w"
        )
        execute("DO $$BEGIN INSERT INTO shop_customer (name) VALUES ('d'); END$$")
    assert contexts() == [{"user": 1}] * 4


def test_a_nested_block_adds_and_then_takes_back() -> None:
    with pgaudit_log.context(user=1) as outer:
        with pgaudit_log.context(reason="r", user=2) as inner:
            Customer.objects.create(name="inner")
        Customer.objects.create(name="outer")
    Customer.objects.create(name="none")
    inside, outside, without = contexts()
    assert inside == {"user": 2, "reason": "r"}
    assert outside == {"user": 1}
    assert without is None
    assert inner.id == outer.id


def test_the_context_ends_with_its_block_inside_one_transaction() -> None:
    with transaction.atomic():
        with pgaudit_log.context(user=1):
            Customer.objects.create(name="in")
        Customer.objects.create(name="out")
    assert contexts() == [{"user": 1}, None]


def test_a_rolled_back_savepoint_does_not_change_the_context() -> None:
    with pgaudit_log.context(user=1):
        with pytest.raises(ZeroDivisionError), transaction.atomic(), pgaudit_log.context(user=2):
            Customer.objects.create(name="lost")
            raise ZeroDivisionError
        Customer.objects.create(name="kept")
    assert contexts() == [{"user": 1}]


def test_a_block_that_raises_restores_what_was_before() -> None:
    with pgaudit_log.context(user=1) as outer:
        with pytest.raises(ZeroDivisionError), pgaudit_log.context(user=2):
            raise ZeroDivisionError
        assert current() is outer
    assert current() is None


def test_called_as_a_function_it_adds_to_the_running_context() -> None:
    with pgaudit_log.context(user=1) as outer:
        pgaudit_log.context(reason="late")
        Customer.objects.create(name="Ana")
        running = current()
    assert running is not None
    assert contexts() == [{"user": 1, "reason": "late"}]
    assert running.id == outer.id
    assert current() is None


def test_called_as_a_function_outside_it_does_nothing() -> None:
    pgaudit_log.context(reason="ignored")
    Customer.objects.create(name="Ana")
    assert contexts() == [None]


def test_a_decorated_function_has_a_fresh_context_each_time() -> None:
    @pgaudit_log.context(task="nightly")
    def work(user: str | None) -> None:
        if user:
            pgaudit_log.context(secret=user)
        Customer.objects.create(name="Ana")

    work("alice")
    work(None)
    with pgaudit_log.context(outer=True):
        work(None)
        Customer.objects.create(name="outer")
    assert contexts() == [
        {"task": "nightly", "secret": "alice"},
        {"task": "nightly"},
        {"task": "nightly", "outer": True},
        {"outer": True},
    ]
    ids = set(Events.objects.values_list("pgh_context_id", flat=True))
    assert len(ids) == 3


def test_a_decorated_function_may_call_itself() -> None:
    @pgaudit_log.context(task="deep")
    def work(depth: int) -> None:
        if depth:
            work(depth - 1)
        Customer.objects.create(name=str(depth))

    work(2)
    assert contexts() == [{"task": "deep"}] * 3
    assert current() is None


def test_a_decorated_coroutine_function_runs_in_its_context() -> None:
    @pgaudit_log.context(task="async")
    async def work() -> Any:
        running = current()
        assert running is not None
        return running.metadata

    assert async_to_sync(work)() == {"task": "async"}
    assert asyncio.iscoroutinefunction(work)


@pytest.mark.django_db(transaction=True)
def test_async_with_reaches_the_orm() -> None:
    async def work() -> None:
        async with pgaudit_log.context(user=1):
            await Customer.objects.acreate(name="Ana")
            async with pgaudit_log.context(reason="r"):
                await sync_to_async(Customer.objects.create)(name="Bea")
        await Customer.objects.acreate(name="Cleo")

    async_to_sync(work)()
    assert contexts()[:2] == [{"user": 1}, {"user": 1, "reason": "r"}]
    assert contexts()[2] is None


def test_tasks_do_not_see_each_others_contexts() -> None:
    seen: dict[int, Any] = {}

    async def work(number: int) -> None:
        async with pgaudit_log.context(number=number):
            await asyncio.sleep(0.01 * (3 - number))
            running = current()
            assert running is not None
            seen[number] = dict(running.metadata)

    async def all_at_once() -> None:
        async with pgaudit_log.context(outer=True):
            await asyncio.gather(*(work(number) for number in range(3)))

    asyncio.run(all_at_once())
    assert seen == {number: {"outer": True, "number": number} for number in range(3)}


def test_a_thread_has_its_own_context_unless_it_is_given_one() -> None:
    seen: list[Any] = []

    def work() -> None:
        running = current()
        seen.append(running and dict(running.metadata))

    with pgaudit_log.context(user=1):
        given = contextvars.copy_context()
        for run in (
            threading.Thread(target=contextvars.Context().run, args=(work,)),
            threading.Thread(target=given.run, args=(work,)),
        ):
            run.start()
            run.join()
    assert seen == [None, {"user": 1}]


def test_one_block_object_can_be_entered_by_many_threads() -> None:
    block = pgaudit_log.context(task="shared")
    barrier = threading.Barrier(4)
    ids: list[UUID] = []

    def work() -> None:
        with block as entered:
            barrier.wait(5)
            ids.append(entered.id)
            barrier.wait(5)
            assert current() is entered
        assert current() is None

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 4


@pytest.mark.django_db(databases=["default", "other"])
def test_every_alias_carries_the_context() -> None:
    with pgaudit_log.context(user=1):
        Customer.objects.using("other").create(name="Ana")
    assert Events.objects.using("other").get().pgh_context == {"user": 1}
    assert contexts() == []


def test_row_level_triggers_read_the_context_of_each_statement(customer: Customer) -> None:
    order = Order.objects.create(customer=customer)
    with pgaudit_log.context(user=1):
        Parcel.objects.bulk_create([Parcel(order=order, weight=n) for n in range(3)])
    with pgaudit_log.context(user=2):
        Parcel.objects.update(weight=9)
    Parcel.objects.all().delete()
    events = Events.objects.filter(pgh_obj_model="shop.Parcel").order_by("pgh_id")
    users = [(event.pgh_context or {}).get("user") for event in events]
    assert users == [1, 1, 1, 2, 2, 2, None, None, None]


@pytest.mark.parametrize("name", ["*/", "/*pgaudit_log:{}*/", "'"])
def test_a_marker_inside_a_value_is_not_a_context(name: str) -> None:
    Customer.objects.create(name="/*pgaudit_log:" + name)
    execute("INSERT INTO shop_customer (name) VALUES ('/*pgaudit_log:{\"user\":1}*/')")
    assert contexts() == [None] * 2


def test_a_comment_of_the_application_stays_where_it_is() -> None:
    with pgaudit_log.context(user=1):
        execute("/* mine */ INSERT INTO shop_customer (name) VALUES ('x')")
    assert contexts() == [{"user": 1}]


def test_without_a_context_the_session_is_recorded() -> None:
    execute("SELECT set_config('application_name', 'psql', true)")
    Customer.objects.create(name="Ana")
    event = Events.objects.get()
    assert event.pgh_role == execute("SELECT session_user")[0][0]
    assert event.pgh_session["application"] == "psql"
    assert event.pgh_context is event.pgh_context_id is None


def test_other_programs_set_a_setting() -> None:
    execute("""SELECT set_config('pgaudit_log.context', '{"user": "psql"}', true)""")
    Customer.objects.create(name="Ana")
    assert contexts() == [{"user": "psql"}]


def test_a_setting_may_start_with_an_id() -> None:
    text = '018f0000-0000-7000-8000-000000000001{"user": 1}'
    execute("SELECT set_config('pgaudit_log.context', %s, true)", [text])
    Customer.objects.create(name="Ana")
    event = Events.objects.get()
    assert (str(event.pgh_context_id), event.pgh_context) == (text[:36], {"user": 1})


def test_a_malformed_setting_is_kept_and_refuses_no_write() -> None:
    execute("SELECT set_config('pgaudit_log.context', '{not json', true)")
    Customer.objects.create(name="Ana")
    assert contexts() == [{"malformed": "{not json"}]


def test_a_setting_of_an_ended_transaction_is_no_context(transactional_db: None) -> None:
    with transaction.atomic():
        execute("""SELECT set_config('pgaudit_log.context', '{"user": 1}', true)""")
    Customer.objects.create(name="Ana")
    assert contexts()[0] is None


def test_logged_queries_do_not_show_the_context() -> None:
    with CaptureQueriesContext(connection) as queries, pgaudit_log.context(user=1):
        Customer.objects.create(name="Ana")
        execute("SELECT 1")
    assert [query["sql"][:6] for query in queries.captured_queries] == ["INSERT", "SELECT"]


def test_the_context_adds_no_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1), pgaudit_log.context(user=1):
        Customer.objects.create(name="Ana")


@pytest.mark.skipif(not is_psycopg3, reason="psycopg 2 caches no parsed queries")
def test_statements_keep_their_text_from_context_to_context() -> None:
    # The cache of parsed queries is psycopg's own affair, but what it costs is ours.
    from psycopg._queries import _query2pg_client

    for user in range(20):
        with pgaudit_log.context(user=user):
            Customer.objects.filter(pk=user).count()
    before = _query2pg_client.cache_info().misses
    for user in range(20, 40):
        with pgaudit_log.context(user=user):
            Customer.objects.filter(pk=user).count()
    assert _query2pg_client.cache_info().misses == before


def test_inside_another_search_path_the_context_still_leads() -> None:
    with pgaudit_log.context(user=1), pgtrigger.schema("public"):
        Customer.objects.create(name="Ana")
    assert contexts() == [{"user": 1}]


def test_iterating_with_a_server_side_cursor_is_left_alone(transactional_db: None) -> None:
    Customer.objects.create(name="Ana")
    with pgaudit_log.context(user=1):
        assert [customer.name for customer in Customer.objects.iterator()] == ["Ana"]


def test_a_pooled_connection_keeps_nothing_of_its_last_user(transactional_db: None) -> None:
    connection.ensure_connection()
    raw_factory = connection.connection.cursor_factory
    install(connection)
    assert connection.connection.cursor_factory is raw_factory
    with pgaudit_log.context(user=1):
        Customer.objects.create(name="Ana")
    assert execute("SELECT current_setting('pgaudit_log.context', true)") in ([(None,)], [("",)])


@pytest.mark.skipif(is_psycopg3, reason="psycopg 3 has one way to copy")
@pytest.mark.parametrize("columns", [None, ["id", "name"]])
def test_each_way_of_psycopg_2_to_copy_carries_the_context(columns: list[str] | None) -> None:
    with pgaudit_log.context(user=1), connection.cursor() as cursor:
        cursor.copy_from(io.StringIO("-1;a\n"), "shop_customer", sep=";", columns=columns)
    assert contexts() == [{"user": 1}]


@pytest.mark.skipif(is_psycopg3, reason="psycopg 3 has its own cursor classes")
@pytest.mark.parametrize("name", ["DictCursor", "RealDictCursor", "NamedTupleCursor"])
def test_a_cursor_class_of_psycopg_2_can_carry_the_context(name: str) -> None:
    from psycopg2 import extras

    connection.ensure_connection()
    factory = carrying(getattr(extras, name))
    with pgaudit_log.context(user=1):
        cursor = connection.connection.cursor(cursor_factory=factory)
        cursor.execute("INSERT INTO shop_customer (name) VALUES (%s) RETURNING name", ["5%"])
        assert "5%" in str(cursor.fetchone())
        named = connection.connection.cursor("named", cursor_factory=factory)
        named.execute("SELECT name FROM shop_customer WHERE name = %s", ["5%"])
        assert "5%" in str(named.fetchone())
    assert contexts() == [{"user": 1}]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "Out of range float"),
        (float("inf"), "Out of range float"),
        ("a\x00b", '"bad" contains a NUL'),
        ({"deep": ["\x00"]}, '"bad" contains a NUL'),
        ("\ud800", '"bad" contains half of a surrogate pair'),
        (object(), "not JSON serializable.*type object"),
        ("x" * 70_000, '65,536.*"bad" is the largest'),
    ],
)
def test_what_cannot_be_carried_is_refused_on_entering(value: Any, message: str) -> None:
    with pytest.raises(ContextError, match=message), pgaudit_log.context(good=1, bad=value):
        pytest.fail("the block was entered")
    assert current() is None


@pytest.mark.parametrize("value", [1, object(), 10**1500, "\ud800"])
def test_a_refusal_can_be_logged_whatever_the_keys_are(value: Any) -> None:
    with pytest.raises(ContextError) as refused:
        pgaudit_log.context(**{"a\x00b\udcff": value})
    assert r'"a\x00b\udcff"' in str(refused.value)
    assert "\x00" not in str(refused.value)
    str(refused.value).encode()


def test_what_cannot_be_carried_is_refused_as_a_function_too() -> None:
    with pgaudit_log.context(user=1) as running:
        with pytest.raises(ContextError):
            pgaudit_log.context(bad=object())
        assert current() is running


def test_a_value_nested_too_deeply_is_refused() -> None:
    value: list[Any] = []
    for _ in range(600):
        value = [value]
    with pytest.raises(ContextError, match="500 levels|RecursionError|recursion"):
        pgaudit_log.context(bad=value)


def test_the_largest_context_is_carried_whole() -> None:
    value = '"' * 32_000
    with pgaudit_log.context(v=value):
        Customer.objects.create(name="Ana")
    assert contexts() == [{"v": value}]


def test_a_model_instance_is_refused_with_a_hint(customer: Customer) -> None:
    with pytest.raises(ContextError, match="of a model instance its pk"):
        pgaudit_log.context(user=customer).__enter__()


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    with pgaudit_log.context(path="\\u0000"):
        Customer.objects.create(name="Ana")
    assert contexts() == [{"path": "\\u0000"}]


@pytest.mark.skipif(not is_psycopg3, reason="psycopg 2 has no pool of Django's")
def test_a_pool_of_psycopg_carries_the_context(transactional_db: None) -> None:
    settings = {**connections["default"].settings_dict}
    settings["OPTIONS"] = {**settings["OPTIONS"], "pool": {"min_size": 1, "max_size": 2}}
    settings["CONN_MAX_AGE"] = 0
    pooled = type(connections["default"])(settings, alias="pooled")
    try:
        for user in (1, 2):
            with pgaudit_log.context(user=user), pooled.cursor() as cursor:
                cursor.execute("INSERT INTO shop_customer (name) VALUES (%s)", ["pooled"])
            pooled.close()
        with pooled.cursor() as cursor:
            cursor.execute("INSERT INTO shop_customer (name) VALUES ('none')")
        pooled.close()
    finally:
        pooled.close_pool()  # type: ignore[attr-defined]
    assert contexts()[:2] == [{"user": 1}, {"user": 2}]
    assert contexts()[2] is None


def test_a_generator_closed_in_another_context_leaves_that_one_alone() -> None:
    def pages() -> Any:
        with pgaudit_log.context(user=1):
            yield 1

    started = pages()
    contextvars.Context().run(next, started)
    started.close()
    assert current() is None


def test_another_encoder_serves_from_its_setting_on(settings: Any) -> None:
    with pgaudit_log.context(at=datetime.date(2026, 1, 2)) as one:
        assert one.text.endswith('{"at":"2026-01-02"}')
    settings.PGAUDIT_LOG_JSON_ENCODER = "json.JSONEncoder"
    with pytest.raises(ContextError):
        pgaudit_log.context(at=datetime.date(2026, 1, 2))


def test_a_context_shows_what_it_is() -> None:
    with pgaudit_log.context(user=1) as context:
        assert repr(context) == f"Context(id={context.id!r}, metadata={{'user': 1}})"
        assert context.id.version == 7
