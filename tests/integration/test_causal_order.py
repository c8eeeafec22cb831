"""The newest event is the last state, also where triggers of others write the same rows again."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connection, models, transaction
from django.utils import timezone

import pgaudit_log
from pgaudit_log.database import installation, turns
from pgaudit_log.diffs import blame
from pgaudit_log.models import Events
from pgaudit_log.reading.raw_events import read
from pgaudit_log.reversal import revert, undo
from pgaudit_log.testing import isolated
from pgaudit_log.values import row_json
from tests.support import execute, role_name
from tests.tables import EVERYTHING, install, make

pytestmark = pytest.mark.django_db

LEVELS = pytest.mark.parametrize("level", [pgaudit_log.Statement, pgaudit_log.Row], ids=str)

FIRES = pytest.mark.parametrize(
    ("name", "fires"),
    [
        ("a_first", "FOR EACH STATEMENT"),
        ("z_last", "FOR EACH STATEMENT"),
        ("a_first", "FOR EACH ROW"),
        ("z_last", "FOR EACH ROW"),
    ],
)
"""Names that sort before and behind those of capture triggers, and the levels of PostgreSQL."""


@pytest.fixture(autouse=True)
def forgotten(db: None) -> Any:
    with isolated():
        yield


def things(level: Any = pgaudit_log.Statement, **fields: Any) -> Any:
    model = make(
        "Thing", name=models.TextField(default=""), n=models.IntegerField(default=0), **fields
    )
    pgaudit_log.track(*EVERYTHING, level=level)(model)
    install(model)
    return model


def trigger(name: str, events: str, fires: str, statement: str, table: str = "shop_thing") -> None:
    """Add a trigger of somebody else's, and let the installation see it."""
    execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        # Of statements, a trigger fires for those that wrote nothing, too.
        f" $$ BEGIN IF pg_trigger_depth() < 5 THEN {statement}; END IF; RETURN NULL; END $$;"
        f"CREATE TRIGGER {name} AFTER {events} ON {table} {fires} EXECUTE FUNCTION {name}()"
    )
    installation.install()


def truth(model: Any) -> dict[int, tuple[Any, ...]]:
    return {row[0]: row for row in model.objects.values_list()}


def replayed(model: Any) -> dict[int, dict[str, str]]:
    """Return the rows of a table as the events of the trail leave them, one after the other."""
    rows: dict[Any, dict[str, str]] = {}
    for record in read(Events.objects.across(model), "default"):
        if record.operation == "T":
            rows.clear()
            continue
        rows.pop(record.former_key or record.key, None)
        if record.operation != "D":
            rows[record.key] = row_json.split(record.snapshot)
    return {int(key): row for key, row in rows.items()}


def assert_told_rightly(model: Any) -> None:
    """Assert that every reader says of now what the table has now."""
    columns = [field.column for field in model._meta.local_fields]
    rows = truth(model)
    told = {k: tuple(row_json.plain(row[c]) for c in columns) for k, row in replayed(model).items()}
    assert told == rows
    now, last = timezone.now(), ordered_events(model)[-1]
    for moment in (now, last):
        assert truth_as_of(model, moment) == rows
        for key in set(rows) | {1, 2, 3}:
            found = model.objects.as_of(moment).filter(pk=key).values_list()
            assert list(found) == ([rows[key]] if key in rows else [])
    in_force = model.pgh_event_model.objects.as_of(now)
    assert {tuple(e.pgh_data[column] for column in columns) for e in in_force} == set(rows.values())


def truth_as_of(model: Any, moment: Any) -> dict[int, tuple[Any, ...]]:
    return {row[0]: row for row in model.objects.as_of(moment).values_list()}


def ordered_events(model: Any) -> list[Any]:
    events = list(Events.objects.across(model))
    by_id = {event.pgh_id: event for event in events}
    return [by_id[record.id] for record in read(Events.objects.across(model), "default")]


