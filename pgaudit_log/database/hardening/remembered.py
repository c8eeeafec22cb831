"""What is remembered of a hardened database: for which roles it was hardened."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connections

from pgaudit_log.constants import EVENT_TABLE


@dataclass(frozen=True, kw_only=True)
class Hardened:
    """For which roles a database was hardened."""

    owner: str
    """The role that owns the event table now."""
    apps: tuple[str, ...]
    """Those that write the tables of the project."""
    readers: tuple[str, ...]
    """Those that read events."""


def hardened(using: str) -> Hardened | None:
    """Return for which roles a database was hardened; ``None`` if it was not."""
    with connections[using].cursor() as cursor:
        # A database that `migrate` has not been run on since has no such table.
        cursor.execute("SELECT to_regclass('pgaudit_log_granted_role') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return None
        cursor.execute(
            """
            SELECT kind, name, pg_get_userbyid(relowner)::text
            FROM pgaudit_log_granted_role
            JOIN pg_class ON oid = to_regclass(%s)
            ORDER BY name
            """,
            [EVENT_TABLE],
        )
        rows = cursor.fetchall()
    apps = tuple(name for kind, name, _ in rows if kind == "app")
    if not apps:
        return None
    return Hardened(
        owner=rows[0][2],
        apps=apps,
        readers=tuple(name for kind, name, _ in rows if kind == "reader"),
    )
