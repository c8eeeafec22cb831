"""A reader that knows format 1 only from its page finds what is in the tables."""

from __future__ import annotations

import hashlib
import json
import os
import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from django.db import IntegrityError, connection, models, transaction

import pgaudit_log
from pgaudit_log.backfill import backfill
from pgaudit_log.database import installation
from pgaudit_log.declaring import former_names
from pgaudit_log.testing import isolated
from tests.support import execute
from tests.tables import EVERYTHING, SqlField, install, make, uninstall

psycopg = pytest.importorskip("psycopg")
reader = pytest.importorskip("tests.format.reader")

pytestmark = pytest.mark.django_db

LONG = "".join(str(uuid.uuid4()) for _ in range(200))

KINDS: dict[str, tuple[Any, list[str | None]]] = {
    "a": (lambda: models.TextField(null=True), ["'one'", "''", "'{\"x\": 1}'", "'null'", None]),
    "b": (lambda: models.TextField(null=True), ["'two'", "'ä€𝄞'", "'1'", None]),
    "c": (lambda: models.TextField(null=True), ["'three'", "'-0'", None]),
    "n": (lambda: models.IntegerField(null=True), ["1", "-7", "2147483647", None]),
    "amount": (
        lambda: SqlField("numeric", null=True),
        ["1.50", "1.5", "0", "12345678901234567890.123456789", "'NaN'"],
    ),
    "ratio": (
        lambda: models.FloatField(null=True),
        ["'-0'", "0", "'NaN'", "'-Infinity'", "0.1", "1e-320"],
    ),
    "at": (
        lambda: models.DateTimeField(null=True),
        ["'2024-02-29 12:00:00.000001+05'", "'infinity'", "'0044-03-15 12:00:00+00 BC'", None],
    ),
    "day": (lambda: models.DateField(null=True), ["'2024-02-29'", "'-infinity'", None]),
    "raw": (lambda: models.BinaryField(null=True), ["'\\x00ff'", "''", None]),
    "mark": (
        lambda: models.UUIDField(null=True),
        ["'6F9619FF-8B86-D011-B42D-00C04FC964FF'", None],
    ),
    "span": (lambda: models.DurationField(null=True), ["'1 day 02:00:00.5'", "'-1 mon'", None]),
    "doc": (
        lambda: models.JSONField(null=True),
        [
            "'null'",
            "'\"null\"'",
            "'{\"a\": 1}'",
            '\'{"a": "1"}\'',
            "'{\"pgaudit_log.at\": 1}'",
            '\'{"pgaudit_log.json": null, "more": 1}\'',
            '\'{"pgaudit_log.masked": {"pgaudit_log.json": 1}}\'',
            "'{\"pgaudit_log.of_a_user\": 1}'",
            "'[null, {\"pgaudit_log.at\": 1.50}]'",
            None,
        ],
    ),
    "list": (
        lambda: SqlField("integer[]", null=True),
        ["'{1,2}'", "'[2:3]={7,8}'", "'{}'", "'{{1},{NULL}}'", None],
    ),
    "words": (lambda: SqlField("text[]", null=True), ["'{a,NULL,\"n, l\"}'", "'[0:0]={x}'"]),
    "body": (
        lambda: models.TextField(null=True),
        [f"'{LONG}'", f"'{LONG[::-1]}'", "'short'", None],
    ),
}
"""Fields by kind, and SQL of the values that they get."""

DECLARATIONS = {
    "one": [list(KINDS)],
    "two": [
        ["a", "b", "n", "amount", "at", "raw", "list"],
        ["b", "c", "ratio", "day", "mark", "span", "doc", "words", "body"],
    ],
}
"""The kinds that each declaration tracks, with the key; ``b`` is told of twice."""

SECOND = tuple(type(tracker)(f"second_{tracker.label}") for tracker in EVERYTHING)


@pytest.fixture(autouse=True)
def forgotten(db: None) -> Iterator[None]:
    with isolated():
        yield
    former_names.forget()