@pytest.mark.slow
@pytest.mark.everywhere
@LEVELS
@FIRES
def test_an_update_that_a_trigger_follows_with_another(level: Any, name: str, fires: str) -> None:
    thing = things(level)
    thing.objects.bulk_create([thing(pk=1), thing(pk=2)])
    trigger(name, "UPDATE", fires, "UPDATE shop_thing SET name = name || '!', n = 9 WHERE n = 1")
    thing.objects.update(n=1, name="one")
    assert {row[1:] for row in truth(thing).values()} == {("one!", 9)}
    assert_told_rightly(thing)
    assert blame(thing.objects.get(pk=1))["name"].text == "one!"


@pytest.mark.slow
@pytest.mark.everywhere
@LEVELS
@FIRES
def test_an_insert_that_a_trigger_updates_or_deletes(level: Any, name: str, fires: str) -> None:
    thing = things(level)
    trigger(
        name,
        "INSERT",
        fires,
        "UPDATE shop_thing SET name = 'again' WHERE n = 1; DELETE FROM shop_thing WHERE n = 2",
    )
    thing.objects.bulk_create([thing(pk=1, n=1), thing(pk=2, n=2), thing(pk=3, n=3)])
    assert {k: row[1] for k, row in truth(thing).items()} == {1: "again", 3: ""}
    assert_told_rightly(thing)


@pytest.mark.slow
@pytest.mark.everywhere
@LEVELS
@FIRES
def test_a_deletion_that_a_trigger_follows_with_an_insert(
    level: Any, name: str, fires: str
) -> None:
    thing = things(level)
    thing.objects.bulk_create([thing(pk=1, name="old"), thing(pk=2, name="old")])
    trigger(
        name,
        "DELETE",
        fires,
        "INSERT INTO shop_thing (id, name, n) VALUES (1, 'new', 7) ON CONFLICT DO NOTHING",
    )
    thing.objects.all().delete()
    assert truth(thing) == {1: (1, "new", 7)}
    assert_told_rightly(thing)


@pytest.mark.slow
@pytest.mark.everywhere
@LEVELS
@FIRES
def test_three_levels_of_triggers(level: Any, name: str, fires: str) -> None:
    thing = things(level)
    thing.objects.bulk_create([thing(pk=1), thing(pk=2)])
    trigger(name, "UPDATE", fires, "UPDATE shop_thing SET n = n + 1 WHERE n BETWEEN 1 AND 3")
    thing.objects.update(n=1)
    assert {row[2] for row in truth(thing).values()} == {4}
    assert_told_rightly(thing)


@pytest.mark.slow
@pytest.mark.everywhere
@LEVELS
@FIRES
def test_going_back_over_what_a_trigger_wrote_again(level: Any, name: str, fires: str) -> None:
    thing = things(level)
    thing.objects.create(pk=1, name="first")
    before = timezone.now()
    trigger(
        name,
        "UPDATE",
        fires,
        "UPDATE shop_thing SET name = name || '!' WHERE n = 1 AND name !~ '!'",
    )
    event = None
    with pgaudit_log.context(step=1) as step:
        thing.objects.update(n=1, name="second")
    execute(f"ALTER TABLE shop_thing DISABLE TRIGGER {name}")
    thing.objects.update(name="third")
    event = ordered_events(thing)[-2]
    revert(thing.objects.get(), to=event).apply()
    assert truth(thing) == {1: (1, "second!", 1)}
    undo(context=step.id, on_conflict="force").apply()
    assert truth(thing) == {1: (1, "first", 0)}
    assert truth_as_of(thing, before) == {1: (1, "first", 0)} or before


@LEVELS
def test_the_moment_just_after_each_of_two_nested_events(level: Any) -> None:
    thing = things(level)
    thing.objects.create(pk=1, name="first")
    trigger(
        "a_first",
        "UPDATE",
        "FOR EACH STATEMENT",
        "UPDATE shop_thing SET name = 'inner' WHERE name = 'outer'",
    )
    thing.objects.update(name="outer")
    outer, inner = ordered_events(thing)[1:]
    assert (outer.pgh_id > inner.pgh_id) == (level is pgaudit_log.Statement)
    for moment, name in ((outer, "outer"), (inner, "inner")):
        assert thing.objects.as_of(moment).get().name == name
        assert thing.objects.as_of(moment).get(pk=1).name == name
        assert thing.objects.get().events.as_of(moment).name == name


