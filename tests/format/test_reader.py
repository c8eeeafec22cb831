"""A reader that knows format 1 only from its page finds what is in the tables."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, models

import pgaudit_log
from pgaudit_log import installation, names
from tests.support import execute
from tests.tables import EVERYTHING, SqlField, declarations_forgotten, install, make

psycopg = pytest.importorskip("psycopg")
reader = pytest.importorskip("tests.format.reader")

pytestmark = pytest.mark.django_db

LONG = "".join(str(uuid.uuid4()) for _ in range(200))

VALUES: dict[str, list[str | None]] = {
    "a": ["'one'", "''", "'{\"x\": 1}'", None],
    "b": ["'two'", "'ä€𝄞'", None],
    "n": ["1", "-7", "2147483647", None],
    "amount": ["1.50", "1.5", "0", "12345678901234567890.123456789"],
    "ratio": ["'-0'", "0", "'NaN'", "'-Infinity'", "0.1"],
    "at": ["'2024-02-29 12:00:00.000001+00'", "'infinity'", None],
    "raw": ["'\\x00ff'", "''"],
    "doc": ["'null'", "'{\"pgaudit_log.at\": 1}'", "'[1, {\"a\": null}]'", "'\"text\"'", None],
    "list": ["'{1,2}'", "'[2:3]={7,8}'", "'{}'", None],
    "body": [f"'{LONG}'", "'short'", None],
}
"""SQL of the values that columns get; a backslash is one, because strings conform to the standard."""


@pytest.fixture(autouse=True)
def forgotten(db: None) -> Iterator[None]:
    with declarations_forgotten():
        yield
    names.forget()


def thing(level: Any) -> Any:
    model = make(
        "Thing",
        id=models.IntegerField(primary_key=True),
        a=models.TextField(null=True),
        b=models.TextField(null=True),
        n=models.IntegerField(null=True),
        amount=SqlField("numeric", null=True),
        ratio=models.FloatField(null=True),
        at=models.DateTimeField(null=True),
        raw=models.BinaryField(null=True),
        doc=models.JSONField(null=True),
        list=SqlField("integer[]", null=True),
        body=models.TextField(null=True),
    )
    pgaudit_log.track(*EVERYTHING, level=level, large=["body"])(model)
    install(model)
    return model


def stored(table: str) -> dict[str, dict[str, Any]]:
    """Return the rows of a table as a reader of values would tell them."""
    rows = {}
    for key, row, odd in execute(
        f"SELECT id::text, to_jsonb(t)::text, jsonb_build_object("
        f" 'ratio', ratio::text, 'list', list::text, 'doc', doc::text)::text FROM {table} AS t"
    ):
        found = json.loads(row, parse_float=str, parse_int=str)
        special = json.loads(odd)
        if special["ratio"] == "-0":
            found["ratio"] = "-0"
        if (special["list"] or "").startswith("["):
            found["list"] = special["list"]
        if special["doc"] == "null":
            found["doc"] = "null"
        rows[key] = found
    return rows


def read(table: str) -> dict[str, dict[str, Any]]:
    connection.ensure_connection()
    raw = connection.connection
    factory, raw.cursor_factory = raw.cursor_factory, psycopg.Cursor
    row_factory = raw.row_factory
    raw.row_factory = psycopg.rows.tuple_row
    execute("SET LOCAL timezone = 'UTC'")
    try:
        return reader.replay(raw, table)
    finally:
        raw.cursor_factory, raw.row_factory = factory, row_factory


def assert_replayed(table: str = "shop_thing") -> None:
    execute("SET LOCAL timezone = 'UTC'")
    assert read(table) == stored(table)


def random_write(chance: random.Random, columns: dict[str, str]) -> str:
    """Return a statement; ``columns`` has today's names by those of :data:`VALUES`."""

    def value(column: str) -> str:
        return chance.choice(VALUES[column]) or "NULL"

    key = chance.randint(1, 6)
    some = chance.sample(sorted(columns), 3)
    assigned = ", ".join(f'"{columns[c]}" = {value(c)}' for c in some)
    listed = ", ".join(f'"{columns[c]}"' for c in some)
    given = ", ".join(value(c) for c in some)
    return chance.choice(
        [
            (
                f"INSERT INTO shop_thing (id, {listed}) VALUES ({key}, {given})"
                f" ON CONFLICT (id) DO UPDATE SET {assigned}"
            ),
            (
                f"INSERT INTO shop_thing (id, {listed}) SELECT n, {given} FROM generate_series(1, 6) AS s (n)"
                f" ON CONFLICT DO NOTHING"
            ),
            f"UPDATE shop_thing SET {assigned}",
            f"UPDATE shop_thing SET {assigned} WHERE id = {key}",
            "UPDATE shop_thing SET id = 7 - id",
            "UPDATE shop_thing SET id = id + 10 WHERE id % 2 = 1",
            f"DELETE FROM shop_thing WHERE id = {key}",
            f"DELETE FROM shop_thing WHERE id > {key}",
            "TRUNCATE shop_thing",
        ]
    )


