"""A Django project with an app for each example, in a process and a database of its own."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.seeds.pages import Example, Usage

ROOT = Path(__file__).resolve().parents[2]

SETTINGS = """\
SECRET_KEY = "only for tests"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "pgtrigger",
    "pgaudit_log",
    *{apps!r},
]
DATABASES = {{"default": {database!r}}}
{more}
"""


def grouped(examples: Sequence[Example]) -> list[list[Example]]:
    """Return ``examples`` in groups that can be apps of one project."""
    groups: list[list[Example]] = []
    for example in examples:
        for group in groups:
            if not any(example.user_accessors & other.user_accessors for other in group):
                group.append(example)
                break
        else:
            groups.append([example])
    return groups


class ExampleError(Exception):
    """What an example raised, as the traceback of the process it ran in."""


class Project:
    """A project on disk and the process that runs it."""

    def __init__(
        self,
        folder: Path,
        examples: Sequence[Example],
        database: Mapping[str, Any],
        more_settings: str = "",
    ) -> None:
        self.folder = folder
        self._process: subprocess.Popen[str] | None = None
        folder.mkdir()
        apps = [example.app for example in examples]
        (folder / "settings.py").write_text(
            SETTINGS.format(apps=apps, database=dict(database), more=more_settings)
        )
        for example in examples:
            (folder / example.app / "migrations").mkdir(parents=True)
            (folder / example.app / "__init__.py").touch()
            (folder / example.app / "migrations" / "__init__.py").touch()
            self.write_models(example.app, example.models)

    def write_models(self, app: str, text: str) -> None:
        """Write an app's models; a running process goes on with those it has."""
        (self.folder / app / "models.py").write_text(text)

    @property
    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "settings",
            "PYTHONPATH": os.pathsep.join([str(self.folder), str(ROOT)]),
            "PYTHONWARNINGS": "error",
        }

    def start(self) -> None:
        """Start the process, which makes the database if need be, and migrates it."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.seeds.worker"],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ask("prepare")

    def stop(self, *, drop: bool = True) -> None:
        """End the process; with ``drop``, the database too."""
        if self._process is None:
            return
        if drop and self._process.poll() is None:
            self.ask("drop")
        self._process.communicate()
        self._process = None

    def ask(self, action: str, **arguments: Any) -> Any:
        """Let the process do something; return its answer.

        Raises:
            ExampleError: when that raised.
        """
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([action, arguments]), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise ExampleError(f"The process of {self.folder.name} ended; see its stderr.")
        answer, traceback = json.loads(line)
        if traceback:
            raise ExampleError(traceback)
        return answer

    def manage(self, *arguments: str) -> str:
        """Run ``manage.py`` in a process of its own; return what it wrote."""
        done = subprocess.run(
            [sys.executable, "-m", "django", *arguments],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ExampleError(done.stdout)
        return done.stdout.strip()


class Session:
    """An example at work: a shell with its models at hand, whose writes are taken back at the end."""

    def __init__(self, project: Project, example: Example) -> None:
        self.example = example
        self._project = project

    def begin(self) -> None:
        self._project.ask("begin", app=self.example.app)

    def end(self) -> None:
        self._project.ask("end")

    def do(self, code: str) -> str:
        """Run Python code, indented or not; return what it printed."""
        printed: str = self._project.ask("do", code=textwrap.dedent(code))
        return printed

    def value(self, expression: str) -> Any:
        """Return the value of an expression of plain values; a queryset's as a list."""
        return ast.literal_eval(self._project.ask("value", expression=expression))

    def use(self, usage: Usage | None = None) -> None:
        """Run a usage as printed, by default the only one, and assert that it prints what it should."""
        if usage is None:
            (usage,) = self.example.usages
        printed = self.do(usage.code)
        assert bool(printed) == bool(usage.output)
        if usage.output:
            assert printed_list(printed) == self.value(usage.output)


def printed_list(printed: str) -> Any:
    """Return the list that ``<QuerySet [...]>`` shows."""
    _, bracket, rest = printed.strip().removesuffix(">").partition("[")
    return ast.literal_eval(bracket + rest)
