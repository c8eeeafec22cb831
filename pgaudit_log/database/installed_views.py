"""Installed views: those of typed events that a database has, made anew where they are outdated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from django.db import InternalError, ProgrammingError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.database import view_rights
from pgaudit_log.database.view_rights import BARRIER, Rights
from pgaudit_log.exceptions import InstallationError
from pgaudit_log.reading.event_views import METADATA_COLUMNS, View
from pgaudit_log.values.pinned_settings import own_path
from pgaudit_log.values.quoting import quote_literal, quote_name

_OURS = re.compile(
    rf"(?P<from>\bFROM |(?<=[ (]))(?P<name>{EVENT_TABLE}\b(?= |$)|pgaudit_log_\w+(?=\())", re.M
)
"""The table and the functions of this package in a view."""

_MARK = re.compile(r"(?:^|\n)(?:pgaudit_log: [^\n]*\n)?pgaudit_log:(?P<hash>\S*)\Z")
"""What the comment of a view ends with: a line that says what it is, and one with two hashes, of what it
was made from and of what PostgreSQL made of it."""


class _Found(NamedTuple):
    """A view that the database has."""

    comment: str | None
    is_barrier: bool
    definition: str
    """The hash of its definition, as PostgreSQL says it."""

    def is_as(self, view: View) -> bool:
        mark = _MARK.search(self.comment or "")
        return (
            mark is not None
            and mark["hash"] == f"{view.hash}:{self.definition}"
            and self.is_barrier == view.is_barrier
        )


def outdated(views: Sequence[View], connection: BaseDatabaseWrapper) -> list[View]:
    """Return those of ``views`` that the database lacks or has another definition of."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT oid FROM pg_class
            WHERE relname = ANY (%s) AND relkind = 'v' AND pg_table_is_visible(oid)
                -- One of another tenant's schema, further along the path, reads another table.
                AND relnamespace IN (
                    SELECT oid FROM pg_namespace WHERE nspname = current_schema()
                    UNION ALL
                    SELECT relnamespace FROM pg_class WHERE oid = to_regclass(%s)
                )
            """,
            [[view.name for view in views], EVENT_TABLE],
        )
        visible = [oid for (oid,) in cursor.fetchall()]
    with own_path(connection) as cursor:
        cursor.execute(
            """
            SELECT
                relname,
                obj_description(oid, 'pg_class'),
                EXISTS (
                    SELECT FROM pg_options_to_table(reloptions)
                    WHERE option_name = %s AND option_value::boolean
                ),
                md5(pg_get_viewdef(oid))
            FROM pg_class
            WHERE oid = ANY (%s::oid[])
            """,
            [BARRIER, visible],
        )
        found = {name: _Found(*rest) for name, *rest in cursor.fetchall()}
    return [view for view in views if view.name not in found or not found[view.name].is_as(view)]


def install(views: Sequence[View], connection: BaseDatabaseWrapper) -> list[str]:
    """Create or replace those of ``views`` that are missing or outdated; return their names.

    A view keeps its owner, its privileges and its comments. What stands in the way of one keeps none
    of the others from being made.

    Raises:
        InstallationError: when something else has the name of a view, or depends on one whose columns
            have changed.
    """
    made = []
    errors = []
    for view in outdated(views, connection):
        try:
            replace(view, connection)
        except InstallationError as error:
            errors.append(str(error))
        else:
            made.append(view.name)
    if errors:
        raise InstallationError("\n".join(errors))
    return made


def replace(view: View, connection: BaseDatabaseWrapper) -> None:
    """Create or replace a view, whether it is outdated or not.

    Raises:
        InstallationError: as :func:`install` does.
    """
    _refuse_foreign_relation(view, connection)
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            path, home, audit = places(cursor)
            name = f"{home}.{quote_name(view.name)}"
            rights = view_rights.of(cursor, name)
            select = qualified(view.select, audit)
            _create(view, name, select, rights, cursor=cursor, using=connection.alias)
            cursor.execute("SELECT pg_catalog.set_config('search_path', %s, true)", [path])
            cursor.execute(
                """
                SELECT pgaudit_log_refuse_strangers('pg_rewrite'::regclass::oid, oid, %s::text)
                FROM pg_rewrite
                WHERE ev_class = to_regclass(%s)
                """,
                [f"the view {view.name}", name],
            )
            _mark(view, name, rights, connection)
    except InternalError as error:
        raise InstallationError(
            f"The view {view.name} could not be replaced: {str(error).strip()}"
        ) from error


def places(cursor: CursorWrapper) -> tuple[str, str, str]:
    """Return the search path, the schema that views are made in, and the event table's, as SQL."""
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
    return path, home, audit


def options_of(view: View, rights: Rights | None = None) -> str:
    """Return the WITH clause of a view, with what stands in that of the one that it replaces."""
    options = [f"{BARRIER} = true"] * view.is_barrier
    options += [
        f"{key} = {quote_literal(value)}" for key, value in (rights.options if rights else ())
    ]
    return f" WITH ({', '.join(options)})" if options else ""