@pytest.mark.parametrize("level", [pgaudit_log.Statement, pgaudit_log.Row], ids=str)
@pytest.mark.parametrize("seed", range(8))
def test_it_replays_random_histories(level: Any, seed: int) -> None:
    chance = random.Random(seed)
    thing(level)
    # A key that is deferred may be swapped.
    execute(
        "ALTER TABLE shop_thing DROP CONSTRAINT shop_thing_pkey;"
        "ALTER TABLE shop_thing ADD PRIMARY KEY (id) DEFERRABLE INITIALLY IMMEDIATE"
    )
    upsert = "ON CONFLICT"
    if chance.random() < 0.6:
        nested = chance.choice(["n = 1 AND a IS NOT NULL", "amount = 0"])
        execute(
            "CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " IF pg_trigger_depth() < 3 THEN"
            f" UPDATE shop_thing SET b = coalesce(b, '') || '!', amount = 7 WHERE {nested};"
            " END IF; RETURN NULL; END $$;"
            f"CREATE TRIGGER {chance.choice('az')}_again AFTER INSERT OR UPDATE ON shop_thing"
            f" FOR EACH {chance.choice(['ROW', 'STATEMENT'])} EXECUTE FUNCTION again()"
        )
        installation.install()
    columns = {column: column for column in VALUES}
    for _ in range(25):
        statement = random_write(chance, columns)
        # An upsert cannot go by a key that is deferrable.
        if upsert in statement:
            statement = statement.partition(upsert)[0]
            execute("DELETE FROM shop_thing WHERE id BETWEEN 1 AND 6")
        if chance.random() < 0.1:
            with connection.cursor() as cursor:
                cursor.execute("SAVEPOINT s")
                cursor.execute(statement)
                cursor.execute("ROLLBACK TO SAVEPOINT s")
            continue
        execute(statement)
    assert execute("SELECT count(*) > 5 FROM pgaudit_log_event") == [(True,)]
    assert_replayed()


def test_it_reads_renamed_and_reused_columns() -> None:
    model = thing(pgaudit_log.Statement)
    execute(
        f"INSERT INTO shop_thing (id, a, b, body) VALUES (1, 'a', 'b', '{LONG}'), (2, 'x', 'y', 'z')"
    )
    for old, new in (("a", "c"), ("b", "a"), ("c", "b")):
        execute(f"ALTER TABLE shop_thing RENAME COLUMN {old} TO {new}")
    install(model, create=False)
    execute("UPDATE shop_thing SET n = 1 WHERE id = 1")
    assert_replayed()
    assert read("shop_thing")["2"]["a"] == "y"
    execute("ALTER TABLE shop_thing RENAME TO shop_other")
    execute("CREATE TABLE shop_thing (LIKE shop_other INCLUDING ALL)")
    install(model, create=False)
    execute("INSERT INTO shop_thing (id, a) VALUES (1, 'another table')")
    assert set(read("shop_other")) == {"1", "2"}
    assert read("shop_thing")["1"]["a"] == "another table"


def test_it_resolves_large_values() -> None:
    thing(pgaudit_log.Statement)
    execute(f"INSERT INTO shop_thing (id, body, n) VALUES (1, '{LONG}', 0)")
    execute("UPDATE shop_thing SET n = n + 1; UPDATE shop_thing SET n = n + 1, id = 2")
    assert execute(
        "SELECT count(*) FROM pgaudit_log_event WHERE snapshot #>> '{body,pgaudit_log.at,key}' = 'body'"
    ) == [(2,)]
    assert_replayed()


def test_it_tells_who_wrote() -> None:
    thing(pgaudit_log.Statement)
    with pgaudit_log.context(user=7, role="a claim"):
        execute("INSERT INTO shop_thing (id) VALUES (1)")
    execute("INSERT INTO shop_thing (id) VALUES (2)")
    [(role,)] = execute("SELECT session_user::text")
    raw = connection.connection
    factory, raw.cursor_factory = raw.cursor_factory, psycopg.Cursor
    try:
        assert [found[1:] for found in reader.writers(raw)] == [(role, "7"), (role, None)]
    finally:
        raw.cursor_factory = factory
