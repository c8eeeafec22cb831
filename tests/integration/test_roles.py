"""A hardened database: who owns what, who may do what, and that it stays so."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pgtrigger
import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, models, transaction

import pgaudit_log
from pgaudit_log import backfill
from pgaudit_log.database import hardening, installation, own_events
from pgaudit_log.exceptions import PlanError, StalePlanError
from pgaudit_log.models import Events
from pgaudit_log.operating import holds, plan_hardening, status
from pgaudit_log.testing import isolated
from tests.shop.models import Customer, Order
from tests.support import execute, role_name
from tests.tables import EVERYTHING, SqlField, tracked_table

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

OWNER, APP, READER = map(role_name, ("audit_owner", "audit_app", "audit_reader"))


@pytest.fixture
def roles() -> None:
    """Make the roles; the rollback of the test drops them."""
    execute(f"CREATE ROLE {OWNER} NOLOGIN; CREATE ROLE {APP} LOGIN; CREATE ROLE {READER} LOGIN")


@pytest.fixture
def hardened(roles: None) -> None:
    plan_hardening(owner=OWNER, app=APP, reader=READER).apply()


@contextmanager
def acting_as(role: str) -> Iterator[None]:
    """Let a block be sent by a role that has logged in; where it raises, a rollback ends that."""
    execute(f"SET LOCAL SESSION AUTHORIZATION {role}")
    yield
    execute("RESET SESSION AUTHORIZATION")


def refused(statement: str, role: str) -> str:
    """Return with what PostgreSQL refuses a statement of a role."""
    with pytest.raises(DatabaseError) as error, transaction.atomic(), acting_as(role):
        execute(statement)
    return str(error.value)


def messages() -> dict[str, str]:
    return {str(m.id).rpartition(".")[2]: str(m.msg) for m in run_checks(databases=["default"])}


@pytest.mark.usefixtures("hardened")
def test_done_once_it_has_no_steps_any_more() -> None:
    plan = plan_hardening()
    assert (plan.steps, plan.obstacles) == ((), ())
    assert plan.roles == hardening.Hardened(owner=OWNER, apps=(APP,), readers=(READER,))
    assert messages() == {}
    installation.repair("default")
    assert plan_hardening(owner=OWNER, app=APP).steps == ()


@pytest.mark.usefixtures("hardened")
def test_the_application_works_and_is_captured() -> None:
    with acting_as(APP), pgaudit_log.context(user=7):
        customer = Customer.objects.create(name="a")
        customer.name = "b"
        customer.save()
        events = list(Events.objects.filter(pgh_obj_model="shop.Customer"))
        customer.delete()
    assert [event.pgh_operation for event in events] == ["I", "U"]
    assert {event.pgh_role for event in events} == {APP}
    assert events[0].pgh_context == {"user": 7}


@pytest.mark.usefixtures("hardened")
def test_a_reader_reads_events_and_no_table() -> None:
    Customer.objects.create(name="a")
    with acting_as(READER):
        assert Events.objects.filter(pgh_obj_model="shop.Customer").count() == 1
        assert execute("SELECT count(*) FROM shop_customerevent") == [(1,)]
    assert "permission denied for table shop_customer" in refused(
        "SELECT FROM shop_customer", READER
    )
    assert "permission denied" in refused("DELETE FROM pgaudit_log_event", READER)


@pytest.mark.usefixtures("hardened")
def test_each_thing_of_ours_and_each_table_of_the_project_is_the_owners() -> None:
    others = execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relkind IN ('r', 'p', 'v', 'S') AND pg_get_userbyid(relowner) <> %s",
        [OWNER],
    )
    # What the tests make for themselves, and no model has.
    assert [name for (name,) in others if name.startswith(("pgaudit_log", "shop", "auth"))] == []
    functions = execute(
        "SELECT DISTINCT pg_get_userbyid(proowner)::text FROM pg_proc WHERE proname ~ '^(pgaudit_log|pgtrigger)_'"
    )
    assert functions == [(OWNER,)]


@pytest.mark.usefixtures("hardened")
def test_ignoring_a_trigger_does_not_count_of_the_application() -> None:
    with acting_as(APP), pgtrigger.ignore("shop.Customer:audit_insert"):
        Customer.objects.create(name="captured")
    with pgtrigger.ignore("shop.Customer:audit_insert"):
        Customer.objects.create(name="not")
    assert Events.objects.filter(pgh_obj_model="shop.Customer").count() == 1


# Manual events


@pytest.mark.usefixtures("hardened")
def test_the_application_writes_manual_events_of_declared_labels(customer: Customer) -> None:
    with acting_as(APP), pgaudit_log.context(user=7):
        event: Any = pgaudit_log.create_event(customer, label="insert")
    assert (event.pgh_operation, event.pgh_role, event.pgh_context) == ("M", APP, {"user": 7})


@pytest.mark.usefixtures("hardened")
def test_it_notes_who_came_and_not_what_operators_do() -> None:
    with acting_as(APP):
        written = own_events.write("default", own_events.ACCESS, "login", {"ip": "::1"}, obj_pk="7")
    assert Events.objects.get(pgh_id=written).pgh_role == APP
    with (
        pytest.raises(DatabaseError, match='may not write an event "retention"'),
        transaction.atomic(),
        acting_as(APP),
    ):
        own_events.write("default", own_events.MAINTENANCE, "retention", {})


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ("'shop.Order', '1', 'no such', 0, '{}', NULL, false", "may not write an event"),
        ("'shop.Nothing', '1', 'insert', 0, '{}', NULL, false", "may not write an event"),
        (
            "'shop.Customer', '1', 'insert', 2147483647, '{}', NULL, false",
            "not had the shape",
        ),
        ("'shop.Customer', '1', 'insert', 0, '[1]', NULL, false", "is a JSON object"),
        ("'shop.Customer', '1', 'insert', 0, NULL, NULL, false", "is a JSON object"),
        ("'shop.Customer', '1', 'insert', 0, '{}', ARRAY[NULL], false", "are a list of texts"),
        ("'shop.Customer', '1', 'insert', 0, '{}', '{{a},{b}}', false", "are a list of texts"),
        ("NULL, '1', 'insert', 0, '{}', NULL, false", "may not write an event"),
        ("'shop.Customer', '1', NULL, 0, '{}', NULL, false", "may not write an event"),
        ("'shop.Customer', '1', 'insert', NULL, '{}', NULL, false", "null value in column"),
    ],
)
@pytest.mark.usefixtures("hardened")
def test_the_function_behind_it_believes_no_argument(arguments: str, error: str) -> None:
    assert error in refused(f"SELECT pgaudit_log_write_manual({arguments})", APP)


@pytest.mark.usefixtures("hardened")
def test_a_label_that_is_declared_later_needs_the_owner(customer: Customer) -> None:
    execute("DELETE FROM pgaudit_log_declared_label WHERE model = 'shop.Customer'")
    with (
        pytest.raises(DatabaseError, match="may not write an event"),
        transaction.atomic(),
        acting_as(APP),
    ):
        pgaudit_log.create_event(customer, label="insert")
    assert "pgaudit_log_declared_label" in messages()["W025"]
    installation.install("default")
    with acting_as(APP):
        pgaudit_log.create_event(customer, label="insert")


@pytest.mark.usefixtures("hardened")
def test_a_backfill_is_the_owners_work() -> None:
    with (
        acting_as(APP),
        pytest.raises(PlanError, match=f"the role {APP} may not write events.*owner"),
    ):
        backfill.backfill(Order)
    with acting_as(APP), pytest.raises(CommandError, match="may not write events") as error:
        call_command("pgaudit_log", "backfill", "shop.Order")
    assert error.value.returncode == 2
    execute(f"SET LOCAL ROLE {OWNER}")
    assert backfill.backfill(Order).events == 0


# It stays so


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "--model", "shop.Order", "--reason", "court"),
        ("release", "1", "--reason", "over"),
        ("list",),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("hardened")
def test_holds_are_the_owners_work(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as error, transaction.atomic(), acting_as(APP):
        call_command("pgaudit_log", "hold", *arguments)
    assert "Connect as the role that owns the event table" in str(error.value)
    assert error.value.returncode == 2
    assert holds() == []


@pytest.mark.usefixtures("hardened")
def test_what_is_new_comes_out_the_same() -> None:
    with isolated():
        table = tracked_table("New", *EVERYTHING, name=models.TextField())
        execute("DROP TABLE IF EXISTS pgaudit_log_event_2999_01")
        assert "shop_new" in messages()["W025"]
        report = installation.install("default")
        assert any("shop_new" in statement for statement in report.rights)
        assert plan_hardening().steps == ()
        with acting_as(APP):
            table.objects.create(name="a")
            table.objects.update(name="b")
        assert Events.objects.filter(pgh_obj_model="shop.New").count() == 2
        assert "must be owner" in refused("ALTER TABLE shop_new DISABLE TRIGGER ALL", APP)


@pytest.mark.usefixtures("hardened")
def test_a_new_partition_comes_out_the_same(settings: Any) -> None:
    settings.PGAUDIT_LOG_PARTITIONS_AHEAD = 5
    report = installation.install("default")
    assert report.partitions
    assert plan_hardening().steps == ()
    for partition in report.partitions:
        assert "permission denied" in refused(f"INSERT INTO {partition} DEFAULT VALUES", APP)
        with acting_as(APP):
            assert execute(f"SELECT count(*) FROM {partition}") == [(0,)]


DRIFT = {
    "an owner": (f"ALTER TABLE shop_order OWNER TO {APP}", "shop_order OWNER TO"),
    "a partition": (f"ALTER TABLE pgaudit_log_event_default OWNER TO {APP}", "event_default OWNER"),
    "a function": (
        f"ALTER FUNCTION pgaudit_log_context() OWNER TO {APP}",
        "pgaudit_log_context(OUT id uuid",
    ),
    "a view": (f"GRANT INSERT ON shop_orderevent TO {APP}", "REVOKE INSERT"),
    "a trigger": (f"GRANT TRIGGER ON shop_order TO {APP}", "REVOKE TRIGGER"),
    "the sequence": (
        f"GRANT UPDATE ON SEQUENCE pgaudit_log_event_id_seq TO {APP}",
        "REVOKE UPDATE",
    ),
    "one column": (f"GRANT UPDATE (label) ON pgaudit_log_event TO {APP}", "REVOKE UPDATE"),
    "the path": (f"GRANT CREATE ON SCHEMA public TO {APP}", "REVOKE CREATE"),
    "a key": (f"GRANT SELECT ON pgaudit_log_mask_key TO {READER}", "REVOKE SELECT"),
    "a key, by a column": (
        f"GRANT SELECT (inner_block) ON pgaudit_log_mask_key TO {APP}",
        "REVOKE SELECT",
    ),
    "a function of the key": (
        f"GRANT EXECUTE ON FUNCTION pgaudit_log_hashed(integer, text, jsonb) TO {APP}",
        "REVOKE EXECUTE",
    ),
    "everybody": ("GRANT DELETE ON pgaudit_log_event TO PUBLIC", "FROM PUBLIC"),
    "migrations": (f"GRANT UPDATE ON django_migrations TO {APP}", "REVOKE UPDATE"),
    "a default": (
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT INSERT ON TABLES TO {APP}",
        "ALTER DEFAULT PRIVILEGES",
    ),
    "a grant less": (f"REVOKE UPDATE ON shop_order FROM {APP}", "GRANT UPDATE"),
}


@pytest.mark.parametrize("what", DRIFT)
@pytest.mark.usefixtures("hardened")
def test_drift_is_told_and_mended(what: str) -> None:
    statement, told = DRIFT[what]
    execute(statement)
    assert told in messages()["W025"]
    plan = plan_hardening()
    assert any(told in step.statement for step in plan.steps)
    plan.apply()
    assert plan_hardening().steps == ()
    assert messages() == {}


BINDING = {
    "ALTER ROLE {app} SUPERUSER": "is a superuser",
    "GRANT {owner} TO {app}": "is a member of {owner}",
    "GRANT pg_write_all_data TO {app}": "is a member of pg_write_all_data",
    "GRANT SET ON PARAMETER session_replication_role TO {app}": "session_replication_role",
    "ALTER ROLE {owner} LOGIN": "{owner} can log in",
    "ALTER ROLE {owner} SUPERUSER": "{owner} is a superuser",
    "ALTER ROLE {reader} SUPERUSER": "{reader} is a superuser",
}


@pytest.mark.parametrize("statement", BINDING)
@pytest.mark.usefixtures("roles")
def test_a_role_that_privileges_do_not_bind_is_in_the_way(statement: str) -> None:
    names = {"owner": OWNER, "app": APP, "reader": READER}
    execute(statement.format(**names))
    plan = plan_hardening(owner=OWNER, app=APP, reader=READER)
    told = BINDING[statement].format(**names)
    assert any(told in obstacle for obstacle in plan.obstacles), plan.obstacles
    with pytest.raises(PlanError, match="Nothing was changed"):
        plan.apply()
    assert hardening.hardened("default") is None


@pytest.mark.usefixtures("hardened")
def test_it_is_told_of_later_too() -> None:
    execute(f"GRANT {OWNER} TO {APP}")
    assert f'REVOKE "{OWNER}" FROM "{APP}"' in messages()["W025"]


def test_a_role_of_postgresql_15_that_makes_roles(roles: None) -> None:
    execute(f"ALTER ROLE {APP} CREATEROLE")
    obstacles = plan_hardening(owner=OWNER, app=APP).obstacles
    is_told = any("makes roles" in obstacle for obstacle in obstacles)
    assert is_told == (connection.pg_version < 160000)  # type: ignore[attr-defined]


# The owner of the schema and of the database


def test_a_schema_and_a_database_that_the_application_owned(roles: None) -> None:
    [(database,)] = execute("SELECT quote_ident(current_database())")
    execute(f"ALTER DATABASE {database} OWNER TO {APP}; ALTER SCHEMA public OWNER TO {APP}")
    plan_hardening(owner=OWNER, app=APP).apply()
    assert plan_hardening().steps == ()
    assert "must be owner of schema" in refused("DROP SCHEMA public CASCADE", APP)
    assert "permission denied" in refused("CREATE TABLE mine ()", APP)
    assert "permission denied" in refused("CREATE SCHEMA mine", APP)
    with acting_as(APP):
        Customer.objects.create(name="a")


def test_truncation_stays_allowed_where_it_is_captured(roles: None) -> None:
    with isolated():
        tracked_table("Cut", *EVERYTHING)
        execute(f"ALTER TABLE shop_cut OWNER TO {APP}")
        plan_hardening(owner=OWNER, app=APP).apply()
        with acting_as(APP):
            execute("TRUNCATE shop_cut")
        assert Events.objects.filter(pgh_obj_model="shop.Cut", pgh_operation="T").count() == 1
        assert plan_hardening().steps == ()


def test_truncation_that_is_not_captured_is_taken_away(roles: None) -> None:
    with isolated():
        tracked_table("Short", pgaudit_log.DeleteEvent())
        execute(f"GRANT TRUNCATE ON shop_short TO {APP}")
        plan_hardening(owner=OWNER, app=APP).apply()
        assert "permission denied" in refused("TRUNCATE shop_short", APP)


# Bad input


def run(*arguments: str) -> str:
    shown = io.StringIO()
    call_command("pgaudit_log", "harden", *arguments, stdout=shown)
    return shown.getvalue()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--owner", "nobody", "--app", APP], 'CREATE ROLE "nobody" NOLOGIN'),
        (["--owner", OWNER, "--app", "some body"], 'CREATE ROLE "some body" LOGIN'),
        (["--owner", OWNER], "not hardened yet"),
        (["--app", APP], "not hardened yet"),
        ([], "not hardened yet"),
        (["--owner", OWNER, "--app", OWNER], "cannot be two"),
        (["--owner", OWNER, "--app", APP, "--reader", APP], "cannot be two"),
    ],
)
@pytest.mark.usefixtures("roles")
def test_what_cannot_be_meant_is_refused(arguments: list[str], error: str) -> None:
    with pytest.raises(CommandError, match=error) as refusal:
        run(*arguments, "--apply")
    assert refusal.value.returncode == 2
    assert hardening.hardened("default") is None


@pytest.mark.usefixtures("roles")
def test_a_role_that_may_not_do_it_is_told_so() -> None:
    with acting_as(APP), pytest.raises(CommandError, match=f'GRANT "{OWNER}" TO "{APP}"') as error:
        run("--owner", OWNER, "--app", READER, "--apply")
    assert error.value.returncode == 2


@pytest.mark.usefixtures("roles")
def test_what_the_database_refuses_leaves_nothing_half_done() -> None:
    plan = plan_hardening(owner=OWNER, app=APP)
    execute(f"CREATE ROLE {role_name('clerk')}; GRANT {OWNER} TO {role_name('clerk')}")
    execute(f"GRANT SELECT ON django_migrations TO {role_name('clerk')}")
    # It may not give what it does not own.
    with acting_as(role_name("clerk")), pytest.raises(PlanError, match="Nothing was changed"):
        plan.apply()
    assert hardening.hardened("default") is None
    assert Events.objects.count() == 0


@pytest.mark.usefixtures("roles")
def test_a_plan_for_a_database_that_has_changed_since_is_refused() -> None:
    plan = plan_hardening(owner=OWNER, app=APP)
    execute(f"GRANT DELETE ON pgaudit_log_event TO {APP}")
    with pytest.raises(StalePlanError, match="have changed since"):
        plan.apply()


@pytest.mark.usefixtures("roles")
def test_one_operator_at_a_time() -> None:
    plan = plan_hardening(owner=OWNER, app=APP)
    with own_events.only_one("default"), pytest.raises(PlanError, match="Another operator"):
        plan.apply()


@pytest.mark.usefixtures("roles")
def test_what_is_not_as_declared_does_not_become_the_owners() -> None:
    execute("ALTER TABLE shop_order DISABLE TRIGGER ALL")
    with pytest.raises(PlanError, match="not as they are declared.*shop.Order"):
        plan_hardening(owner=OWNER, app=APP).apply()


# What is shown


@pytest.mark.usefixtures("roles")
def test_the_command_shows_and_does_it_and_leaves_an_event() -> None:
    arguments = ["--owner", OWNER, "--app", APP, "--reader", READER]
    shown = run(*arguments)
    assert f'ALTER TABLE public.pgaudit_log_event OWNER TO "{OWNER}";' in shown
    assert "could disable its guards" in shown
    assert hardening.hardened("default") is None
    assert run(*arguments, "--apply").endswith("Done.\n")
    event = Events.objects.get()
    assert (event.pgh_obj_model, event.pgh_label) == ("pgaudit_log.Maintenance", "harden")
    assert event.pgh_data["apps"] == [APP]
    assert "nothing to do" in run()
    assert run("--apply").endswith("Nothing was to be done.\n")
    document = json.loads(run("--json"))
    assert (document["owner"], document["apps"], document["readers"]) == (OWNER, [APP], [READER])
    assert (document["steps"], document["obstacles"], document["applied"]) == ([], [], False)


@pytest.mark.usefixtures("hardened")
def test_the_status_tells_it_to_the_application_too() -> None:
    with acting_as(APP):
        found = status()
        shown = io.StringIO()
        call_command("pgaudit_log", "status", stdout=shown)
    assert found.is_healthy, found.problems
    assert found.role is not None
    assert not found.role.may_forge
    assert found.as_document()["hardened"] == {"owner": OWNER, "apps": [APP], "readers": [READER]}
    assert f"owned by {OWNER}, for {APP}, read by {READER}" in shown.getvalue()


def test_another_application_comes_beside_the_first(hardened: None) -> None:
    execute(f"CREATE ROLE {role_name('second')}")
    plan_hardening(app=role_name("second")).apply()
    assert plan_hardening().roles.apps == tuple(sorted([APP, role_name("second")]))
    with acting_as(role_name("second")):
        Customer.objects.create(name="a")


def test_a_role_that_is_gone_is_told(hardened: None) -> None:
    execute("INSERT INTO pgaudit_log_granted_role VALUES ('gone', 'app')")
    assert "There is no role gone" in messages()["W025"]
    installation.install("default")


# What the application has through others


@pytest.mark.usefixtures("roles")
def test_what_a_group_of_the_application_was_granted_is_taken_from_it() -> None:
    group = role_name("audit_group")
    execute(
        f"CREATE ROLE {group}; GRANT {group} TO {APP}; GRANT INSERT ON pgaudit_log_event TO {group};"
        f" GRANT CREATE ON SCHEMA public TO {group}; GRANT TRIGGER ON shop_order TO {group}"
    )
    plan_hardening(owner=OWNER, app=APP).apply()
    assert "permission denied" in refused("INSERT INTO pgaudit_log_event DEFAULT VALUES", APP)
    assert "permission denied" in refused("CREATE TABLE mine ()", APP)
    assert plan_hardening().steps == ()
    execute(f"GRANT UPDATE ON pgaudit_log_event TO {group}")
    assert f'REVOKE UPDATE ON TABLE public.pgaudit_log_event FROM "{group}"' in messages()["W025"]


@pytest.mark.usefixtures("roles")
def test_who_is_a_member_of_the_owner_of_the_schema_is_in_the_way() -> None:
    keeper = role_name("audit_keeper")
    execute(f"CREATE ROLE {keeper}; GRANT {keeper} TO {APP}; ALTER SCHEMA public OWNER TO {keeper}")
    obstacles = plan_hardening(owner=OWNER, app=APP).obstacles
    assert any(f'REVOKE "{keeper}" FROM "{APP}"' in obstacle for obstacle in obstacles)


@pytest.mark.usefixtures("roles")
def test_types_collations_and_functions_of_tables_go_with_them() -> None:
    execute(
        "CREATE TYPE shop_size AS ENUM ('s', 'm');"
        " CREATE DOMAIN shop_word AS text; CREATE COLLATION shop_german (locale = 'C');"
        " CREATE FUNCTION shop_twice(text) RETURNS text LANGUAGE sql RETURN $1 || $1;"
        " CREATE FUNCTION shop_touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
    )
    with isolated():
        tracked_table(
            "Sized",
            pgaudit_log.UpdateEvent(
                condition=pgaudit_log.Q(new__word__isnull=False),
            ),
            size=SqlField("shop_size", null=True),
            sizes=SqlField("shop_size[]", null=True),
            word=SqlField("shop_word", null=True),
            name=models.TextField(db_collation="shop_german"),
        )
        execute(
            "CREATE TRIGGER touch BEFORE UPDATE ON shop_sized FOR EACH ROW EXECUTE FUNCTION shop_touch()"
        )
        for kind, name in (
            ("TYPE", "shop_size"),
            ("DOMAIN", "shop_word"),
            ("COLLATION", "shop_german"),
            ("FUNCTION", "shop_touch()"),
            ("FUNCTION", "shop_twice(text)"),
        ):
            execute(f"ALTER {kind} {name} OWNER TO {APP}")
        plan_hardening(owner=OWNER, app=APP).apply()
        assert plan_hardening().steps == ()
        owners = execute(
            "SELECT typowner::regrole::text FROM pg_type WHERE typname IN ('shop_size', 'shop_word')"
            " UNION SELECT collowner::regrole::text FROM pg_collation WHERE collname = 'shop_german'"
            " UNION SELECT proowner::regrole::text FROM pg_proc WHERE proname = 'shop_touch'"
        )
        assert owners == [(OWNER,)]
        # What nothing calls stays with who has it.
        assert execute(
            "SELECT proowner::regrole::text FROM pg_proc WHERE proname = 'shop_twice'"
        ) == [(APP,)]


@pytest.mark.usefixtures("hardened")
def test_what_the_application_has_made_does_not_become_the_owners_unseen() -> None:
    """A function that runs as the owner would be a way in."""
    execute(
        "CREATE FUNCTION shop_touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
        " AS 'BEGIN RETURN NEW; END';"
        " CREATE TRIGGER touch BEFORE UPDATE ON shop_order FOR EACH ROW EXECUTE FUNCTION shop_touch();"
        f" ALTER FUNCTION shop_touch() OWNER TO {APP}"
    )
    installation.install("default")
    assert "shop_touch() OWNER TO" in messages()["W025"]
    assert execute("SELECT proowner::regrole::text FROM pg_proc WHERE proname = 'shop_touch'") == [
        (APP,)
    ]


@pytest.mark.usefixtures("hardened")
def test_it_can_be_taken_back() -> None:
    [(me,)] = execute("SELECT current_user")
    execute(f"REASSIGN OWNED BY {OWNER} TO {me}; DELETE FROM pgaudit_log_granted_role")
    assert hardening.hardened("default") is None
    assert messages() == {}
