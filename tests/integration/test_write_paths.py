"""The matrix: each path of writing, at both levels and in both binding modes, exactly once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pgtrigger
import pytest
from django.db import connection, models
from django.db.backends.postgresql.psycopg_any import is_psycopg3
from django.db.models import Case, F, Value, When

import pgaudit_log
from pgaudit_log.contexts.connection_hooks import install as carry_contexts
from pgaudit_log.database import leaf_triggers
from pgaudit_log.models import Events
from pgaudit_log.testing import isolated
from tests.support import copy_in, execute, last_id, trail
from tests.tables import EVERYTHING, tracked_table

pytestmark = pytest.mark.django_db

Path = Callable[[Any], object]

WRITES: dict[str, tuple[Path, list[Any]]] = {
    "create": (lambda m: m.objects.create(id=9, n=9), [("I", "9", None)]),
    "save of a new row": (lambda m: m(id=9, n=9).save(force_insert=True), [("I", "9", None)]),
    "save of a row": (lambda m: m(id=1, n=7).save(), [("U", "1", {"n": [1, 7]})]),
    "save of one field": (
        lambda m: m(id=1, n=7).save(update_fields=["n"]),
        [("U", "1", {"n": [1, 7]})],
    ),
    "save of the same": (lambda m: m(id=1, n=1).save(), []),
    "get_or_create": (
        lambda m: m.objects.get_or_create(id=9, defaults={"n": 9}),
        [("I", "9", None)],
    ),
    "update_or_create, new": (
        lambda m: m.objects.update_or_create(id=9, defaults={"n": 9}),
        [("I", "9", None)],
    ),
    "update_or_create, old": (
        lambda m: m.objects.update_or_create(id=1, defaults={"n": 9}),
        [("U", "1", {"n": [1, 9]})],
    ),
    "bulk_create": (
        lambda m: m.objects.bulk_create([m(id=8, n=8), m(id=9, n=9)]),
        [("I", "8", None), ("I", "9", None)],
    ),
    "bulk_create, conflicts ignored": (
        lambda m: m.objects.bulk_create([m(id=1, n=8), m(id=9, n=9)], ignore_conflicts=True),
        [("I", "9", None)],
    ),
    "bulk_create, conflicts updated": (
        lambda m: m.objects.bulk_create(
            [m(id=1, n=8), m(id=2, n=2), m(id=9, n=9)],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["n"],
        ),
        [("I", "9", None), ("U", "1", {"n": [1, 8]})],
    ),
    "bulk_update": (
        lambda m: m.objects.bulk_update([m(id=1, n=2), m(id=2, n=2), m(id=3, n=5)], ["n"]),
        [("U", "1", {"n": [1, 2]}), ("U", "3", {"n": [3, 5]})],
    ),
    "update": (lambda m: m.objects.filter(id__lt=3).update(n=2), [("U", "1", {"n": [1, 2]})]),
    "update with F": (
        lambda m: m.objects.filter(id=2).update(n=F("n") * 10),
        [("U", "2", {"n": [2, 20]})],
    ),
    "update with Case": (
        lambda m: m.objects.update(n=Case(When(id=1, then=Value(5)), default=F("n"))),
        [("U", "1", {"n": [1, 5]})],
    ),
    "update of nothing": (lambda m: m.objects.filter(id=99).update(n=2), []),
    "delete": (lambda m: m.objects.get(id=1).delete(), [("D", "1", None)]),
    "delete of many": (
        lambda m: m.objects.filter(id__lt=3).delete(),
        [("D", "1", None), ("D", "2", None)],
    ),
    "raw insert": (lambda m: execute("INSERT INTO shop_path VALUES (9, 9)"), [("I", "9", None)]),
    "raw update": (
        lambda m: execute("UPDATE shop_path SET n = %s WHERE id = %s", [5, 1]),
        [("U", "1", {"n": [1, 5]})],
    ),
    "raw delete": (lambda m: execute("DELETE FROM shop_path WHERE id = 1"), [("D", "1", None)]),
    "insert … select": (
        lambda m: execute("INSERT INTO shop_path SELECT id + 10, n FROM shop_path WHERE id < 3"),
        [("I", "11", None), ("I", "12", None)],
    ),
    "copy": (
        lambda m: copy_in("COPY shop_path FROM STDIN", "8\t8\n9\t9\n"),
        [("I", "8", None), ("I", "9", None)],
    ),
    "merge": (
        lambda m: execute(
            "MERGE INTO shop_path AS p USING (VALUES (1, 5), (2, 0), (9, 9)) AS v (id, n) ON p.id = v.id"
            " WHEN MATCHED AND v.n = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET n = v.n"
            " WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.n)"
        ),
        [("D", "2", None), ("I", "9", None), ("U", "1", {"n": [1, 5]})],
    ),
    "upsert": (
        lambda m: execute(
            "INSERT INTO shop_path VALUES (1, 5), (9, 9) ON CONFLICT (id) DO UPDATE SET n = excluded.n"
        ),
        [("I", "9", None), ("U", "1", {"n": [1, 5]})],
    ),
    "upsert that does nothing": (
        lambda m: execute("INSERT INTO shop_path VALUES (1, 5) ON CONFLICT DO NOTHING"),
        [],
    ),
    "upsert whose update is filtered out": (
        lambda m: execute(
            "INSERT INTO shop_path VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET n = 5 WHERE false"
        ),
        [],
    ),
    "two updates in one statement": (
        lambda m: execute(
            "WITH a AS (UPDATE shop_path SET n = 5 WHERE id = 1 RETURNING 1),"
            " b AS (UPDATE shop_path SET n = 6 WHERE id = 2 RETURNING 1) SELECT FROM a, b"
        ),
        [("U", "1", {"n": [1, 5]}), ("U", "2", {"n": [2, 6]})],
    ),
    "a move by delete and insert in one statement": (
        lambda m: execute(
            "WITH gone AS (DELETE FROM shop_path WHERE id = 1 RETURNING id, n)"
            " INSERT INTO shop_path SELECT id + 10, n FROM gone"
        ),
        [("D", "1", None), ("I", "11", None)],
    ),
    "a function in a select": (
        lambda m: execute(
            "CREATE FUNCTION pg_temp.write_path() RETURNS void LANGUAGE sql AS 'UPDATE shop_path SET n = 5 WHERE id = 1';"
            "SELECT pg_temp.write_path()"
        ),
        [("U", "1", {"n": [1, 5]})],
    ),
    "keys that are swapped": (
        lambda m: execute("UPDATE shop_path SET id = 4 - id WHERE id IN (1, 3)"),
        [("U", "1", {"id": [3, 1]}), ("U", "3", {"id": [1, 3]})],
    ),
    "a key that is changed": (
        lambda m: execute("UPDATE shop_path SET id = 9 WHERE id = 1"),
        [("U", "9", {"id": [1, 9]})],
    ),
    "truncate": (lambda m: execute("TRUNCATE shop_path"), [("T", None, None)]),
}


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    with isolated():
        yield


@pytest.fixture(params=["client-side", "server-side"])
def binding(request: pytest.FixtureRequest, db: None) -> Iterator[None]:
    raw = connection.connection
    factory = raw.cursor_factory
    if request.param == "server-side":
        if not is_psycopg3:
            pytest.skip("psycopg 2 always merges parameters itself")
        from django.db.backends.postgresql.base import ServerBindingCursor

        raw.cursor_factory = ServerBindingCursor
        carry_contexts(connection)
    yield
    raw.cursor_factory = factory


def path_table(**meta: Any) -> Any:
    """Return a tracked table whose key's constraint is checked at the end of a statement."""
    model = tracked_table(
        "Path",
        *EVERYTHING,
        id=models.IntegerField(primary_key=True),
        n=models.IntegerField(),
        **meta,
    )
    execute("INSERT INTO shop_path VALUES (1, 1), (2, 2), (3, 3)")
    return model