@LEVELS
def test_a_savepoint_that_is_rolled_back_takes_its_turn_with_it(level: Any) -> None:
    thing = things(level)
    thing.objects.create(pk=1)
    trigger(
        "a_first",
        "UPDATE",
        "FOR EACH ROW",
        "UPDATE shop_thing SET n = n + 1 WHERE n BETWEEN 1 AND 2",
    )
    thing.objects.update(n=1)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        thing.objects.update(n=2)
        raise ZeroDivisionError
    thing.objects.update(n=5)
    assert_told_rightly(thing)


@pytest.mark.slow
@pytest.mark.everywhere
@LEVELS
@pytest.mark.parametrize(
    "statement",
    [
        (
            "INSERT INTO shop_thing (id, name, n) VALUES (1, 'x', 1), (3, 'y', 1)"
            " ON CONFLICT (id) DO UPDATE SET n = 1"
        ),
        (
            "WITH one AS (UPDATE shop_thing SET n = 1 WHERE id = 1),"
            " two AS (DELETE FROM shop_thing WHERE id = 2)"
            " INSERT INTO shop_thing (id, name, n) VALUES (3, 'z', 1)"
        ),
        (
            "MERGE INTO shop_thing USING (VALUES (1), (2), (3)) AS given (id) ON shop_thing.id = given.id"
            " WHEN MATCHED AND given.id = 2 THEN DELETE WHEN MATCHED THEN UPDATE SET n = 1"
            " WHEN NOT MATCHED THEN INSERT (id, name, n) VALUES (given.id, 'm', 1)"
        ),
    ],
    ids=["upsert", "ctes", "merge"],
)
def test_statements_that_write_in_several_ways(level: Any, statement: str) -> None:
    thing = things(level)
    thing.objects.bulk_create([thing(pk=1), thing(pk=2)])
    for fires, name in (("FOR EACH STATEMENT", "a_first"), ("FOR EACH ROW", "b_first")):
        trigger(
            name,
            "INSERT OR UPDATE OR DELETE",
            fires,
            "UPDATE shop_thing SET n = n + 1, name = name || '+' WHERE n BETWEEN 1 AND 4",
        )
    execute(statement)
    assert {row[2] for row in truth(thing).values()} <= {5, 0}
    assert_told_rightly(thing)


@LEVELS
def test_a_truncation_that_a_trigger_follows_with_an_insert(level: Any) -> None:
    thing = things(level)
    thing.objects.create(pk=2)
    trigger(
        "a_first",
        "TRUNCATE",
        "FOR EACH STATEMENT",
        "INSERT INTO shop_thing (id, name, n) VALUES (1, 'kept', 0)",
    )
    execute("TRUNCATE shop_thing")
    assert truth(thing) == {1: (1, "kept", 0)}
    assert_told_rightly(thing)


@pytest.mark.slow
@pytest.mark.everywhere
@LEVELS
def test_a_key_that_cascades_to_the_same_table(level: Any) -> None:
    parent = models.ForeignKey("self", models.CASCADE, null=True, db_constraint=False)
    thing = things(level, parent=parent)
    execute(
        "ALTER TABLE shop_thing ADD FOREIGN KEY (parent_id) REFERENCES shop_thing"
        " ON UPDATE CASCADE ON DELETE SET NULL"
    )
    installation.install()
    thing.objects.bulk_create([thing(pk=1), thing(pk=2, parent_id=1), thing(pk=3, parent_id=2)])
    execute("UPDATE shop_thing SET id = id + 10, n = n + 1")
    parents = thing.objects.order_by("pk").values_list("parent_id", flat=True)
    assert list(parents) == [None, 11, 12]
    assert_told_rightly(thing)


