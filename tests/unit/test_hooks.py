"""What is replaced of Django and django-pgtrigger stands in modules that are called so."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import pgaudit_log
from tests.docs.markdown import DOCS

PACKAGE = Path(pgaudit_log.__file__).parent
HOOKS = sorted(PACKAGE.rglob("*_hooks.py"))
REGISTRY = PACKAGE / "declaring" / "trigger_registry.py"
OTHERS = [path for path in sorted(PACKAGE.rglob("*.py")) if path not in (*HOOKS, REGISTRY)]


def imported(module: ast.Module) -> set[str]:
    """Return the names that a module has from Django and from django-pgtrigger."""
    return {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(module)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
        if (getattr(node, "module", None) or alias.name).partition(".")[0]
        in ("django", "pgtrigger")
    }


def root(node: ast.expr) -> str | None:
    """Return the name that ``name.attribute[key].attribute`` begins with."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def replaced(text: str) -> Iterator[str]:
    """Yield what a module puts in the place of something of Django's or django-pgtrigger's."""
    module = ast.parse(text)
    theirs = imported(module)
    for node in ast.walk(module):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = [t for t in node.targets if isinstance(t, (ast.Attribute, ast.Subscript))]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", None) == "setattr":
            targets = node.args[:1]
        yield from (ast.unparse(target) for target in targets if root(target) in theirs)


def test_a_replacement_is_seen() -> None:
    text = """
from django.db import models
import pgtrigger
models.Model.save = save
setattr(models.QuerySet, "db", db)
pgtrigger.registry._registry.data = {}
own.save = models.Model.save
"""
    assert {*replaced(text)} == {
        "models.Model.save",
        "models.QuerySet",
        "pgtrigger.registry._registry.data",
    }


@pytest.mark.slow
@pytest.mark.everywhere
def test_nothing_is_replaced_elsewhere() -> None:
    found = {str(path.relative_to(PACKAGE)): [*replaced(path.read_text())] for path in OTHERS}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize("path", HOOKS, ids=lambda path: path.stem)
def test_contributors_are_told_of_each(path: Path) -> None:
    page = (DOCS / "contributing.md").read_text(encoding="utf-8")
    assert f"| `pgaudit_log/{path.relative_to(PACKAGE)}` |" in page.partition("## A new Django")[2]
