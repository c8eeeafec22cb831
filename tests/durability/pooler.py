"""PgBouncer in transaction pooling, in front of a server."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from example_project import embedded_postgres
from tests.durability.servers import execute, until
from tests.projects import driver

PORT = 6432
ROLE, PASSWORD = "pooled", "only for tests"

CONFIGURATION = """
[databases]
{database} = host={host} port={port} dbname={database} user={role} password='{password}'

[pgbouncer]
pool_mode = transaction
default_pool_size = {size}
unix_socket_dir = {sockets}
unix_socket_mode = 0777
listen_port = {listens}
auth_type = any
ignore_startup_parameters = extra_float_digits
server_round_robin = 1
"""
"""As Debian's package runs it, but for sockets; sessions are passed around among few connections."""


def program() -> str | None:
    """Return where PgBouncer is installed, if it is; packages have it where only root looks."""
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    return shutil.which("pgbouncer", path=places)


@contextmanager
def pooled(server: embedded_postgres.Server, database: str, *, size: int) -> Iterator[str]:
    """Run it and yield the URL of a database behind it, which it serves with ``size`` connections."""
    found = program()
    assert found is not None
    execute(server, f"DROP ROLE IF EXISTS {ROLE}")
    execute(server, f"CREATE ROLE {ROLE} LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
    account = embedded_postgres.account()  # it will not run as root
    with tempfile.TemporaryDirectory(prefix="pooler-", dir="/tmp") as name:
        folder = Path(name)
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
        configuration = folder / "pgbouncer.ini"
        configuration.write_text(
            CONFIGURATION.format(
                database=database,
                host=server.socket_directory,
                port=embedded_postgres.PORT,
                role=ROLE,
                password=PASSWORD,
                size=size,
                sockets=folder,
                listens=PORT,
            )
        )
        configuration.chmod(0o644)
        with (
            (folder / "log").open("w") as log,
            subprocess.Popen(
                [found, "-q", str(configuration)],
                stdout=log,
                stderr=log,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            ) as process,
        ):
            url = f"postgresql://{ROLE}@{quote(str(folder), safe='')}:{PORT}/{database}"
            try:
                until(lambda: _answers(url), "PgBouncer's answer", seconds=20)
                yield url
            finally:
                process.terminate()


def _answers(url: str) -> bool:
    try:
        driver.connect(url).close()
    except driver.OperationalError:
        return False
    return True
