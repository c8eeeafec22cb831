"""Rows: the SQL that reads rows of tracked tables as JSON, and writes them from JSON."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TypeAlias

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.values.column_json import column_type, is_valid_sql, read_sql, sql_type, stored_sql
from pgaudit_log.values.key_sql import read_key_sql, row_key_sql
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.quoting import quote_literal, quote_name
from pgaudit_log.values.sql_text import Sql, Template
from pgaudit_log.values.tables import Field, column_of, own_columns

Columns: TypeAlias = "Sequence[Field]"


class Lock(Enum):
    """How rows are locked until the transaction ends."""

    VALUES = "FOR NO KEY UPDATE"
    """Nobody else changes them; new rows may point at them."""
    KEYS = "FOR UPDATE"
    """No new row can point at them either."""


_LIVE = Template.of("""
SELECT @key@, (SELECT pgaudit_log_snapshot(tracked.*)::text FROM (SELECT @values@) AS tracked)
FROM @wanted@
JOIN @table@ AS live ON @is_same@
ORDER BY 1@lock@
""")


def live_sql(
    model: type[models.Model],
    keys: Sequence[str],
    connection: BaseDatabaseWrapper,
    *,
    lock: Lock | None = None,
    shortened: bool = False,
) -> Sql:
    """Return the SELECT of the rows with ``keys``: key and state as text.

    The values look as if a trigger had captured them. ``lock`` keeps others from changing
    the rows until the transaction ends. Keys that are ``shortened`` say no value that the table's
    index could be asked for: each row is looked at.
    """
    values = ", ".join(
        f"{stored_sql(f'live.{quote_name(column_of(f))}', sql_type(f, connection))}"
        f" AS {quote_name(column_of(f))}"
        for f in own_columns(model)
    )
    given = "unnest(" + Sql.param(list(keys)) + "::text[]) AS given (obj_pk)"
    return _LIVE.sql(
        key=row_key_sql("live", model, connection),
        values=values,
        wanted=_wanted(given, model, connection, shortened),
        table=quote_name(model._meta.db_table),
        is_same=_same_key(model, connection, shortened),
        lock=f" {lock.value} OF live" if lock else "",
    )


_OF_STATES = Template.of("""
SELECT @values@
FROM (
    SELECT own.state::jsonb, position
    FROM json_array_elements(@states@::json) WITH ORDINALITY AS own (state, position)
    OFFSET 0  -- each is read once, whatever columns are taken out of it
) AS given
ORDER BY position
""")


def typed_sql(columns: Columns, states: Sequence[str], connection: BaseDatabaseWrapper) -> Sql:
    """Return the SELECT of ``columns`` out of ``states``, in their order."""
    values = ", ".join(_read("given.state", field, connection) for field in columns)
    return _of_states(values, states)


def normal_sql(columns: Columns, states: Sequence[str], connection: BaseDatabaseWrapper) -> Sql:
    """Return the SELECT of ``columns`` of ``states``, in their order, as captured today."""
    values = ", ".join(
        f"(pgaudit_log_snapshot(ROW({_normal(field, connection)})) -> 'f1')::text"
        for field in columns
    )
    return _of_states(values, states)


def _of_states(values: str, states: Sequence[str]) -> Sql:
    # As one text: of a list, drivers escape each quote of each state.
    return _OF_STATES.sql(values=values, states=Sql.param(f"[{', '.join(states)}]"))


def _normal(field: Field, connection: BaseDatabaseWrapper) -> str:
    bare = sql_type(field, connection)
    stored = f"(given.state -> {quote_literal(column_of(field))})"
    value = f"({read_sql(stored, bare, connection)})"
    full = column_type(field, connection)
    if bare.lower() == "numeric" and full.lower() != bare.lower():
        # The places of a decimal are part of its value.
        fits = is_valid_sql(f"{value}::text", full, connection)
        value = f"(CASE WHEN {fits} THEN {value}::{full} ELSE {value} END)"
    return stored_sql(value, bare)


_UPDATE = Template.of("""
UPDATE @table@ AS live
SET @assignments@
FROM @wanted@
CROSS JOIN (SELECT @values@ FROM (SELECT @state@::jsonb AS state) AS given) AS proposed
WHERE @is_same@
""")


def update_sql(
    model: type[models.Model],
    columns: Columns,
    key: str,
    state: str,
    connection: BaseDatabaseWrapper,
    *,
    shortened: bool = False,
) -> Sql:
    """Return the UPDATE of ``columns`` of the row with the key ``key`` to what ``state`` has."""
    return _UPDATE.sql(
        table=quote_name(model._meta.db_table),
        assignments=", ".join(
            f"{quote_name(column_of(f))} = proposed.{quote_name(column_of(f))}" for f in columns
        ),
        wanted=_wanted(_one(key), model, connection, shortened),
        values=", ".join(_read("given.state", field, connection) for field in columns),
        state=Sql.param(state),
        is_same=_same_key(model, connection, shortened),
    )


_INSERT = Template.of("""
INSERT INTO @table@ (@columns@)
OVERRIDING SYSTEM VALUE
SELECT @values@ FROM (SELECT @state@::jsonb AS state) AS given
""")


def insert_sql(
    model: type[models.Model], columns: Columns, state: str, connection: BaseDatabaseWrapper
) -> Sql:
    """Return the INSERT of a row with ``columns`` as ``state`` has them."""
    return _INSERT.sql(
        table=quote_name(model._meta.db_table),
        columns=", ".join(quote_name(column_of(f)) for f in columns),
        values=", ".join(_read("given.state", field, connection) for field in columns),
        state=Sql.param(state),
    )


_VALUE = Template.of("""
SELECT pgaudit_log_snapshot(tracked.*)::text
FROM (
    SELECT @stored@ AS value
    FROM (SELECT @value@::@type@ AS value) AS given
) AS tracked
""")


def value_sql(field: Field, value: object, connection: BaseDatabaseWrapper) -> Sql:
    """Return the SELECT of a value of a field as a state has it, under the key ``value``.

    ``value`` is as Django gives it to the driver.
    """
    return _VALUE.sql(
        stored=stored_sql("given.value", sql_type(field, connection)),
        value=Sql.param(value),
        type=column_type(field, connection),
    )


_DELETE = Template.of("""
DELETE FROM @table@ AS live
USING @wanted@
WHERE @is_same@
""")


def delete_sql(
    model: type[models.Model],
    key: str,
    connection: BaseDatabaseWrapper,
    *,
    shortened: bool = False,
) -> Sql:
    """Return the DELETE of the row with the key ``key``."""
    return _DELETE.sql(
        table=quote_name(model._meta.db_table),
        wanted=_wanted(_one(key), model, connection, shortened),
        is_same=_same_key(model, connection, shortened),
    )


def _one(key: str) -> Sql:
    return "(SELECT " + Sql.param(key) + "::text AS obj_pk) AS given"


def _read(state: str, field: Field, connection: BaseDatabaseWrapper) -> str:
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
    given: Sql, model: type[models.Model], connection: BaseDatabaseWrapper, shortened: bool
) -> Sql:
    """Return the FROM item ``wanted`` of the keys whose texts are ``given``."""
    keys = "given.obj_pk" if shortened else _keys(model, connection)
    return f"(SELECT {keys} FROM " + given + ") AS wanted"


def _same_key(model: type[models.Model], connection: BaseDatabaseWrapper, shortened: bool) -> str:
    if shortened:
        return f"({row_key_sql('live', model, connection)}) = wanted.obj_pk"
    return " AND ".join(
        f"live.{quote_name(column_of(field))} = wanted.key_{n}"
        for n, field in enumerate(key_fields(model))
    )
