"""Whatever was changed by hand is told by name, and mended by ``install``: each object that is ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pgtrigger
import pytest
from django.core.checks import run_checks
from django.db import DatabaseError, models, transaction

import pgaudit_log
from pgaudit_log.capture_v1.template import condition_function
from pgaudit_log.database import event_table, installation, installed_captures
from pgaudit_log.database.installed_schema import GUARDS, KEPT, UPDATED
from pgaudit_log.database.partitions.calendar import period_at
from pgaudit_log.database.written_schema import functions, indexes, tables, template
from pgaudit_log.exceptions import InstallationError
from pgaudit_log.testing import isolated
from tests.shop.models import Customer, Order
from tests.support import execute, unguarded
from tests.tables import EVERYTHING, make, tracked_table
from tests.tables import install as install_tables

pytestmark = pytest.mark.django_db

EVENTS = "pgaudit_log_event"
NOW = datetime.now(timezone.utc)


def messages() -> dict[str, str]:
    """Return what the checks of the database say, by id."""
    return {str(m.id).rpartition(".")[2]: str(m.msg) for m in run_checks(databases=["default"])}


def definition(function: str) -> str:
    [(text,)] = execute("SELECT pg_get_functiondef(%s::regproc)", [function])
    return str(text)


def is_told_and_mended(id: str, *names: str) -> None:
    """Claim that one check, and no other, names objects, and that ``install`` mends them."""
    found = messages()
    # A capture that is none any more counts as a trigger of others, too.
    found.pop("W009", None) if id == "W011" else None
    assert found.keys() == {id}, found
    assert [name for name in names if not re.search(rf"{re.escape(name)}\b", found[id])] == []
    installation.repair("default")
    assert messages() == {}
    assert installation.repair("default") == installation.Report()


# Functions

FUNCTIONS = sorted(functions(template()))


def replaced_body(name: str) -> None:
    text = definition(name)
    execute(re.sub(r"(AS \$function\$)", r"\1\n--\n", text, count=1))


def returning_nothing(name: str) -> None:
    """Keep what it is called and what it gives, and let it do nothing."""
    [(result,)] = execute("SELECT pg_get_function_result(%s::regproc)", [name])
    is_row = result in ("record", "void") or result.startswith("TABLE")
    if functions(template())[name].language == "sql":
        body = f"SELECT NULL::{result}"
    else:
        body = "BEGIN RETURN; END" if is_row else "BEGIN RETURN NULL; END"
    execute(
        re.sub(
            r"AS \$function\$.*\$function\$",
            f"AS $function${body}$function$",
            definition(name),
            flags=re.S,
        )
    )


def altered(change: str) -> Any:
    return lambda name: execute(f"ALTER FUNCTION {name} {change}")


def toggled_definer(name: str) -> None:
    is_definer = functions(template())[name].is_definer
    execute(f"ALTER FUNCTION {name} SECURITY {'INVOKER' if is_definer else 'DEFINER'}")


def toggled_volatility(name: str) -> None:
    is_stable = functions(template())[name].volatility == "s"
    execute(f"ALTER FUNCTION {name} {'VOLATILE' if is_stable else 'STABLE'}")


FUNCTION_CHANGES = {
    "another body": replaced_body,
    "no path": altered("RESET search_path"),
    "another path": altered("SET search_path = public"),
    "another setting": altered("SET work_mem = '1MB'"),
    "other rights": toggled_definer,
    "another volatility": toggled_volatility,
}


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("change", FUNCTION_CHANGES)
def test_each_function_that_was_changed(change: str) -> None:
    for name in FUNCTIONS:
        FUNCTION_CHANGES[change](name)
    is_told_and_mended("W005", *(f"function {name}" for name in FUNCTIONS))


@pytest.mark.slow
def test_each_function_that_does_nothing() -> None:
    for name in FUNCTIONS:
        returning_nothing(name)
    is_told_and_mended("W005", *(f"function {name}" for name in FUNCTIONS))


# What is called by views or triggers cannot be dropped without them.
IN_USE = {"pgaudit_log_refuse_change", "pgaudit_log_is_valid", "pgaudit_log_numbers"}
DROPPED = [name for name in FUNCTIONS if name not in IN_USE]


@pytest.mark.slow
def test_each_function_that_was_dropped() -> None:
    execute(f"DROP FUNCTION {', '.join(DROPPED)}")
    is_told_and_mended("W005", *(f"function {name}" for name in DROPPED))


@pytest.mark.slow
def test_each_function_with_another_result() -> None:
    execute(f"DROP FUNCTION {', '.join(DROPPED)}")
    for name in DROPPED:
        arguments = functions(template())[name].arguments.split(", ")
        given = ", ".join(part for part in arguments if part[:4] != "OUT ")
        execute(
            f"CREATE FUNCTION {name}({given}) RETURNS TABLE (another text) LANGUAGE plpgsql AS 'BEGIN END'"
        )
    is_told_and_mended("W005", *(f"function {name}" for name in DROPPED))


def test_each_function_that_everybody_may_call() -> None:
    ours = [name for name, function in functions(template()).items() if not function.is_public]
    assert ours
    for name in ours:
        execute(f"GRANT EXECUTE ON FUNCTION {name} TO PUBLIC")
    is_told_and_mended("W005", *(f"function {name}" for name in ours))


def test_what_depends_on_a_function_that_has_to_be_made_anew_is_named() -> None:
    execute("DROP FUNCTION pgaudit_log_txid")
    execute("CREATE FUNCTION pgaudit_log_txid() RETURNS text LANGUAGE sql AS 'SELECT NULL::text'")
    execute("CREATE VIEW mine AS SELECT pgaudit_log_txid()")
    with pytest.raises(
        InstallationError, match="(?s)pgaudit_log_txid could not be mended: .*view mine.*aside"
    ):
        installation.repair("default")


def test_a_function_beside_ours_is_told() -> None:
    execute(
        "CREATE FUNCTION pgaudit_log_context(integer DEFAULT 1, OUT id uuid) LANGUAGE sql AS 'SELECT NULL::uuid'"
    )
    assert messages().keys() == {"W012"} and "pgaudit_log_context(integer)" in messages()["W012"]


# Guards


def relations() -> list[str]:
    """Return the event table and its partitions, this month's second."""
    rows = execute(
        f"SELECT relid::text FROM pg_partition_tree('{EVENTS}') ORDER BY level, relid::text"
    )
    return [name for (name,) in rows]