@pytest.mark.slow
@pytest.mark.everywhere
@LEVELS
@FIRES
def test_a_cascade_after_what_a_trigger_wrote_again(level: Any, name: str, fires: str) -> None:
    thing = things(level, parent=models.IntegerField(null=True))
    execute(
        "CREATE TABLE shop_parent (id integer PRIMARY KEY); INSERT INTO shop_parent VALUES (1), (2), (3);"
        "ALTER TABLE shop_thing ADD FOREIGN KEY (parent) REFERENCES shop_parent"
        " ON DELETE CASCADE ON UPDATE CASCADE"
    )
    trigger(
        name,
        "UPDATE",
        fires,
        "UPDATE shop_thing SET name = 'again' WHERE n = 1 AND name <> 'again'",
    )
    thing.objects.bulk_create(thing(pk=key, parent=key) for key in (1, 2, 3))
    thing.objects.update(n=1)
    execute("UPDATE shop_parent SET id = id + 10 WHERE id < 3")
    assert_told_rightly(thing)
    thing.objects.update(n=1, name="once more")
    execute("DELETE FROM shop_parent WHERE id IN (11, 12)")
    assert set(truth(thing)) == {3}
    assert_told_rightly(thing)


@LEVELS
def test_a_partition_takes_turns_as_its_table_does(level: Any) -> None:
    thing = make("Thing", name=models.TextField(default=""), n=models.IntegerField(default=0))
    pgaudit_log.track(*EVERYTHING, level=level)(thing)
    execute(
        "CREATE TABLE shop_thing (id bigint PRIMARY KEY, name text NOT NULL, n integer NOT NULL)"
        " PARTITION BY RANGE (id);"
        "CREATE TABLE shop_thing_low PARTITION OF shop_thing FOR VALUES FROM (0) TO (100);"
        "CREATE TABLE shop_thing_high PARTITION OF shop_thing DEFAULT"
    )
    install(thing, create=False)
    installation.install()
    execute("INSERT INTO shop_thing VALUES (1, 'a', 0), (200, 'b', 0)")
    trigger(
        "a_first",
        "UPDATE",
        "FOR EACH ROW",
        "UPDATE shop_thing SET n = n + 1 WHERE n BETWEEN 1 AND 2",
    )
    execute("UPDATE shop_thing SET n = 1")
    execute("UPDATE shop_thing_low SET n = 2")
    execute("INSERT INTO shop_thing VALUES (3, 'c', 0)")
    execute("UPDATE shop_thing SET n = 1, id = id + 300 WHERE id = 1")
    assert {row[2] for row in truth(thing).values()} == {0, 1, 3}
    told = {key: int(row["n"]) for key, row in replayed(thing).items()}
    assert told == {301: 1, 200: 3, 3: 0}
    assert {k: row[2] for k, row in truth_as_of(thing, timezone.now()).items()} == told


def test_where_nobody_else_has_triggers_no_turns_are_taken() -> None:
    thing = things()
    thing.objects.create(pk=1)
    assert Events.objects.get().pgh_turn is None
    assert [found for found in turns.turns("default") if "shop_thing" in found.table] == []


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_check_tells_of_a_trigger_that_came_later() -> None:
    things()

    def told() -> list[str]:
        return [m.id for m in run_checks(databases=["default"]) if m.id == "pgaudit_log.W009"]

    assert told() == []
    execute(
        "CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
        "CREATE TRIGGER later AFTER UPDATE ON shop_thing EXECUTE FUNCTION later()"
    )
    assert told() == ["pgaudit_log.W009"]
    assert installation.install().turns == ("shop_thing",)
    assert told() == []
    execute("DROP TRIGGER later ON shop_thing")
    installation.install()
    assert execute("SELECT count(*) FROM pg_trigger WHERE tgname = 'pgaudit_log_turn'") == [(0,)]


@pytest.mark.parametrize("forged", ["x", "-5", "9" * 30, "1; DROP TABLE shop_thing", ""])
def test_a_turn_that_a_client_has_written_refuses_no_write(forged: str) -> None:
    thing = things()
    [(oid,)] = execute("SELECT 'shop_thing'::regclass::oid")
    execute("SELECT set_config('pgaudit_log.turns', 'taken', true)")
    execute(f"SELECT set_config('pgaudit_log.turn_1_{oid}_insert', %s, true)", [forged])
    thing.objects.create(pk=1)
    assert Events.objects.get().pgh_turn is None


