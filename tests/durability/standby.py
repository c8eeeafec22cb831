"""A streaming replica of a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from example_project import embedded_postgres
from example_project.embedded_postgres import PORT, Server
from tests.durability.servers import CONFIGURED, execute, until

ROLE, PASSWORD = "streams", "only for tests"


@contextmanager
def following(primary: Server) -> Iterator[Server]:
    """Run a replica of a server."""
    execute(primary, f"DROP ROLE IF EXISTS {ROLE}")
    execute(primary, f"CREATE ROLE {ROLE} LOGIN REPLICATION PASSWORD '{PASSWORD}'")
    with embedded_postgres.unstarted(primary.binaries) as standby:
        standby.prepare()
        where = f"host={primary.socket_directory} port={PORT} user={ROLE} password='{PASSWORD}'"
        data = standby.directory / "data"
        standby.run("pg_basebackup", f"--dbname={where}", f"--pgdata={data}", "--checkpoint=fast")
        (data / "standby.signal").touch()
        (standby.directory / "created").touch()
        standby.start({**CONFIGURED, "primary_conninfo": where})
        yield standby


def until_it_has_all(primary: Server, standby: Server) -> None:
    """Wait until the replica has replayed all that its primary has written so far."""
    [(position,)] = execute(primary, "SELECT pg_current_wal_flush_lsn()::text")
    replayed = f"SELECT COALESCE(pg_last_wal_replay_lsn() >= '{position}', FALSE)"
    until(lambda: execute(standby, replayed) == [(True,)], f"the replica at {position}")
