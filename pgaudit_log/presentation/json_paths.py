"""JSON paths: where two documents differ, and a document as lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pgaudit_log.diffs.display import as_json

MOST_LINES = 2_000
"""How many lines a document has at most."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A place at which two documents differ."""

    path: str
    """Such as ``items[2].qty``, or ``items[id=7].qty`` where the elements have an ``id``."""
    kind: Literal["changed", "added", "removed"]
    old: Any = None
    new: Any = None


def differing(old: Any, new: Any, *, most: int) -> list[Difference]:
    """Return where two documents differ, at most as many places as ``most``, in their order."""
    found: list[Difference] = []
    for difference in _walk("", old, new):
        found.append(difference)
        if len(found) >= most:
            break
    return found


def _walk(path: str, old: Any, new: Any) -> Iterator[Difference]:
    # A document is no deeper than what `values.json_text` reads, so that this ends in time.
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _pairs(path, old, new, lambda key: _member(path, key))
    elif isinstance(old, list) and isinstance(new, list):
        before, after = _by_id(old), _by_id(new)
        if before is not None and after is not None:
            yield from _pairs(path, before, after, lambda key: f"{path}[id={as_json(key[1])}]")
        else:
            numbered = dict(enumerate(old)), dict(enumerate(new))
            yield from _pairs(path, *numbered, lambda number: f"{path}[{number}]")
    elif not _is_same(old, new):
        yield Difference(path=path or "$", kind="changed", old=old, new=new)


def _pairs(path: str, old: dict[Any, Any], new: dict[Any, Any], name: Any) -> Iterator[Difference]:
    for key in {**old, **new}:
        if key not in new:
            yield Difference(path=name(key), kind="removed", old=old[key])
        elif key not in old:
            yield Difference(path=name(key), kind="added", new=new[key])
        else:
            yield from _walk(name(key), old[key], new[key])


def _is_same(old: Any, new: Any) -> bool:
    # 1 and true are equal in Python.
    return type(old) is type(new) and bool(old == new)


def _member(path: str, key: str) -> str:
    if key.isidentifier():
        return f"{path}.{key}" if path else key
    return f"{path}[{json.dumps(key, ensure_ascii=False)}]"


def _by_id(elements: list[Any]) -> dict[Any, Any] | None:
    """Return objects by their ``id``, if each has one of its own; else ``None``."""
    found = {}
    for element in elements:
        own = element.get("id") if isinstance(element, dict) else None
        if not isinstance(own, int | str):
            return None
        found[type(own).__name__, own] = element
    return found if len(found) == len(elements) and elements else None


def lines(value: Any) -> list[str]:
    """Return a document as the lines of indented JSON, at most ``MOST_LINES``."""
    found: list[str] = []
    for line in _lines(value, 0, ""):
        if len(found) == MOST_LINES:
            found.append("…")
            break
        found.append(line)
    return found


def _lines(value: Any, level: int, end: str) -> Iterator[str]:
    space = "  " * level
    match value:
        case dict() if value:
            yield f"{space}{{"
            for number, (key, own) in enumerate(value.items(), 1):
                comma = "," if number < len(value) else ""
                first, *rest = _lines(own, level + 1, comma)
                yield f"{space}  {json.dumps(str(key), ensure_ascii=False)}: {first.lstrip()}"
                yield from rest
            yield f"{space}}}{end}"
        case list() if value:
            yield f"{space}["
            for number, own in enumerate(value, 1):
                yield from _lines(own, level + 1, "," if number < len(value) else "")
            yield f"{space}]{end}"
        case _:
            yield f"{space}{as_json(value)}{end}"
