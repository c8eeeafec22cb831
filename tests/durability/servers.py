"""Servers that a test may crash: each database on them is a copy of a migrated one."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from example_project import embedded_postgres
from example_project.embedded_postgres import Server
from tests.projects import ROOT, driver

ACKNOWLEDGED = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
"""A commit that is acknowledged is on the disk; servers of other tests are careless."""

QUICK = {"deadlock_timeout": "20ms", "max_connections": "60"}

CONFIGURED = ACKNOWLEDGED | QUICK
"""To be given at every start: a server that starts again has no more than it is given then."""

_number = itertools.count(1)


class Copies:
    """A running server with a migrated database, of which each test gets a copy."""

    def __init__(self, server: Server) -> None:
        self.server = server

    @cached_property
    def template(self) -> str:
        """The name of the migrated database; its shop has what all writers share."""
        execute(self.server, "CREATE DATABASE migrated")
        url = self.server.url("migrated")
        manage(url, "migrate", "--verbosity=0")
        shell(url, "from tests.durability import works; works.stock_the_shop()")
        return "migrated"

    def copy(self) -> str:
        """Return the name of a new copy."""
        name = f"shop_{next(_number)}"
        execute(self.server, f"CREATE DATABASE {name} TEMPLATE {self.template}")
        # As `install` does where the event table has come to another database.
        execute(self.server, "SELECT pgaudit_log_renew_numbers()", name)
        return name


@contextmanager
def running(version: int) -> Iterator[Copies]:
    """Run a server that keeps what it has acknowledged."""
    with embedded_postgres.temporary(version, settings=CONFIGURED) as server:
        yield Copies(server)


def execute(server: Server, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
    """Run a statement as superuser and return its rows, if it has any."""
    connection = driver.connect(server.url(database))
    connection.autocommit = True
    try:
        cursor = connection.cursor()
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []
    finally:
        connection.close()


def environment(url: str, **more: str) -> dict[str, str]:
    """Return the environment of a process that works on a database."""
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV_", "PG"))},
        "DJANGO_SETTINGS_MODULE": "tests.durability.settings",
        "DATABASE_URL": url,
        "PYTHONPATH": str(ROOT),
        **more,
    }


def python(url: str, *arguments: str, fails: bool = False) -> str:
    """Run Python on a database and return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment(url),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert (done.returncode != 0) == fails, done.stdout
    return done.stdout


def manage(url: str, *arguments: str, fails: bool = False) -> str:
    """Run a management command on a database and return what it printed."""
    return python(url, "-m", "django", *arguments, fails=fails)


def shell(url: str, code: str) -> str:
    """Run code on a database with Django set up, and return what it printed."""
    return python(url, "-c", f"import django; django.setup()\n{code}")


def program(server: Server, name: str, *arguments: str) -> None:
    """Run a client program of a server's version, such as pg_dump, as this account."""
    where = [f"--host={server.socket_directory}", f"--port={embedded_postgres.PORT}"]
    done = subprocess.run(
        [server.binaries / name, *where, f"--username={embedded_postgres.ROLE}", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def kill(process: int) -> None:
    """End a process so that it can do nothing about it."""
    os.kill(process, signal.SIGKILL)


def postmaster(server: Server) -> int:
    """Return the process that all others of a server come from."""
    return int((server.directory / "data" / "postmaster.pid").read_text().split()[0])


def until(is_so: Callable[[], bool], what: str, seconds: int = 120) -> None:
    """Wait for something that is to come."""
    for _ in range(seconds * 10):
        if is_so():
            return
        time.sleep(0.1)
    raise AssertionError(f"It did not come in {seconds} seconds: {what}")


def until_it_answers(server: Server, database: str = "postgres") -> None:
    """Wait until a server that recovers lets sessions in."""

    def answers() -> bool:
        try:
            execute(server, "SELECT 1", database)
        except driver.OperationalError:
            return False
        return True

    until(answers, "the server's answer")


def settings_of(server: Server, entries: Mapping[str, str]) -> None:
    """Append entries to a server's own configuration, which it reads as it starts."""
    with (server.directory / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in entries.items())
