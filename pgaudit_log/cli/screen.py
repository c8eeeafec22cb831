"""The screen: tables for a terminal, lines for a pipe, one JSON document for a program.

On a terminal a table keeps to its width. In a pipe it is as wide as it needs, so that each
line can be searched and nothing is cut for want of room, and it has no colours.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pgaudit_log.cli import json_output
from pgaudit_log.cli.plain_output import GAP, Column

drawing: Any
try:
    from pgaudit_log.cli import rich_output as drawing
except ModuleNotFoundError as error:
    # The extra "cli" is not installed.
    if (error.name or "").partition(".")[0] != "rich":
        raise
    from pgaudit_log.cli import plain_output as drawing

__all__ = ["Column", "Screen"]

_IN_ASCII = {"…": "...", "→": "->", "–": "-"}
"""Our own signs where the encoding of the output does not have them."""


class Screen:
    """Where a subcommand writes: readable text, or JSON if that was asked for.

    Args:
        stdout: what was asked for goes here.
        stderr: notes and progress go here, so that they are in nobody's pipe.
    """

    def __init__(
        self,
        stdout: Any,
        stderr: Any,
        *,
        as_json: bool = False,
        no_color: bool = False,
        force_color: bool = False,
    ) -> None:
        self.stdout = stdout
        self.stderr = stderr
        self.as_json = as_json
        self.is_terminal = bool(stdout.isatty())
        self.width: int | None = drawing.width_of_terminal() if self.is_terminal else None
        """How many columns there are; ``None`` for a pipe."""
        may_color = self.is_terminal and not no_color and not os.environ.get("NO_COLOR")
        self.has_color = force_color or may_color

    @property
    def is_narrow(self) -> bool:
        """Whether there is too little room for what can be left out."""
        return self.width is not None and self.width < 100

    def json(self, document: Any) -> None:
        """Write a JSON document."""
        self.stdout.write(json_output.dump(document))

    def line(self, text: str = "") -> None:
        """Write a line, which must be safe."""
        self._write(text + "\n")

    def note(self, text: str) -> None:
        """Write a line beside the output."""
        self.stdout.flush()
        self.stderr.write(_encodable(text, self.stderr), lambda message: message)

    def warn(self, text: str) -> None:
        """Write a line beside the output that should be seen."""
        self.stderr.write(_encodable(text, self.stderr))

    def heading(self, text: str) -> None:
        """Write a line above what belongs to it."""
        self._write(drawing.heading(text, **self._room))

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
        """Write a table with one line a row; what does not fit is cut."""
        self._write(drawing.table(columns, rows, **self._room))

    def fits(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> bool:
        """Return whether a table needs no cutting."""
        if self.width is None:
            return True
        widths = [
            max(drawing.cells(text) for text in (column.name, *(row[position] for row in rows)))
            for position, column in enumerate(columns)
        ]
        needed: int = sum(widths) + len(GAP) * (len(widths) - 1)
        return needed <= self.width

    def pairs(self, pairs: Iterable[tuple[str, str]], *, indent: int = 0) -> None:
        """Write names with their texts, which go on in further lines where they are long."""
        self._write(drawing.pairs(pairs, indent=indent, **self._room))

    @contextmanager
    def progress(self, title: str) -> Iterator[Any]:
        """Show how far a long work is, by calls of the function that it gives: done and total.

        On a terminal it is a bar, if there is one; else a line for each tenth, unless JSON was asked for.
        """
        if self.stderr.isatty() and drawing.progress is not None:
            with drawing.progress(title, has_color=self.has_color) as update_bar:
                yield update_bar
            return
        shown = 0

        def update(done: int, total: int) -> None:
            nonlocal shown
            tenth = 10 * done // total if total else 10
            if tenth > shown and done < total and not self.as_json:
                shown = tenth
                self.line(f"{title}: {done} of {total} rows")
                self.stdout.flush()

        yield update

    @property
    def _room(self) -> dict[str, Any]:
        return {"width": self.width, "has_color": self.has_color}

    def _write(self, text: str) -> None:
        self.stdout.write(_encodable(text, self.stdout), ending="")


def _encodable(text: str, stream: Any) -> str:
    """Return ``text`` with what the stream's encoding does not have as escapes."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        for sign, instead in _IN_ASCII.items():
            text = text.replace(sign, instead)
        text = text.encode(encoding, "backslashreplace").decode(encoding)
    return text
