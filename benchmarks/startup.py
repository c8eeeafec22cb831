"""Start-up: what tracking a project of many models adds to starting, checking and migrating it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.findings import Findings, Table, Value, median, shown
from example_project.embedded_postgres import Server

ROOT = Path(__file__).resolve().parent.parent
APPS = 3
UNTRACKED, TRACKED = "no tracking", "django-pgaudit-log, @track()"
PROXIES = "django-pgaudit-log, @track() of a proxy of each"
LINE = "django-pgaudit-log, track_models()"
VARIANTS = (UNTRACKED, TRACKED, PROXIES, LINE)

SETTINGS = """
SECRET_KEY = "only for benchmarks"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", {apps}]
DATABASES = {{"default": {{"ENGINE": "django.db.backends.postgresql", "NAME": "{database}",
    "HOST": "{host}", "PORT": "{port}", "USER": "{user}"}}}}
"""

MODEL = """

{decorator}class Model{number}(models.Model):
    name = models.CharField(max_length=100)
    text = models.TextField(blank=True)
    number = models.IntegerField(default=0)
    amount = models.DecimalField(max_digits=12, decimal_places=2, default=0)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    modified_at = models.DateTimeField(auto_now=True)
    day = models.DateField(null=True)
    details = models.JSONField(default=dict)
    code = models.SlugField(blank=True)
    parent = models.ForeignKey("{parent}", models.CASCADE, null=True, related_name="+")
"""

PROXY = """

@pgaudit_log.track()
class Tracked{label}{number}({label}.Model{number}):
    class Meta:
        proxy = True
"""

MEASURE = """
import json, resource, sys, time
started = time.process_time()
import django
{prepare}
before = time.process_time()
{act}
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({{"seconds": time.process_time() - before, "megabytes": used.ru_maxrss / 1024}}))
"""
MANAGE = "from django.core.management import call_command; call_command({arguments}, verbosity=0)"
SETUP = "django.setup()"


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How much is done."""

    models: int
    rounds: int


FULL = Extent(models=300, rounds=7)
SHORT = Extent(models=60, rounds=3)


