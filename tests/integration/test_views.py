"""Views in the database: what is kept while one is made anew, and what whoever was granted one sees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import DatabaseError, connection, models, transaction
from django.test.utils import CaptureQueriesContext

from pgaudit_log.constants import DOCS
from pgaudit_log.database import installation, installed_views, new_views
from pgaudit_log.exceptions import DeclarationError, InstallationError
from pgaudit_log.reading import declared_views
from pgaudit_log.reading.event_views import METADATA_COLUMNS, View
from pgaudit_log.testing import isolated
from tests.shop.models import Customer, Order
from tests.support import execute, role_name
from tests.tables import tracked_table

pytestmark = pytest.mark.django_db

VIEW = "shop_orderevent"


@pytest.fixture
def reader() -> str:
    role = role_name("reader")
    execute(f'CREATE ROLE {role}; CREATE ROLE "{role} of sales"')
    return role


def rights() -> list[tuple[Any, ...]]:
    """Return owner, privileges, options but for the barrier, and comments of the view."""
    return execute(
        r"""
        SELECT
            pg_get_userbyid(relowner)::text,
            ARRAY(SELECT acl::text FROM unnest(relacl) AS acl ORDER BY 1),
            ARRAY(
                SELECT attname::text || attacl::text FROM pg_attribute
                WHERE attrelid = pg_class.oid AND attacl IS NOT NULL ORDER BY 1
            ),
            ARRAY(SELECT option FROM unnest(reloptions) AS option WHERE option !~ 'barrier'),
            regexp_replace(
                obj_description(oid, 'pg_class'), '(^|\n)(pgaudit_log: [^\n]*\n)?pgaudit_log:\S*$', ''
            ),
            col_description(oid, 1)
        FROM pg_class WHERE oid = 'shop_orderevent'::regclass
        """
    )


def have_fewer_columns() -> None:
    """Let the view be as an earlier release made it, with other columns in other places."""
    metadata = ", ".join(f"{column} AS {name}" for name, column in METADATA_COLUMNS.items())
    execute(f"DROP VIEW {VIEW} CASCADE")
    execute(
        f"CREATE VIEW {VIEW} AS SELECT {metadata}, 'x'::text AS status, 1 AS gone FROM pgaudit_log_event"
    )
    execute(f"COMMENT ON VIEW {VIEW} IS 'pgaudit_log:older'")


def have_other_rows() -> None:
    """Let the view be replaced by hand, with the same columns."""
    [(definition,)] = execute(f"SELECT pg_get_viewdef('{VIEW}'::regclass)")
    execute(f"CREATE OR REPLACE VIEW {VIEW} AS {definition.rstrip(';')} LIMIT 0")


CHANGES = pytest.mark.parametrize("change", [have_fewer_columns, have_other_rows])


@pytest.mark.slow
@pytest.mark.everywhere
@CHANGES
def test_a_view_that_was_replaced_is_told_and_mended(change: Any, customer: Customer) -> None:
    Order.objects.create(customer=customer)
    assert run_checks(databases=["default"]) == []
    change()
    [message] = run_checks(databases=["default"])
    assert message.id == "pgaudit_log.W002" and VIEW in message.msg
    assert installation.install("default").views == (VIEW,)
    assert run_checks(databases=["default"]) == []
    assert execute(f"SELECT count(*) FROM {VIEW}") == [(1,)]
    assert installation.install("default").views == ()


@CHANGES
def test_a_view_keeps_owner_privileges_options_and_comments(change: Any, reader: str) -> None:
    change()
    execute(
        f"""
        GRANT CREATE, USAGE ON SCHEMA public TO {reader};
        ALTER VIEW {VIEW} OWNER TO {reader};
        GRANT SELECT ON {VIEW} TO "{reader} of sales" WITH GRANT OPTION;
        GRANT SELECT (pgh_id, status) ON {VIEW} TO PUBLIC;
        REVOKE INSERT, UPDATE ON {VIEW} FROM {reader};
        ALTER VIEW {VIEW} SET (security_invoker = true);
        COMMENT ON VIEW {VIEW} IS '100 % of the orders; it''s \\ sales';
        COMMENT ON COLUMN {VIEW}.pgh_id IS 'the number, 5 %';
        ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {reader};
        ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
        """
    )
    before = rights()
    assert installation.install("default").views == (VIEW,)
    assert rights() == before
    assert installation.install("default").views == ()


def comment() -> str:
    [(text,)] = execute("SELECT obj_description('shop_orderevent'::regclass, 'pg_class')")
    return str(text)


def test_the_comment_of_a_view_says_what_it_is() -> None:
    labels = ", ".join(Order.pgh_event_model.pgh_declaration.tracker_labels)
    first, mark = comment().splitlines()
    assert first == (
        "pgaudit_log: the events of shop.Order in its own columns, one row an event;"
        f" trackers: {labels}; only to be read, see {DOCS}"
    )
    assert re.fullmatch(r"pgaudit_log:[0-9a-f]{40}:[0-9a-f]{32}", mark)


@pytest.mark.parametrize("said", ["", "for sales\nand 5 % more"])
def test_what_a_view_is_is_said_once_behind_what_others_say(said: str) -> None:
    ours = comment()
    execute("SELECT set_config('my.comment', %s, true)", [f"{said}\n{ours}" if said else ours])
    execute(
        "DO $$ BEGIN EXECUTE format('COMMENT ON VIEW shop_orderevent IS %L',"
        " current_setting('my.comment')); END $$"
    )
    assert run_checks(databases=["default"]) == []
    have_other_rows()
    assert installation.install("default").views == (VIEW,)
    assert comment() == (f"{said}\n{ours}" if said else ours)


@pytest.mark.usefixtures("forget")
def test_a_view_is_outdated_where_it_is_described_otherwise() -> None:
    note = tracked_table("Note", name=models.TextField())
    [view] = [v for v in declared_views.views_for("default").views if v.name == "shop_noteevent"]
    assert installed_views.outdated([view], connection) == []
    other = view._replace(description=view.description.replace(note.__name__, "Memo"))
    assert installed_views.outdated([other], connection) == [other]


def test_a_privilege_on_a_column_that_is_gone_goes_with_it(reader: str) -> None:
    have_fewer_columns()
    execute(f"GRANT SELECT (gone, status) ON {VIEW} TO {reader}")
    installation.install("default")
    [(_, _, columns, *_)] = rights()
    assert [column.partition("{")[0] for column in columns] == ["status"]


def test_a_new_column_at_the_end_takes_no_privilege_and_no_view_away(reader: str) -> None:
    [view] = [v for v in declared_views.views_for("default").views if v.name == VIEW]
    execute(f"GRANT SELECT ON {VIEW} TO {reader}")
    execute(f"CREATE VIEW mine AS SELECT pgh_id FROM {VIEW}")
    before = rights()
    longer = View(
        VIEW,
        view.select.replace(
            "\nFROM pgaudit_log_event", ",\n    1 AS more\nFROM pgaudit_log_event", 1
        ),
        True,
    )
    assert installed_views.install([longer], connection) == [VIEW]
    assert rights() == before
    assert execute("SELECT count(*) FROM mine") == [(0,)]


DEPENDENTS = {
    "view mine": "CREATE VIEW mine AS SELECT pgh_id FROM {}",
    "materialized view kept": "CREATE MATERIALIZED VIEW kept AS SELECT count(*) FROM {}",
    "function reading(": "CREATE FUNCTION reading(e {}) RETURNS bigint LANGUAGE sql RETURN e.pgh_id",
    "function whole(": (
        "CREATE FUNCTION whole() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM {}; END"
    ),
    "trigger written on view": (
        "CREATE FUNCTION written() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER written INSTEAD OF UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION written()"
    ),
    "rule quiet on view": "CREATE RULE quiet AS ON DELETE TO {} DO INSTEAD NOTHING",
}


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("name", DEPENDENTS)
def test_what_depends_on_a_view_is_named_and_kept(name: str) -> None:
    have_fewer_columns()
    execute(f"DROP VIEW shop_customerevent; {DEPENDENTS[name].format(VIEW)}")
    with pytest.raises(
        InstallationError, match="these depend on it: .*create them again"
    ) as raised:
        installation.install("default")
    assert name.removeprefix("view ") in str(raised.value).replace("public.", "")
    # Those of other models are made all the same.
    assert execute("SELECT count(*) FROM shop_customerevent") == [(0,)]


LEAK = """
CREATE TABLE seen (line text);
GRANT INSERT, SELECT ON seen TO PUBLIC;
CREATE FUNCTION leak(value text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN INSERT INTO seen VALUES (value); RETURN true; END $$;
"""


@pytest.fixture
def forget() -> Iterator[None]:
    with isolated():
        yield


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.usefixtures("forget")
@pytest.mark.parametrize("way", ["track", "setting", "neither", "track says no"])
def test_with_a_barrier_a_view_shows_its_own_rows_only(
    way: str, settings: Any, reader: str
) -> None:
    settings.PGAUDIT_LOG_SECURITY_BARRIER = way in ("setting", "track says no")
    given = {"track": True, "track says no": False}.get(way)
    note = tracked_table("Note", name=models.TextField(), track={"security_barrier": given})
    note.objects.create(name="mine")
    Customer.objects.create(name="secret")
    execute(LEAK)
    execute(f"GRANT SELECT ON shop_noteevent TO {reader}")
    execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
    execute(f"SET LOCAL ROLE {reader}")
    rows = execute("SELECT name FROM shop_noteevent WHERE leak(pgh_obj_model)")
    execute("RESET ROLE")
    assert rows == [("mine",)]
    seen = {line for (line,) in execute("SELECT line FROM seen")}
    has_barrier = way in ("track", "setting")
    assert seen == ({"shop.Note"} if has_barrier else {"shop.Note", "shop.Customer"})
    told = [m for m in run_checks(databases=["default"]) if m.id == "pgaudit_log.W010"]
    assert (
        [m.msg for m in told] == [] if has_barrier else f"shop_noteevent to {reader}" in told[0].msg
    )


@pytest.mark.usefixtures("forget")
def test_a_barrier_that_is_taken_away_by_hand_is_told_and_mended() -> None:
    tracked_table("Note", name=models.TextField(), track={"security_barrier": True})
    execute("ALTER VIEW shop_noteevent RESET (security_barrier)")
    [message] = run_checks(databases=["default"])
    assert message.id == "pgaudit_log.W002" and "shop_noteevent" in message.msg
    assert installation.install("default").views == ("shop_noteevent",)
    assert run_checks(databases=["default"]) == []


@pytest.mark.usefixtures("forget")
def test_a_barrier_that_is_neither_true_nor_false_is_refused() -> None:
    with pytest.raises(DeclarationError, match="Give True or False"):
        tracked_table("Note", track={"security_barrier": "yes"})


@pytest.mark.parametrize(
    ("grants", "is_told"),
    [
        ("GRANT SELECT ON {view} TO {role}", True),
        ("GRANT SELECT (pgh_id) ON {view} TO {role}", True),
        ("GRANT SELECT ON {view} TO PUBLIC", True),
        ("GRANT SELECT ON {view}, pgaudit_log_event TO {role}", False),
        ("GRANT INSERT ON {view} TO {role}", False),
    ],
)
def test_a_grant_on_a_view_without_a_barrier_is_told(
    grants: str, is_told: bool, reader: str
) -> None:
    execute(grants.format(view=VIEW, role=reader))
    found = [message.id for message in run_checks(databases=["default"])]
    assert found == ["pgaudit_log.W010"] * is_told


def test_a_view_of_somebody_elses_is_left_alone() -> None:
    execute(f"DROP VIEW {VIEW}; CREATE VIEW {VIEW} AS SELECT 1 AS mine")
    with pytest.raises(InstallationError, match=f"{VIEW} cannot be created"):
        installation.install("default")
    with pytest.raises(DatabaseError), transaction.atomic():
        execute(f"SELECT pgh_id FROM {VIEW}")


def without_views(*names: str) -> list[View]:
    """Drop views of typed events, and return all that there should be."""
    for name in names:
        execute(f"DROP VIEW {name} CASCADE")
    return list(declared_views.views_for("default").views)


def test_new_views_are_made_with_as_few_statements_as_one() -> None:
    names = [view.name for view in declared_views.views_for("default").views]
    statements = []
    for missing in ([VIEW], names):
        views = without_views(*missing)
        with CaptureQueriesContext(connection) as context:
            assert new_views.create(views, connection) == missing
        statements.append(len(context))
        assert installed_views.outdated(views, connection) == []
    assert statements[0] == statements[1]


def test_new_views_are_as_those_that_are_made_one_by_one() -> None:
    views = without_views(VIEW)
    new_views.create(views, connection)
    at_once = rights(), comment()
    [view] = [view for view in without_views(VIEW) if view.name == VIEW]
    installed_views.replace(view, connection)
    assert (rights(), comment()) == at_once


def test_new_views_leave_the_search_path_as_it_was() -> None:
    before = execute("SHOW search_path")
    new_views.create(without_views(VIEW), connection)
    assert execute("SHOW search_path") == before


def test_views_that_there_are_are_left_as_they_are() -> None:
    assert new_views.create(without_views(), connection) == []


def test_what_keeps_a_new_view_from_being_made_is_told_and_keeps_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = declared_views.views_for("default")
    [view, other] = [view for view in wanted.views if view.name in (VIEW, "shop_customerevent")]
    without_views(view.name, other.name)
    broken = view._replace(select="SELECT 1 / 0 AS pgh_id, nothing")
    monkeypatch.setattr(
        declared_views, "views_for", lambda using: wanted._replace(views=[broken, other])
    )
    with pytest.raises(InstallationError, match=f"The view {view.name} could not be made"):
        installation.install_views("default")
    assert installed_views.outdated([other], connection) == []
