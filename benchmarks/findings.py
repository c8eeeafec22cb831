"""Findings: what a section of the benchmarks measured, as tables to read and values to check."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Value:
    """A measured value that has a bar."""

    bar: str
    """The key of the bar, in `bars.BARS`."""
    where: str
    """Under which of its circumstances it was measured."""
    value: float


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of the report."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def markdown(self) -> str:
        """Return it as Markdown."""
        lines = [
            f"### {self.title}",
            "",
            f"| {' | '.join(self.columns)} |",
            f"|{'---|' * len(self.columns)}",
            *(f"| {' | '.join(row)} |" for row in self.rows),
        ]
        if self.note:
            lines += ["", self.note]
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What one section found."""

    title: str
    tables: tuple[Table, ...]
    values: tuple[Value, ...]
    measurements: list[dict[str, Any]] = field(repr=False, default_factory=list)
    """Each single measurement, for the JSON file."""


def undisturbed(values: Iterable[float]) -> float:
    """Return the mean of the lowest third of times: what disturbs the work only ever adds to them."""
    ordered = sorted(values)
    lowest = ordered[: max(1, len(ordered) // 3)]
    return sum(lowest) / len(lowest)


def median(values: Iterable[float]) -> float | None:
    """Return the median, or `None` of none."""
    found = list(values)
    return statistics.median(found) if found else None


def shown(value: float | None, digits: int | None = None) -> str:
    """Return a number as the tables show it: three digits that count, unless told otherwise."""
    if value is None:
        return "–"
    if digits is None:
        digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"
