"""Installed in the open: all SQL is shown, half-way states are repaired, and zero leaves nothing behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgaudit_log import sql
from tests.projects import Project, project
from tests.stores import EVERYTHING, MODELS, WRITES

MIGRATION = Path(sql.__file__).parent.parent / "migrations" / "0001_initial"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path) as made:
        made.write("store/models.py", MODELS)
        made.manage("makemigrations", "store")
        yield made


def run_sql(store: Project, text: str) -> None:
    store.shell(f"from django.db import connection\nconnection.cursor().execute({text!r})")


def everything(store: Project) -> set[str]:
    """Return what there is in the database, but for what the tables of Django's own apps are."""
    printed = store.shell(
        "from django.db import connection\ncursor = connection.cursor()\n"
        f"cursor.execute({EVERYTHING!r})\n"
        "print(*('|'.join(row) for row in cursor.fetchall()), sep='\\n')"
    )
    return set(printed.splitlines())


@pytest.mark.slow
def test_all_sql_is_shown(store: Project) -> None:
    shown = store.manage("sqlmigrate", "pgaudit_log", "0001")
    for thing in sql.made(sql.template()):
        assert f" public.{thing.name}" in shown or f" {thing.name}\n" in shown
    assert "@schema@" not in shown
    assert "pgaudit_log_event_refs" in shown
    backwards = store.manage("sqlmigrate", "pgaudit_log", "0001", "--backwards")
    assert "DROP TABLE IF EXISTS public.pgaudit_log_event CASCADE" in backwards
    assert "@schema@" not in backwards
    assert "Run SQL on PostgreSQL" in store.manage("migrate", "--plan")


def test_what_is_made_is_what_is_dropped() -> None:
    made = sql.made(MIGRATION.with_suffix(".sql").read_text())
    migration = MIGRATION.with_suffix(".py").read_text()
    dropped = set(re.findall(r"^DROP (TABLE|FUNCTION) IF EXISTS @schema@\.(\w+)", migration, re.M))
    # Indexes and the DEFAULT partition go with the event table.
    assert dropped == {
        (thing.kind.upper(), thing.name)
        for thing in made
        if thing.kind != "index" and thing.name != "pgaudit_log_event_default"
    }


def test_the_migration_has_the_sql_of_the_package() -> None:
    assert MIGRATION.with_suffix(".sql").read_text() == sql.template()


@pytest.mark.slow
def test_zero_leaves_nothing_behind(store: Project) -> None:
    store.manage("migrate", "contenttypes")
    store.manage("migrate", "auth")
    before = everything(store)
    store.manage("migrate")
    assert store.shell(WRITES) != "0\n"
    store.manage("migrate", "store", "zero")
    store.manage("migrate", "pgaudit_log", "zero")
    left = everything(store) - before
    assert left == set()


@pytest.mark.slow
def test_zero_of_an_app_leaves_nothing_of_its_own(store: Project) -> None:
    store.manage("migrate", "contenttypes")
    store.manage("migrate", "auth")
    store.manage("migrate", "pgaudit_log")
    before = everything(store)
    store.manage("migrate", "store")
    store.manage("migrate", "store", "zero")
    left = {
        line for line in everything(store) - before if "_store_" in line or "pgtrigger_" in line
    }
    assert {line for line in left if not line.startswith("class|store_")} == set()
    assert not any("pgaudit_log_when_" in line for line in everything(store) - before)


