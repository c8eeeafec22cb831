"""The summary of a long run: a row for each scenario, as a table in Markdown."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "PGAUDIT_LOG_TEST_SUMMARY"
"""The environment variable that names the file to which scenarios are noted."""

COLUMNS = (
    *("scenario", "rounds", "transactions acknowledged", "events"),
    *("lost", "doubled", "crossed", "seconds"),
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one scenario came to."""

    scenario: str
    rounds: str
    """How often what, such as "20 crashes"."""
    acknowledged: int
    events: int
    lost: int
    doubled: int
    crossed: int
    seconds: float

    def cells(self) -> tuple[str, ...]:
        """Return its cells as they are shown."""
        numbers = (self.acknowledged, self.events, self.lost, self.doubled, self.crossed)
        return (self.scenario, self.rounds, *(f"{n:,}" for n in numbers), f"{self.seconds:,.0f}")


def note(row: Row) -> None:
    """Add a row, if somebody wants a summary; test processes beside each other may do so."""
    if path := os.environ.get(FILE):
        with Path(path).open("a") as file:
            file.write(json.dumps(asdict(row)) + "\n")


def table(path: Path) -> str:
    """Return what was noted, as a table in Markdown; the last row is the sum."""
    rows = [Row(**json.loads(line)) for line in path.read_text().splitlines()]
    total = Row(
        scenario="**all**",
        rounds="",
        acknowledged=sum(row.acknowledged for row in rows),
        events=sum(row.events for row in rows),
        lost=sum(row.lost for row in rows),
        doubled=sum(row.doubled for row in rows),
        crossed=sum(row.crossed for row in rows),
        seconds=sum(row.seconds for row in rows),
    )
    lines = [COLUMNS, ("---", "---", *["---:"] * (len(COLUMNS) - 2))]
    lines += [row.cells() for row in [*sorted(rows, key=lambda row: row.scenario), total]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
