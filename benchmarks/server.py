"""The server of the benchmarks: a temporary PostgreSQL 18 that keeps its promises to the disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
        yield server