class Project:
    """A project that declares one table, and again when its columns or its name have changed."""

    def __init__(self, *, level: Any = pgaudit_log.Statement, declarations: str = "one") -> None:
        self.level = level
        self.declarations = DECLARATIONS[declarations]
        self.columns = {kind: kind for kind in KINDS}
        self.added: set[str] = set()
        self.model_name = "Thing"
        self.model: Any = None

    @property
    def table(self) -> str:
        return f"shop_{self.model_name.lower()}"

    @contextmanager
    def released(self, *, create: bool = False) -> Iterator[Any]:
        """Declare the table as it is now, with its triggers installed until the next release."""
        with isolated():
            fields = {self.columns[kind]: KINDS[kind][0]() for kind in self.columns}
            self.model = make(self.model_name, id=models.IntegerField(primary_key=True), **fields)
            for number, kinds in enumerate(self.declarations):
                tracked = [self.columns[kind] for kind in kinds if kind in self.columns]
                large = {self.columns.get("body")} & set(tracked)
                pgaudit_log.track(
                    *(SECOND if number else EVERYTHING),
                    level=self.level,
                    fields=["id", *tracked],
                    large=sorted(large),
                    model_name=f"{self.model_name}Events{number or ''}",
                )(self.model)
            install(self.model, create=create)
            yield self.model
            uninstall(self.model)

    def stored(self) -> dict[str, dict[str, Any]]:
        """Return the rows of the table as a reader of values tells them."""
        execute("SET timezone = 'UTC'; SET intervalstyle = 'iso_8601'")
        special = {k: self.columns[k] for k in ("ratio", "list", "words") if k in self.columns}
        texts = ", ".join(f"'{k}', \"{column}\"::text" for k, column in special.items())
        rows = {}
        for key, row, odd in execute(
            f"SELECT id::text, to_jsonb(t)::text, jsonb_build_object({texts})::text FROM {self.table} AS t"
        ):
            found = json.loads(row, parse_float=reader.Number, parse_int=reader.Number)
            for kind, text in json.loads(odd).items():
                if text is not None and (text == "-0" or text.startswith("[")):
                    found[special[kind]] = text
            rows[key] = found
        if "doc" in self.columns:
            doc = self.columns["doc"]
            for (key,) in execute(f"SELECT id::text FROM {self.table} WHERE \"{doc}\" = 'null'"):
                rows[key][doc] = reader.JSON_NULL
        execute("RESET timezone; RESET intervalstyle")
        return rows

    def assert_replayed(self) -> None:
        """Assert that the trail tells of each row all that it can have: all but what was added since."""
        added = {self.columns[kind] for kind in self.added if kind in self.columns}
        told, rows = read(self.table), self.stored()
        assert set(told) == set(rows)
        for key, row in rows.items():
            assert set(row) - set(told[key]) <= added
            assert told[key] == {column: row[column] for column in told[key]}


@contextmanager
def plain_connection() -> Iterator[Any]:
    """The connection of the test without what Django makes of it."""
    connection.ensure_connection()
    raw = connection.connection
    before = raw.cursor_factory, raw.row_factory
    raw.cursor_factory, raw.row_factory = psycopg.Cursor, psycopg.rows.tuple_row
    try:
        yield raw
    finally:
        raw.cursor_factory, raw.row_factory = before


def read(table: str) -> dict[str, dict[str, Any]]:
    with plain_connection() as raw:
        return reader.replay(raw, table)


