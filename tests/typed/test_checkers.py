"""mypy and pyright, both strict, say of a small project what its comments say that they do."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = Path(__file__).with_name("project")

pytestmark = pytest.mark.slow

EXPECTED = re.compile(r"(?:is: (?P<type>.+?)|(?P<wrong>wrong))(?:, in (?P<checker>\w+))?$")


@dataclass(kw_only=True)
class Verdict:
    """What is said of the lines of a file, by the number of the line."""

    types: dict[int, str] = field(default_factory=dict)
    wrong: set[int] = field(default_factory=set)


def expected_by(checker: str, path: Path) -> Verdict:
    """Return what the comments of a file expect of a type checker."""
    verdict = Verdict()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for told in line.partition("  # ")[2].split("; "):
            expected = EXPECTED.match(told)
            if expected is None or expected["checker"] not in (None, checker):
                continue
            if expected["wrong"]:
                verdict.wrong.add(number)
            else:
                verdict.types[number] = expected["type"]
    return verdict


def run(folder: Path, *command: str) -> str:
    """Run a type checker in a project and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if "DJANGO" not in name},
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
            "MYPYPATH": str(ROOT),
            "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


def by_mypy(folder: Path) -> dict[str, Verdict]:
    """Return what mypy says of each file."""
    verdicts: dict[str, Verdict] = {}
    for line in run(folder, "mypy", ".").splitlines():
        message = re.match(r"(?P<path>[\w./]+):(?P<line>\d+): (?P<kind>\w+): (?P<text>.+)", line)
        if message is None:
            continue
        verdict = verdicts.setdefault(message["path"], Verdict())
        revealed = re.match(r'Revealed type is "(.+)"', message["text"])
        if revealed is not None:
            # Names without their modules, as pyright has them.
            verdict.types[int(message["line"])] = re.sub(r"\b(?:\w+\.)+(?=\w)", "", revealed[1])
        elif message["kind"] == "error":
            verdict.wrong.add(int(message["line"]))
    return verdicts


def by_pyright(folder: Path) -> dict[str, Verdict]:
    """Return what pyright says of each file."""
    verdicts: dict[str, Verdict] = {}
    for found in json.loads(run(folder, "pyright", "--outputjson", "--pythonpath", sys.executable))[
        "generalDiagnostics"
    ]:
        path = str(Path(found["file"]).relative_to(folder))
        verdict = verdicts.setdefault(path, Verdict())
        line = found["range"]["start"]["line"] + 1
        revealed = re.match(r'Type of ".+" is "(.+)"', found["message"])
        if found["severity"] == "information" and revealed is not None:
            verdict.types[line] = revealed[1]
        else:
            verdict.wrong.add(line)
    return verdicts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the project, which does not lie in a package of the tests."""
    copy = tmp_path / "project"
    shutil.copytree(PROJECT, copy)
    config = copy / "pyrightconfig.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "extraPaths": [str(ROOT)]}))
    return copy


@pytest.mark.parametrize(("checker", "check"), [("mypy", by_mypy), ("pyright", by_pyright)])
def test_each_type_is_exact_and_each_error_is_found(
    checker: str, check: Callable[[Path], dict[str, Verdict]], folder: Path
) -> None:
    verdicts = check(folder)
    usage = verdicts.pop("shop/usage.py")
    expected = expected_by(checker, PROJECT / "shop/usage.py")
    assert {line: usage.types.get(line) for line in expected.types} == expected.types
    assert usage.wrong == expected.wrong
    # Neither the models nor what is generated has an error.
    assert verdicts == {}


def test_what_is_generated_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "django", "pgaudit_log", "types", "--check"],
        cwd=PROJECT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "settings",
            "PYTHONPATH": os.pathsep.join([str(PROJECT), str(ROOT)]),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