EMPTY = (
    "CREATE OR REPLACE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'"
)

GUARD_CHANGES = {
    "disabled": "ALTER TABLE {table} DISABLE TRIGGER {guard}",
    "for replicas": "ALTER TABLE {table} ENABLE REPLICA TRIGGER {guard}",
    "not for replicas": "ALTER TABLE {table} ENABLE TRIGGER {guard}",
    "all disabled": "ALTER TABLE {table} DISABLE TRIGGER ALL",
    "dropped": "DROP TRIGGER {guard} ON {table}",
    "emptied": "CREATE OR REPLACE TRIGGER {guard} {when} EXECUTE FUNCTION quiet()",
    "for some rows": (
        "CREATE OR REPLACE TRIGGER {guard} {when} WHEN (false)"
        " EXECUTE FUNCTION pgaudit_log_refuse_change()"
    ),
    "afterwards": (
        "DROP TRIGGER {guard} ON {table};"
        "CREATE TRIGGER {guard} AFTER TRUNCATE ON {table} EXECUTE FUNCTION pgaudit_log_refuse_change();"
        "ALTER TABLE {table} ENABLE ALWAYS TRIGGER {guard}"
    ),
}


GUARD_TIMES = {
    "pgaudit_log_refuse_change": "BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW",
    "pgaudit_log_refuse_truncate": "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT",
}


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("change", GUARD_CHANGES)
@pytest.mark.parametrize("guard", GUARDS)
def test_a_guard_that_was_changed(guard: str, change: str, customer: Customer) -> None:
    changed = []
    execute(EMPTY)
    # One month's partition is as another's.
    for table in (EVENTS, f"{EVENTS}_default", period_at(NOW, "month").table):
        when = GUARD_TIMES[guard].format(table=table)
        try:
            with transaction.atomic():
                execute(GUARD_CHANGES[change].format(table=table, guard=guard, when=when))
        except DatabaseError:
            # PostgreSQL lets nobody change a copy of the parent's trigger in this way.
            assert table != EVENTS and guard == "pgaudit_log_refuse_change"
            continue
        changed.append(f"{guard} on {table}")
    assert changed
    is_told_and_mended("W005", *changed)
    for statement in ("DELETE FROM {}", "UPDATE {} SET label = ''", "TRUNCATE {}"):
        for table in (EVENTS, period_at(NOW, "month").table):
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                execute("SET LOCAL session_replication_role = replica")
                execute(statement.format(table))


