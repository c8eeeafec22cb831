"""Django's hooks for contexts: what is changed of a connection, and whether its statements carry them.

Two things of each PostgreSQL connection, at ``connection_created`` (Django 1.1), are replaced:

* ``connection.connection.cursor_factory``, the driver's cursor class, which Django sets as it connects
  (psycopg 3 since 4.2): see :mod:`cursors`;
* ``connection.ops.last_executed_query``, which Django asks for what was sent (since 1.2): it is shown
  without its context.

A new Django or driver may send statements another way. So :func:`carries_context` sends one and looks at what
has arrived; a system check asks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from pgaudit_log.constants import CONTEXT_MARKER, RUNNING_SETTING
from pgaudit_log.contexts import cursors
from pgaudit_log.contexts.stack import context
from pgaudit_log.contexts.statements import without_context


def install(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Make the cursors of a PostgreSQL connection carry the context; receives ``connection_created``."""
    if connection.vendor != "postgresql":
        return
    cursors.prepare(connection.connection)
    mix_into_operations(connection, _HidesContext)


class _HidesContext:
    """A mixin for Django's ``DatabaseOperations``: what was sent is shown without its context."""

    def last_executed_query(self, cursor: CursorWrapper, sql: str, params: Sequence[Any]) -> str:
        sent: str = super().last_executed_query(cursor, sql, params)  # type: ignore[misc]
        return sent and without_context(sent)


def mix_into_operations(connection: BaseDatabaseWrapper, mixin: type[Any]) -> None:
    """Let a mixin stand in front of a connection's ``DatabaseOperations``, once."""
    if not isinstance(connection.ops, mixin):
        connection.ops.__class__ = _mixed(mixin, type(connection.ops))  # type: ignore[arg-type]


@cache
def _mixed(mixin: type[Any], operations: type[Any]) -> type[Any]:
    return type("DatabaseOperations", (mixin, operations), {})


def carries_context(using: str) -> bool:
    """Return whether the context of a statement arrives in a database.

    The statement may write, for all that the cursor knows, and so carries the context with each
    setting.
    """
    with connections[using].cursor() as cursor, context() as running:
        cursor.execute(
            "WITH arrived AS (SELECT current_query() AS statement, current_setting(%s, true) AS setting)"
            " SELECT statement, setting FROM arrived",
            [RUNNING_SETTING],
        )
        [statement, setting] = cursor.fetchone()
    id = str(running.id)
    return statement.startswith(f"{CONTEXT_MARKER}{id}") or (setting or "").startswith(id)
