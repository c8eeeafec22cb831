"""A throw-away Django project with a database of its own, in which one page runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.docs.markdown import ROOT
from tests.docs.rules import STARTS

SESSION = Path(__file__).with_name("session.py")
TIMEOUT = 120

INSTALLED = os.environ.get("PGAUDIT_LOG_DOCS_PYTHON")
"""The Python in which the package is installed, where a page has to run with that."""

MANAGE = """
import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
execute_from_command_line(sys.argv)
"""

SETTINGS = """
import json
import os

SECRET_KEY = "only for the docs"
ALLOWED_HOSTS = ["localhost"]  # what startproject comes to, where DEBUG is on
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "mysite.urls"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES = {"default": json.loads(os.environ["DOCS_DATABASE"])}

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "pgtrigger",
    "pgaudit_log",
    "shop",
]

MIDDLEWARE = [
    "pgaudit_log.middleware.AuditMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
"""

FILES = {
    "manage.py": MANAGE,
    "mysite/__init__.py": "",
    "mysite/settings.py": SETTINGS,
    "mysite/urls.py": "urlpatterns = []\n",
    "shop/__init__.py": "",
    "shop/models.py": "from django.db import models\n",
    "shop/migrations/__init__.py": "",
}


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder with a Django project, and its database."""

    folder: Path
    database: str
    is_bare: bool = False
    roles: Mapping[str, str] = field(default_factory=dict)
    """What roles of the page are called on the server, whose other databases have roles, too."""

    def write(self, path: str, text: str, *, replace: bool = False) -> None:
        """Append ``text`` to a file of the project, or put it in its place.

        Of the settings a page shows some only: they come behind those that each project has.
        """
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.read_text() if file.exists() and not replace else ""
        if replace and path == "mysite/settings.py":
            before = SETTINGS
        file.write_text(f"{before}\n{_replaced(text, self.roles)}\n")

    def use_its_database(self) -> None:
        """Let the settings, whatever the page says of the server, name the project's database."""
        if self.is_bare:
            self.write(
                "mysite/settings.py",
                "import json\nimport os\n\n"
                'DATABASES["default"].update(json.loads(os.environ["DOCS_DATABASE"]))\n',
            )

    def run(self, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Run ``steps`` in one session and return the output of each.

        Raises:
            AssertionError: when the session itself breaks.
        """
        given, written = self.folder / "steps.json", self.folder / "results.json"
        given.write_text(
            _replaced(
                json.dumps([{**step, "conninfo": _conninfo(self.database)} for step in steps]),
                self.roles,
            )
        )
        done = subprocess.run(
            [INSTALLED or sys.executable, str(SESSION), str(given), str(written)],
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        pages = {there: name for name, there in self.roles.items()}
        results: list[dict[str, Any]] = json.loads(_replaced(written.read_text(), pages))
        return results

    def _environment(self) -> dict[str, str]:
        server = {key: _server()[key] for key in ("HOST", "PORT", "USER", "PASSWORD")}
        database = {
            "ENGINE": "django.db.backends.postgresql",
            **server,
            "NAME": self.database,
            "TEST": {"NAME": f"{self.database}_test"},
        }
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith("PYTEST")},
            "DJANGO_SETTINGS_MODULE": "mysite.settings",
            "DOCS_DATABASE": json.dumps(database),
            "PYTHONPATH": os.pathsep.join([str(self.folder), *([] if INSTALLED else [str(ROOT)])]),
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONWARNINGS": "error",
        }


def _replaced(text: str, names: Mapping[str, str]) -> str:
    for name, other in names.items():
        text = re.sub(rf"\b{name}\b", other, text)
    return text


@contextmanager
def project(
    name: str, folder: Path, *, is_bare: bool = False, roles: Sequence[str] = ()
) -> Iterator[Project]:
    """Make a project with a new, empty database; drop the database, and the page's roles, in the end.

    A bare one is as Django starts it.
    """
    if is_bare:
        for words in STARTS:
            command = [word for word in words[1:] if word != "manage.py"]
            subprocess.run([sys.executable, "-m", "django", *command], cwd=folder, check=True)
    for path, text in {} if is_bare else FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    slug = re.sub(r"\W+", "_", name.lower())
    there: dict[str, str] = {}
    database = f"pgaudit_log_docs_{slug}_{os.getpid()}"
    _maintain("CREATE DATABASE {}", database)
    try:
        there |= {role: f"{role}_{os.getpid()}" for role in roles}
        yield Project(folder=folder, database=database, is_bare=is_bare, roles=there)
    finally:
        for made in [database, *_test_databases(database)]:
            _maintain("DROP DATABASE IF EXISTS {} WITH (FORCE)", made)
        for role in there.values():
            _maintain("DROP ROLE IF EXISTS {}", role)


def _server() -> dict[str, Any]:
    """Return the server that the test suite's settings name."""
    server: dict[str, Any] = settings.DATABASES["default"]
    return server


def _conninfo(database: str) -> str:
    names = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password"}
    given = {names[key]: str(_server()[key]) for key in names if _server().get(key)}
    return make_conninfo("", **given, dbname=database)


def _test_databases(database: str) -> list[str]:
    """Return the databases that the page's own tests made, such as ``…_test`` and ``…_test_1``."""
    with psycopg.connect(_conninfo("postgres")) as connection:
        found = connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [f"{database}_test"]
        )
        return [name for (name,) in found]


def _maintain(statement: str, database: str) -> None:
    with psycopg.connect(_conninfo("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(database)))