class Writes:
    """Random statements on the table of a project."""

    def __init__(self, chance: random.Random, project: Project) -> None:
        self.chance = chance
        self.project = project
        self.nested = chance.random() < 0.6
        # Keys can be passed on from row to row only where they are compared in the end, and an
        # upsert cannot go by such a key.
        self.deferrable = chance.random() < 0.7

    def prepare(self) -> None:
        """Add what the table has besides its capture: a key to pass on, a trigger that writes again."""
        table, chance = self.project.table, self.chance
        if self.deferrable:
            execute(
                f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey;"
                f"ALTER TABLE {table} ADD PRIMARY KEY (id) DEFERRABLE INITIALLY IMMEDIATE"
            )
        if self.nested:
            self.nested_function()
            execute(
                f"CREATE TRIGGER {chance.choice('az')}_again AFTER INSERT OR UPDATE OR DELETE ON {table}"
                f" FOR EACH {chance.choice(['ROW', 'STATEMENT'])} EXECUTE FUNCTION again()"
            )

    def nested_function(self) -> None:
        """Write the function of the trigger of others for the names of now."""
        table, columns = self.project.table, self.project.columns
        a, b, n = (columns.get(kind) for kind in "abn")
        statements = ["UPDATE {t} AS own SET id = id + 100 WHERE id = 3 AND {free}"]
        if b:
            statements.append(f"UPDATE {{t}} SET \"{b}\" = 'again' WHERE id = 2")
        if a and n:
            statements.append(f'DELETE FROM {{t}} WHERE "{n}" = 1 AND "{a}" IS NULL')
        if n:
            statements.append(
                f'INSERT INTO {{t}} (id, "{n}") SELECT 5, 9 WHERE NOT EXISTS (SELECT FROM {{t}} WHERE id = 5)'
            )
        free = f"NOT EXISTS (SELECT FROM {table} AS other WHERE other.id = own.id + 100)"
        again = "; ".join(s.format(t=table, free=free) for s in self.chance.sample(statements, 1))
        execute(
            "CREATE OR REPLACE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF pg_trigger_depth() < 3 THEN {again}; END IF; RETURN NULL; END $$"
        )

    def write(self) -> None:
        """Execute a statement; some are rolled back, as are those that break a constraint."""
        with suppress(IntegrityError), transaction.atomic():
            execute(self.statement())
            if self.chance.random() < 0.15:
                transaction.set_rollback(True)

    def statement(self) -> str:
        chance, columns, t = self.chance, self.project.columns, self.project.table

        def value(kind: str) -> str:
            return chance.choice(KINDS[kind][1]) or "NULL"

        key = chance.randint(1, 6)
        some = chance.sample(sorted(columns), 3)
        assigned = ", ".join(f'"{columns[c]}" = {value(c)}' for c in some)
        listed = ", ".join(f'"{columns[c]}"' for c in some)
        given = ", ".join(value(c) for c in some)
        fresh = f"NOT EXISTS (SELECT FROM {t} AS own WHERE own.id = s.n)"
        found = [
            f"INSERT INTO {t} (id, {listed}) SELECT n, {given} FROM generate_series(1, 6) AS s (n) WHERE {fresh}",
            f"INSERT INTO {t} (id, {listed}) SELECT n, {given} FROM generate_series({key}, {key}) AS s (n) WHERE {fresh}",
            f"UPDATE {t} SET {assigned}",
            f"UPDATE {t} SET {assigned} WHERE id = {key}",
            f"DELETE FROM {t} WHERE id = {key}",
            f"DELETE FROM {t} WHERE id > {key}",
            f"UPDATE {t} SET id = 200 + (SELECT max(id) FROM {t}), {assigned} WHERE id = {key}",
        ]
        if chance.random() < 0.1:
            found = [f"TRUNCATE {t}"]
        if not self.deferrable:
            found.append(
                f"INSERT INTO {t} (id, {listed}) VALUES ({key}, {given}), ({key + 7}, {given})"
                f" ON CONFLICT (id) DO UPDATE SET {assigned}"
            )
        else:
            found += [
                f"UPDATE {t} SET id = 7 - id",
                f"UPDATE {t} SET id = id + 1",
                f"UPDATE {t} SET id = id - 1, {assigned} WHERE id > 0",
                (
                    f"MERGE INTO {t} AS own USING (SELECT id FROM {t} UNION SELECT {key}) AS s ON own.id = s.id"
                    f" WHEN MATCHED AND s.id = {key} THEN DELETE"
                    f" WHEN MATCHED AND s.id > {key} THEN UPDATE SET id = own.id - 1"
                    f" WHEN NOT MATCHED THEN INSERT (id, {listed}) VALUES (s.id, {given})"
                ),
                (
                    f"MERGE INTO {t} AS own USING (SELECT id FROM {t} UNION SELECT -1) AS s ON own.id = s.id"
                    f" WHEN MATCHED THEN UPDATE SET id = own.id + 1, {assigned}"
                    f" WHEN NOT MATCHED THEN INSERT (id, {listed})"
                    f" VALUES ((SELECT min(id) FROM {t}), {given})"
                ),
            ]
        return chance.choice(found)


