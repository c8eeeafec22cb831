"""Locks: how many of the server's a read takes that looks into all partitions."""

from __future__ import annotations

from typing import NamedTuple

from django.db import connections

from pgaudit_log.constants import EVENT_TABLE

MOST_OF_ALL = 4
"""One such read may take one part in so many of the locks of the server; it is not the only one."""


class Locks(NamedTuple):
    """What a read of all partitions locks: each of them with its indexes."""

    partitions: int
    relations: int
    """How many relations a partition is: the table and its indexes."""
    capacity: int
    """How many locks the server surely has room for; https://www.postgresql.org/docs/current/runtime-config-locks.html"""

    @property
    def needed(self) -> int:
        """How many locks such a read takes."""
        return self.partitions * self.relations

    @property
    def are_scarce(self) -> bool:
        """Whether a few such reads at once could end with "out of shared memory"."""
        return self.needed * MOST_OF_ALL > self.capacity


def locks(using: str = "default") -> Locks:
    """Return what a read of all partitions of a database takes of its server's locks."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT
                count(*),
                COALESCE(max(1 + (
                    SELECT count(*) FROM pg_index WHERE indrelid = pg_inherits.inhrelid
                )), 0),
                current_setting('max_locks_per_transaction')::bigint
                    * (
                        current_setting('max_connections')::bigint
                        + current_setting('max_prepared_transactions')::bigint
                    )
            FROM pg_inherits
            WHERE inhparent = to_regclass(%s)
            """,
            [EVENT_TABLE],
        )
        return Locks(*cursor.fetchone())
