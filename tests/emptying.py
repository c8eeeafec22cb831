"""Emptying the test database after a test with transactions, in a tenth of the time of Django's flush.

Django truncates each table, also those that the test has not touched, and makes content types and
permissions anew. Here tables without rows are left alone, and so are those two while they are as
they were made; the event table is emptied by the package's own flush, as in users' tests.
"""

from __future__ import annotations

from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import TransactionTestCase

_MADE_BY_MIGRATE = ("django_content_type", "auth_permission")
_LEAST = "django_admin_log"
"""What is emptied where no table has rows: the package's flush follows that of a table."""

_FILLED = """
WITH RECURSIVE filled AS (
    SELECT quote_ident(name)::regclass AS relation FROM ({filled}) AS filled (name)
    UNION
    SELECT conrelid FROM filled JOIN pg_constraint ON contype = 'f' AND confrelid = relation
)
SELECT relname FROM filled JOIN pg_class ON pg_class.oid = relation
"""

_flush = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]
_made: dict[str, str] = {}


def install() -> None:
    """Have each test with transactions end so."""
    TransactionTestCase._fixture_teardown = _empty  # type: ignore[attr-defined]


def _empty(case: Any) -> None:
    if case.available_apps is not None or case.serialized_rollback:
        _flush(case)
        return
    names = case._databases_names(include_mirrors=False)
    if all(_stands(connections[name]) for name in names):
        for name in names:
            _truncate(connections[name])
        ContentType.objects.clear_cache()
    else:
        _flush(case)
        for name in names:
            _made[connections[name].settings_dict["NAME"]] = _as_made(connections[name])


def _stands(connection: BaseDatabaseWrapper) -> bool:
    """Return whether what ``migrate`` made is as the last whole flush left it."""
    return _made.get(connection.settings_dict["NAME"]) == _as_made(connection)


def _as_made(connection: BaseDatabaseWrapper) -> str:
    hashes = " || ".join(
        f"(SELECT md5(string_agg({table}::text, ',' ORDER BY id)) FROM {table})"
        for table in _MADE_BY_MIGRATE
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {hashes}")
        return str(cursor.fetchone()[0])


def _truncate(connection: BaseDatabaseWrapper) -> None:
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    asked = " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT FROM {connection.ops.quote_name(table)})"
        for table in tables
        if table not in _MADE_BY_MIGRATE
    )
    with connection.cursor() as cursor:
        cursor.execute(_FILLED.format(filled=asked))
        filled = {name for (name,) in cursor.fetchall()}
    wanted = [table for table in tables if table in filled] or [_LEAST]
    connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), wanted))
