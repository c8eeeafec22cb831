"""A schema for each tenant, with django-tenants: one event table a schema, and what else is told."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.projects import SETTINGS, Project, project

pytest.importorskip("django_tenants")

LAYOUT = """
DATABASES["default"]["ENGINE"] = "django_tenants.postgresql_backend"
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
TENANT_MODEL = "tenants.Tenant"
TENANT_DOMAIN_MODEL = "tenants.Domain"
SHARED_APPS = ["django_tenants", "tenants", "django.contrib.contenttypes", "pgtrigger"{shared}]
TENANT_APPS = ["django.contrib.contenttypes", "django.contrib.auth"{own}, "store"]
INSTALLED_APPS = [*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS)]
SILENCED_SYSTEM_CHECKS = ["commands.E001"]
"""

TENANTS = """
from django.db import models
from django_tenants.models import DomainMixin, TenantMixin


class Tenant(TenantMixin):
    auto_drop_schema = True


class Domain(DomainMixin):
    pass
"""

MODELS = """
from django.db import models

import pgaudit_log


@pgaudit_log.track()
class Item(models.Model):
    name = models.CharField(max_length=50)
    parent = models.ForeignKey("self", models.CASCADE, null=True)


pgaudit_log.track(
    pgaudit_log.UpdateEvent("named", condition=pgaudit_log.Condition("NEW.name <> OLD.name")),
    model_name="ItemNamed",
    obj_field=None,
)(Item)
"""

HEADER = """
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import connection
from django_tenants.utils import schema_context
from django.db import DatabaseError
from pgaudit_log.database import installation
from pgaudit_log.models import Events
from store.models import Item, ItemEvent
from tenants.models import Tenant

def told():
    # What is told of this schema, by the id of the check.
    found = [m for m in run_checks(databases=["default"]) if "pgaudit_log" in m.id]
    return {m.id.rpartition(".")[2]: m.msg for m in found}

def events():
    return [(e.pgh_obj_model, e.pgh_obj_id, e.pgh_data["name"]) for e in Events.objects.order_by("pgh_id")]

def sql(text):
    with connection.cursor() as cursor:
        cursor.execute(text)
        return cursor.fetchall() if cursor.description else None
"""


BETA = "Betas 1"
"""A name that has to be quoted."""


def tenants(made: Project, *, own: bool) -> Project:
    """Let a project have two tenants, and an event table for each of them, or one for all."""
    app = ', "pgaudit_log"'
    layout = LAYOUT.format(own=app if own else "", shared="" if own else app)
    made.environment["PYTHONWARNINGS"] = "ignore"
    made.write("settings.py", SETTINGS + layout)
    made.write("tenants/__init__.py", "")
    made.write("tenants/migrations/__init__.py", "")
    made.write("tenants/models.py", TENANTS)
    made.write("store/models.py", MODELS)
    made.manage("makemigrations", "store", "tenants")
    made.manage("migrate_schemas", "--shared")
    made.shell(
        HEADER
        + f"""
for name in ("alpha", "{BETA}"):
    Tenant.objects.create(schema_name=name)
"""
    )
    return made


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Return a project with an event table in the schema of each tenant; each test leaves it whole."""
    with project(tmp_path_factory.mktemp("apart")) as made:
        yield tenants(made, own=True)


def run(made: Project, code: str) -> None:
    """Run code that raises where a claim does not hold."""
    made.shell(HEADER + f"BETA = {BETA!r}\n" + textwrap.dedent(code))


@pytest.mark.slow
@pytest.mark.everywhere
def test_each_tenant_has_a_history_of_its_own(apart: Project) -> None:
    run(
        apart,
        """
        for schema in ("alpha", BETA):
            with schema_context(schema):
                assert told() == {}, told()
                assert installation.repair("default") == installation.Report()
                item = Item.objects.create(name=schema)
                Item.objects.filter(pk=item.pk).update(name=schema + "!")
                assert item.pk == 1
                assert events() == [("store.Item", "1", schema), *[("store.Item", "1", schema + "!")] * 2]
                assert [e.name for e in item.events.order_by("pgh_id")] == [schema, schema + "!"]
        assert told() == {}
        """,
    )