def in_order(events: list[Any]) -> list[Any]:
    return sorted(events, key=repr)


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.usefixtures("binding")
@pytest.mark.parametrize("level", ["STATEMENT", "ROW"])
@pytest.mark.parametrize("path", WRITES)
def test_a_write_leaves_exactly_its_events(path: str, level: str, settings: Any) -> None:
    settings.PGAUDIT_LOG_LEVEL = level
    model = path_table()
    if "swapped" in path:
        # Otherwise PostgreSQL refuses the swap half-way.
        execute(
            "ALTER TABLE shop_path DROP CONSTRAINT shop_path_pkey,"
            " ADD CONSTRAINT later PRIMARY KEY (id) DEFERRABLE INITIALLY DEFERRED"
        )
    start = last_id()
    write, expected = WRITES[path]
    with pgaudit_log.context(path=path):
        write(model)
    assert in_order(trail(after=start)) == in_order(expected)
    assert all(
        event.pgh_context == {"path": path} for event in Events.objects.filter(pgh_id__gt=start)
    )


@pytest.fixture(params=["STATEMENT", "ROW"])
def partitioned(request: pytest.FixtureRequest, settings: Any, db: None) -> Any:
    """Return a tracked table that is partitioned by ``n``, with a leaf below 10 and one above."""
    settings.PGAUDIT_LOG_LEVEL = request.param
    from tests.tables import install, make

    model = make("Path", id=models.IntegerField(primary_key=True), n=models.IntegerField())
    pgaudit_log.track(*EVERYTHING)(model)
    execute(
        "CREATE TABLE shop_path (id integer, n integer, PRIMARY KEY (id, n)) PARTITION BY RANGE (n)"
    )
    execute("CREATE TABLE shop_path_low PARTITION OF shop_path FOR VALUES FROM (0) TO (10)")
    execute("CREATE TABLE shop_path_high PARTITION OF shop_path FOR VALUES FROM (10) TO (1000)")
    install(model, create=False)
    leaf_triggers.install_leaf_triggers("default")
    execute("INSERT INTO shop_path VALUES (1, 1), (2, 2)")
    return model


