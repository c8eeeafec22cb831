"""Pinned settings: those on which the text of values depends, and what they are while one is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.capture_v1.settings import PINNED

__all__ = ["AT_ONCE", "PINNED", "ROOM", "own_path", "pinned"]

ROOM = {"work_mem": "64MB", "jit": "off"}
"""What a statement over much of the log takes of memory to sort; the rest goes to disk."""

AT_ONCE = {**ROOM, "enable_nestloop": "off"}
"""The same where all of one side meets all of another, and the planner may not know yet how much that is.

Nor does such a statement end early where nothing is found, as the planner hopes.
"""


@contextmanager
def pinned(using: str, **other: str) -> Iterator[None]:
    """Run the statements of a block under :data:`PINNED`, with ``other`` values for some of them.

    It writes nothing and works in a read-only transaction. What was set before is set again.
    """
    connection = connections[using]
    is_outermost = not connection.in_atomic_block and connection.get_autocommit()
    wanted = {**PINNED, **other}
    with transaction.atomic(using=using), connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, current_setting(name), set_config(name, value, true)"
            " FROM unnest(%s::text[], %s::text[]) AS pinned (name, value)",
            [list(wanted), list(wanted.values())],
        )
        before = {name: value for name, value, _ in cursor.fetchall()}
        yield
        if not is_outermost:
            # Otherwise the end of the transaction does it.
            cursor.execute(
                "SELECT set_config(name, value, true)"
                " FROM unnest(%s::text[], %s::text[]) AS pinned (name, value)",
                [list(before), list(before.values())],
            )


@contextmanager
def own_path(connection: BaseDatabaseWrapper) -> Iterator[Any]:
    """Yield a cursor for which names mean what PostgreSQL means by them, and are shown in full."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('search_path')")
        [path] = cursor.fetchone()
        cursor.execute("SELECT set_config('search_path', 'pg_catalog, pg_temp', true)")
        yield cursor
        cursor.execute("SELECT pg_catalog.set_config('search_path', %s, true)", [path])