def test_a_role_that_may_only_write_takes_turns() -> None:
    thing = things()
    thing.objects.create(pk=1)
    trigger("a_first", "UPDATE", "FOR EACH STATEMENT", "NULL")
    role = role_name("writer")
    execute(f"CREATE ROLE {role}; GRANT SELECT, UPDATE ON shop_thing TO {role}")
    with transaction.atomic():
        execute(f"SET LOCAL ROLE {role}")
        execute("UPDATE shop_thing SET n = 2")
        execute("RESET ROLE")
    assert Events.objects.latest("pgh_id").pgh_turn is not None


@pytest.mark.slow
@pytest.mark.everywhere
@LEVELS
@pytest.mark.parametrize("seed", range(6))
def test_random_nestings_over_two_tables_end_as_the_events_say(level: Any, seed: int) -> None:
    chance = random.Random(seed)
    thing = things(level)
    other = make("Other", name=models.TextField(default=""), n=models.IntegerField(default=0))
    pgaudit_log.track(*EVERYTHING, level=level)(other)
    install(other)
    tables = ("shop_thing", "shop_other")
    for number in range(chance.randint(1, 4)):
        table, target = chance.choice(tables), chance.choice(tables)
        statement = chance.choice(
            [
                "UPDATE {t} SET n = n + 1, name = name || '{k}' WHERE n %% 5 BETWEEN 1 AND 3",
                (
                    "INSERT INTO {t} (id, name, n) SELECT id + 10, 'i', 0 FROM {t} WHERE id < 3"
                    " ON CONFLICT (id) DO UPDATE SET n = {t}.n + 5"
                ),
                "DELETE FROM {t} WHERE n %% 7 = 6",
            ]
        ).format(t=target, k=number)
        trigger(
            f"{chance.choice('az')}_{number}",
            chance.choice(["INSERT", "UPDATE", "DELETE", "INSERT OR UPDATE OR DELETE"]),
            chance.choice(["FOR EACH ROW", "FOR EACH STATEMENT"]),
            statement.replace("%%", "%"),
            table,
        )
    with transaction.atomic():
        before = truth(thing), truth(other)
    for _ in range(8):
        model = chance.choice([thing, other])
        try:
            with transaction.atomic():
                match chance.randint(0, 3):
                    case 0:
                        key = chance.randint(1, 6)
                        model.objects.filter(pk=key).exists() or model.objects.create(pk=key, n=key)
                    case 1:
                        model.objects.update(n=models.F("n") + chance.randint(1, 4))
                    case 2:
                        model.objects.filter(pk=chance.randint(1, 4)).delete()
                    case 3:
                        model.objects.update(n=1)
                        raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        for written in (thing, other):
            if Events.objects.across(written).exists():
                assert_told_rightly(written)
    assert before == ({}, {})
    assert connection.in_atomic_block


def test_a_deletion_in_front_of_its_insert_counts_as_later() -> None:
    thing = things()
    thing.objects.create(pk=1, name="old")
    trigger("a_first", "INSERT", "FOR EACH STATEMENT", "NULL")
    execute(
        "CREATE FUNCTION makes_room() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN DELETE FROM shop_thing WHERE id = NEW.id; RETURN NEW; END $$;"
        "CREATE TRIGGER makes_room BEFORE INSERT ON shop_thing FOR EACH ROW EXECUTE FUNCTION makes_room()"
    )
    execute("INSERT INTO shop_thing (id, name, n) VALUES (1, 'new', 0)")
    assert [e.pgh_operation for e in ordered_events(thing)] == ["I", "I", "D"]
    # Without AFTER triggers of others no turns are taken, and ids are right.
    execute("DROP TRIGGER a_first ON shop_thing")
    installation.install()
    execute("SELECT set_config('pgaudit_log.turns', '', true)")
    execute("INSERT INTO shop_thing (id, name, n) VALUES (1, 'newer', 0)")
    assert [e.pgh_operation for e in ordered_events(thing)][3:] == ["D", "I"]