@pytest.mark.slow
def test_a_faked_migration_is_repaired(store: Project) -> None:
    store.manage("migrate", "--fake", "pgaudit_log")
    printed = store.manage("pgaudit_log", "install")
    assert "Made the table pgaudit_log_event." in printed
    store.manage("migrate")
    assert store.shell(WRITES) == "4\n"
    assert store.manage("pgaudit_log", "install") == "Everything is in place.\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("DROP TABLE pgaudit_log_event CASCADE", "W005"),
        ("DROP TABLE pgaudit_log_shape CASCADE", "W005"),
        ("DROP FUNCTION pgaudit_log_context()", "W005"),
        ("DROP INDEX pgaudit_log_event_user", "W005"),
        (
            (
                "CREATE OR REPLACE FUNCTION pgaudit_log_txid() RETURNS bigint LANGUAGE sql"
                " AS 'SELECT 1::bigint'"
            ),
            "W005",
        ),
        ("ALTER TABLE pgaudit_log_event DISABLE TRIGGER pgaudit_log_refuse_change", "W005"),
        ("DROP TRIGGER pgaudit_log_refuse_truncate ON pgaudit_log_event_default", "W005"),
        ("DROP VIEW store_itemevent", "W002"),
        (
            (
                "DO $$ DECLARE t text; BEGIN FOR t IN SELECT inhrelid::regclass FROM pg_inherits"
                " WHERE inhparent = 'pgaudit_log_event'::regclass"
                " AND inhrelid <> 'pgaudit_log_event_default'::regclass"
                " LOOP EXECUTE 'DROP TABLE ' || t; END LOOP; END $$"
            ),
            "W008",
        ),
        (
            (
                "DO $$ DECLARE t text; BEGIN FOR t IN SELECT tgname FROM pg_trigger"
                " WHERE tgrelid = 'store_item'::regclass AND NOT tgisinternal"
                " LOOP EXECUTE format('DROP TRIGGER %I ON %I', t, 'store_item'); END LOOP; END $$"
            ),
            "W003",
        ),
    ],
    ids=lambda value: value[:40],
)
def test_what_is_missing_is_told_and_made(store: Project, broken: str, told: str) -> None:
    store.manage("migrate")
    expected = store.shell(WRITES)
    whole = everything(store)
    assert "no issues" in store.manage("check", "--database", "default")
    run_sql(store, broken)
    assert told in store.manage("check", "--database", "default")
    assert "Made the " in store.manage("pgaudit_log", "install")
    assert "no issues" in store.manage("check", "--database", "default")
    assert whole - everything(store) == set()
    assert store.shell(WRITES) == expected


@pytest.mark.slow
def test_before_the_first_migrate_install_says_what_to_do(store: Project) -> None:
    assert "Run migrate on it first" in store.manage("pgaudit_log", "install", fails=True)


@pytest.mark.slow
def test_a_trigger_whose_table_waits_for_a_migration_is_left(store: Project) -> None:
    store.manage("migrate")
    store.write(
        "store/models.py", MODELS.replace("friends =", "more = models.TextField()\n    friends =")
    )
    run_sql(store, "DROP TRIGGER " + one_trigger(store) + " ON store_item")
    assert "Made the trigger" not in store.manage("pgaudit_log", "install")


def one_trigger(store: Project) -> str:
    [found] = [
        line.split("|")[1]
        for line in everything(store)
        if line.startswith("trigger|pgtrigger_audit_insert") and line.endswith("|store_item")
    ][:1]
    return found


@pytest.mark.slow
def test_pgtriggers_install_takes_a_schema(store: Project) -> None:
    store.manage("migrate")
    expected = store.shell(WRITES)
    run_sql(store, "CREATE SCHEMA tenant")
    store.manage("pgtrigger", "install", "--schema", "public")
    store.manage("pgtrigger", "install")
    assert store.shell(WRITES) == expected
    printed = store.shell(
        """
        import pgtrigger
        from django.db import connection
        with pgtrigger.schema("tenant", "public"):
            for model, trigger in pgtrigger.registered():
                trigger.uninstall(model)
                trigger.install(model)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid"
                           " JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = 'tenant'")
            print(cursor.fetchone()[0] > 0)
        """
    )
    assert printed == "True\n"
    assert store.shell(WRITES) == expected
    store.manage("migrate", "store", "zero")
    store.manage("migrate", "pgaudit_log", "zero")
    assert not any("pgtrigger_audit" in line for line in everything(store))
