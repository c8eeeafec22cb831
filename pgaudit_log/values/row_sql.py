"""Rows: the SQL that reads rows of tracked tables as JSON, and writes them from JSON."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, TypeAlias

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.values.columns import column_type, is_valid_sql, read_sql, sql_type, stored_sql
from pgaudit_log.values.keys import key_fields, read_key_sql, row_key_sql
from pgaudit_log.values.quoting import quote_literal, quote_name
from pgaudit_log.values.tables import column_of, own_columns

Columns: TypeAlias = "Sequence[models.Field[Any, Any]]"


class Lock(Enum):
    """How rows are locked until the transaction ends."""

    VALUES = "FOR NO KEY UPDATE"
    """Nobody else changes them; new rows may point at them."""
    KEYS = "FOR UPDATE"
    """No new row can point at them either."""


def live_sql(
    model: type[models.Model],
    connection: BaseDatabaseWrapper,
    *,
    lock: Lock | None = None,
    shortened: bool = False,
) -> str:
    """Return the SELECT of the rows with the keys ``%s``, a ``text[]``: key and state as text.

    The values look as if a trigger had captured them. ``lock`` keeps others from changing
    the rows until the transaction ends. Keys that are ``shortened`` say no value that the table's
    index could be asked for: each row is looked at.
    """
    values = ", ".join(
        f"{stored_sql(f'live.{quote_name(column_of(f))}', sql_type(f, connection))}"
        f" AS {quote_name(column_of(f))}"
        for f in own_columns(model)
    )
    key = row_key_sql("live", model, connection)
    return _escaped(f"""
SELECT {key}, (SELECT pgaudit_log_snapshot(tracked.*)::text FROM (SELECT {values}) AS tracked)
FROM {_wanted("unnest(<keys>::text[]) AS given (obj_pk)", model, connection, shortened)}
JOIN {quote_name(model._meta.db_table)} AS live ON {_same_key(model, connection, shortened)}
ORDER BY 1{f" {lock.value} OF live" if lock else ""}
""").replace("<keys>", "%s")


def typed_sql(columns: Columns, connection: BaseDatabaseWrapper) -> str:
    """Return the SELECT of ``columns`` out of the states ``%s``, a ``text[]``, in their order."""
    values = ", ".join(_read("given.state::jsonb", field, connection) for field in columns)
    return _escaped(f"""
SELECT {values}
FROM unnest(<states>::text[]) WITH ORDINALITY AS given (state, position)
ORDER BY position
""").replace("<states>", "%s")


def normal_sql(columns: Columns, connection: BaseDatabaseWrapper) -> str:
    """Return the SELECT of ``columns`` of the states ``%s``, a ``text[]``, as captured today."""
    values = ", ".join(
        f"(pgaudit_log_snapshot(ROW({_normal(field, connection)})) -> 'f1')::text"
        for field in columns
    )
    return _escaped(f"""
SELECT {values}
FROM unnest(<states>::text[]) WITH ORDINALITY AS given (state, position)
ORDER BY position
""").replace("<states>", "%s")


def _normal(field: models.Field[Any, Any], connection: BaseDatabaseWrapper) -> str:
    bare = sql_type(field, connection)
    stored = f"(given.state::jsonb -> {quote_literal(column_of(field))})"
    value = f"({read_sql(stored, bare, connection)})"
    full = column_type(field, connection)
    if bare.lower() == "numeric" and full.lower() != bare.lower():
        # The places of a decimal are part of its value.
        fits = is_valid_sql(f"{value}::text", full, connection)
        value = f"(CASE WHEN {fits} THEN {value}::{full} ELSE {value} END)"
    return stored_sql(value, bare)


def update_sql(
    model: type[models.Model],
    columns: Columns,
    connection: BaseDatabaseWrapper,
    *,
    shortened: bool = False,
) -> str:
    """Return the UPDATE of ``columns`` of the row with the key ``%s`` to what the state ``%s`` has."""
    values = ", ".join(_read("given.state", field, connection) for field in columns)
    assignments = ", ".join(
        f"{quote_name(column_of(f))} = proposed.{quote_name(column_of(f))}" for f in columns
    )
    return _escaped(f"""
UPDATE {quote_name(model._meta.db_table)} AS live
SET {assignments}
FROM {_wanted("(SELECT <param>::text AS obj_pk) AS given", model, connection, shortened)}
CROSS JOIN (SELECT {values} FROM (SELECT <param>::jsonb AS state) AS given) AS proposed
WHERE {_same_key(model, connection, shortened)}
""").replace("<param>", "%s")


def insert_sql(model: type[models.Model], columns: Columns, connection: BaseDatabaseWrapper) -> str:
    """Return the INSERT of a row with ``columns`` as the state ``%s`` has them."""
    values = ", ".join(_read("given.state", field, connection) for field in columns)
    names = ", ".join(quote_name(column_of(f)) for f in columns)
    return _escaped(f"""
INSERT INTO {quote_name(model._meta.db_table)} ({names})
OVERRIDING SYSTEM VALUE
SELECT {values} FROM (SELECT <param>::jsonb AS state) AS given
""").replace("<param>", "%s")


def value_sql(field: models.Field[Any, Any], connection: BaseDatabaseWrapper) -> str:
    """Return the SELECT of the value ``%s`` of a field as a state has it, under the key ``value``."""
    type_name = column_type(field, connection)
    return _escaped(f"""
SELECT pgaudit_log_snapshot(tracked.*)::text
FROM (
    SELECT {stored_sql("given.value", sql_type(field, connection))} AS value
    FROM (SELECT <param>::{type_name} AS value) AS given
) AS tracked
""").replace("<param>", "%s")


def delete_sql(
    model: type[models.Model], connection: BaseDatabaseWrapper, *, shortened: bool = False
) -> str:
    """Return the DELETE of the row with the key ``%s``."""
    return _escaped(f"""
DELETE FROM {quote_name(model._meta.db_table)} AS live
USING {_wanted("(SELECT <param>::text AS obj_pk) AS given", model, connection, shortened)}
WHERE {_same_key(model, connection, shortened)}
""").replace("<param>", "%s")


def _read(state: str, field: models.Field[Any, Any], connection: BaseDatabaseWrapper) -> str:
    value = f"({state} -> {quote_literal(column_of(field))})"
    return f"{read_sql(value, sql_type(field, connection), connection)} AS {quote_name(column_of(field))}"


def _keys(model: type[models.Model], connection: BaseDatabaseWrapper) -> str:
    """Return the columns ``key_0``, ``key_1``, … of a key out of its text ``obj_pk``."""
    fields = key_fields(model)
    return ", ".join(
        read_key_sql(
            sql_type(field, connection), connection, position=n if len(fields) > 1 else None
        )
        + f" AS key_{n}"
        for n, field in enumerate(fields)
    )


def _wanted(
    given: str, model: type[models.Model], connection: BaseDatabaseWrapper, shortened: bool
) -> str:
    """Return the FROM item ``wanted`` of the keys whose texts are ``given``."""
    keys = "given.obj_pk" if shortened else _keys(model, connection)
    return f"(SELECT {keys} FROM {given}) AS wanted"


def _same_key(model: type[models.Model], connection: BaseDatabaseWrapper, shortened: bool) -> str:
    if shortened:
        return f"({row_key_sql('live', model, connection)}) = wanted.obj_pk"
    return " AND ".join(
        f"live.{quote_name(column_of(field))} = wanted.key_{n}"
        for n, field in enumerate(key_fields(model))
    )


def _escaped(sql: str) -> str:
    return sql.replace("%", "%%")
