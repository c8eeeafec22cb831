"""The page for contributors is true: the rooms are drawn as they are checked, and what is where is there."""

from __future__ import annotations

import ast
import re

import pytest

from tests.docs import markdown

PAGE = markdown.DOCS / "contributing.md"
TEXT = PAGE.read_text(encoding="utf-8")

WHERE = re.findall(r"^\| (.+?) \| `(pgaudit_log/[\w./]+)` \| `(\w+)` \|$", TEXT, re.M)
TESTS = markdown.ROOT / "tests"


def layers() -> list[str]:
    """Return the layers that import-linter checks, the highest first."""
    text = (markdown.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r"^layers = \[\n(.*?)^\]", text, re.M | re.S)
    assert found is not None
    return re.findall(r'"(.+)"', found[1])


def names_in(path: str) -> set[str]:
    """Return what a file defines: functions, classes and methods, names; in SQL all words."""
    text = (markdown.ROOT / path).read_text(encoding="utf-8")
    if path.endswith(".sql"):
        return set(re.findall(r"\w+", text))
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def test_the_rooms_are_drawn_as_they_are_checked() -> None:
    drawing = re.search(r"\n\n((?:    \S.*\n)+)\n", TEXT)
    assert drawing is not None
    assert [line.strip() for line in drawing[1].splitlines()] == layers()


def test_each_room_has_its_sentence() -> None:
    table = TEXT.partition("## Where is")[0].partition("| room |")[2]
    told = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.+?) \|", table, re.M)))
    assert sorted(told) == sorted(re.findall(r"\w+", " ".join(layers())))


def test_no_question_is_left_out() -> None:
    table = TEXT.partition("## Where is")[2].partition("\n## ")[0]
    assert len(WHERE) == len(re.findall(r"^\| (?!question|---)", table, re.M)) >= 30


@pytest.mark.slow
@pytest.mark.parametrize(("question", "path", "name"), WHERE)
def test_what_is_asked_for_is_there(question: str, path: str, name: str) -> None:
    assert (markdown.ROOT / path).exists(), f"{question}: {path} is gone, or has another name"
    assert name in names_in(path), f"{question}: {path} has no {name}"


def test_each_folder_of_tests_is_told() -> None:
    folders = {path.name for path in TESTS.iterdir() if list(path.glob("test_*.py"))}
    assert set(re.findall(r"^\| `tests/(\w+)`", TEXT, re.M)) == folders


@pytest.mark.parametrize(
    "path",
    sorted({*re.findall(r"`((?:tests|pgaudit_log|example_project|benchmarks)/[\w./]*)`", TEXT)}),
)
def test_each_path_is_there(path: str) -> None:
    assert (markdown.ROOT / path).exists()


def imported_by(source: str) -> set[str]:
    """Return the modules that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


@pytest.mark.slow
def test_tests_import_helpers_and_never_other_tests() -> None:
    wrong = [
        f"{path.relative_to(markdown.ROOT)} imports {module}"
        for path in sorted(TESTS.rglob("*.py"))
        for module in sorted(imported_by(path.read_text(encoding="utf-8")))
        if re.match(r"tests\.(.*\.)?(test_\w+|conftest)\b", module)
    ]
    assert wrong == []


def test_unit_tests_stand_in_the_rooms_of_what_they_test() -> None:
    rooms = {path.name for path in (markdown.ROOT / "pgaudit_log").iterdir() if path.is_dir()}
    folders = {path.name for path in (TESTS / "unit").iterdir() if list(path.glob("test_*.py"))}
    assert folders <= rooms