def test_a_row_that_moves_between_partitions(partitioned: Any, settings: Any) -> None:
    start = last_id()
    execute("UPDATE shop_path SET n = n + 10")
    moved = [("U", "1", {"n": [1, 11]}), ("U", "2", {"n": [2, 12]})]
    # Row by row PostgreSQL makes a deletion and an insert of a move.
    row_by_row = [("D", "1", None), ("D", "2", None), ("I", "1", None), ("I", "2", None)]
    expected = moved if settings.PGAUDIT_LOG_LEVEL == "STATEMENT" else row_by_row
    assert in_order(trail(after=start)) == expected


def test_rows_written_straight_into_a_leaf(partitioned: Any) -> None:
    start = last_id()
    execute("INSERT INTO shop_path_low VALUES (3, 3)")
    execute("UPDATE shop_path_low SET n = 4 WHERE id = 3")
    execute("DELETE FROM shop_path_low WHERE id = 3")
    execute("INSERT INTO shop_path VALUES (5, 5)")
    assert trail(after=start) == [
        ("I", "3", None),
        ("U", "3", {"n": [3, 4]}),
        ("D", "3", None),
        ("I", "5", None),
    ]


def test_a_leaf_that_is_truncated(partitioned: Any) -> None:
    start = last_id()
    execute("TRUNCATE shop_path_low")
    assert trail(after=start) == [("T", None, None)]


@pytest.mark.parametrize("partitioned", ["STATEMENT"], indirect=True)
def test_a_new_leaf_is_reported_and_then_captured(partitioned: Any) -> None:
    from django.core.checks import run_checks

    execute("CREATE TABLE shop_path_more PARTITION OF shop_path FOR VALUES FROM (1000) TO (2000)")
    [message] = [m for m in run_checks(databases=["default"]) if m.id == "pgaudit_log.W004"]
    assert "shop_path_more" in message.msg
    assert leaf_triggers.install_leaf_triggers("default") == ["shop_path_more"]
    assert leaf_triggers.leaves_without_triggers("default") == []
    start = last_id()
    execute("INSERT INTO shop_path_more VALUES (1, 1500)")
    assert trail(after=start) == [("I", "1", None)]


