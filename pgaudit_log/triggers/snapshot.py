"""The snapshot of an event: the row that it keeps, as it is stored."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.triggers.column_sql import any_dialect, column_sql, value_sql
from pgaudit_log.triggers.references import until_installed
from pgaudit_log.values.column_json import TEXTS, sql_type
from pgaudit_log.values.key_sql import may_be_shortened, row_key_sql
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.quoting import quote_literal, quote_name
from pgaudit_log.values.row_sql import Columns
from pgaudit_log.values.sql_layout import case, indented, listed, selected
from pgaudit_log.values.tables import column_of, concrete

SNAPSHOT = "to_jsonb(snapshot.*)"
"""The JSONB expression of the row that :func:`snapshot_source` adds to a FROM clause."""

LARGE = 2_000
"""How many bytes a value takes in its table before an event may refer to another that has it."""


def stored_columns(
    model: type[models.Model], columns: Columns, connection: BaseDatabaseWrapper | None = None
) -> Columns:
    """Return the columns that snapshots have: the tracked ``columns``, and a key that may be shortened.

    ``obj_pk`` has any key, tracked or not; what is too long for it stands there.
    """
    keys = key_fields(concrete(model))
    if not may_be_shortened(keys, any_dialect(connection)):
        return columns
    names = {field.name for field in columns}
    return [*columns, *(field for field in keys if field.name not in names)]


def snapshot_source(
    alias: str,
    columns: Columns,
    connection: BaseDatabaseWrapper | None = None,
    *,
    instead: Mapping[str, str] | None = None,
) -> str:
    """Return the FROM item of the tracked columns of the row ``alias``, as they are stored.

    ``instead`` has other expressions for some of the columns.

    PostgreSQL flattens it; as a subquery in the SELECT list it would be a plan of its own, and
    make each execution look through the whole statement for what it has to lock. The columns
    stand in the order in which JSONB keeps keys, so that none has to be moved.
    """
    dialect = any_dialect(connection)
    instead = instead or {}
    names = {field: column_of(field) for field in columns}
    ordered = sorted(columns, key=lambda field: (len(names[field].encode()), names[field].encode()))
    values = [
        f"{instead.get(names[f]) or value_sql(alias, f, dialect)} AS {quote_name(names[f])}"
        for f in ordered
    ]
    return f"CROSS JOIN LATERAL (\n{indented(selected(values))}\n) AS snapshot"


def large_sql(
    alias: str,
    model: type[models.Model],
    large: Columns,
    *,
    created_at: str,
    period: str,
) -> dict[str, str]:
    """Return the expressions of large columns of the row ``alias``, by column.

    What an earlier event of the object has to the last bit is not stored again. That is asked of
    the events, not of the row as it was before: some changes may not have been captured.
    """
    dialect = any_dialect(None)
    label = quote_literal(until_installed(concrete(model)._meta.label))
    expressions = {}
    for field in large:
        name = column_of(field)
        column = column_sql(alias, field)
        value = f"to_jsonb({value_sql(alias, field, dialect)})"
        # A text is compared as it is, which takes a third of the time; char(n) has blanks as one.
        is_text = sql_type(field, dialect).lower() in TEXTS - {"bpchar"}
        earlier = listed(
            "@schema@.pgaudit_log_stored_at(",
            [
                label,
                row_key_sql("old", model, dialect),
                "capture.shape",
                quote_literal(name),
                *(["NULL", f"{column}::text"] if is_text else [value, "NULL"]),
                created_at,
                quote_literal(period),
            ],
            ")",
        )
        expressions[name] = case(
            f"pg_column_size({column}) >= {LARGE}",
            listed("COALESCE(", [earlier, value], ")"),
            value,
        )
    return expressions
