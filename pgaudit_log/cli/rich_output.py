"""Painted output: tables and pairs as rich draws them, with colours and a bar on a terminal."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.cells import cell_len as cells
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from pgaudit_log.cli.plain_output import Column, without_end

__all__ = ["cells", "heading", "pairs", "progress", "table", "width_of_terminal"]

ANY_WIDTH = 1_000_000


def width_of_terminal() -> int:
    """Return how many columns there are."""
    # rich asks COLUMNS before the terminal, and has a default where neither says anything.
    return Console().width


def heading(text: str, *, width: int | None, has_color: bool) -> str:
    """Return a line above what belongs to it."""
    return _drawn(Text(text, style="bold"), width, has_color)


def table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[str]],
    *,
    width: int | None,
    has_color: bool,
) -> str:
    """Return a table with one line a row; what does not fit into ``width`` is cut."""
    is_bounded = width is not None
    drawn = Table(
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="bold",
        expand=is_bounded and any(column.is_rest for column in columns),
    )
    for column in columns:
        drawn.add_column(
            Text(column.name),
            no_wrap=True,
            overflow="ellipsis",
            justify="right" if column.is_number else "left",
            max_width=column.limit if is_bounded else None,
            ratio=1 if column.is_rest and is_bounded else None,
        )
    for row in rows:
        drawn.add_row(*(Text(text) for text in row))
    return _drawn(drawn, width, has_color)


def pairs(
    named: Iterable[tuple[str, str]], *, indent: int, width: int | None, has_color: bool
) -> str:
    """Return names with their texts, which go on in further lines where they are long."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="cyan", overflow="fold", max_width=width and width // 3)
    grid.add_column(overflow="fold")
    for name, text in named:
        grid.add_row(Text(name), Text(text))
    return _drawn(Padding.indent(grid, indent), width, has_color) if grid.row_count else ""


@contextmanager
def progress(title: str, *, has_color: bool) -> Iterator[Any]:
    """Show a bar; give the function to call with how much is done, and the total."""
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("rows,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True, no_color=not has_color),
        transient=True,
    )
    with bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _drawn(renderable: Any, width: int | None, has_color: bool) -> str:
    written = io.StringIO()
    console = Console(
        file=written,
        width=width or ANY_WIDTH,
        force_terminal=has_color,
        # rich asks the environment what the terminal can do.
        color_system="auto" if has_color else None,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )
    console.print(renderable)
    return without_end(written.getvalue())