class Project:
    """A project of many models, in a folder and a database of its own."""

    def __init__(self, folder: Path, server: Server, name: str, variant: str, models: int):
        self.folder = folder
        self.database = f"startup_{name}"
        self.server = server
        labels = [f"app{number}" for number in range(APPS)]
        packages = [] if variant == UNTRACKED else ["pgtrigger", "pgaudit_log"]
        decorator = "@pgaudit_log.track()\n" if variant == TRACKED else ""
        installed = [*packages, *labels, *(["audit"] if variant in (PROXIES, LINE) else [])]
        with psycopg.connect(server.url(), autocommit=True) as connection:
            info = connection.info
            self._write(
                "settings.py",
                SETTINGS.format(
                    apps=", ".join(f'"{label}"' for label in installed),
                    database=self.database,
                    host=info.host,
                    port=info.port,
                    user=info.user,
                ),
            )
        for label in labels:
            self._write(f"{label}/__init__.py", "")
            self._write(f"{label}/migrations/__init__.py", "")
            text = "import pgaudit_log\n" if decorator else ""
            text += "from django.db import models\n"
            for number in range(models // APPS):
                parent = f"Model{number - 1}" if number else "auth.User"
                text += MODEL.format(decorator=decorator, number=number, parent=parent)
            self._write(f"{label}/models.py", text)
        if "audit" in installed:
            self._write("audit/__init__.py", "")
            self._write("audit/migrations/__init__.py", "")
            text = "import pgaudit_log\n"
            if variant == LINE:
                patterns = ", ".join(f'"{label}.*"' for label in labels)
                text += f'pgaudit_log.track_models({patterns}, into="audit")\n'
            else:
                text += "".join(f"from {label} import models as {label}\n" for label in labels)
                for label in labels:
                    for number in range(models // APPS):
                        text += PROXY.format(label=label, number=number)
            self._write("audit/models.py", text)
        self.run("-m", "django", "makemigrations", "-v0", *installed[len(packages) :])

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, *arguments: str) -> str:
        """Run Python in the project, and return what it printed."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "settings",
                # Bytecode is kept, as on a server: compiling each module anew is no start.
                "PYTHONDONTWRITEBYTECODE": "",
                "PYTHONPATH": os.pathsep.join([str(self.folder), str(ROOT)]),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise AssertionError(done.stdout + done.stderr)
        return done.stdout

    def measure(self, act: str, prepare: str = SETUP) -> dict[str, float]:
        """Return the processor seconds that a statement takes, and the memory that it ends with."""
        found: dict[str, float] = json.loads(
            self.run("-c", MEASURE.format(prepare=prepare, act=act)).splitlines()[-1]
        )
        return found

    def empty_database(self) -> None:
        """Make the database anew."""
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {self.database}")

    def lines_of_migrations(self) -> int:
        """Return how many lines its migrations have."""
        return sum(
            len(path.read_text().splitlines()) for path in self.folder.glob("a*/migrations/*.py")
        )


@contextmanager
def projects(server: Server, models: int) -> Iterator[Mapping[str, Project]]:
    """Make a project of each variant, and delete it after the block."""
    with tempfile.TemporaryDirectory() as folder:
        yield {
            variant: Project(Path(folder, str(n)), server, str(n), variant, models)
            for n, variant in enumerate(VARIANTS)
        }


WORK = {
    "django.setup()": lambda project: project.measure(SETUP, ""),
    "check": lambda project: project.measure(MANAGE.format(arguments='"check"')),
    "migrate, with nothing to do": lambda project: project.measure(
        MANAGE.format(arguments='"migrate"')
    ),
}


def run(server: Server, extent: Extent, say: Callable[[str], None]) -> Findings:
    """Measure all of it and return the findings."""
    measurements: list[dict[str, Any]] = []
    with projects(server, extent.models) as made:
        lines = {variant: project.lines_of_migrations() for variant, project in made.items()}
        for turn in range(extent.rounds):
            say(f"startup: round {turn + 1} of {extent.rounds}")
            for variant, project in made.items():
                # Migrating from nothing is longest; two rounds tell enough.
                if turn < 2:
                    project.empty_database()
                    found = project.measure(MANAGE.format(arguments='"migrate"'))
                    measurements.append({"work": FRESH, "variant": variant, **found})
                for work, act in WORK.items():
                    measurements.append({"work": work, "variant": variant, **act(project)})
    return _findings(extent, measurements, lines)


FRESH = "migrate, from nothing"


def _findings(
    extent: Extent, measurements: list[dict[str, Any]], lines: Mapping[str, int]
) -> Findings:
    def of(work: str, variant: str, what: str = "seconds") -> float:
        found = median(
            m[what] for m in measurements if m["work"] == work and m["variant"] == variant
        )
        assert found is not None
        return found

    def added(work: str, what: str = "seconds") -> float:
        return of(work, TRACKED, what) - of(work, UNTRACKED, what)

    rows = tuple(
        (variant, *(shown(of(work, variant)) for work in (*WORK, FRESH)),
         shown(of("django.setup()", variant, "megabytes")), f"{lines[variant]:,}")
        for variant in VARIANTS
    )  # fmt: skip
    where = f"{extent.models} models"
    return Findings(
        title="Start-up",
        tables=(
            Table(
                title=f"A project of {where}: processor seconds of the Django process",
                columns=("variant", *WORK, FRESH, "MB after setup()", "lines of migrations"),
                rows=rows,
                note="The median of the rounds, each command in a process of its own.",
            ),
        ),
        values=(
            Value(bar="startup: setup", where=where, value=added("django.setup()")),
            Value(bar="startup: check", where=where, value=added("check")),
            Value(bar="startup: memory", where=where, value=added("django.setup()", "megabytes")),
            Value(bar="startup: migrate", where=where, value=added("migrate, with nothing to do")),
            Value(
                bar="startup: fresh migrate",
                where=where,
                value=of(FRESH, TRACKED) / of(FRESH, UNTRACKED),
            ),
        ),
        measurements=measurements,
    )
