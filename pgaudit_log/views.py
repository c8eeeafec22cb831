"""Views: the SQL that rebuilds typed rows from the event table, one view a ``track()``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import InternalError, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.columns import read_key_sql, read_sql, sql_type
from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.exceptions import InstallationError
from pgaudit_log.identifiers import column_of, quote_literal, quote_name

METADATA_COLUMNS = {
    "pgh_id": "id",
    "pgh_created_at": "created_at",
    "pgh_txid": "txid",
    "pgh_obj_key": "obj_pk",
    "pgh_label": "label",
    "pgh_operation": "operation",
    "pgh_data": "snapshot",
    "pgh_diff": "diff",
    "pgh_refs": "refs",
    "pgh_context_id": "context_id",
    "pgh_context": "context",
}
"""The columns that every view has, and what they are called in the event table."""


class View(NamedTuple):
    """A view that should exist: its name, and the SELECT that it stands for."""

    name: str
    select: str

    @property
    def hash(self) -> str:
        """What its comment carries, so that an outdated view can be told from one that is not."""
        return hashlib.sha1(self.select.encode(), usedforsecurity=False).hexdigest()


def select_sql(
    *,
    model_label: str,
    excluded_labels: Sequence[str],
    obj_key: models.Field[Any, Any] | None,
    columns: Sequence[tuple[str, models.Field[Any, Any]]],
    connection: BaseDatabaseWrapper,
) -> str:
    """Return the SELECT of a view.

    ``columns`` are the view's column names with the tracked fields whose values they
    have; ``excluded_labels`` are the labels of the model's other ``track()`` calls.
    """
    expressions = [f"{column} AS {name}" for name, column in METADATA_COLUMNS.items()]
    if obj_key is not None:
        key = read_key_sql(sql_type(obj_key, connection), connection)
        expressions.append(f"{key} AS pgh_obj_id")
    for name, field in columns:
        stored = f"(snapshot -> {quote_literal(column_of(field))})"
        value = read_sql(stored, sql_type(field, connection), connection)
        expressions.append(f"{value} AS {quote_name(name)}")
    where = f"model = {quote_literal(model_label)}"
    if excluded_labels:
        labels = ", ".join(quote_literal(label) for label in excluded_labels)
        where += f"\n    AND label NOT IN ({labels})"
    listed = ",\n    ".join(expressions)
    return f"SELECT\n    {listed}\nFROM {EVENT_TABLE}\nWHERE {where}"


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
    name = quote_name(view.name)
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            # Not CREATE OR REPLACE, which refuses to take a column away or change its type.
            cursor.execute(f"DROP VIEW IF EXISTS {name}")
            cursor.execute(f"CREATE VIEW {name} AS\n{view.select}")
            cursor.execute(f"COMMENT ON VIEW {name} IS 'pgaudit_log:{view.hash}'")
    except InternalError as error:
        raise InstallationError(
            f"The view {view.name} could not be replaced: {str(error).strip()} Drop what depends"
            " on it, run migrate, and create it again."
        ) from error


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