@pytest.mark.slow
@pytest.mark.everywhere
def test_the_commands_run_for_each_tenant(apart: Project) -> None:
    run(
        apart,
        """
        for schema in ("alpha", BETA):
            with schema_context(schema):
                Item.objects.create(name=schema)
        """,
    )
    printed = apart.manage("all_tenants_command", "--no-public", "pgaudit_log", "install")
    assert printed.count("Everything is in place.") == 2
    apart.manage("migrate_schemas")
    apart.manage("tenant_command", "check", "--database", "default", "--schema=alpha")
    shown = apart.manage("tenant_command", "pgaudit_log", "trail", "--json", "--schema", BETA)
    assert BETA in shown and "alpha" not in shown


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("is_taken", [False, True], ids=["free", "taken by another"])
def test_a_schema_that_was_renamed_is_told_and_mended(apart: Project, is_taken: bool) -> None:
    run(
        apart,
        f"""
        sql('ALTER SCHEMA alpha RENAME TO renamed')
        if {is_taken}:
            Tenant.objects.filter(schema_name="alpha").update(schema_name="renamed")
            Tenant.objects.create(schema_name="alpha")
        with schema_context("renamed"):
            found = told()
            # Where another tenant has the name by now, both write into its event table. Else what
            # the functions call is gone.
            other = "W014" if {is_taken} else "E009"
            assert found.keys() == {{"W002", "W005", "W013", other}}, found
            assert "store.Item:audit_insert (writes to alpha.pgaudit_log_event)" in found["W013"]
            try:
                Item.objects.create(name="astray")
            except DatabaseError:
                assert not {is_taken}
            else:
                # It went to the schema that has the name now.
                assert {is_taken} and "astray" not in [name for *_, name in events()]
            made = installation.install("default")
            assert "store.Item:audit_insert" in made.triggers
            assert told() == {{}}, told()
            assert installation.repair("default") == installation.Report()
            before = len(events())
            Item.objects.create(name="found")
            assert [name for *_, name in events()[before:]] == ["found"]
            Item.objects.all()[0].events.count()
        if {is_taken}:
            Tenant.objects.get(schema_name="alpha").delete(force_drop=True)
            Tenant.objects.filter(schema_name="renamed").update(schema_name="alpha")
        sql('ALTER SCHEMA renamed RENAME TO alpha')
        with schema_context("alpha"):
            installation.install("default")
            assert told() == {{}}, told()
        """,
    )


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_trigger_that_calls_another_tenants_function_is_told_and_mended(apart: Project) -> None:
    run(
        apart,
        """
        [(name,)] = sql("SELECT DISTINCT tgname FROM pg_trigger WHERE tgname LIKE '%audit_insert%'")
        [(comment,)] = sql("SELECT obj_description(oid) FROM pg_trigger WHERE tgname LIKE '%audit_insert%'"
                           " AND tgrelid = 'alpha.store_item'::regclass")
        table = f'"{BETA}".store_item'
        sql(f"DROP TRIGGER {name} ON {table}")
        sql(f"CREATE TRIGGER {name} AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_values"
            f" FOR EACH STATEMENT EXECUTE FUNCTION alpha.{name}()")
        sql(f"COMMENT ON TRIGGER {name} ON {table} IS '{comment}'")
        with schema_context("alpha"):
            before = len(events())
        with schema_context(BETA):
            Item.objects.create(name="of beta")
            found = told()
            assert found.keys() == {"W013", "W014"}, found
            assert "store.Item:audit_insert (writes to alpha.pgaudit_log_event)" in found["W013"]
            assert f"alpha.pgaudit_log_event: {table}, alpha.store_item" in found["W014"], found
        with schema_context("alpha"):
            # Two tenants in one history.
            assert [name for *_, name in events()[before:]] == ["of beta"]
            assert told().keys() == {"W014"}
        with schema_context(BETA):
            installation.install("default")
            assert told() == {}, told()
        """,
    )


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize(
    "change", ["DROP TRIGGER {name} ON {table}", "ALTER TABLE {table} DISABLE TRIGGER {name}"]
)
def test_a_trigger_that_only_another_tenant_has_is_told(apart: Project, change: str) -> None:
    run(
        apart,
        f"""
        [(name,)] = sql("SELECT DISTINCT tgname FROM pg_trigger WHERE tgname LIKE '%audit_delete%'")
        sql({change!r}.format(name=name, table=f'"{{BETA}}".store_item'))
        with schema_context("alpha"):
            assert told() == {{}}, told()
        with schema_context(BETA):
            assert told().keys() == {{"W003"}} and "store.Item:audit_delete" in told()["W003"]
            assert installation.repair("default").triggers == ("store.Item:audit_delete",)
            assert told() == {{}}, told()
        """,
    )


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_view_and_a_function_that_only_another_tenant_has_are_told(apart: Project) -> None:
    run(
        apart,
        """
        with schema_context(BETA):
            sql("DROP VIEW store_itemevent; DROP FUNCTION pgaudit_log_txid()")
            assert told().keys() == {"W002", "W005"}
        with schema_context("alpha"):
            assert told() == {}, told()
        with schema_context(BETA):
            installation.repair("default")
            assert told() == {}, told()
        """,
    )


@pytest.mark.slow
@pytest.mark.everywhere
def test_what_one_tenant_needs_is_not_installed_in_another(apart: Project) -> None:
    run(
        apart,
        """
        with schema_context(BETA):
            sql("CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
            sql("CREATE TRIGGER other AFTER UPDATE ON store_item EXECUTE FUNCTION other()")
        with schema_context("alpha"):
            assert told() == {}, told()
            assert installation.repair("default") == installation.Report()
        with schema_context(BETA):
            assert told().keys() == {"W009"}
            assert len(installation.repair("default").turns) == 1
            assert told() == {}, told()
            [(function,)] = sql("SELECT tgfoid::regprocedure::text FROM pg_trigger WHERE tgname = 'pgaudit_log_turn'")
            assert function == "pgaudit_log_take_turn()"
            sql("DROP FUNCTION other() CASCADE")
            installation.repair("default")
        """,
    )


@pytest.mark.slow
@pytest.mark.everywhere
def test_one_event_table_for_all_tenants_is_told(tmp_path: Path) -> None:
    with project(tmp_path) as made:
        tenants(made, own=False)
        run(
            made,
            """
            with schema_context("alpha"):
                Item.objects.create(name="a")
            found = told()
            assert found.keys() == {"W014"}, found
            assert f'public.pgaudit_log_event: "{BETA}".store_item, alpha.store_item' in found["W014"]
            """,
        )
        assert "pgaudit_log.W014" in made.manage("check", "--database", "default")


PAGE = Path(__file__).parents[2] / "docs" / "howto" / "tenants.md"


def test_the_page_has_the_settings_that_are_tested() -> None:
    page = PAGE.read_text()
    for line in LAYOUT.format(own=', "pgaudit_log"', shared="").strip().splitlines():
        assert f"    {line}\n" in page, line
