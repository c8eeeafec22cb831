"""What a peer has recorded in another database comes over as if it were in this one."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connections

from pgaudit_log import importing
from pgaudit_log.exceptions import PlanError, QueryError
from tests.importing.peer_tables import TABLE, bring_over, plan, record, records
from tests.importing.text_tables import (
    CREATE,
    CRUD,
    CRUD_CREATE,
    CRUD_DELETE,
    CRUD_UPDATE,
    ENTRIES,
    UPDATE,
    created,
    crud,
    entry,
    make_tables,
)
from tests.support import execute

pytestmark = [
    pytest.mark.django_db(databases=["default", "other"]),
    # The drivers copy in ways of their own.
    pytest.mark.everywhere,
]

WHOLE = (
    "id, created_at, txid, obj_pk, label, operation, snapshot::text, diff::text, context_id,"
    " context::text, origin - 'import'"
)

CONTEXT = "0b7c4d0e-0000-4000-8000-000000000001"


@pytest.fixture
def elsewhere(thing: Any) -> Any:
    """A model whose history is in the other database; a table of that name here has something else."""
    record(("insert", 1, 1, 0), ("update", 1, 2, 1.5), ("insert", 2, 1, 2), ("delete", 2, 1, 3))
    execute(f"UPDATE {TABLE} SET pgh_context_id = '{CONTEXT}' WHERE pgh_id = 2")
    execute(f"ALTER TABLE {TABLE} DROP COLUMN pgh_context")
    execute("CREATE TABLE pghistory_context (id uuid PRIMARY KEY, metadata jsonb)")
    execute("INSERT INTO pghistory_context VALUES (%s, %s)", [CONTEXT, '{"user": 7}'])
    for name in (TABLE, "pghistory_context"):
        copy_to_other(name)
        execute(
            f"ALTER TABLE {name} ADD PRIMARY KEY ({'pgh_id' if name == TABLE else 'id'})",
            using="other",
        )
    return thing


def copy_to_other(name: str) -> None:
    """Copy a table, but for its indexes and defaults, into the other database."""
    columns = execute(
        "SELECT string_agg(quote_ident(attname) || ' ' || format_type(atttypid, atttypmod), ', '"
        " ORDER BY attnum) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        [name],
    )[0][0]
    execute(f"CREATE TABLE {name} ({columns})", using="other")
    for row in execute(f"SELECT to_jsonb(own)::text FROM {name} AS own"):
        execute(
            f"INSERT INTO {name} SELECT * FROM jsonb_populate_record(NULL::{name}, %s)",
            row,
            using="other",
        )


def left_over() -> list[tuple[Any, ...]]:
    return execute(
        "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pgaudit_log%%'"
        " UNION ALL SELECT relname FROM pg_class WHERE relname LIKE 'pgaudit_log_import%%'"
    )


def test_the_same_events_come_over(elsewhere: Any) -> None:
    bring_over(elsewhere)
    here = records(WHOLE)
    assert [row[9] for row in here] == [None, '{"user": 7}', None, None]
    importing.plan_withdrawal("pghistory", models=[elsewhere]).apply()
    execute("DELETE FROM pghistory_context")
    execute(f"UPDATE {TABLE} SET n = 9")
    found = plan(elsewhere, from_database="other")
    assert (found.from_database, found.events, found.obstacles) == ("other", 4, ())
    assert left_over() == []
    assert found.apply().events == {"shop.Thing": 4}
    assert records(WHOLE) == here
    assert left_over() == []
    again = plan(elsewhere, from_database="other")
    assert (again.events, again.steps[0].imported) == (0, 4)
    [compared] = importing.compare(again)
    assert (compared.only_there, compared.only_here) == (0, 0)
    [[told]] = execute(
        "SELECT snapshot ->> 'database' FROM pgaudit_log_event WHERE label = 'import'"
        " ORDER BY id DESC LIMIT 1"
    )
    assert told == "other"


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["auditlog", "easy-audit"])
def test_what_is_told_by_texts_comes_over_with_the_content_types_of_there(
    thing: Any, peer: str
) -> None:
    make_tables()
    entry(CREATE, 5, created(5), 0, cid="one")
    entry(UPDATE, 5, {"n": ["1", "2"]}, 60, actor_email="ana@example.com")
    entry(CREATE, 6, created(6), 61)
    crud(CRUD_CREATE, 5, {"n": 1, "word": "w"}, 0, user_id=7)
    changed = json.dumps({"n": ["1", "2"]})
    crud(CRUD_UPDATE, 5, {"n": 2, "word": "w"}, 60, changed_fields=changed)
    crud(CRUD_DELETE, 5, {"n": 2, "word": "w"}, 61)
    execute(
        "CREATE TABLE easyaudit_loginevent (id serial, username text, login_type int, remote_ip text,"
        " datetime timestamptz, user_id int);"
        "INSERT INTO easyaudit_loginevent (username, login_type, datetime) VALUES ('ana', 0, now())"
    )
    importing.plan(peer, models=[thing]).apply()
    here = records(WHOLE)
    assert [row[5] for row in here] == (["I", "U", "I"] if peer == "auditlog" else ["I", "U", "D"])
    importing.plan_withdrawal(peer, models=[thing]).apply()
    table = ENTRIES if peer == "auditlog" else CRUD
    for name in (table, "easyaudit_loginevent"):
        copy_to_other(name)
        execute(f"DROP TABLE {name}")
    there = ContentType.objects.using("other").create(id=2**20, app_label="shop", model="thing")
    execute(f"UPDATE {table} SET content_type_id = %s", [there.pk], using="other")
    found = importing.plan(peer, from_database="other")
    assert found.obstacles == ()
    logins = {} if peer == "auditlog" else {"pgaudit_log.Access": 1}
    assert found.apply().events == {"shop.Thing": len(here), **logins}
    assert (records(WHOLE), left_over()) == (here, [])
    again = importing.plan(peer, from_database="other")
    assert (again.events, again.steps[0].imported) == (0, len(here))
    execute(f"UPDATE {table} SET content_type_id = 77777", using="other")
    left_out = dict(importing.plan(peer, from_database="other").left_out)
    assert "of which model, is not known" in left_out["content type 77777"]
    # A peer that has a database of its own, without content types, has those of this one.
    here_too = ContentType.objects.get(app_label="shop", model="thing")
    execute(f"UPDATE {table} SET content_type_id = %s", [here_too.pk], using="other")
    execute("ALTER TABLE django_content_type RENAME TO not_there", using="other")
    again = importing.plan(peer, from_database="other")
    assert (again.events, again.steps[0].imported) == (0, len(here))


def test_what_is_not_there_is_not_taken_from_here(elsewhere: Any) -> None:
    execute(f"DROP TABLE {TABLE}, pghistory_context", using="other")
    found = plan(elsewhere, from_database="other")
    assert (found.events, found.obstacles) == (
        0,
        (f'"{TABLE}" is no event table of django-pghistory.',),
    )


def test_tables_of_the_log_are_not_copied(elsewhere: Any) -> None:
    given = {elsewhere: [TABLE, "pgaudit_log_event"]}
    found = importing.plan("pghistory", tables=given, from_database="other")
    assert [label for label, _ in found.left_out] == ["shop.Thing"]
    assert found.apply().events == {"shop.Thing": 4}
    assert len(records("id")) == 4


def test_the_command_says_where_it_reads(elsewhere: Any) -> None:
    out = io.StringIO()
    arguments = ("--model", "shop.Thing", "--table", f"shop.Thing={TABLE}")
    call_command(
        *("pgaudit_log", "import", "pghistory", *arguments, "--from-database", "other", "--apply"),
        stdout=out,
    )
    assert (
        "import from django-pghistory in the database other into the database default"
        in out.getvalue()
    )
    assert "shop.Thing: 4 imported" in out.getvalue()


def test_what_is_in_the_way_is_told(elsewhere: Any) -> None:
    with pytest.raises(QueryError, match='no database "nowhere" to import from'):
        plan(elsewhere, from_database="nowhere")
    execute("CREATE TYPE mood AS ENUM ('sad')", using="other")
    execute(f"ALTER TABLE {TABLE} ADD COLUMN mood mood", using="other")
    [obstacle] = plan(elsewhere, from_database="other").obstacles
    assert f'"{TABLE}".mood is of the type mood, which this database does not have' in obstacle


@pytest.fixture
def lite() -> Iterator[str]:
    """A database of another vendor."""
    databases = connections.databases
    databases["lite"] = {
        **databases["default"],
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ":memory:",
    }
    databases["lite"]["OPTIONS"] = {}
    # It is no database of the tests: only what refuses to read it asks for it.
    yield "lite"
    connections["lite"].close()
    del connections["lite"]
    del databases["lite"]


def test_another_vendors_database_is_refused(thing: Any, lite: str) -> None:
    for peer in importing.PEERS:
        found = importing.plan(peer, from_database=lite)
        [obstacle] = found.obstacles
        assert obstacle.startswith(
            'The database "lite" is SQLite: what is there is read from PostgreSQL'
        )
        with pytest.raises(PlanError, match="Nothing was imported. .* is SQLite"):
            found.apply()
        with pytest.raises(PlanError, match="Nothing was compared. .* is SQLite"):
            importing.compare(found)
    with pytest.raises(CommandError, match='"lite" is SQLite; events are in PostgreSQL only'):
        call_command("pgaudit_log", "import", "pghistory", "--database", lite)


def test_that_nothing_was_compared_is_said(thing: Any) -> None:
    out = io.StringIO()
    call_command("pgaudit_log", "import", "pghistory", "--compare", stdout=out)
    assert "Nothing to compare: no table of django-pghistory was found" in out.getvalue()
    assert f"Left out: {TABLE}. It is a table of django-pghistory" in out.getvalue()
