"""Each SQL function by itself, as psql would call it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.backends.postgresql.psycopg_any import is_psycopg3

from tests.shop.models import Customer
from tests.support import execute

if is_psycopg3:
    from psycopg import Cursor as RawCursor
else:
    from psycopg2.extensions import cursor as RawCursor  # noqa: N812 - a class of psycopg 2

pytestmark = pytest.mark.django_db

ID = "018f0000-0000-7000-8000-000000000001"


def execute_as_psql(statement: str) -> list[tuple[Any, ...]]:
    """Return the rows of a statement that is sent exactly as it is, as no cursor of ours does."""
    connection.ensure_connection()
    with connection.wrap_database_errors, RawCursor(connection.connection) as cursor:
        cursor.execute(statement)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def context(leading: str = "") -> tuple[Any, Any]:
    """Return what pgaudit_log_context() reads in a statement that starts with ``leading``."""
    [(id, value)] = execute_as_psql(f"{leading}SELECT id, value FROM pgaudit_log_context()")
    return id and str(id), json.loads(value) if isinstance(value, str) else value


def test_context_reads_the_leading_comment() -> None:
    assert context(f'/*pgaudit_log:{ID}{{"a": "b"}}*/') == (ID, {"a": "b"})
    assert context('/*pgaudit_log:{"a": "it\'s \\u002a"}*/') == (None, {"a": "it's *"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (f"{ID}oops", {"malformed": "oops"}),
        (f"{ID}[1]", {"malformed": "[1]"}),
        ('"ana"', {"malformed": '"ana"'}),
        (f"{ID}", {}),
    ],
)
def test_context_reads_what_python_does_not_write(text: str, value: Any) -> None:
    assert context(f"/*pgaudit_log:{text}*/") == (ID if text.startswith(ID) else None, value)


@pytest.mark.parametrize("leading", ["", " ", "/* x */", "SELECT 1; "])
def test_context_ignores_a_comment_that_does_not_lead(leading: str) -> None:
    if leading.startswith("SELECT"):
        rows = execute(
            f"/* x */SELECT id IS NULL FROM pgaudit_log_context() /*pgaudit_log:{ID}{{}}*/"
        )
        assert rows == [(True,)]
        return
    assert context(f"{leading or ' '}/*pgaudit_log:{ID}{{}}*/") == (None, None)


@pytest.mark.parametrize("text", ["", "{", "[1, 2", "garbage", "''", " E''"])
def test_context_keeps_a_malformed_comment(text: str) -> None:
    id, value = context(f"/*pgaudit_log:{text}*/")
    assert id is None
    assert set(value) == {"malformed"}


def test_context_of_a_comment_without_an_end_is_kept() -> None:
    # PostgreSQL refuses such a statement itself; nothing to read.
    from django.db import DatabaseError, transaction

    with pytest.raises(DatabaseError), transaction.atomic():
        context("/*pgaudit_log:")


def test_context_once_reads_the_context_of_each_statement() -> None:
    for user in (1, 2, 2):
        rows = execute_as_psql(
            f"/*pgaudit_log:{ID}{{\"user\":{user}}}*/SELECT c.id::text, c.value->>'user'"
            " FROM generate_series(1, 3) AS n, LATERAL (SELECT * FROM pgaudit_log_context_once() WHERE n > 0) AS c"
        )
        assert rows == [(ID, str(user))] * 3


def test_context_once_without_a_context() -> None:
    rows = execute(
        "SELECT c.id, c.value FROM generate_series(1, 2), pgaudit_log_context_once() AS c"
    )
    assert rows == [(None, None)] * 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ("[1]", {"malformed": "[1]"}),
        ("1e4400", {"malformed": "1e4400"}),
        ("nope", {"malformed": "nope"}),
        ("x" * 2000, {"malformed": "x" * 1000}),
    ],
)
def test_parse_context_never_raises(text: str, value: Any) -> None:
    [(found,)] = execute("SELECT pgaudit_log_parse_context(%s)", [text])
    assert (json.loads(found) if isinstance(found, str) else found) == value


def test_parse_context_takes_no_transaction_id(transactional_db: None) -> None:
    from django.db import transaction

    with transaction.atomic():
        execute("SELECT pgaudit_log_parse_context('nope')")
        assert execute("SELECT pg_current_xact_id_if_assigned()") == [(None,)]


def test_snapshot_renders_alike_in_every_session() -> None:
    query = (
        "SELECT pgaudit_log_snapshot(r)::text FROM (SELECT '2024-01-01 00:00+00'::timestamptz AS t,"
        " '1 day 2 hours'::interval AS i, '\\x00ff'::bytea AS b, 0.1::float8 + 0.2 AS f) AS r"
    )
    before = execute(query)
    for name, value in {
        "TimeZone": "Asia/Tokyo",
        "IntervalStyle": "postgres_verbose",
        "bytea_output": "escape",
        "extra_float_digits": "-10",
    }.items():
        execute("SELECT set_config(%s, %s, true)", [name, value])
    assert execute(query) == before
    assert json.loads(before[0][0]) == {
        "t": "2024-01-01T00:00:00+00:00",
        "i": "P1DT2H",
        "b": "\\x00ff",
        "f": 0.30000000000000004,
    }


def state(key: str, at: Any = None, up_to: Any = None) -> list[tuple[Any, ...]]:
    """Return the key and the name of the customer that had ``key`` at a moment."""
    return execute(
        "SELECT obj_pk, snapshot ->> 'name'"
        " FROM pgaudit_log_state('{shop.Customer}', %s, %s, %s, NULL, NULL, '{}', '{}', true)",
        [key, at, up_to],
    )


def test_state_is_the_row_that_a_key_had(customer: Customer) -> None:
    key = str(customer.pk)
    [(first, began)] = execute("SELECT id, created_at FROM pgaudit_log_event")
    execute("UPDATE shop_customer SET name = 'new'")
    assert state(key) == state(key, at=began) == [(key, "new")]
    assert state(key, up_to=first) == [(key, "Ana")]
    assert state(key, up_to=first - 1) == state(key, at=began - timedelta(seconds=1)) == []
    execute("DELETE FROM shop_customer")
    assert state(key) == []