NAMES = [*KEPT, *UPDATED]
"""The tables that events are read with."""

FORGETTING = [
    *(f"DELETE FROM {name}" for name in NAMES),
    *(f"TRUNCATE {name} CASCADE" for name in NAMES),
    "UPDATE pgaudit_log_label SET label = 'a.' || table_id",
    "UPDATE pgaudit_log_shape SET columns = '{}'",
]


@pytest.mark.parametrize("statement", FORGETTING)
@pytest.mark.parametrize("role", ["origin", "replica"])
def test_what_events_are_read_with_is_kept(statement: str, role: str) -> None:
    execute("INSERT INTO pgaudit_log_horizon (model, since, last_id) VALUES ('a.A', now(), 1)")
    execute("INSERT INTO pgaudit_log_hold (model, reason) VALUES ('a.A', 'why')")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        execute(f"SET LOCAL session_replication_role = {role}")
        execute(statement)


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("change", ["not for replicas", "dropped", "emptied"])
def test_the_guards_of_names_that_were_changed(change: str) -> None:
    execute(EMPTY)
    for table in NAMES:
        for guard in GUARDS:
            when = GUARD_TIMES[guard].format(table=table)
            execute(GUARD_CHANGES[change].format(table=table, guard=guard, when=when))
    is_told_and_mended("W005", *(f"{guard} on {table}" for table in NAMES for guard in GUARDS))


# Tables and indexes


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize(
    "change",
    [
        "DROP INDEX {name}",
        "DROP INDEX {name}; CREATE INDEX {name} ON pgaudit_log_event (label)",
        "DROP INDEX {name}; CREATE INDEX {name} ON ONLY pgaudit_log_event (id, obj_pk)",
    ],
    ids=["dropped", "of other columns", "invalid"],
)
def test_each_index_that_was_changed(change: str) -> None:
    names = sorted(indexes(template()))
    for name in names:
        execute(change.format(name=name))
    is_told_and_mended("W005", *(f"index {name}" for name in names))


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("table", sorted(tables(template())))
def test_each_column_that_was_changed(table: str) -> None:
    written = tables(template())[table]
    defaults, required = [], []
    for name, column in written.columns.items():
        alter = f"ALTER TABLE {table} ALTER COLUMN {name}"
        in_key = any(name in on for kind, on in written.constraints if kind == "p")
        # The default of txid is the incarnation's: see test_numbers.
        if column.default is not None and (table, name) != (EVENTS, "txid"):
            execute(f"{alter} DROP DEFAULT")
            defaults.append(f"default of {table}.{name}")
        elif not column.identity and column.default is None:
            # This is a project's own affair.
            execute(f"{alter} SET DEFAULT NULL::{column.type}")
        if column.is_required and not in_key and not column.identity:
            execute(f"{alter} DROP NOT NULL")
            required.append(f"NOT NULL of {table}.{name}")
    if defaults or required:
        is_told_and_mended("W005", *defaults, *required)
    for name in written.columns:
        execute(f"ALTER TABLE {table} RENAME COLUMN {name} TO another_{name}")
    told = {fault.name: fault.is_mendable for fault in event_table.incomplete_schema("default")}
    for name in written.columns:
        assert told[f"column {table}.{name}"] is False


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize(
    ("table", "kind", "on"),
    [
        (table, *constraint)
        for table, found in tables(template()).items()
        for constraint in sorted(found.constraints)
    ],
)
def test_a_constraint_that_was_dropped(table: str, kind: str, on: tuple[str, ...]) -> None:
    [(name,)] = execute(
        "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = %s",
        [table, kind],
    )
    execute(f"ALTER TABLE {table} DROP CONSTRAINT {name} CASCADE")
    found = messages()
    assert "E007" in found and f"({', '.join(on)}) of {table}" in found["E007"]


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("name", sorted(tables(template()).keys() - {EVENTS}))
def test_a_table_that_is_not_logged(name: str) -> None:
    execute("ALTER TABLE pgaudit_log_column DROP CONSTRAINT pgaudit_log_column_table_id_fkey")
    execute("ALTER TABLE pgaudit_log_label DROP CONSTRAINT pgaudit_log_label_table_id_fkey")
    execute("ALTER TABLE pgaudit_log_shape DROP CONSTRAINT pgaudit_log_shape_table_id_fkey")
    execute(f"ALTER TABLE {name} SET UNLOGGED")
    assert f"table {name}, which is UNLOGGED" in messages()["E007"]


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize(
    "change", ["DROP TABLE {0}_default", "ALTER TABLE {0} DETACH PARTITION {0}_default"]
)
def test_a_default_partition_that_is_gone(change: str, customer: Customer) -> None:
    execute(
        "INSERT INTO pgaudit_log_event (created_at, model, label, operation) VALUES ('2001-01-01', 'm', 'l', 'M')"
    )
    execute(change.format(EVENTS))
    found = messages()
    assert "table pgaudit_log_event_default" in found["W005"]
    installation.repair("default")
    assert messages() == {}
    kept = execute("SELECT count(*) FROM pgaudit_log_event WHERE model = 'm'")
    assert kept == [("DETACH" in change,)]


