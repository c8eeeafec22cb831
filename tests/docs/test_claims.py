"""What the docs claim is tested: each promise and each trap names tests, and those exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs import markdown

TRAPS = markdown.DOCS / "explanation" / "traps.md"
GUARANTEES = markdown.DOCS / "explanation" / "guarantees.md"

_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@cache
def in_file(path: str) -> dict[str, bool]:
    """Return the tests of a file, and of each whether it is expected to fail."""
    file = markdown.ROOT / path
    if not file.exists():
        return {}
    module = ast.parse(file.read_text(encoding="utf-8"))
    return {
        node.name: any("xfail" in ast.unparse(decorator) for decorator in node.decorator_list)
        for node in module.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.name.startswith("test_")
    }


def named(text: str) -> list[tuple[str, str]]:
    """Return the file and the name of each test that ``text`` names."""
    return _NAMED.findall(text)


def bullets(heading: str) -> list[str]:
    """Return the bullets of a section of the guarantees, those of its subsections too."""
    text = markdown.prose(GUARANTEES)
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert section is not None, f"there is no section {heading!r}"
    return re.findall(r"^\* .*(?:\n  .*)*", section[1], re.M)


def rows() -> list[tuple[int, str, str]]:
    """Return the number, what is done, and the tests of each trap."""
    found = re.findall(r"^\| (\d+) \| .+? \| (.+?) \| (.*?) ?\|$", TRAPS.read_text(), re.M)
    return [(int(number), done, tests) for number, done, tests in found]


@pytest.mark.parametrize("page", [TRAPS, GUARANTEES], ids=lambda page: page.stem)
def test_every_test_that_is_named_exists(page: Path) -> None:
    claimed = set(named(page.read_text(encoding="utf-8")))
    assert claimed
    assert [f"{path}::{test}" for path, test in claimed if test not in in_file(path)] == []


@pytest.mark.parametrize("page", [TRAPS, GUARANTEES], ids=lambda page: page.stem)
def test_every_path_of_a_test_is_written_so_that_it_is_found(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(named(text)) == text.count("::")


def test_every_promise_names_a_test_that_passes() -> None:
    promises = bullets("What is promised")
    assert promises
    assert [promise for promise in promises if not named(promise)] == []
    doubtful = [
        name for promise in promises for path, name in named(promise) if in_file(path).get(name)
    ]
    assert doubtful == []


def test_the_known_gaps_are_the_tests_that_are_expected_to_fail() -> None:
    gaps = bullets("Known gaps") if "## Known gaps" in GUARANTEES.read_text() else []
    told = {test for gap in gaps for test in named(gap)}
    files = (path.relative_to(markdown.ROOT) for path in (markdown.ROOT / "tests").rglob("*.py"))
    failing = {
        (str(path), name)
        for path in files
        for name, is_expected_to_fail in in_file(str(path)).items()
        if is_expected_to_fail
    }
    assert told == failing


def test_every_trap_stands_in_the_table_once() -> None:
    # Section F, tamper evidence, has no answer yet.
    assert [number for number, _, _ in rows()] == [*range(1, 85), *range(90, 101)]


def test_every_trap_names_a_test_or_says_why_not() -> None:
    silent = [
        number
        for number, done, tests in rows()
        if not named(tests) and "Not yet" not in done and "By design" not in done
    ]
    assert silent == []


def test_no_trap_rests_on_a_test_that_is_expected_to_fail() -> None:
    doubtful = [
        number
        for number, _, tests in rows()
        if any(in_file(path).get(name) for path, name in named(tests))
    ]
    assert doubtful == []
