"""The scan finds a peer's names in a project's source, and says what to write instead."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pghistory
import pytest

import pgaudit_log
from pgaudit_log.importing import peer_names, peer_settings
from pgaudit_log.importing.scan import main, scan
from tests.projects import ROOT


def found(folder: Path, source: str) -> list[tuple[str, str, bool]]:
    """Return the names, advice and silence of what is found in a file."""
    path = folder / "models.py"
    path.write_text(source)
    return [
        (finding.name, finding.instead.advice, finding.instead.is_silent)
        for finding in scan([folder])
    ]


def names(folder: Path, source: str) -> list[str]:
    return [name for name, _, _ in found(folder, source)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import pghistory as p\np.InsertEvent()", ["pghistory", "pghistory.InsertEvent"]),
        ("from pghistory import AnyChange", ["pghistory.AnyChange"]),
        (
            "MIDDLEWARE = ['pghistory.middleware.HistoryMiddleware']",
            ["pghistory.middleware.HistoryMiddleware"],
        ),
        ("INSTALLED_APPS = ['simple_history']", ["simple_history"]),
        ("PGHISTORY_LEVEL = 1", ["PGHISTORY_LEVEL"]),
        ("import reversion\nreversion.set_user(7)", ["reversion", "reversion.set_user"]),
        (
            "from auditlog.registry import auditlog as a\na.register(Order)",
            ["auditlog.registry.auditlog", "auditlog.registry.auditlog"],
        ),
        ("LogEntry.objects.filter(object_pk__in=[1])", ["object_pk"]),
        ("class A:\n def get_additional_data(self): ...", ["get_additional_data"]),
        ("from easyaudit.models import CRUDEvent", ["easyaudit.models.CRUDEvent"]),
        ("DJANGO_EASY_AUDIT_READONLY_EVENTS = True", ["DJANGO_EASY_AUDIT_READONLY_EVENTS"]),
        ("events.filter(pgh_context__metadata__user=1)", ["pgh_context__metadata"]),
        ("events.order_by('-history_date')", ["history_date"]),
        ("event.pgh_context.metadata['user']", ["metadata"]),
        ("order.history.as_of(day)", ["history.as_of"]),
        ("order._change_reason = 'x'", ["_change_reason"]),
        ("order.history = 1; model.metadata; q.references(x); 'a text about pghistory'", []),
        ("import django, pghistory_other", []),
    ],
)
def test_a_name_is_found(tmp_path: Path, source: str, expected: list[str]) -> None:
    assert names(tmp_path, source) == expected


def test_of_a_migration_is_told_that_it_needs_the_package(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_initial.py").write_text(
        "from django.db import migrations\n"
        "dependencies = [('pghistory', '0007'), ('shop', '0001')]\n"
        "fields = ['history_date', ForeignKey(to='pghistory.context')]\n"
    )
    (folder / "0002_other.py").write_text("fields = ['history_date', 'pgh_context__metadata']\n")
    [finding] = scan([tmp_path])
    assert (finding.path.name, finding.line, finding.name) == ("0001_initial.py", 2, "pghistory")
    assert "pgaudit_log.importing.past_migrations" in finding.instead.advice


def test_what_would_mean_another_thing_silently_is_marked(tmp_path: Path) -> None:
    source = """
import pghistory
from pghistory.models import Events

@pghistory.track()
class A: ...

Events.objects.references(a)
Events.objects.tracks(b)
event.revert()
"""
    silent = [name for name, _, is_silent in found(tmp_path, source) if is_silent]
    assert silent == ["track() without trackers", "references", "tracks", "revert"]


def test_what_has_no_counterpart_is_not_said_to_be_called_as_the_package(tmp_path: Path) -> None:
    source = (
        "from easyaudit.backends import ModelBackend\n"
        "from simple_history.signals import post_create_historical_record\n"
        "from reversion import revisions as r\nimport reversion\n"
        "r.add_meta(Note, text='x')\nreversion.is_active()\n"
        "INSTALLED_APPS = ['auditlog.apps.AuditlogConfig']\n"
    )
    told = {name: advice for name, advice, _ in found(tmp_path, source)}
    assert "called so" in told["easyaudit.backends.ModelBackend"]
    assert told["simple_history.signals.post_create_historical_record"].startswith(
        "Nothing is called"
    )
    assert told["reversion.add_meta"] == "Write within pgaudit_log.context(…)."
    assert "called so" in told["reversion.is_active"]
    assert told["auditlog.apps.AuditlogConfig"] == "Write pgaudit_log."


def test_an_argument_that_does_not_hold_is_told(tmp_path: Path) -> None:
    source = (
        "import pghistory\n@pghistory.track(pghistory.InsertEvent(), base_model=Base)\nclass A: ..."
    )
    assert "track(base_model=)" in names(tmp_path, source)


def test_each_name_that_the_peer_exports_has_its_advice() -> None:
    exported = {name for name in pghistory.__all__ if not name.startswith("_")}
    missing = {name for name in exported if f"pghistory.{name}" not in peer_names.DOTTED}
    assert missing == set()


def test_what_is_said_to_be_here_is_here() -> None:
    advised = " ".join(instead.advice for instead in peer_names.DOTTED.values())
    written = set(re.findall(r"Write pgaudit_log\.(\w+)\.", advised)) - {
        "models",
        "middleware",
        "reading",
    }
    assert written and all(hasattr(pgaudit_log, name) for name in written)


@pytest.mark.parametrize(
    ("package", "pattern", "advised"),
    [
        ("pghistory", r'"(PGHISTORY_\w+)"', peer_settings.PGHISTORY),
        ("auditlog", r"\b(AUDITLOG_\w+)", peer_settings.AUDITLOG),
        ("easyaudit", r"\b(DJANGO_EASY_AUDIT_\w+)", peer_settings.EASY_AUDIT),
    ],
)
def test_each_setting_of_a_peer_has_its_advice(
    package: str, pattern: str, advised: dict[str, str]
) -> None:
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.origin is not None
    read = {
        name
        for path in Path(spec.origin).parent.rglob("*.py")
        for name in re.findall(pattern, path.read_text())
    }
    assert read and read == set(advised)


def test_a_file_that_is_no_python_is_told(tmp_path: Path) -> None:
    [(name, advice, _)] = found(tmp_path, "print 'two'")
    assert name == "models.py"
    assert "Look through it yourself" in advice


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = 1")
    assert main([str(tmp_path)]) == 0
    path.write_text("import pghistory")
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().out == f"{path}:1: pghistory: Write pgaudit_log.\n"
    assert main([str(tmp_path / "missing")]) == 2


def test_it_needs_no_settings(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import pghistory")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DJANGO")}
    done = subprocess.run(
        [sys.executable, "-m", "pgaudit_log.importing.scan", str(tmp_path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        1,
        "1 found; [silent] marks what would mean another thing without an error.\n",
    )
