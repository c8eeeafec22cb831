"""Installed views: those of typed events that a database has, made anew where they are outdated."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import InternalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.exceptions import InstallationError
from pgaudit_log.identifiers import quote_name
from pgaudit_log.views import View

_OURS = re.compile(
    rf"(?P<from>\bFROM |(?<=[ (]))(?P<name>{EVENT_TABLE}\b(?= |$)|pgaudit_log_\w+(?=\())", re.M
)
"""The table and the functions of this package in a view."""


def outdated(views: Sequence[View], connection: BaseDatabaseWrapper) -> list[View]:
    """Return those of ``views`` that the database lacks or has another definition of."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT relname, obj_description(oid, 'pg_class')
            FROM pg_class
            WHERE relname = ANY (%s) AND relkind = 'v' AND pg_table_is_visible(oid)
            """,
            [[view.name for view in views]],
        )
        found = dict(cursor.fetchall())
    return [view for view in views if found.get(view.name) != f"pgaudit_log:{view.hash}"]


def install(views: Sequence[View], connection: BaseDatabaseWrapper) -> list[str]:
    """Create or replace those of ``views`` that are missing or outdated; return their names.

    Raises:
        InstallationError: when something else has the name of a view, or depends on it.
    """
    stale = outdated(views, connection)
    for view in stale:
        _refuse_foreign_relation(view, connection)
        _replace(view, connection)
    return [view.name for view in stale]


def _replace(view: View, connection: BaseDatabaseWrapper) -> None:
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT
                    current_setting('search_path'),
                    pg_catalog.quote_ident(current_schema()::text),
                    (
                        SELECT pg_catalog.quote_ident(nspname::text)
                        FROM pg_namespace
                        WHERE oid = relnamespace
                    )
                FROM pg_class
                WHERE oid = to_regclass(%s)
                """,
                [EVENT_TABLE],
            )
            path, home, audit = cursor.fetchone()
            name = f"{home}.{quote_name(view.name)}"
            # Not CREATE OR REPLACE, which refuses to take a column away or change its type.
            cursor.execute(f"DROP VIEW IF EXISTS {name}")
            if view.is_plain:
                cursor.execute("SET LOCAL search_path = pg_catalog, pg_temp")
            cursor.execute(f"CREATE VIEW {name} AS\n{_qualified(view.select, audit)}")
            cursor.execute("SELECT pg_catalog.set_config('search_path', %s, true)", [path])
            cursor.execute(
                """
                SELECT pgaudit_log_refuse_strangers('pg_rewrite'::regclass::oid, oid, %s::text)
                FROM pg_rewrite
                WHERE ev_class = to_regclass(%s)
                """,
                [f"the view {view.name}", name],
            )
            cursor.execute(f"COMMENT ON VIEW {name} IS 'pgaudit_log:{view.hash}'")
    except InternalError as error:
        raise InstallationError(
            f"The view {view.name} could not be replaced: {str(error).strip()} Drop what depends"
            " on it, run migrate, and create it again."
        ) from error


def _qualified(select: str, schema: str) -> str:
    """Return the SELECT of a view with the schema of what it reads from."""
    return _OURS.sub(rf"\g<from>{schema}.\g<name>", select)


def _refuse_foreign_relation(view: View, connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT obj_description(oid, 'pg_class')
            FROM pg_class
            WHERE relname = %s AND pg_table_is_visible(oid)
            """,
            [view.name],
        )
        row = cursor.fetchone()
    if row is not None and not str(row[0]).startswith("pgaudit_log:"):
        raise InstallationError(
            f"The view {view.name} cannot be created: the database has another relation of that"
            ' name. Rename or drop that, or give track() a model_name= or meta={"db_table": …}.'
        )