def _create(
    view: View, name: str, select: str, rights: Rights | None, *, cursor: CursorWrapper, using: str
) -> None:
    """Create a view, or replace it as it stands where its columns allow that, so that all else stays.

    All with one cursor: with each new one, and each savepoint, django-tenants sets the path again.
    """
    listed = options_of(view, rights)
    path = "SET LOCAL search_path = pg_catalog, pg_temp" if view.is_plain else "SELECT"
    try:
        with transaction.atomic(using=using):
            cursor.execute(path)
            cursor.execute(f"CREATE OR REPLACE VIEW {name}{listed} AS\n{select}")
    except ProgrammingError:
        if rights is None:
            raise
        # A column is gone, or has another place or type.
        if depending := view_rights.dependents(cursor, name):
            raise InstallationError(
                f"The view {view.name} has to be made anew, because its columns have changed,"
                f" but these depend on it: {', '.join(depending)}. Keep their definitions, drop"
                " them, run migrate or manage.py pgaudit_log install, and create them again."
            ) from None
        cursor.execute(path)
        cursor.execute(f"DROP VIEW {name}")
        cursor.execute(f"CREATE VIEW {name}{listed} AS\n{select}")
        view_rights.give(cursor, name, rights)


def _mark(view: View, name: str, rights: Rights | None, connection: BaseDatabaseWrapper) -> None:
    """Write into the comment of a view what it is and was made from, behind what others say there."""
    said = _MARK.sub("", (rights.comment if rights else None) or "")
    with own_path(connection) as cursor:
        cursor.execute("SELECT md5(pg_get_viewdef(to_regclass(%s)))", [name])
        [definition] = cursor.fetchone()
        # psycopg takes a percent sign for a placeholder only where there are parameters.
        cursor.execute(marking(view, name, definition, said))


def marking(view: View, name: str, definition: str, said: str = "") -> str:
    """Return the statement that writes a view's comment, behind what is ``said`` there already.

    ``definition`` is the hash of the view's definition, as PostgreSQL says it.
    """
    described = [f"pgaudit_log: {view.description}"] * bool(view.description)
    lines = [*filter(None, [said]), *described, f"pgaudit_log:{view.hash}:{definition}"]
    text = "\n".join(lines)
    return f"COMMENT ON VIEW {name} IS {quote_literal(text)}"


def qualified(select: str, schema: str) -> str:
    """Return the SELECT of a view with the schema of what it reads from."""
    return _OURS.sub(rf"\g<from>{schema}.\g<name>", select)


def _refuse_foreign_relation(view: View, connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT
                obj_description(pg_class.oid, 'pg_class'),
                relkind = 'v',
                ARRAY(
                    SELECT attname::text FROM pg_attribute
                    WHERE attrelid = pg_class.oid AND attnum BETWEEN 1 AND %s
                    ORDER BY attnum
                )
            FROM pg_class
            JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE relname = %s AND nspname = current_schema()
            """,
            [len(METADATA_COLUMNS), view.name],
        )
        row = cursor.fetchone()
    if row is None:
        return
    comment, is_view, columns = row
    # Somebody may have written another comment.
    is_ours = _MARK.search(comment or "") or columns == list(METADATA_COLUMNS)
    if not (is_view and is_ours):
        raise InstallationError(
            f"The view {view.name} cannot be created: the database has another relation of that"
            ' name. Rename or drop that, or give track() a model_name= or meta={"db_table": …}.'
        )


def granted_without_barrier(
    views: Sequence[View], connection: BaseDatabaseWrapper
) -> dict[str, list[str]]:
    """Return the views that let somebody look past them, each with the roles that were granted it.

    Those are roles that may read the view, and not the event table itself.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT relname, COALESCE(rolname, 'PUBLIC')
            FROM pg_class
            LEFT JOIN pg_attribute ON attrelid = pg_class.oid AND attacl IS NOT NULL
            CROSS JOIN aclexplode(array_cat(relacl, attacl)) AS given
            LEFT JOIN pg_roles ON pg_roles.oid = given.grantee
            WHERE relname = ANY (%s) AND relkind = 'v' AND pg_table_is_visible(pg_class.oid)
                AND given.privilege_type = 'SELECT'
                AND given.grantee <> relowner
                AND NOT has_table_privilege(COALESCE(rolname, 'public'), to_regclass(%s), 'SELECT')
                AND NOT EXISTS (
                    SELECT FROM pg_options_to_table(reloptions)
                    WHERE option_name = %s AND option_value::boolean
                )
            ORDER BY 1, 2
            """,
            [[view.name for view in views], EVENT_TABLE, BARRIER],
        )
        found: dict[str, list[str]] = {}
        for name, role in cursor.fetchall():
            found.setdefault(name, []).append(role)
    return found
