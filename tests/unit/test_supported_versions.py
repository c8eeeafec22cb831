"""What is said to be supported is what the matrix has, and no more can be installed."""

from __future__ import annotations

import re

import django
import pytest

from tests.docs.markdown import ROOT

PROJECT = (ROOT / "pyproject.toml").read_text()
TOX = (ROOT / "tox.ini").read_text()


def versions(text: str) -> list[str]:
    """Return versions without repetitions, the lowest first."""
    return sorted(set(re.findall(r"\d+\.\d+", text)), key=lambda v: [*map(int, v.split("."))])


def pages_with(start: str) -> list[str]:
    """Return the lines of README and index that say what it runs with."""
    lines = (ROOT / "README.md").read_text() + (ROOT / "docs" / "index.md").read_text()
    return re.findall(rf"{start}(?: \|)? (\d[\d.]*\d to \d[\d.]*\d)", lines)


def test_pythons_are_those_of_the_matrix() -> None:
    claimed = versions("\n".join(re.findall(r"Programming Language :: Python :: (.+)\"", PROJECT)))
    of_tox = re.findall(r"py\{([\d,]+)\}", TOX)
    assert claimed == versions(" ".join(f"3.{n[1:]}" for part in of_tox for n in part.split(",")))
    assert pages_with("Python") == [f"{claimed[0]} to {claimed[-1]}"] * 2
    assert f'requires-python = ">={claimed[0]}"' in PROJECT


def test_djangos_are_those_of_the_matrix() -> None:
    claimed = versions("\n".join(re.findall(r"Framework :: Django :: (\d.+)\"", PROJECT)))
    pins = re.findall(r"Django>=(\d+\.\d+),<(\d+\.\d+)$", TOX, re.M)
    assert claimed == [lowest for lowest, _ in pins]
    assert f'"Django>={claimed[0]},<{pins[-1][1]}"' in PROJECT
    assert pages_with("Django") == [f"{claimed[0]} to {claimed[-1]}"] * 2
    assert ".".join(map(str, django.VERSION[:2])) in claimed


def test_servers_are_those_that_are_run() -> None:
    run = re.findall(r"(?:--postgres |/postgresql/)(\d+)\b", (ROOT / ".ci" / "run").read_text())
    *others, newest = sorted(set(run), key=int)
    claim = f"{', '.join(others)} and {newest}"
    assert f"| PostgreSQL | {claim} |" in (ROOT / "README.md").read_text()
    for page in ("index.md", "explanation/guarantees.md"):
        assert f"PostgreSQL {claim}" in (ROOT / "docs" / page).read_text()


def test_django_pgtrigger_has_a_ceiling() -> None:
    [(lowest, ceiling)] = re.findall(r'"django-pgtrigger>=(\d+\.\d+),<(\d+\.\d+)"', PROJECT)
    assert versions(f"{lowest} {ceiling}") == [lowest, ceiling]
    assert f"| django-pgtrigger | {lowest} |" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("package", ["rich"])
def test_what_an_extra_brings_is_required_by_nothing_else(package: str) -> None:
    required = re.search(r"^dependencies = \[\n(.*?)^\]", PROJECT, re.M | re.S)
    assert required is not None and package not in required[1]
    assert re.search(rf'^cli = \["{package}>=', PROJECT, re.M)
