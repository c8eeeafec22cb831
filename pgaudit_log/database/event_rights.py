"""Event rights: which roles, beside its owner, may write to the log past the triggers."""

from __future__ import annotations

from typing import NamedTuple

from django.db import connections

from pgaudit_log import sql
from pgaudit_log.database.event_table import schema_of
from pgaudit_log.database.installed_schema import OWN_TABLES


class Writer(NamedTuple):
    """A role that was granted more than reading."""

    role: str
    """Its name; ``PUBLIC`` is everybody."""
    relation: str
    """The table, partition or sequence, by its name in SQL."""
    privileges: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.role} ({', '.join(self.privileges)} on {self.relation})"


def writers(using: str) -> list[Writer]:
    """Return who was granted to write to the tables of this package, their partitions and the sequence."""
    schema = schema_of(using)
    with connections[using].cursor() as cursor:
        cursor.execute(
            sql.read("writers_of_events.sql"),
            {"tables": [f"{schema}.{name}" for name in OWN_TABLES]},
        )
        return [
            Writer(role, relation, tuple(privileges))
            for role, relation, privileges in cursor.fetchall()
        ]
