"""The server of the benchmarks: a temporary PostgreSQL 18 that keeps its promises to the disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from example_project import embedded_postgres
from example_project.embedded_postgres import Server

SETTINGS = {
    # As a server in production has them; a session of a worker says when it does not wait.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "1GB",
    "effective_cache_size": "4GB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "1h",
    # Such a server writes over files of its log that it has, rather than make new ones.
    "wal_init_zero": "off",
    # It would work beside one variant and not beside another; workers vacuum between rounds.
    "autovacuum": "off",
}


@contextmanager
def running() -> Iterator[Server]:
    """Run the server, and delete it after the block."""
    with (
        embedded_postgres.stoppable(),
        embedded_postgres.temporary(18, settings=SETTINGS) as server,
    ):
        _touch_buffers(server)
        yield server


def _touch_buffers(server: Server) -> None:
    """Use each shared buffer once, as a server has that has run for a day.

    The first use of each costs a page fault, which would fall on who writes the most bytes.
    """
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE UNLOGGED TABLE filling (page text) WITH (fillfactor = 10)")
        # Not CREATE TABLE AS, which goes round in a ring of few buffers.
        connection.execute(
            "INSERT INTO filling SELECT repeat('x', 1000)"
            " FROM generate_series(1, pg_size_bytes(current_setting('shared_buffers')) / 8192)"
        )
        connection.execute("DROP TABLE filling")
