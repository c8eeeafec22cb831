"""What a role that may create in the application's schema puts there is never called by capture."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pgtrigger
import pytest
from django.core.checks import run_checks
from django.db import (
    DatabaseError,
    IntegrityError,
    NotSupportedError,
    connection,
    models,
    transaction,
)

import pgaudit_log
from pgaudit_log import sql
from pgaudit_log.capture_v1.template import condition_function
from pgaudit_log.database import event_table, installation, installed_triggers
from pgaudit_log.declaring import former_names
from pgaudit_log.models import Events
from pgaudit_log.testing import isolated
from pgaudit_log.triggers.trigger import CaptureTrigger
from tests.support import execute, last_id, role_name
from tests.tables import EVERYTHING, install, make

pytestmark = pytest.mark.django_db

TYPES = (
    "integer",
    "bigint",
    "text",
    "varchar",
    "jsonb",
    "uuid",
    "boolean",
    "name",
    "oid",
    "text[]",
)

NAMES = re.compile(r"\b([a-z_][a-z0-9_]*)\s*\(")

Migration = import_module("pgaudit_log.migrations.0001_initial").Migration

SIGNS = ("=", "<>", "<", ">", "<=", ">=", "||", "->", "->>", "?", "&&", "~", "+", "-", "*<>")


@pytest.fixture
def stranger() -> Iterator[str]:
    role = role_name("stranger")
    execute(f"CREATE ROLE {role}; GRANT CREATE, USAGE ON SCHEMA public TO {role}")
    yield role
    former_names.forget()


def ours() -> list[str]:
    """Return the source of each function of this package, and of each capture function."""
    rows = execute(
        "SELECT prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        " AND proname ~ '^(pgaudit_log_|pgtrigger_audit_)' AND prosrc <> ''"
    )
    return [source for (source,) in rows]


def plant(role: str) -> int:
    """Let a role make functions and operators that fit better than PostgreSQL's own; count them."""
    called = sorted({name for source in ours() for name in NAMES.findall(source)})
    planted = 0
    execute(f"SET LOCAL ROLE {role}")
    try:
        for name, (left, right) in itertools.product(
            called,
            [
                *zip(TYPES, TYPES, strict=True),
                ("varchar", "text"),
                ("integer", "text"),
                ("jsonb", "text"),
                ("text", "integer"),
                ("jsonb", "integer"),
            ],
        ):
            for arguments in (left, f"{left}, {right}", f"{left}, {right}, {right}"):
                planted += _made(
                    f"CREATE FUNCTION public.{name}({arguments}) RETURNS {left} LANGUAGE plpgsql"
                    " AS $$ BEGIN RAISE EXCEPTION 'a stranger was called'; END $$"
                )
        for kind in ("integer", "varchar", "text", "jsonb", "boolean"):
            _made(
                f"CREATE FUNCTION public.planted({kind}, {kind}) RETURNS boolean LANGUAGE plpgsql"
                " AS $$ BEGIN RAISE EXCEPTION 'a stranger was called'; END $$"
            )
            for sign in SIGNS:
                planted += _made(
                    f"CREATE OPERATOR public.{sign} (LEFTARG = {kind}, RIGHTARG = {kind},"
                    " FUNCTION = public.planted)"
                )
        for name in ("text", "jsonb", "integer", "regclass", "oid"):
            planted += _made(f"CREATE TYPE public.{name} AS (planted boolean)")
        # One side of a cast has to be one's own.
        execute("CREATE TYPE public.planted AS (planted boolean)")
        for number, kind in enumerate(TYPES):
            for source, target in ((kind, "planted"), ("planted", kind)):
                cast = f"cast_{number}_to_{'planted' if source == kind else 'kind'}"
                execute(
                    f"CREATE FUNCTION public.{cast}({source}) RETURNS {target} LANGUAGE plpgsql"
                    " AS $$ BEGIN RAISE EXCEPTION 'a stranger was called'; END $$;"
                    f"CREATE CAST ({source} AS {target}) WITH FUNCTION public.{cast}({source})"
                    " AS IMPLICIT"
                )
                planted += 1
    finally:
        execute("RESET ROLE")
    return planted


def _made(statement: str) -> bool:
    try:
        with transaction.atomic():
            execute(statement)
    except DatabaseError:
        return False  # a key word, or a type that there is not
    return True