@pytest.mark.parametrize("partitioned", ["STATEMENT"], indirect=True)
def test_a_leafs_trigger_is_ignored_with_its_tables(partitioned: Any) -> None:
    start = last_id()
    with pgtrigger.ignore("shop.Path:audit_insert"):
        execute("INSERT INTO shop_path_low VALUES (3, 3)")
        execute("INSERT INTO shop_path VALUES (4, 4)")
    assert trail(after=start) == []


@pytest.mark.parametrize("partitioned", ["STATEMENT"], indirect=True)
def test_django_pgtrigger_leaves_the_triggers_of_leaves_alone(partitioned: Any) -> None:
    from pgtrigger.installation import prunable

    assert [name for _, name, *_ in prunable() if "leaf" in name] == []


def test_a_table_without_a_primary_key_is_an_error() -> None:
    from django.core.checks import run_checks

    path_table()
    execute("ALTER TABLE shop_path DROP CONSTRAINT shop_path_pkey")
    messages = [m for m in run_checks(databases=["default"]) if m.id == "pgaudit_log.E005"]
    assert [m.msg.partition(" is tracked")[0] for m in messages] == ["shop.Path"]


@pytest.mark.parametrize("level", ["STATEMENT", "ROW"])
def test_a_cascade_of_the_database(level: str, settings: Any) -> None:
    settings.PGAUDIT_LOG_LEVEL = level
    path_table()
    tracked_table("Step", id=models.IntegerField(primary_key=True), path_id=models.IntegerField())
    execute(
        "ALTER TABLE shop_step ADD FOREIGN KEY (path_id) REFERENCES shop_path ON DELETE CASCADE ON UPDATE CASCADE"
    )
    execute("INSERT INTO shop_step VALUES (7, 1), (8, 1), (9, 2)")
    start = last_id()
    execute("UPDATE shop_path SET id = 5 WHERE id = 1")
    execute("DELETE FROM shop_path WHERE id = 5")
    assert in_order(trail(after=start)) == in_order(
        [
            ("U", "5", {"id": [1, 5]}),
            ("U", "7", {"path_id": [1, 5]}),
            ("U", "8", {"path_id": [1, 5]}),
            ("D", "5", None),
            ("D", "7", None),
            ("D", "8", None),
        ]
    )


def test_truncate_cascades_to_what_refers_to_the_table() -> None:
    path_table()
    tracked_table(
        "Step", *EVERYTHING, id=models.IntegerField(primary_key=True), path_id=models.IntegerField()
    )
    execute("ALTER TABLE shop_step ADD FOREIGN KEY (path_id) REFERENCES shop_path")
    start = last_id()
    execute("TRUNCATE shop_path CASCADE")
    events = Events.objects.filter(pgh_id__gt=start).values_list("pgh_obj_model", "pgh_operation")
    assert sorted(events) == [("shop.Path", "T"), ("shop.Step", "T")]


@pytest.mark.parametrize("level", ["STATEMENT", "ROW"])
@pytest.mark.parametrize("timing", ["BEFORE", "AFTER"])
def test_a_table_with_another_trigger_that_writes_again(
    level: str, timing: str, settings: Any
) -> None:
    settings.PGAUDIT_LOG_LEVEL = level
    path_table()
    body = {
        "BEFORE": "NEW.n := NEW.n * 10; RETURN NEW;",
        "AFTER": "UPDATE shop_path SET n = n + 100 WHERE id = NEW.id; RETURN NULL;",
    }[timing]
    execute(
        f"CREATE FUNCTION pg_temp.other() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {body} END$$"
    )
    execute(
        f"CREATE TRIGGER aaa {timing} UPDATE ON shop_path FOR EACH ROW"
        " WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION pg_temp.other()"
    )
    start = last_id()
    execute("UPDATE shop_path SET n = 5 WHERE id = 1")
    changes = [diff["n"] for _, _, diff in trail(after=start)]
    if timing == "BEFORE":
        assert changes == [[1, 50]]
    else:
        # Nested writes may be captured before the one that caused them; the chain holds.
        assert sorted(changes) == [[1, 5], [5, 105]]
