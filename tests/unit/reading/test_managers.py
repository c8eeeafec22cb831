"""The stubs of managers promise what querysets have, and nothing that is missing."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from django.db import models

from pgaudit_log.reading import managers, querysets, trail_querysets
from pgaudit_log.reading.managers import EventManager, TrackedManager, TrailManager

Arguments = list[tuple[str, bool]]


def classes_in(path: Path) -> dict[str, ast.ClassDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


STUBS = classes_in(Path(managers.__file__).with_suffix(".pyi"))
QUERYSETS = {
    name: node
    for module in (querysets, trail_querysets)
    for name, node in classes_in(Path(module.__file__)).items()
}


def methods_of(node: ast.ClassDef) -> dict[str, str]:
    """Return the public methods of a class with their arguments."""
    found = {}
    for method in node.body:
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and method.name[0] != "_":
            for argument in method.args.args[:1]:
                argument.annotation = None  # self
            method.args.kw_defaults = [
                default and ast.Constant(...) for default in method.args.kw_defaults
            ]
            method.args.defaults = [ast.Constant(...) for _ in method.args.defaults]
            found[method.name] = ast.unparse(method.args)
    return found


@pytest.mark.parametrize(
    ("stub", "queryset", "inherited"),
    [
        ("_ManagerOfEvents", "EventQuerySet", ()),
        # Both change `changed()`: the trail knows more fields.
        ("TrailManager", "TrailQuerySet", ("changed",)),
    ],
)
def test_managers_take_what_their_querysets_do(
    stub: str, queryset: str, inherited: tuple[str, ...]
) -> None:
    promised, kept = methods_of(STUBS[stub]), methods_of(QUERYSETS[queryset])
    assert promised == {name: of for name, of in kept.items() if name not in inherited}


@pytest.mark.parametrize("manager", [EventManager, TrailManager, TrackedManager])
def test_managers_have_what_their_stub_says(manager: Any) -> None:
    stub = STUBS[manager.__name__]
    names = set(methods_of(STUBS["_ManagerOf"])) | set(methods_of(stub))
    assert {name for name in names if not hasattr(manager, name)} == set()


def test_each_method_that_gives_a_queryset_gives_the_own_one() -> None:
    """Those of Django's managers that do are all there."""
    own = methods_of(STUBS["_ManagerOf"])
    querysets_given = {
        *("all", "none", "filter", "exclude", "complex_filter", "union", "intersection"),
        *("difference", "select_for_update", "select_related", "prefetch_related", "annotate"),
        *("alias", "order_by", "distinct", "reverse", "defer", "only", "using", "get_queryset"),
    }
    assert set(own) == querysets_given
    assert {name for name in own if not hasattr(models.Manager, name)} == set()