def table(name: str, level: pgtrigger.Level) -> Any:
    model = make(
        name,
        name=models.CharField(max_length=20, default=""),
        count=models.IntegerField(default=0),
        data=models.JSONField(default=dict),
        other=models.ForeignKey("self", models.SET_NULL, null=True),
    )
    pgaudit_log.track(
        *EVERYTHING,
        pgaudit_log.UpdateEvent(
            "free", condition=pgaudit_log.Condition("NEW.count IS DISTINCT FROM OLD.count")
        ),
        level=level,
    )(model)
    install(model)
    return model


def write(model: Any) -> list[str]:
    """Write in each way that is captured; return the operations of the events."""
    before = last_id()
    with pgaudit_log.context(user=1):
        model.objects.create(pk=1, name="a")
        model.objects.bulk_create([model(pk=2, other_id=1), model(pk=3, data={"a": [1]})])
        model.objects.update(name="b", count=1)
        model.objects.filter(pk=2).update(count=2)
    model.objects.filter(pk=3).delete()
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute(f"TRUNCATE {model._meta.db_table} CASCADE")
    execute("SET CONSTRAINTS ALL DEFERRED")
    events = Events.objects.filter(pgh_id__gt=before).order_by("pgh_id")
    return sorted(f"{e.pgh_operation} {e.pgh_label}" for e in events)


@pytest.mark.slow
@pytest.mark.everywhere
def test_what_was_planted_after_installing_is_never_called(stranger: str) -> None:
    with isolated():
        tables = [table("Watched", pgaudit_log.Statement), table("Seen", pgaudit_log.Row)]
        expected = [write(model) for model in tables]
        assert plant(stranger) > 500
        assert [write(model) for model in tables] == expected
        for model in tables:
            model.objects.create(pk=1)
            after = last_id()
            execute("SET LOCAL search_path = public, pg_catalog")
            execute(f"UPDATE {model._meta.db_table} SET name = 'c'")
            execute("SET LOCAL search_path = public")
            assert Events.objects.filter(pgh_id__gt=after).get().pgh_diff == {"name": ["", "c"]}


@pytest.mark.slow
def test_who_installs_and_checks_calls_nothing_of_it_either(stranger: str) -> None:
    with isolated():
        tables = [table("Watched", pgaudit_log.Statement), table("Seen", pgaudit_log.Row)]
        expected = [write(model) for model in tables]
        assert plant(stranger) > 500
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        installation.repair("default")
        run_checks(databases=["default"])
        assert [write(model) for model in tables] == expected


@pytest.mark.slow
@pytest.mark.everywhere
def test_what_was_planted_before_installing_is_never_bound(stranger: str) -> None:
    assert plant(stranger) > 500
    event_table.install_schema("default")
    with isolated():
        for name, level in (("Watched", pgaudit_log.Statement), ("Seen", pgaudit_log.Row)):
            model = make(
                name,
                name=models.CharField(max_length=20, default=""),
                count=models.IntegerField(default=0),
            )
            pgaudit_log.track(*EVERYTHING, level=level)(model)
            install(model)
            model.objects.create(name="a")
            model.objects.update(name="b")
            model.objects.update(count=model._meta.pk.name == "id")
        assert [e.pgh_operation for e in Events.objects.all()] == ["I", "U", "U"] * 2
    # Whatever is not the stranger's own, with what it depends on that is.
    bound = execute(
        """
        WITH planted AS (
            SELECT classid, objid
            FROM pg_shdepend
            WHERE refclassid = 'pg_authid'::regclass AND refobjid = %s::regrole AND deptype = 'o'
        )
        SELECT pg_describe_object(classid, objid, 0), pg_describe_object(refclassid, refobjid, 0)
        FROM pg_depend
        WHERE (refclassid, refobjid) IN (SELECT classid, objid FROM planted)
            AND (classid, objid) NOT IN (SELECT classid, objid FROM planted)
            AND classid <> 'pg_cast'::regclass
            AND deptype <> 'i'
        """,
        [stranger],
    )
    assert bound == []