def test_a_partition_that_was_detached_is_told() -> None:
    [name] = [name for name in relations() if name == period_at(NOW, "month").table]
    execute(f"ALTER TABLE {EVENTS} DETACH PARTITION {name}")
    assert messages().keys() == {"W008"}
    with pytest.raises(InstallationError, match=f"{name} cannot be made.*Attach it"):
        installation.repair("default")


# What others put there

STRANGERS = {
    "trigger": (
        "CREATE TRIGGER spy_on_{table} AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION quiet()",
        "trigger spy_on_{table} on",
    ),
    "rule": ("CREATE RULE swallow AS ON INSERT TO {table} DO INSTEAD NOTHING", "rule swallow on"),
    "disabled trigger": (
        (
            "CREATE TRIGGER spy_on_{table} AFTER INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION quiet();"
            "ALTER TABLE {table} DISABLE TRIGGER spy_on_{table}"
        ),
        "trigger spy_on_{table} on",
    ),
}


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("kind", STRANGERS)
def test_what_others_put_on_our_tables_is_told_and_left(kind: str) -> None:
    change, name = STRANGERS[kind]
    ours = [*sorted(tables(template())), "pgaudit_log_event_default"]
    execute(EMPTY)
    for table in ours:
        execute(change.format(table=table))
    found = messages()
    assert found.keys() == {"W012"}
    assert [
        t for t in ours if not re.search(rf"{name.format(table=t)} table {t}\b", found["W012"])
    ] == []
    installation.repair("default")
    assert messages() == found
    if kind == "rule":
        # PostgreSQL keeps plans with a rule that is only rolled back.
        for table in ours:
            execute(f"DROP RULE swallow ON {table}")
        execute("DISCARD PLANS")


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_constraint_of_others_is_told() -> None:
    ours = sorted(tables(template()))
    for table in ours:
        execute(f"ALTER TABLE {table} ADD CONSTRAINT picky CHECK (random() < 2) NOT VALID")
    told = messages()["W012"]
    assert [t for t in ours if not re.search(rf"constraint picky on table {t}\b", told)] == []


# Captures

TRIGGERS = [
    f"{model._meta.label}:{trigger.name}" for model, trigger in installed_captures.declared()
]


def change_body(table: str, name: str) -> None:
    replaced_body(name)


def spoil_argument(table: str, name: str) -> None:
    execute(definition(name).replace("session_user", "'nobody'", 1))


def ours_public(table: str, name: str) -> None:
    execute(f"GRANT EXECUTE ON FUNCTION {name} TO PUBLIC")


def with_sql(statement: str) -> Any:
    def change(table: str, name: str) -> None:
        [(comment,)] = execute(
            "SELECT obj_description(oid, 'pg_trigger') FROM pg_trigger WHERE tgname = %s", [name]
        )
        execute(statement.format(table=table, name=name))
        if execute("SELECT 1 FROM pg_trigger WHERE tgname = %s", [name]):
            execute(f"COMMENT ON TRIGGER {name} ON {table} IS '{comment}'")

    return change


