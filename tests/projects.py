"""Throw-away Django projects, run in processes of their own as a user would run them."""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import tempfile
import textwrap
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

try:
    import psycopg as driver
except ModuleNotFoundError:
    import psycopg2 as driver  # type: ignore[import-untyped,no-redef]

ROOT = Path(__file__).resolve().parent.parent

TIMEOUT = 300
"""How many seconds a command may take."""

SETTINGS = """
import os
import dj_database_url

SECRET_KEY = "only for tests"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.postgres",
    "pgtrigger",
    "pgaudit_log",
    "store",
]
DATABASES = {"default": dj_database_url.parse(os.environ["PROJECT_DATABASE_URL"])}
"""

MODELS = """
from django.contrib.auth.models import User
from django.db import models

import pgaudit_log


@pgaudit_log.track()
class Item(models.Model):
    name = models.CharField(max_length=50)


@pgaudit_log.track(exclude=["password"])
class UserProxy(User):
    class Meta:
        proxy = True
"""


class Project:
    """A project in a folder, with one app, ``store``, and a database of its own."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV_"))},
            "DJANGO_SETTINGS_MODULE": "settings",
            "PROJECT_DATABASE_URL": database_url,
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
            "PYTHONWARNINGS": "error",
        }
        self.write("settings.py", SETTINGS)
        self.write("store/__init__.py", "")
        self.write("store/migrations/__init__.py", "")
        self.write("store/models.py", MODELS)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project and return its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def run(self, *arguments: str, fails: bool = False) -> str:
        """Run ``python`` with ``arguments`` in the project and return what it printed."""
        status, output = (_in_a_fork if is_forked(arguments) else _by_itself)(self, arguments)
        assert (status != 0) == fails, output
        return output

    def manage(self, *arguments: str, fails: bool = False) -> str:
        """Run a management command and return what it printed."""
        return self.run("-m", "django", *arguments, fails=fails)

    def shell(self, code: str) -> str:
        """Run ``code`` with the project set up and return what it printed."""
        return self.run("-c", "import django; django.setup()\n" + textwrap.dedent(code))


def is_forked(arguments: Sequence[str]) -> bool:
    """Return whether a command may run in a fork; a test suite starts processes of its own."""
    return arguments[0] == "-c" or (arguments[:2] == ("-m", "django") and "test" not in arguments)


def _by_itself(made: Project, arguments: Sequence[str]) -> tuple[int, str]:
    """Run ``python`` and return its exit status and what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=made.folder,
        env=made.environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def _in_a_fork(made: Project, arguments: Sequence[str]) -> tuple[int, str]:
    """Do the same in a fork of a process that has imported Django already."""
    server = _server(made.environment["PYTHONWARNINGS"])
    assert server.stdin is not None
    assert server.stdout is not None
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as output:
        command = {
            "arguments": arguments,
            "folder": str(made.folder),
            "environment": made.environment,
            "output": output.name,
        }
        server.stdin.write(json.dumps(command) + "\n")
        server.stdin.flush()
        if not select.select([server.stdout], [], [], TIMEOUT)[0]:
            server.kill()
            _server.cache_clear()
            raise subprocess.TimeoutExpired(arguments, TIMEOUT)
        return int(server.stdout.readline()), output.read()


@cache
def _server(warnings: str) -> subprocess.Popen[str]:
    """Return the process that runs commands with such a filter of warnings."""
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("project_server.py"))],
        env={**os.environ, "PYTHONWARNINGS": warnings},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.communicate)  # its input ends, and so does it
    return server


@contextmanager
def project(folder: Path) -> Iterator[Project]:
    """Make a project in ``folder`` and a database for it; drop the database on leaving."""
    server = os.environ["DATABASE_URL"]
    name = f"project_{uuid.uuid4().hex[:12]}"
    connection = driver.connect(server)
    connection.autocommit = True
    try:
        cursor = connection.cursor()
        cursor.execute(f"CREATE DATABASE {name}")
        base, _, query = server.partition("?")
        url = base.rpartition("/")[0] + f"/{name}" + (f"?{query}" if query else "")
        yield Project(folder, url)
    finally:
        # Parallel test runs clone the test database.
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"%{name}%"])
        for (database,) in cursor.fetchall():
            cursor.execute(f"DROP DATABASE {database} WITH (FORCE)")
        connection.close()
