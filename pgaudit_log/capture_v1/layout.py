"""The layout of SQL that people read in migrations and in the database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

WIDTH = 102
"""How long a line may be before what it lists gets lines of its own. The columns of an event fit."""

_KEPT = re.compile(r"""'[^']*' | "[^"]*" | --[^\n]*""", re.X)
"""A literal, a name or a comment."""
_BREAK = re.compile(r"\n(?!\n|$)")
_KEPT_OR_BREAK = re.compile(rf"(?P<kept> {_KEPT.pattern} ) | {_BREAK.pattern}", re.X)


def indented(sql: str) -> str:
    """Return SQL four columns to the right. Names and literals keep the line breaks that they have."""
    if "\n" in "".join(_KEPT.findall(sql)):
        return "    " + _KEPT_OR_BREAK.sub(lambda found: found["kept"] or "\n    ", sql)
    # Nearly all SQL, and the most expensive step of making it.
    return "    " + _BREAK.sub("\n    ", sql)


def listed(opening: str, items: Iterable[str], closing: str) -> str:
    """Return items between an opening and a closing: each on a line of its own unless one holds all."""
    items = list(items)
    line = f"{opening}{', '.join(items)}{closing}"
    if len(line) <= WIDTH and "\n" not in line:
        return line
    lines = ",\n".join(items)
    return f"{opening}\n{indented(lines)}\n{closing}"


def selected(values: Iterable[str]) -> str:
    """Return a SELECT of values: each on a line of its own unless one holds all."""
    values = list(values)
    line = f"SELECT {', '.join(values)}"
    if len(line) <= WIDTH and "\n" not in line:
        return line
    lines = ",\n".join(values)
    return f"SELECT\n{indented(lines)}"


def filled(opening: str, items: Iterable[str], closing: str) -> str:
    """Return short items between an opening and a closing: as many on a line as it holds."""
    items = list(items)
    line = f"{opening}{', '.join(items)}{closing}"
    if len(line) <= WIDTH:
        return line
    lines = [""]
    for item in items:
        if lines[-1] and len(f"{lines[-1]} {item}") > WIDTH:
            lines.append("")
        lines[-1] = f"{lines[-1]} {item},".lstrip()
    text = "\n".join(lines).removesuffix(",")
    return f"{opening}\n{indented(text)}\n{closing}"


def chained(operator: str, operands: Sequence[str]) -> str:
    """Return operands with an operator between them, on one line if it holds them."""
    line = f" {operator} ".join(operands)
    return line if len(line) <= WIDTH and "\n" not in line else f"\n{operator} ".join(operands)


def case(when: str, then: str, otherwise: str | None = None) -> str:
    """Return a CASE of one branch, on one line if it holds it."""
    parts = [f"CASE WHEN {when}", f"THEN {then}"]
    parts += [] if otherwise is None else [f"ELSE {otherwise}"]
    line = f"{' '.join(parts)} END"
    if len(line) <= WIDTH and "\n" not in line:
        return line
    lines = "\n".join(parts)
    return f"{indented(lines).lstrip()} END"
