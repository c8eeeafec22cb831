"""Plain output: tables and pairs as lines of text, where the extra ``cli`` is not installed."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

GAP = "  "
CUT = "…"


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table."""

    name: str
    limit: int | None = None
    """How wide it may be on a terminal."""
    is_rest: bool = False
    """Whether it takes the room that the others leave, and is cut there."""
    is_number: bool = False


progress = None
"""There is no bar."""


def width_of_terminal() -> int:
    """Return how many columns there are."""
    return shutil.get_terminal_size().columns


def cells(text: str) -> int:
    """Return how many columns ``text`` takes."""
    return sum(_cells_of(sign) for sign in text)


def _cells_of(sign: str) -> int:
    if unicodedata.combining(sign) or unicodedata.category(sign) in ("Mn", "Me", "Cf", "Cc"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def heading(text: str, *, width: int | None, has_color: bool) -> str:
    """Return a line above what belongs to it."""
    return without_end("\n".join(_folded(text, width)))


def table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[str]],
    *,
    width: int | None,
    has_color: bool,
) -> str:
    """Return a table with one line a row; what does not fit into ``width`` is cut."""
    lines = [[column.name for column in columns], *(list(row) for row in rows)]
    widths = [max(cells(line[n]) for line in lines) for n in range(len(columns))]
    if width is not None:
        widths = _fitting(columns, widths, width)
    return without_end(
        "\n".join(
            GAP.join(
                _aligned(text, size, column)
                for text, size, column in zip(line, widths, columns, strict=True)
            )
            for line in lines
        )
    )


def _fitting(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """Return the widths of columns on a terminal: within their limits, and together no wider than it."""
    fitting = [
        min(size, column.limit or size) for column, size in zip(columns, widths, strict=True)
    ]
    room = width - len(GAP) * (len(columns) - 1)
    is_rest = [column.is_rest for column in columns]
    while sum(fitting) > room and max(fitting) > 1:
        # First what may be cut, then the widest of all.
        cut = [n for n, size in enumerate(fitting) if is_rest[n] and size > 1]
        widest = max(cut or range(len(fitting)), key=lambda n: fitting[n])
        fitting[widest] -= 1
    return fitting


def _aligned(text: str, width: int, column: Column) -> str:
    if cells(text) > width:
        shown = ""
        for sign in text:
            if cells(shown + sign) > width - 1:
                break
            shown += sign
        text = shown + CUT
    blank = " " * (width - cells(text))
    return blank + text if column.is_number else text + blank


def pairs(
    named: Iterable[tuple[str, str]], *, indent: int, width: int | None, has_color: bool
) -> str:
    """Return names with their texts, which go on in further lines where they are long."""
    known = list(named)
    if not known:
        return ""
    size = max(cells(name) for name, _ in known)
    if width is not None:
        size = min(size, max(width // 3, 1))
    room = None if width is None else max(width - indent - size - len(GAP), 1)
    lines = []
    for name, text in known:
        names, texts = _folded(name, None if width is None else size), _folded(text, room)
        for n in range(max(len(names), len(texts))):
            start = names[n] if n < len(names) else ""
            rest = texts[n] if n < len(texts) else ""
            lines.append(" " * indent + start + " " * (size - cells(start)) + GAP + rest)
    return without_end("\n".join(lines))


def _folded(text: str, width: int | None) -> list[str]:
    """Return the lines of ``text``, none wider than ``width``: between words, or within long ones."""
    lines = []
    for line in text.split("\n"):
        rest = line
        while width is not None and cells(rest) > width:
            end = 1
            while cells(rest[: end + 1]) <= width:
                end += 1
            space = rest.rfind(" ", 0, end + 1)
            cut = space + 1 if space > 0 else end
            lines.append(rest[:cut].rstrip())
            rest = rest[cut:]
        lines.append(rest)
    return lines


def without_end(text: str) -> str:
    """Return lines without blanks at their ends, and one end of line."""
    return "\n".join(line.rstrip() for line in text.rstrip("\n").split("\n")) + "\n"