PLANTED = {
    "a function": (
        "FUNCTION public.pgaudit_log_context(OUT id uuid, OUT value jsonb, OUT session jsonb)"
        " LANGUAGE sql AS 'SELECT NULL::uuid, NULL::jsonb, NULL::jsonb'"
    ),
    "a table": "TABLE public.pgaudit_log_horizon (LIKE kept)",
    "a type": "TYPE public.pgaudit_log_hold AS (model text)",
    "the event table": "TABLE public.pgaudit_log_event (id bigint)",
}


@pytest.mark.parametrize(
    ("planted", "way"),
    [*itertools.product(PLANTED, ["migrate"]), ("a function", "install"), ("a table", "install")],
)
def test_what_was_planted_before_the_first_migrate_is_not_taken_for_ours(
    stranger: str, planted: str, way: str
) -> None:
    """Replaced, a function keeps its owner, and a table that is there its triggers."""
    first, second, *_ = Migration.operations
    execute("CREATE TABLE kept (LIKE pgaudit_log_horizon INCLUDING ALL)")
    execute(f"GRANT SELECT ON kept TO {stranger}")
    with connection.schema_editor() as editor:
        second.database_backwards("pgaudit_log", editor, None, None)
    assert not event_table.has_event_table("default")
    execute(f"SET LOCAL ROLE {stranger}; CREATE {PLANTED[planted]}; RESET ROLE")
    with pytest.raises(IntegrityError, match=f"already, which belongs to the role {stranger}"):
        if way == "install":
            event_table.install_schema("default")
        else:
            with connection.schema_editor() as editor:
                first.database_forwards("pgaudit_log", editor, None, None)


def test_the_migration_looks_for_what_was_planted_as_install_does() -> None:
    assert Migration.operations[0].sql.strip() == sql.read("refuse_planted.sql").strip()


@pytest.mark.parametrize("level", [pgaudit_log.Statement, pgaudit_log.Row])
@pytest.mark.parametrize("condition", ["loud(NEW.name)", "NEW.name = OLD.name"])
def test_a_condition_that_would_call_a_stranger_is_refused(
    stranger: str, level: Any, condition: str
) -> None:
    execute(f"SET LOCAL ROLE {stranger}")
    for name in ("loud(varchar)", "planted(varchar, varchar)"):
        execute(
            f"CREATE FUNCTION public.{name} RETURNS boolean LANGUAGE plpgsql"
            " AS $$ BEGIN RAISE EXCEPTION 'a stranger was called'; END $$"
        )
    execute(
        "CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = public.planted)"
    )
    execute("RESET ROLE")
    with isolated():
        model = make("Watched", name=models.CharField(max_length=20, default=""))
        tracker = pgaudit_log.UpdateEvent(condition=pgaudit_log.Condition(condition))
        pgaudit_log.track(tracker, level=level)(model)
        with pytest.raises(DatabaseError, match=f"belongs to the role {stranger}"):
            install(model)


def condition_tracked(condition: str, level: Any = pgaudit_log.Statement, **fields: Any) -> Any:
    model = make("Watched", **fields)
    tracker = pgaudit_log.UpdateEvent(condition=pgaudit_log.Condition(condition))
    pgaudit_log.track(tracker, level=level)(model)
    install(model)
    return model


@pytest.mark.parametrize("level", [pgaudit_log.Statement, pgaudit_log.Row])
@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("NEW.count > 1 AND OLD.name = 'old.name' -- NEW.nothing", 1),
        ('NEW."count" > 1 /* OLD.nothing */', 1),
        ("OLD.* IS DISTINCT FROM NEW.*", 2),
        ("$q$NEW.x$q$ = E'NEW.x' AND NEW.count = 2", 1),
        ("NOT (new.Count < 2)", 1),
    ],
)
def test_free_conditions_are_what_they_were(level: Any, condition: str, expected: int) -> None:
    with isolated():
        model = condition_tracked(
            condition,
            level,
            name=models.TextField(default="old.name"),
            count=models.IntegerField(default=0),
        )
        model.objects.bulk_create([model(), model(name="x")])
        model.objects.filter(name="old.name").update(count=2)
        model.objects.filter(name="x").update(count=1)
        assert Events.objects.count() == expected


def test_an_error_in_a_condition_shows_when_it_is_installed() -> None:
    with isolated(), pytest.raises(DatabaseError, match="has no column"):
        condition_tracked("NEW.nmae = 'x'", name=models.TextField(default=""))


