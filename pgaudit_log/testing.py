"""Lets users' test suites flush: a ``TransactionTestCase`` empties the event table too.

Only in a test environment. Elsewhere ``manage.py flush`` leaves the events alone.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log import names, sql


def in_test_environment() -> bool:
    """Return whether Django's ``setup_test_environment()`` is in force in this process."""
    test_utils = sys.modules.get("django.test.utils")
    return test_utils is not None and hasattr(test_utils._TestState, "saved_data")


def let_flush(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Make the flush of a PostgreSQL connection empty the event table; receives ``connection_created``."""
    if connection.vendor != "postgresql" or not in_test_environment():
        return
    if not isinstance(connection.ops, _EmptiesEventTable):
        connection.ops.__class__ = _emptying(type(connection.ops))  # type: ignore[arg-type]


class _EmptiesEventTable:
    """A mixin for Django's ``DatabaseOperations``."""

    def sql_flush(self, style: Any, tables: Any, **kwargs: Any) -> list[str]:
        statements: list[str] = super().sql_flush(style, tables, **kwargs)  # type: ignore[misc]
        if statements and in_test_environment():
            names.forget()
            statements = [*statements, sql.read("empty_event_table.sql")]
        return statements


@cache
def _emptying(operations: type[Any]) -> type[Any]:
    return type("DatabaseOperations", (_EmptiesEventTable, operations), {})
