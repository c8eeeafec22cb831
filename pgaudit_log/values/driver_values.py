"""Driver values: the rows of a query, also where there are values that the driver cannot give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import DataError, InterfaceError
from django.db.backends.postgresql.psycopg_any import is_psycopg3
from django.db.backends.utils import CursorWrapper

from pgaudit_log.values.row_json import MISSING

UNKNOWN = (DataError, InterfaceError, ValueError, OverflowError)
"""What drivers raise for a value that PostgreSQL has and Python has not, such as a date before our era."""


def fetch_all(cursor: CursorWrapper) -> list[tuple[Any, ...]]:
    """Return the rows of the query that ``cursor`` ran, with ``MISSING`` for what the driver cannot give.

    psycopg 2 keeps to itself what it could not give: it is asked once more.
    """
    try:
        return list(cursor.fetchall())
    except UNKNOWN:
        return _loaded_one_by_one(cursor) if is_psycopg3 else _fetched_again(cursor)


def _loaded_one_by_one(cursor: CursorWrapper) -> list[tuple[Any, ...]]:
    from psycopg import DataError as NotOfPython
    from psycopg.adapt import Transformer

    found = cursor.pgresult
    loading = Transformer(cursor.connection)
    loaders = [
        loading.get_loader(found.ftype(column), found.fformat(column))
        for column in range(found.nfields)
    ]

    def value(row: int, column: int) -> Any:
        raw = found.get_value(row, column)
        try:
            return None if raw is None else loaders[column].load(raw)
        except (NotOfPython, ValueError, OverflowError):
            return MISSING

    return [
        tuple(value(row, column) for column in range(found.nfields)) for row in range(found.ntuples)
    ]


def _fetched_again(cursor: CursorWrapper) -> list[tuple[Any, ...]]:
    """Run a query of psycopg 2 again, with type casters that never raise."""
    from psycopg2 import extensions

    # Not of the connection's own class, which would put the context in front of it once more.
    again = extensions.cursor(cursor.connection)
    casters = {**extensions.string_types, **cursor.connection.string_types}
    for oid in {column.type_code for column in cursor.description}:
        careful = _careful(casters.get(oid, extensions.UNICODE))
        extensions.register_type(extensions.new_type((oid,), "CAREFUL", careful), again)
    with again:
        again.execute(cursor.query)
        return list(again.fetchall())


def _careful(caster: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    from psycopg2 import DataError as NotOfPython
    from psycopg2 import InterfaceError as NotOfDriver

    def cast(text: Any, cursor: CursorWrapper) -> Any:
        try:
            return None if text is None else caster(text, cursor)
        except (NotOfPython, NotOfDriver, ValueError, OverflowError):
            return MISSING

    return cast
