"""What many tests need: SQL by hand, and the trail as plain tuples."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, connections
from django.db.backends.postgresql.psycopg_any import is_psycopg3

from pgaudit_log.database.installed_schema import GUARDS
from pgaudit_log.models import Events

if is_psycopg3:
    from psycopg import sql as driver_sql
else:
    from psycopg2 import sql as driver_sql  # type: ignore[no-redef]

__all__ = ["copy_in", "driver_sql", "execute", "last_id", "role_name", "trail", "unguarded"]


def execute(sql: str, params: Any = None, *, using: str = "default") -> list[tuple[Any, ...]]:
    """Run ``sql`` on a cursor of the connection and return its rows, if it has any."""
    with connections[using].cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall()) if cursor.description else []


def role_name(role: str) -> str:
    """Return a role's name for this process: a server's databases share their roles."""
    return f"{role}_{os.getpid()}"


def last_id() -> int:
    """Return the id of the newest event, 0 without events."""
    return Events.objects.order_by("-pgh_id").values_list("pgh_id", flat=True).first() or 0


def trail(model: str | None = None, *, after: int = 0) -> list[tuple[Any, ...]]:
    """Return (operation, object's key, diff) of the events behind ``after``, oldest first."""
    events = Events.objects.filter(pgh_id__gt=after)
    if model is not None:
        events = events.filter(pgh_obj_model=model)
    return list(events.values_list("pgh_operation", "pgh_obj_id", "pgh_diff"))


@contextmanager
def unguarded(*tables: str) -> Iterator[None]:
    """Let a block delete and truncate what triggers keep, as an owner could who disables them."""
    for table in tables:
        execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    yield
    for table in tables:
        for guard in GUARDS:
            execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {guard}")


def copy_in(statement: str, rows: str) -> None:
    """Send ``rows`` with a COPY statement."""
    with connection.cursor() as cursor:
        if not is_psycopg3:
            cursor.copy_expert(statement, io.StringIO(rows))
            return
        with cursor.copy(statement) as copy:
            copy.write(rows)
