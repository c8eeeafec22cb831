"""Addresses: of a page with other parameters, and what is kept of those that it has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict

POSITIONS = ("before", "after", "skip", "at")
"""What says where a page begins, and not what is on it."""


def kept(parameters: QueryDict, *, without: Collection[str] = ()) -> list[tuple[str, str]]:
    """Return the parameters of a page that go on to another one; a position is never kept."""
    return [
        (name, value)
        for name, values in parameters.lists()
        if name not in POSITIONS and name not in without
        for value in values
        if value
    ]


def only(parameters: Mapping[str, str], names: Iterable[str]) -> list[tuple[str, str]]:
    """Return those of some parameters that say something."""
    return [(name, parameters[name]) for name in names if parameters.get(name)]


def address(kept: Iterable[tuple[str, str]], **changed: Any) -> str:
    """Return the address of the page with the parameters that are kept, and changed ones."""
    others = [(name, value) for name, value in kept if name not in changed]
    return f"?{urlencode([*others, *changed.items()])}"