def change_columns(chance: random.Random, project: Project) -> None:
    """Rename, swap, drop or add columns, or reuse the name of one that is gone."""
    columns, table = project.columns, project.table
    texts = sorted(set("abc") & set(columns))
    kind = chance.choice(sorted(columns))
    match chance.choice(["rename", "swap", "drop", "reuse", "table"]):
        case "rename":
            fresh = f"{kind}{chance.randint(1, 999)}"
            execute(f'ALTER TABLE {table} RENAME "{columns[kind]}" TO "{fresh}"')
            columns[kind] = fresh
        case "swap" if len(texts) > 1:
            one, other = chance.sample(texts, 2)
            for old, new in (
                (columns[one], "between"),
                (columns[other], columns[one]),
                ("between", columns[other]),
            ):
                execute(f'ALTER TABLE {table} RENAME "{old}" TO "{new}"')
            columns[one], columns[other] = columns[other], columns[one]
        case "drop" if len(columns) > 8:
            execute(f'ALTER TABLE {table} DROP "{columns.pop(kind)}"')
        case "reuse":
            # A new column of this kind, called as the one that is dropped.
            name = columns[kind]
            sql_type = KINDS[kind][0]().db_type(connection)
            execute(f'ALTER TABLE {table} DROP "{name}"')
            execute(f'ALTER TABLE {table} ADD "{name}" {sql_type}')
            project.added.add(kind)
        case "table":
            former = project.table
            project.model_name = f"Thing{chance.randint(1, 9999)}"
            execute(f"ALTER TABLE {former} RENAME TO {project.table}")


def play(seed: int, level: Any, declarations: str) -> None:
    chance = random.Random(f"{seed} {level} {declarations}")
    project = Project(level=level, declarations=declarations)
    writes = Writes(chance, project)
    with project.released(create=True):
        writes.prepare()
        execute(f"ALTER TABLE {project.table} DISABLE TRIGGER USER")
        execute(f"INSERT INTO {project.table} (id, a) VALUES (1, 'older'), (4, NULL), (20, 'x')")
        execute(f"ALTER TABLE {project.table} ENABLE TRIGGER USER")
        installation.install()
        backfill(project.model)
        for _ in range(10):
            writes.write()
        project.assert_replayed()
    for _ in range(3):
        change_columns(chance, project)
        with project.released():
            if writes.nested:
                writes.nested_function()
            installation.install()
            for _ in range(7):
                writes.write()
            project.assert_replayed()
    assert execute("SELECT count(*) > 5 FROM pgaudit_log_event") == [(True,)]


LEVELS = pytest.mark.parametrize("level", [pgaudit_log.Statement, pgaudit_log.Row], ids=str)


@pytest.fixture
def committed(transactional_db: None) -> Iterator[None]:
    yield
    for (table,) in execute("SELECT relname FROM pg_class WHERE relname ~ '^shop_thing[0-9]*$'"):
        execute(f"DROP TABLE {table}")
    execute("DROP FUNCTION IF EXISTS again()")


@pytest.mark.slow
@pytest.mark.everywhere
@LEVELS
@pytest.mark.parametrize("declarations", ["one", "two"])
@pytest.mark.parametrize("seed", range(int(os.environ.get("FORMAT_SEEDS", "3"))))
def test_it_replays_random_histories(level: Any, declarations: str, seed: int) -> None:
    play(seed, level, declarations)


