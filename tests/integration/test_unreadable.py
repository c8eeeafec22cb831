"""A column that became another type reads as NULL where its type cannot read what is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from pgaudit_log.columns import read_sql, sql_type
from pgaudit_log.diffs import diff
from pgaudit_log.names import forget
from pgaudit_log.reversal import revert
from pgaudit_log.reversal.plans import Kind
from tests.moments import now
from tests.support import execute
from tests.tables import SqlField, declarations_forgotten, install, tracked_table

pytestmark = pytest.mark.django_db

STORED = [
    "x ~ nonsense {",
    "",
    "{a,{b}}",
    "[1,2)",
    "1e4400",
    7,
    -0.5,
    10**30,
    True,
    None,
    [],
    [1, 2],
    ["a", None, 'b"\\\n[]{}'],
    [[1], [2, 3]],
    [[], []],
    [{"a": [1]}, "x"],
    [[[[[[[[1]]]]]]]],
    {"a": 1},
    {"pgaudit_log.json": [1]},
]
"""What former types of a column may have left."""


@pytest.fixture
def own_types(db: None) -> None:
    execute(
        "CREATE TYPE shop_mood AS ENUM ('sad', 'ok');"
        "CREATE TYPE shop_pair AS (number integer, word text);"
        "CREATE DOMAIN shop_posint AS integer CHECK (VALUE > 0);"
        "CREATE DOMAIN shop_word AS text;"
        "CREATE DOMAIN shop_period AS daterange NOT NULL;"
        "CREATE DOMAIN shop_list AS integer[] CHECK (cardinality(VALUE) < 3);"
        "CREATE TYPE shop_range AS RANGE (subtype = shop_posint)"
    )


def all_types() -> list[str]:
    """Return what the server calls its types, and ours, that a column may have."""
    found = execute(
        """
        SELECT format_type(oid, NULL)
        FROM pg_type
        WHERE (typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm')
            OR typname ~ '^_?shop_(mood|pair|posint|word|period|list|range|multirange)$')
        ORDER BY 1
        """
    )
    return [name for (name,) in found]


def is_a(type_name: str, text: Any) -> bool:
    """Return whether PostgreSQL itself reads a text as the type."""
    try:
        with transaction.atomic():
            execute(f"SELECT (%s::{type_name})::text", [text])
    except DatabaseError:
        return False
    return True


@pytest.mark.usefixtures("own_types")
def test_no_type_raises_for_what_is_stored() -> None:
    types = all_types()
    assert len(types) > 150
    assert {"point", "int4range[]", "shop_mood[]", "shop_posint", "shop_pair", "shop_range"} < set(
        types
    )
    texts = [json.dumps(value) for value in STORED]
    for name in types:
        type_name = sql_type(SqlField(name), connection)
        value = read_sql("stored.value::jsonb", type_name, connection)
        sql = (
            f"SELECT ({value})::text FROM unnest(%s::text[]) WITH ORDINALITY AS stored (value, n)"
            " ORDER BY n"
        )
        first, *_ = execute(sql.replace("%", "%%").replace("%%s", "%s"), [texts])
        assert (first[0] is not None) is (name == "jsonb" or is_a(name, STORED[0])), name


@pytest.mark.usefixtures("own_types")
@pytest.mark.parametrize("name", ["int4range", "shop_mood", "shop_posint[]", "shop_pair", "point"])
def test_a_type_is_found_whatever_the_path_of_the_session_is(name: str) -> None:
    value = read_sql("stored.value::jsonb", name, connection)
    execute("CREATE TABLE shop_stored AS SELECT '\"x\"' AS value")
    execute(f"CREATE VIEW shop_reads AS SELECT {value} AS value FROM shop_stored AS stored")
    [(schema,)] = execute("SELECT current_schema()")
    execute("SET LOCAL search_path = pg_catalog")
    assert execute(f"SELECT value FROM {schema}.shop_reads") == [(None,)]


CHANGES = {
    "int4range": ("text", "'rubbish'", "'[1,5)'"),
    "integer[]": ("text[]", "'{a,b}'", "'{1,2}'"),
    "point": ("text", "'rubbish'", "'(1,2)'"),
    "bit varying": ("text", "'rubbish'", "'101'"),
    "tsquery": ("text", "'a b'", "'a'"),
    "money": ("numeric", "1e30", "7"),
    "date[]": ("jsonb", "'[{\"a\": 1}]'", "'{2026-01-01}'"),
    "shop_mood": ("text", "'rubbish'", "'ok'"),
    "shop_posint": ("integer", "-7", "7"),
    "shop_pair[]": ("text", "'rubbish'", "'{}'"),
}
"""What a column becomes; what it was, with a value that it cannot have then, and one that it can."""


@pytest.fixture
def forgotten() -> Iterator[None]:
    with declarations_forgotten():
        yield


def become(model: Any, new_type: str, value: str) -> None:
    """Change the type of the column ``v``, as a migration does, and write ``value`` to all rows."""
    table = model._meta.db_table
    execute(f"ALTER TABLE {table} ALTER COLUMN v TYPE {new_type} USING NULL")
    model._meta.get_field("v").sql_type = new_type
    forget()
    install(model, create=False)
    execute(f"UPDATE {table} SET v = {value}")


@pytest.mark.usefixtures("own_types", "forgotten")
@pytest.mark.parametrize("new_type", CHANGES)
def test_a_column_that_became_another_type_is_null_before(new_type: str) -> None:
    old_type, old, new = CHANGES[new_type]
    thing = tracked_table("Thing", v=SqlField(old_type, null=True))
    execute(f"INSERT INTO shop_thing (id, v) VALUES (1, {old})")
    inserted = now()
    become(thing, new_type, new)
    one = thing.objects.get()
    assert one.events.first().v is None
    assert thing.objects.as_of(inserted).get().v is None
    assert thing.objects.as_of(inserted).filter(pk__gt=0).get().v is None
    assert "v" in diff(inserted)
    plan = revert(one, to=inserted)
    assert [o.kind for o in plan.obstacles] == [Kind.UNREADABLE]
