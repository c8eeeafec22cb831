"""Current rows: the rows as they are now, and the values of states as Python has them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from typing import Any

from django.db import DataError, IntegrityError, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Col

from pgaudit_log.reading.hidden_values import hidden_texts
from pgaudit_log.values import row_json, row_sql, tables
from pgaudit_log.values.driver_values import fetch_all
from pgaudit_log.values.json_fields import reading_anything
from pgaudit_log.values.keys import is_shortened
from pgaudit_log.values.pinned_settings import pinned
from pgaudit_log.values.row_json import JSON_NULL, MISSING, NULL, State
from pgaudit_log.values.sql_text import Sql
from pgaudit_log.values.tables import Field, column_of

RowKey = tuple[type[models.Model], str]
"""A row: the model whose table it is in, and its primary key as text."""


def read(
    keys: Iterable[RowKey],
    using: str,
    *,
    lock: row_sql.Lock | None = None,
    whole: Mapping[RowKey, str] | None = None,
) -> dict[RowKey, State]:
    """Return those of the rows that there are, each with all columns; one query a model.

    Of masked columns they have a mark, so that no value can get into what is told of a row.

    ``whole`` has the whole texts of keys that are shortened, as far as they are known: without
    it, all rows of their table are looked at.
    """
    whole = whole or {}
    found: dict[RowKey, State] = {}
    for model, own in _by_model(keys).items():
        connection = connections[using]
        long = {key for key in own if is_shortened(key) and (model, key) not in whole}
        known = {whole.get((model, key), key) for key in {*own} - long}
        with pinned(using), connection.cursor() as cursor:
            for wanted in filter(None, (long, known)):
                # In the order of their keys, so that two plans cannot wait for each other.
                sql = row_sql.live_sql(
                    model, sorted(wanted), connection, lock=lock, shortened=wanted is long
                )
                cursor.execute(sql.text, sql.params)
                for key, state in cursor.fetchall():
                    found[model, key] = hidden_texts(model, row_json.split(state))
    return found


def _by_model(keys: Iterable[RowKey]) -> dict[type[models.Model], list[str]]:
    by_model: dict[type[models.Model], list[str]] = {}
    for model, key in keys:
        by_model.setdefault(model, []).append(key)
    # In one order everywhere, too.
    return dict(sorted(by_model.items(), key=lambda item: item[0]._meta.label))


def fingerprint(state: State | None) -> str | None:
    """Return a digest of a row, ``None`` of none."""
    if state is None:
        return None
    return hashlib.sha256(row_json.join(dict(sorted(state.items()))).encode()).hexdigest()


def typed(model: type[models.Model], given: Sequence[State], using: str) -> list[dict[str, Any]]:
    """Return the values of states of the model's table as Python has them, by column.

    A column that a state does not have is ``MISSING``, JSON's ``null`` is ``JSON_NULL``.
    What is not a value of the column's type today comes back as the field reads NULL, and
    what Python has no value for, such as a date before our era, as it is stored.
    """
    columns = _columns_in(model, given)
    connection = connections[using]
    # The driver reads moments in the zone that Django has given the connection.
    found = _values(
        row_sql.typed_sql,
        columns,
        given,
        using,
        IntervalStyle="postgres",
        TimeZone=connection.timezone_name,
    )
    converters = [_converters(field, connection) for field in columns]
    result = []
    for state, row in zip(given, found, strict=True):
        values: dict[str, Any] = {}
        for field, value, convert in zip(columns, row, converters, strict=True):
            text = state.get(column_of(field))
            if text is None:
                values[column_of(field)] = MISSING
            elif (stands := row_json.absence(text)) is not None:
                values[column_of(field)] = stands
            elif row_json.is_json_null(text):
                values[column_of(field)] = JSON_NULL
            elif value is MISSING:
                values[column_of(field)] = row_json.plain(text)
            else:
                values[column_of(field)] = convert(value)
        result.append(values)
    return result


def normal(
    model: type[models.Model], given: Sequence[State], using: str
) -> list[tuple[dict[str, str], frozenset[str]]]:
    """Return states as they would be captured today, and which of their columns cannot be read.

    The number that a column held before it became a text is that text, ``1.5`` is ``1.50``
    where the column has two places by now. What cannot be read stays as it is.
    """
    columns = _columns_in(model, given)
    found = _values(row_sql.normal_sql, columns, given, using)
    result = []
    for state, row in zip(given, found, strict=True):
        normalised = dict(state)
        unreadable = set()
        for field, text in zip(columns, row, strict=True):
            column = column_of(field)
            if (
                column not in state
                or state[column] == NULL
                or row_json.absence(state[column]) is not None
            ):
                continue
            if text is None or text is MISSING or text == NULL:
                unreadable.add(column)
            else:
                normalised[column] = text
        result.append((normalised, frozenset(unreadable)))
    return result


def _columns_in(model: type[models.Model], given: Sequence[State]) -> list[Field]:
    known = {column for state in given for column in state}
    return [field for field in tables.own_columns(model) if column_of(field) in known]


def _values(
    make_sql: Callable[[row_sql.Columns, Sequence[str], BaseDatabaseWrapper], Sql],
    columns: Sequence[Field],
    given: Sequence[State],
    using: str,
    **settings: str,
) -> list[tuple[Any, ...]]:
    """Return what the SQL makes of the columns of states; ``MISSING`` where that cannot be had.

    One query, however many states there are and whatever is among them. Only where code of a type's
    own raises, which cannot be foreseen, columns and states are parted until it is found.
    """
    if not columns:
        return [() for _ in given]
    connection = connections[using]
    texts = [row_json.join(state) for state in given]
    # The same state is often given more than once, and may be large.
    distinct = [*dict.fromkeys(texts)]
    try:
        with pinned(using, **settings), connection.cursor() as cursor:
            sql = make_sql(columns, distinct, connection)
            cursor.execute(sql.text, sql.params)
            found = dict(zip(distinct, fetch_all(cursor), strict=True))
            return [found[text] for text in texts]
    except (DataError, IntegrityError):
        if len(given) == 1 and len(columns) == 1:
            return [(MISSING,)]
    if len(columns) > 1:
        by_column = [_values(make_sql, [field], given, using, **settings) for field in columns]
        return [tuple(value for (value,) in row) for row in zip(*by_column, strict=True)]
    middle = len(given) // 2
    return [
        value
        for half in (given[:middle], given[middle:])
        for value in _values(make_sql, columns, half, using, **settings)
    ]


def _converters(field: Field, connection: BaseDatabaseWrapper) -> Any:
    """Return the function that does with a column's value what the ORM does."""
    expression = Col("", field)
    functions = [
        *connection.ops.get_db_converters(expression),
        *expression.get_db_converters(connection),
    ]

    if isinstance(field, models.JSONField):
        functions = [reading_anything(copy(field)).from_db_value]

    def convert(value: object) -> Any:
        for function in functions:
            value = function(value, expression, connection)
        return value

    return convert


def state_of(field: Field, value: object, using: str) -> str:
    """Return a Python value of a field as a state has it."""
    connection = connections[using]
    # A moment without a zone, as Django has it with USE_TZ = False, is one of the connection's.
    with pinned(using, TimeZone=connection.timezone_name), connection.cursor() as cursor:
        sql = row_sql.value_sql(field, field.get_db_prep_save(value, connection), connection)
        cursor.execute(sql.text, sql.params)
        return row_json.split(cursor.fetchone()[0])["value"]