@pytest.mark.slow
@pytest.mark.everywhere
@LEVELS
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("declarations", ["one", "two"])
def test_it_replays_a_history_of_many_transactions(level: Any, declarations: str) -> None:
    play(1000, level, declarations)
    assert execute("SELECT count(DISTINCT txid) > 10 FROM pgaudit_log_event") == [(True,)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("committed")
def test_a_row_whose_deletion_was_not_captured_is_replaced_by_the_next() -> None:
    with Project().released(create=True):
        execute("INSERT INTO shop_thing (id, a) VALUES (1, 'lost')")
        execute("ALTER TABLE shop_thing DISABLE TRIGGER USER")
        execute("DELETE FROM shop_thing")
        execute("ALTER TABLE shop_thing ENABLE TRIGGER USER")
        execute("INSERT INTO shop_thing (id, a) VALUES (1, 'next')")
        execute("DELETE FROM shop_thing")
        assert read("shop_thing") == {}


def test_it_reads_renamed_and_reused_names() -> None:
    project = Project()
    with project.released(create=True):
        execute(f"INSERT INTO shop_thing (id, a, b, body) VALUES (1, 'a', 'b', '{LONG}')")
        execute("INSERT INTO shop_thing (id, a, b, body) VALUES (2, 'x', 'y', 'z')")
    for old, new in (("a", "between"), ("b", "a"), ("between", "b")):
        execute(f"ALTER TABLE shop_thing RENAME COLUMN {old} TO {new}")
    with project.released():
        execute("UPDATE shop_thing SET n = 1 WHERE id = 1")
    assert read("shop_thing")["2"]["a"] == "y"
    execute("ALTER TABLE shop_thing RENAME TO shop_other")
    with Project().released(create=True):
        execute("INSERT INTO shop_thing (id, a) VALUES (1, 'another table')")
    assert {key: row["a"] for key, row in read("shop_other").items()} == {"1": "b", "2": "y"}
    assert {key: row["a"] for key, row in read("shop_thing").items()} == {"1": "another table"}


def test_it_finds_a_table_of_a_restored_copy_by_its_name() -> None:
    with Project().released(create=True):
        execute("INSERT INTO shop_thing (id, a) VALUES (1, 'one')")
    # Another table of the dump had the oid that the table has here.
    execute(
        "UPDATE pgaudit_log_table SET database = '1/1', relation = CASE name"
        " WHEN 'public.shop_thing' THEN 1 ELSE 'shop_thing'::regclass END"
    )
    assert read("shop_thing")["1"]["a"] == "one"


@LEVELS
def test_a_baseline_adds_to_the_row_that_another_declaration_told_of(level: Any) -> None:
    project = Project(level=level, declarations="two")
    both, project.declarations = project.declarations, project.declarations[:1]
    with project.released(create=True):
        execute("INSERT INTO shop_thing (id, a, c) VALUES (1, 'one', 'unknown as yet')")
    assert "c" not in read("shop_thing")["1"]
    project.declarations = both
    with project.released() as model:
        backfill(model)
        project.assert_replayed()
    assert read("shop_thing")["1"]["c"] == "unknown as yet"


@LEVELS
def test_the_row_that_a_moving_one_displaces_may_be_unknown(level: Any) -> None:
    project = Project(level=level)
    with project.released(create=True):
        Writes(random.Random(5), project).prepare()
        execute("ALTER TABLE shop_thing DROP CONSTRAINT shop_thing_pkey")
        execute("ALTER TABLE shop_thing ADD PRIMARY KEY (id) DEFERRABLE")
        execute("INSERT INTO shop_thing (id, a) VALUES (1, 'known')")
        execute("ALTER TABLE shop_thing DISABLE TRIGGER USER")
        execute("INSERT INTO shop_thing (id, a) VALUES (2, 'older')")
        execute("ALTER TABLE shop_thing ENABLE TRIGGER USER")
        execute("UPDATE shop_thing SET id = id + 1")
        project.assert_replayed()


def test_long_keys_are_those_of_the_events() -> None:
    long = "ä:" * 400
    with isolated():
        model = make("Thing", id=models.TextField(primary_key=True), n=models.IntegerField())
        pgaudit_log.track(*EVERYTHING)(model)
        install(model)
        execute(f"INSERT INTO shop_thing VALUES ('{long}', 1), ('{long}!', 2)")
        execute(f"UPDATE shop_thing SET id = '{long}?' WHERE n = 1")
        execute("UPDATE shop_thing SET n = 7")
        rows = read("shop_thing")
        assert {row["id"] for row in rows.values()} == {f"{long}?", f"{long}!"}
        digests = {hashlib.sha256(row["id"].encode()).hexdigest() for row in rows.values()}
        assert set(rows) == {f"{long[:440]} {digest}" for digest in digests}
        uninstall(model)


def test_it_resolves_large_values() -> None:
    project = Project()
    with project.released(create=True):
        execute(f"INSERT INTO shop_thing (id, body, n) VALUES (1, '{LONG}', 0)")
        execute("UPDATE shop_thing SET n = n + 1; UPDATE shop_thing SET n = n + 1, id = 2")
        assert execute(
            "SELECT count(*) FROM pgaudit_log_event WHERE snapshot #>> '{body,pgaudit_log.at,key}' = 'body'"
        ) == [(2,)]
        project.assert_replayed()


@pytest.mark.parametrize(
    ("stored", "value"),
    [
        ('{"pgaudit_log.json": null}', "JSON_NULL"),
        ('{"pgaudit_log.masked": 1}', None),
        ('{"pgaudit_log.erased": "x"}', None),
        (
            '{"pgaudit_log.at": {"id": 1, "created_at": "2024-01-01T00:00:00+00:00", "key": "a"}}',
            None,
        ),
    ],
)
def test_what_is_unknown_is_not_null(stored: str, value: str | None) -> None:
    with Project().released(create=True):
        execute("INSERT INTO shop_thing (id, a) VALUES (1, 'was known')")
        execute(
            "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, shape, snapshot, diff)"
            " SELECT model, obj_pk, 'update', 'U', shape, snapshot || jsonb_build_object('a', %s::jsonb),"
            "  jsonb_build_object('a', jsonb_build_array('was known'::text, %s::jsonb))"
            " FROM pgaudit_log_event",
            [stored, stored],
        )
        row = read("shop_thing")["1"]
        assert row.get("a", "unknown") == (getattr(reader, value) if value else "unknown")


@pytest.mark.parametrize("level", [pgaudit_log.Statement, pgaudit_log.Row], ids=str)
def test_rows_that_a_trigger_before_an_insert_replaces(level: Any) -> None:
    project = Project(level=level)
    with project.released(create=True):
        replace_rows()
        execute("INSERT INTO shop_thing (id, a) VALUES (1, 'first')")
        execute("INSERT INTO shop_thing (id, a) VALUES (1, 'second')")
        project.assert_replayed()


def replace_rows() -> None:
    """Let an insertion replace the row of its key; and let others write after it, so turns are taken."""
    execute(
        "CREATE FUNCTION replaces() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN DELETE FROM shop_thing WHERE id = NEW.id; RETURN NEW; END $$;"
        "CREATE TRIGGER replaces BEFORE INSERT ON shop_thing"
        " FOR EACH ROW EXECUTE FUNCTION replaces();"
        "CREATE FUNCTION writes_nothing() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RETURN NULL; END $$;"
        "CREATE TRIGGER writes_nothing AFTER INSERT ON shop_thing"
        " FOR EACH ROW EXECUTE FUNCTION writes_nothing()"
    )
    installation.install()


def test_it_tells_who_wrote() -> None:
    with Project().released(create=True):
        with pgaudit_log.context(user=7, role="a claim"):
            execute("INSERT INTO shop_thing (id) VALUES (1)")
        execute("INSERT INTO shop_thing (id) VALUES (2)")
        [(role,)] = execute("SELECT session_user::text")
        with plain_connection() as raw:
            first, second = reader.writers(raw)
        assert (first.observed, first.claimed) == ({"role": role}, {"user": 7, "role": "a claim"})
        assert second.claimed is None
        assert second.observed["role"] == role
        assert set(second.observed) <= {"role", "set_role", "application", "address"}


def write_again_before(fires_after: bool) -> None:
    """Let a trigger BEFORE the update of row 2 write row 1 again, which the statement has written."""
    execute(
        "CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.id = 2 AND pg_trigger_depth() < 2 THEN"
        " UPDATE shop_thing SET b = 'again' WHERE id = 1; END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER again BEFORE UPDATE ON shop_thing FOR EACH ROW EXECUTE FUNCTION again()"
    )
    if fires_after:
        execute(
            "CREATE TRIGGER nothing AFTER UPDATE ON shop_thing FOR EACH ROW"
            " EXECUTE FUNCTION again()"
        )
    installation.install()


@pytest.mark.slow
@pytest.mark.everywhere
@LEVELS
@pytest.mark.parametrize(
    "fires_after",
    [True, False],
    ids=["with an AFTER trigger", "without"],
)
def test_rows_that_a_trigger_before_an_update_writes_again(level: Any, fires_after: bool) -> None:
    project = Project(level=level)
    with project.released(create=True):
        execute("INSERT INTO shop_thing (id) VALUES (1), (2)")
        write_again_before(fires_after)
        execute("UPDATE shop_thing SET b = 'outer'")
        assert execute("SELECT id, b FROM shop_thing ORDER BY id") == [(1, "again"), (2, "outer")]
        project.assert_replayed()


@pytest.mark.parametrize("option", ["mask", "mask_hash"])
def test_a_masked_column_is_unknown_and_the_rest_is_replayed(option: str) -> None:
    with isolated():
        model = make("Thing", a=models.TextField(), secret=models.TextField(null=True))
        pgaudit_log.track(*EVERYTHING, **{option: ["secret"]})(model)
        install(model)
        execute("INSERT INTO shop_thing (id, a, secret) VALUES (1, 'a', 'x'), (2, 'b', NULL)")
        execute("UPDATE shop_thing SET secret = 'y', id = id + 10")
        execute("UPDATE shop_thing SET a = a || '!' WHERE id = 12")
        execute("UPDATE shop_thing SET secret = NULL")
        rows = read("shop_thing")
        assert rows.keys() == {"11", "12"}
        assert [(row["a"], "secret" in row) for row in rows.values()] == [
            ("a", False),
            ("b!", False),
        ]
        uninstall(model)
