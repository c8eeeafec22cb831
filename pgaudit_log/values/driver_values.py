"""Driver values: the rows of a query, also where there are values that the driver cannot give."""

from __future__ import annotations

from typing import Any

from django.db import DataError, InterfaceError
from django.db.backends.postgresql.psycopg_any import is_psycopg3

from pgaudit_log.values.row_json import MISSING

UNKNOWN = (DataError, InterfaceError, ValueError, OverflowError)
"""What drivers raise for a value that PostgreSQL has and Python has not, such as a date before our era."""


def fetch_all(cursor: Any) -> list[tuple[Any, ...]]:
    """Return the rows of the query that ``cursor`` ran, with ``MISSING`` for what the driver cannot give.

    Raises:
        DataError: where the driver is psycopg 2, which keeps to itself what it cannot give.
    """
    try:
        return list(cursor.fetchall())
    except UNKNOWN as error:
        if not is_psycopg3:
            raise DataError(str(error)) from error
    return _loaded_one_by_one(cursor)


def _loaded_one_by_one(cursor: Any) -> list[tuple[Any, ...]]:
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