def test_a_condition_of_another_type_shows_when_it_is_installed() -> None:
    with isolated(), pytest.raises(DatabaseError, match="boolean"):
        condition_tracked("NEW.id + 1", name=models.TextField(default=""))


def test_a_condition_on_a_whole_row_is_refused() -> None:
    with isolated():
        model = make("Watched", name=models.TextField(default=""))
        tracker = pgaudit_log.UpdateEvent(condition=pgaudit_log.Condition("is_fine(NEW)"))
        pgaudit_log.track(tracker)(model)
        with pytest.raises(pgaudit_log.DeclarationError, match="Name the columns"):
            install(model)


def test_columns_of_a_condition_may_be_altered_and_dropped() -> None:
    with isolated():
        model = condition_tracked(
            "NEW.count > 1",
            name=models.TextField(default=""),
            count=models.IntegerField(default=0),
        )
        old = model._meta.get_field("count")
        new = models.BigIntegerField(default=0)
        new.set_attributes_from_name("count")
        new.model = model
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        with connection.schema_editor() as editor:
            editor.alter_field(model, old, new)
        model.objects.create()
        execute("UPDATE shop_watched SET count = 5000000000")
        assert Events.objects.count() == 1
        with connection.schema_editor() as editor:
            editor.remove_field(model, model._meta.get_field("name"))


def test_after_a_column_was_altered_by_hand_a_condition_calls_no_stranger(stranger: str) -> None:
    with isolated():
        model = condition_tracked(
            "NEW.count > 1 AND OLD.name <> 'x'",
            name=models.CharField(max_length=9, default=""),
            count=models.IntegerField(default=0),
        )
        [trigger] = model._meta.triggers
        name = condition_function(trigger.get_pgid(model))
        execute(f"SET LOCAL ROLE {stranger}")
        for kind in ("varchar", "text"):
            execute(
                f"CREATE FUNCTION public.{name}(bigint, {kind}) RETURNS boolean LANGUAGE plpgsql"
                " AS $$ BEGIN RAISE EXCEPTION 'a stranger was called'; END $$"
            )
        execute("RESET ROLE")
        model.objects.create()
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        execute(
            "ALTER TABLE shop_watched ALTER COLUMN count TYPE bigint, ALTER COLUMN name TYPE text"
        )
        model.objects.update(count=2)
        assert Events.objects.count() == 1


def test_a_function_beside_that_of_a_condition_is_not_taken_for_it(stranger: str) -> None:
    with isolated():
        model = condition_tracked("NEW.count > 1", count=models.IntegerField(default=0))
        [trigger] = model._meta.triggers
        name = condition_function(trigger.get_pgid(model))
        execute(f"SET LOCAL ROLE {stranger}")
        execute(f"CREATE FUNCTION public.{name}(date) RETURNS boolean LANGUAGE sql RETURN true")
        execute("RESET ROLE")
        assert installation.missing_triggers("default") == []
        assert installed_triggers.broken(connection) == []
        execute(f"DROP FUNCTION public.{name}(integer)")
        assert len(installation.missing_triggers("default")) == 1
        assert len(installed_triggers.broken(connection)) == 1
        installation.install()
        assert installation.missing_triggers("default") == []
        model.objects.create()
        model.objects.update(count=2)
        assert Events.objects.count() == 1


def test_a_condition_compares_as_its_column_does() -> None:
    try:
        with transaction.atomic():
            execute(
                "CREATE COLLATION caseless"
                " (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
            )
    except NotSupportedError:
        pytest.skip("the server was built without ICU")
    with isolated():
        model = condition_tracked(
            "NEW.name = 'ANA'",
            name=models.TextField(default="", db_collation="caseless"),
            count=models.IntegerField(default=0),
        )
        model.objects.create(name="ana")
        model.objects.update(count=1)
        assert Events.objects.count() == 1


def test_each_function_has_a_path_of_its_own(db: None) -> None:
    rows = execute(
        """
        SELECT proname, proconfig
        FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
            AND proname ~ '^(pgaudit_log_|pgtrigger_audit_)' AND proname !~ '^pgaudit_log_when_'
        """
    )
    assert len(rows) > 20
    assert {
        name for name, config in rows if "search_path=pg_catalog, pg_temp" not in (config or ())
    } == set()
    assert any(isinstance(t, CaptureTrigger) for _, t in pgtrigger.registered())
