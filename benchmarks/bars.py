"""The bars: what this package must reach, and by how much a run may miss it before it fails."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from benchmarks.findings import Table, Value, shown

Unit = Literal["ratio", "bytes", "ms", "s", "MB"]

MARGIN: dict[Unit, float] = {"ratio": 0.25, "bytes": 0.15, "MB": 0.15, "ms": 0.0, "s": 0.0}
"""By which part a value may exceed its bar before `--check` fails, for two runs are never equal.

Times are shown and never fail a run: they are the machine's.
"""


NOISY_MARGIN = 0.40
"""The margin of a ratio that differs by a tenth and more between two runs of the same code."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar; a value must not exceed it."""

    title: str
    limit: float
    unit: Unit = "ratio"
    noisy: bool = False
    """Whether it is computed from differences of times, or from wall time or few statements."""

    @property
    def margin(self) -> float:
        """By which part a value may exceed the limit."""
        return NOISY_MARGIN if self.noisy else MARGIN[self.unit]

    def misses(self, value: float) -> bool:
        """Return whether a value fails the run."""
        return self.unit not in ("ms", "s") and value > self.limit * (1 + self.margin)


_PGHISTORY = "÷ django-pghistory, default, in the same run"

BARS: dict[str, Bar] = {
    # Total processor time, and for the bulk writes the backend's added to the untracked work.
    "create": Bar(title=f"single create(), a context each {_PGHISTORY}", limit=0.93),
    "create_again": Bar(title=f"single create(), one context {_PGHISTORY}", limit=0.93),
    "save": Bar(title=f"single save(), a context each {_PGHISTORY}", limit=0.96),
    "save_again": Bar(title=f"single save(), one context {_PGHISTORY}", limit=0.96),
    "saves_in_transaction": Bar(title=f"50 saves in one transaction {_PGHISTORY}", limit=0.96),
    "bulk_create": Bar(title=f"bulk_create() {_PGHISTORY}", limit=0.67, noisy=True),
    "update": Bar(title=f"update(), added server time {_PGHISTORY}", limit=0.70, noisy=True),
    "delete": Bar(title=f"delete(), added server time {_PGHISTORY}", limit=0.42, noisy=True),
    "bytes: insert, a context each": Bar(
        title="bytes per insert, a context each", limit=900, unit="bytes"
    ),
    "bytes: update, a context each": Bar(
        title="bytes per update, a context each", limit=950, unit="bytes"
    ),
    "bytes: insert, one context": Bar(
        title="bytes per insert, one context", limit=820, unit="bytes"
    ),
    "bytes: update, one context": Bar(
        title="bytes per update, one context", limit=900, unit="bytes"
    ),
    # What no peer holds.
    "growth of update()": Bar(
        title="update(), dearest ÷ cheapest row over sizes and connections", limit=1.20, noisy=True
    ),
    "saves after a large update": Bar(
        title="single saves after ÷ before a large update on the connection", limit=1.20, noisy=True
    ),
    "eight connections": Bar(
        title="8 connections ÷ 1: slowdown, tracked ÷ untracked", limit=1.15, noisy=True
    ),
    # Reading.
    "newest 50 of the trail": Bar(title="newest 50 of the trail, with diffs", limit=5, unit="ms"),
    "newest 50 of one model": Bar(title="newest 50 of one model", limit=5, unit="ms"),
    "newest 50 of one user": Bar(title="newest 50 of one user", limit=5, unit="ms"),
    "one object": Bar(title="one object's events with diffs", limit=2.1, unit="ms"),
    "references": Bar(title="all that references one customer", limit=8, unit="ms"),
    "one context": Bar(title="one context", limit=5, unit="ms"),
    "one transaction": Bar(title="one transaction", limit=5, unit="ms"),
    "one object as of": Bar(title="one object as of a moment", limit=2, unit="ms"),
    "a table as of": Bar(title="a table of 5,000 objects as of a moment", limit=150, unit="ms"),
    "events per day": Bar(title="events per day over the whole trail", limit=200, unit="ms"),
    "growth of reading": Bar(
        title="a question on the larger trail ÷ the smaller", limit=1.50, noisy=True
    ),
    # The audit admin: the screens' own SQL.
    "trail page": Bar(title="a page of the trail in the admin, backend", limit=20, unit="ms"),
    "growth of the trail page": Bar(
        title="a page of the trail in the admin, on the larger trail ÷ the smaller",
        limit=1.50,
        noisy=True,
    ),
    # Starting, at 300 models.
    "startup: setup": Bar(title="django.setup(), more than untracked", limit=0.5, unit="s"),
    "startup: check": Bar(title="check, more than untracked", limit=0.5, unit="s"),
    "startup: memory": Bar(title="memory after setup(), more than untracked", limit=20, unit="MB"),
    "startup: migrate": Bar(
        title="migrate with nothing to do, more than untracked", limit=1, unit="s"
    ),
    "startup: fresh migrate": Bar(title="migrate from nothing ÷ untracked", limit=1.25),
}


def missed(values: Iterable[Value]) -> list[Value]:
    """Return the values that fail the run."""
    return [value for value in values if BARS[value.bar].misses(value.value)]


def table(values: Iterable[Value]) -> Table:
    """Return how each value stands to its bar."""
    rows = []
    for value in values:
        bar = BARS[value.bar]
        if value.value <= bar.limit:
            verdict = "met"
        else:
            verdict = "**missed**" if bar.misses(value.value) else "missed, within the margin"
            if bar.unit in ("ms", "s"):
                verdict = "missed"
        unit = "" if bar.unit == "ratio" else f" {bar.unit}"
        rows.append(
            (
                bar.title,
                value.where,
                f"≤ {shown(bar.limit)}{unit}",
                f"{shown(value.value)}{unit}",
                verdict,
            )
        )
    return Table(
        title="The bars",
        columns=("what", "where", "bar", "measured", "verdict"),
        rows=tuple(rows),
        note=(
            f"A run with --check fails where a ratio is missed by more than {MARGIN['ratio']:.0%}, one of"
            f" differences, of wall time or of few statements by more than {NOISY_MARGIN:.0%}, bytes by"
            f" more than {MARGIN['bytes']:.0%}. Times are shown only."
        ),
    )