CAPTURE_CHANGES = {
    "dropped": ("W003", with_sql("DROP TRIGGER {name} ON {table}")),
    "disabled": ("W003", with_sql("ALTER TABLE {table} DISABLE TRIGGER {name}")),
    "for replicas": ("W003", with_sql("ALTER TABLE {table} ENABLE REPLICA TRIGGER {name}")),
    "another body": ("W011", change_body),
    "other values": ("W011", spoil_argument),
    "emptied": (
        "W011",
        with_sql(
            "CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
            " SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN NULL; END'"
        ),
    ),
    "without its rights": ("W011", with_sql("ALTER FUNCTION {name} SECURITY INVOKER")),
    "without its path": ("W011", with_sql("ALTER FUNCTION {name} RESET search_path")),
    "for everybody": ("W011", ours_public),
    "another function": (
        "W011",
        with_sql(
            EMPTY
            + "; DROP TRIGGER {name} ON {table}; CREATE TRIGGER {name} AFTER INSERT ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION quiet()"
        ),
    ),
    "of a constraint": (
        "W011",
        with_sql(
            "DROP TRIGGER {name} ON {table}; CREATE CONSTRAINT TRIGGER {name} AFTER INSERT ON {table}"
            " DEFERRABLE FOR EACH ROW EXECUTE FUNCTION {name}()"
        ),
    ),
    "before": (
        "W011",
        with_sql(
            "DROP TRIGGER {name} ON {table}; CREATE TRIGGER {name} BEFORE INSERT ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        ),
    ),
}


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("change", CAPTURE_CHANGES)
def test_each_capture_that_was_changed(change: str) -> None:
    id, apply = CAPTURE_CHANGES[change]
    for model, trigger in installed_captures.declared():
        apply(model._meta.db_table, trigger.get_pgid(model))
    is_told_and_mended(id, *TRIGGERS)


def test_a_trigger_that_also_fires_under_replication_is_left() -> None:
    [(model, trigger)] = pgtrigger.registered("shop.Order:audit_update")
    execute(f"ALTER TABLE shop_order ENABLE ALWAYS TRIGGER {trigger.get_pgid(model)}")
    assert messages() == {}
    installation.repair("default")
    assert execute(
        "SELECT tgenabled FROM pg_trigger WHERE tgname = %s", [trigger.get_pgid(model)]
    ) == [("A",)]


def test_what_migrate_runs_enables_nothing() -> None:
    [(model, trigger)] = pgtrigger.registered("shop.Order:audit_update")
    execute(f"ALTER TABLE shop_order DISABLE TRIGGER {trigger.get_pgid(model)}")
    installation.install("default")
    assert "shop.Order:audit_update (disabled)" in messages()["W003"]


@pytest.mark.slow
@pytest.mark.everywhere
def test_names_that_the_log_has_forgotten_are_learnt_again(customer: Customer) -> None:
    with unguarded(*NAMES):
        execute("TRUNCATE pgaudit_log_table CASCADE")
    assert "shop.Order:audit_insert" in messages()["W011"]
    installation.repair("default")
    assert messages() == {}
    Order.objects.create(customer=customer)
    assert execute(
        "SELECT count(*) FROM pgaudit_log_event JOIN pgaudit_log_shape s ON s.id = shape"
    ) == [(1,)]


@pytest.fixture
def forget() -> Iterator[None]:
    with isolated():
        yield


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.usefixtures("forget")
@pytest.mark.parametrize("level", ["STATEMENT", "ROW"])
@pytest.mark.parametrize("change", CAPTURE_CHANGES)
def test_each_level_and_operation(change: str, level: str, settings: Any) -> None:
    settings.PGAUDIT_LOG_LEVEL = level
    free = pgaudit_log.Condition("NEW.n IS DISTINCT FROM OLD.n AND NEW.\"it's 100\" <> '%'")
    thing = tracked_table(
        "Thing",
        *EVERYTHING,
        pgaudit_log.UpdateEvent("free", condition=free),
        n=models.IntegerField(default=0),
        quoted=models.TextField(default="", db_column="it's 100"),
        other=models.ForeignKey(Customer, models.CASCADE, null=True),
        track={"large": ["quoted"]},
    )
    assert messages() == {}
    id, apply = CAPTURE_CHANGES[change]
    labels = ("insert", "update", "delete", "truncate", "free")
    for label in labels:
        [(model, trigger)] = pgtrigger.registered(f"shop.Thing:audit_{label}")
        apply("shop_thing", trigger.get_pgid(model))
    is_told_and_mended(id, *(f"shop.Thing:audit_{label}" for label in labels))
    thing.objects.create(n=1)


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.usefixtures("forget")
def test_the_function_of_a_condition_that_was_replaced() -> None:
    condition = pgaudit_log.Condition("NEW.n > 1")
    tracked_table("Thing", pgaudit_log.UpdateEvent(condition=condition), n=models.IntegerField())
    [(model, trigger)] = pgtrigger.registered("shop.Thing:audit_update")
    name = condition_function(trigger.get_pgid(model))
    assert messages() == {}
    text = definition(name)
    execute(re.sub(r"RETURN .*", "RETURN false", text, flags=re.S))
    found = messages()
    assert found.keys() == {"W011"} and f"{name}() was replaced" in found["W011"]
    installation.repair("default")
    assert messages() == {}
    execute(f"DROP FUNCTION {name}")
    assert "W011" in messages()
    installation.repair("default")
    assert messages() == {} and definition(name) == text


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.usefixtures("forget")
@pytest.mark.parametrize(
    "change",
    [
        "DROP TRIGGER {name} ON shop_part_low",
        "ALTER TABLE shop_part_low DISABLE TRIGGER {name}",
        "ALTER TABLE shop_part_low ENABLE REPLICA TRIGGER {name}",
    ],
)
def test_a_trigger_of_a_partition_that_was_changed(change: str) -> None:
    part = make("Part", id=models.IntegerField(primary_key=True), n=models.IntegerField())
    pgaudit_log.track()(part)
    execute("CREATE TABLE shop_part (id integer PRIMARY KEY, n integer) PARTITION BY RANGE (id)")
    execute("CREATE TABLE shop_part_low PARTITION OF shop_part FOR VALUES FROM (0) TO (100)")
    install_tables(part, create=False)
    installation.repair("default")
    assert messages() == {}
    names = execute(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = 'shop_part_low'::regclass AND NOT tgisinternal"
    )
    assert len(names) == 4  # one for each operation
    for (name,) in names:
        execute(change.format(name=name))
        is_told_and_mended("W004", "shop_part_low")


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.usefixtures("forget")
@pytest.mark.parametrize(
    "change",
    [
        "DROP TRIGGER pgaudit_log_turn ON shop_thing",
        "ALTER TABLE shop_thing DISABLE TRIGGER pgaudit_log_turn",
        "ALTER TABLE shop_thing ENABLE REPLICA TRIGGER pgaudit_log_turn",
        "CREATE OR REPLACE TRIGGER pgaudit_log_turn BEFORE INSERT ON shop_thing EXECUTE FUNCTION quiet()",
        (
            "CREATE OR REPLACE TRIGGER pgaudit_log_turn BEFORE INSERT ON shop_thing"
            " EXECUTE FUNCTION pgaudit_log_take_turn()"
        ),
    ],
)
def test_a_trigger_that_takes_turns_that_was_changed(change: str) -> None:
    tracked_table("Thing", n=models.IntegerField(default=0))
    execute(EMPTY)
    execute("CREATE TRIGGER other AFTER INSERT ON shop_thing FOR EACH ROW EXECUTE FUNCTION quiet()")
    installation.repair("default")
    assert messages() == {}
    execute(change)
    is_told_and_mended("W009", "shop_thing")


# Views: see test_views.


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("name", ["shop_orderevent", "shop_customerevent"])
@pytest.mark.parametrize(
    "change",
    [
        "DROP VIEW {name}",
        "ALTER VIEW {name} ALTER COLUMN pgh_label SET DEFAULT 'x'; COMMENT ON VIEW {name} IS NULL",
        "ALTER VIEW {name} RENAME COLUMN pgh_label TO label",
        "ALTER VIEW {name} SET (security_barrier)",
    ],
)
def test_a_view_that_was_changed(name: str, change: str) -> None:
    execute(change.format(name=name))
    is_told_and_mended("W002", name)
