"""The screen: tables for a terminal, lines for a pipe, one JSON document for a program.

On a terminal a table keeps to its width. In a pipe it is as wide as it needs, so that each
line can be searched and nothing is cut for want of room, and it has no colours.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from pgaudit_log.cli import documents

ANY_WIDTH = 1_000_000

_IN_ASCII = {"…": "...", "→": "->", "–": "-"}
"""Our own signs where the encoding of the output does not have them."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table."""

    name: str
    limit: int | None = None
    """How wide it may be on a terminal."""
    is_rest: bool = False
    """Whether it takes the room that the others leave, and is cut there."""
    is_number: bool = False


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
        self.width = _width() if self.is_terminal else None
        """How many columns there are; ``None`` for a pipe."""
        may_color = self.is_terminal and not no_color and not os.environ.get("NO_COLOR")
        self.has_color = force_color or may_color

    @property
    def is_narrow(self) -> bool:
        """Whether there is too little room for what can be left out."""
        return self.width is not None and self.width < 100

    def json(self, document: Any) -> None:
        """Write a JSON document."""
        self.stdout.write(documents.dump(document))

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
        self._print(Text(text, style="bold"))

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
        """Write a table with one line a row; what does not fit is cut."""
        self._print(self._table(columns, rows))

    def fits(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> bool:
        """Return whether a table needs no cutting."""
        if self.width is None:
            return True
        widths = [
            max(cell_len(text) for text in (column.name, *(row[position] for row in rows)))
            for position, column in enumerate(columns)
        ]
        return sum(widths) + 2 * (len(widths) - 1) <= self.width

    def pairs(self, pairs: Iterable[tuple[str, str]], *, indent: int = 0) -> None:
        """Write names with their texts, which go on in further lines where they are long."""
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(style="cyan", overflow="fold", max_width=self.width and self.width // 3)
        table.add_column(overflow="fold")
        for name, text in pairs:
            table.add_row(Text(name), Text(text))
        if table.row_count:
            self._print(Padding.indent(table, indent))

    @contextmanager
    def progress(self, title: str) -> Iterator[Any]:
        """Show how far a long work is, by calls of the function that it gives: done and total.

        On a terminal it is a bar; else a line for each tenth, unless JSON was asked for.
        """
        if self.stderr.isatty():
            with self._bar() as bar:
                task = bar.add_task(title, total=None)
                yield lambda done, total: bar.update(task, completed=done, total=total)
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

    def _bar(self) -> Progress:
        console = Console(stderr=True, no_color=not self.has_color)
        return Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("rows,"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=console,
            transient=True,
        )

    def _table(self, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> Table:
        is_bounded = self.width is not None
        table = Table(
            box=None,
            pad_edge=False,
            padding=(0, 2, 0, 0),
            header_style="bold",
            expand=is_bounded and any(column.is_rest for column in columns),
        )
        for column in columns:
            table.add_column(
                Text(column.name),
                no_wrap=True,
                overflow="ellipsis",
                justify="right" if column.is_number else "left",
                max_width=column.limit if is_bounded else None,
                ratio=1 if column.is_rest and is_bounded else None,
            )
        for row in rows:
            table.add_row(*(Text(text) for text in row))
        return table

    def _print(self, renderable: Any) -> None:
        written = io.StringIO()
        console = Console(
            file=written,
            width=self.width or ANY_WIDTH,
            force_terminal=self.has_color,
            # rich asks the environment what the terminal can do.
            color_system="auto" if self.has_color else None,
            markup=False,
            highlight=False,
            emoji=False,
            legacy_windows=False,
        )
        console.print(renderable)
        lines = (line.rstrip() for line in written.getvalue().rstrip("\n").split("\n"))
        self._write("\n".join(lines) + "\n")

    def _write(self, text: str) -> None:
        self.stdout.write(_encodable(text, self.stdout), ending="")


def _width() -> int:
    # rich asks COLUMNS before the terminal, and has a default where neither says anything.
    return Console().width


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
