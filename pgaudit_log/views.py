"""Views: the SQL that rebuilds typed rows from the event table, one view a ``track()``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import InternalError, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

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

UUID_PATTERN = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"

_SERIAL = {"serial": "integer", "bigserial": "bigint", "smallserial": "smallint"}

_INTEGERS = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
"""Integer types with the first number that is too large for each."""


class View(NamedTuple):
    """A view that should exist: its name, and the SELECT that it stands for."""

    name: str
    select: str

    @property
    def hash(self) -> str:
        """What its comment carries, so that an outdated view can be told from one that is not."""
        return hashlib.sha1(self.select.encode(), usedforsecurity=False).hexdigest()


def sql_type(field: models.Field[Any, Any], connection: BaseDatabaseWrapper) -> str:
    """Return the type of a field's column without what would change old values.

    ``varchar(16)`` would cut a longer value of earlier times, ``numeric(10,2)`` round it.
    """
    db_type = field.db_type(connection) or "text"
    bare = re.sub(r"\((?:\d|,|\s)+\)", "", db_type).strip()
    return _SERIAL.get(bare.lower(), bare)


def value_sql(field: models.Field[Any, Any], connection: BaseDatabaseWrapper) -> str:
    """Return the expression that reads a field's column out of the snapshot, as its own type."""
    key = quote_literal(column_of(field))
    type_name = sql_type(field, connection)
    bare = type_name.lower()
    if bare == "jsonb":
        return f"NULLIF(snapshot -> {key}, 'null')"
    if bare.endswith("[]"):
        return (
            "(SELECT stored.value"
            f" FROM jsonb_to_record(jsonb_build_object('value', snapshot -> {key}))"
            f" AS stored (value {type_name}))"
        )
    if bare in ("text", "varchar", "character varying", "char", "character"):
        return f"snapshot ->> {key}"
    return f"(snapshot ->> {key})::{type_name}"


def key_sql(field: models.Field[Any, Any], connection: BaseDatabaseWrapper) -> str:
    """Return ``obj_pk`` as the type of the key field; NULL for a key that is not of that type.

    A key can be of another type than today's after a migration from numbers to UUIDs.
    """
    type_name = sql_type(field, connection)
    bare = type_name.lower()
    if bare in _INTEGERS:
        bound = _INTEGERS[bare]
        return (
            "CASE WHEN obj_pk ~ '^-?[0-9]{1,19}$'"
            f" AND obj_pk::numeric BETWEEN -{bound} AND {bound - 1} THEN obj_pk::{type_name} END"
        )
    if bare == "uuid":
        return f"CASE WHEN obj_pk ~ '{UUID_PATTERN}' THEN obj_pk::uuid END"
    if bare in ("text", "varchar", "character varying", "char", "character"):
        return "obj_pk"
    return f"obj_pk::{type_name}"


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
        expressions.append(f"{key_sql(obj_key, connection)} AS pgh_obj_id")
    expressions += [
        f"{value_sql(field, connection)} AS {quote_name(name)}" for name, field in columns
    ]
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
