"""A column that became another type reads as NULL where its type cannot read what is stored."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, models, transaction
from django.test.utils import CaptureQueriesContext

import pgaudit_log
from pgaudit_log.declaring.former_names import forget
from pgaudit_log.diffs import changes, diff
from pgaudit_log.exceptions import QueryError
from pgaudit_log.reversal import revert, undo
from pgaudit_log.reversal.obstacles import Kind
from pgaudit_log.testing import isolated
from pgaudit_log.values.column_json import read_sql, sql_type
from tests.moments import now
from tests.support import execute
from tests.tables import SqlField, install, make, tracked_table

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


@pytest.mark.slow
@pytest.mark.everywhere
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
    with isolated():
        yield


def become(model: Any, new_type: str, value: str) -> None:
    """Change the type of the column ``v``, as a migration does, and write ``value`` to all rows."""
    table = model._meta.db_table
    execute(f"ALTER TABLE {table} ALTER COLUMN v TYPE {new_type} USING NULL")
    model._meta.get_field("v").sql_type = new_type
    forget()
    install(model, create=False)
    execute(f"UPDATE {table} SET v = {value}")


@pytest.mark.slow
@pytest.mark.everywhere
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


# What reads many of them, and what points at them


def deleted(model: Any, rows: list[str]) -> Any:
    """Insert rows and delete them in one context, whose id comes back."""
    execute(f"INSERT INTO {model._meta.db_table} (id, v, w) VALUES {', '.join(rows)}")
    with pgaudit_log.context(why="a test") as context:
        execute(f"DELETE FROM {model._meta.db_table}")
    return context.id


def queries_of(plan: Callable[[], Any]) -> tuple[int, Any]:
    with CaptureQueriesContext(connection) as queries:
        made = plan()
    return len(queries), made


def a_former_type(thing: Any, count: int) -> Any:
    id = deleted(thing, [f"({n}, {n if n % 3 else -n}, NULL)" for n in range(1, count)])
    execute("ALTER TABLE shop_thing ALTER COLUMN v TYPE shop_posint USING NULL")
    thing._meta.get_field("v").sql_type = "shop_posint"
    return id


def a_value_that_the_driver_has_not(thing: Any, count: int) -> Any:
    dates = ("'0044-03-15 BC'", "'2026-01-01'", "'infinity'")
    return deleted(thing, [f"({n}, {n}, {dates[n % 3]})" for n in range(1, count)])


@pytest.mark.usefixtures("own_types")
@pytest.mark.parametrize(
    "given", [a_former_type, a_value_that_the_driver_has_not], ids=lambda f: f.__name__
)
def test_a_plan_takes_as_many_queries_for_many_rows_as_for_few(given: Any) -> None:
    taken = []
    for count in (5, 50):
        with transaction.atomic(), isolated():
            thing = tracked_table(
                "Thing", v=SqlField("integer", null=True), w=models.DateField(null=True)
            )
            id = given(thing, count)
            number, plan = queries_of(functools.partial(undo, context=id))
            assert len(plan.steps) == count - 1
            taken.append(number)
            transaction.set_rollback(True)
        forget()
    assert taken[0] == taken[1] < 30


@pytest.mark.usefixtures("forgotten")
def test_what_the_driver_cannot_give_is_shown_as_stored_beside_what_it_can() -> None:
    tracked_table("Thing", v=SqlField("integer", null=True), w=models.DateField(null=True))
    execute("INSERT INTO shop_thing (id, v, w) VALUES (1, 7, '0044-03-15 BC')")
    found = changes(now())
    assert (found["v"].new, found["w"].new) == (7, "0044-03-15 BC")


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("count", [3, 30])
def test_rows_that_are_gone_are_looked_for_at_once(count: int) -> None:
    thing = tracked_table("Thing", n=models.IntegerField(default=0))
    thing.objects.bulk_create([thing() for _ in range(count)])
    with pgaudit_log.context(why="a test") as context:
        thing.objects.update(n=1)
    thing.objects.all().delete()
    number, plan = queries_of(functools.partial(undo, context=context.id))
    assert len(plan.obstacles) == count
    assert number < 20


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize(
    ("stored", "text"),
    [('"abc"', "abc"), ("1" + "0" * 30, "1" + "0" * 30), ("[1, 2]", "[1, 2]"), ("true", "Yes")],
)
def test_a_foreign_key_of_another_type_is_shown_as_stored(stored: str, text: str) -> None:
    target = make("Target", id=models.UUIDField(primary_key=True))
    thing = make("Thing", target=models.ForeignKey(target, models.CASCADE, db_constraint=False))
    pgaudit_log.track()(thing)
    install(target, thing)
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot) VALUES"
        " ('shop.Thing', '5', 'insert', 'I', jsonb_build_object('id', 5, 'target_id', %s::jsonb))",
        [stored],
    )
    found = changes(now())["target"]
    assert found.new_text == text
    out = io.StringIO()
    call_command("pgaudit_log", "show", str(now().pgh_id), stdout=out)
    assert text in out.getvalue()


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize(
    ("field", "key"),
    [
        (models.UUIDField, "7"),
        (models.IntegerField, "abc"),
        (models.IntegerField, "9" * 30),
        (models.DateField, "today"),
        (models.DecimalField, "many"),
        (models.BooleanField, "7"),
    ],
)
def test_an_event_of_a_key_that_is_none_today_is_not_reverted(field: Any, key: str) -> None:
    options = {"max_digits": 5, "decimal_places": 2} if field is models.DecimalField else {}
    tracked_table("Thing", key=field(primary_key=True, **options), n=models.IntegerField())
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot) VALUES"
        " ('shop.Thing', %s, 'insert', 'I', jsonb_build_object('key', %s::text, 'n', 1))",
        [key, key],
    )
    with pytest.raises(QueryError, match=r"shop.Thing .*, which can be no key of it today"):
        now().revert()  # type: ignore[attr-defined]
