"""Reading: what the questions of the trail cost through the ORM, on a small and a large trail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from benchmarks import variants
from benchmarks.bars import BARS
from benchmarks.findings import Findings, Table, Value, shown, undisturbed
from benchmarks.workers import running
from example_project.embedded_postgres import Server


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question and the bar that it has."""

    name: str
    title: str
    bar: str | None
    grows: bool = False
    """Whether its answer grows with the trail, so that it may take longer."""
    settled_from: int = 0
    """From how many events on the index that finds it is what it is at a million: a BRIN index
    finds ranges of pages, and a small partition has not filled one."""


QUESTIONS = (
    # How fast the machine is: it has no bar, but those of the others are to be read beside it.
    Question(name="plain_get", title="for scale: a plain `get()` of a row of today", bar=None),
    Question(
        name="newest_of_trail",
        title="newest 50 of the trail, with diffs",
        bar="newest 50 of the trail",
    ),
    Question(
        name="newest_of_model",
        title="newest 50 of one model, typed events",
        bar="newest 50 of one model",
    ),
    Question(
        name="newest_of_model_in_trail",
        title="newest 50 of one model, in the trail",
        bar="newest 50 of one model",
    ),
    Question(name="newest_of_user", title="newest 50 of one user", bar="newest 50 of one user"),
    Question(
        name="one_object", title="one object's events with diffs, in the trail", bar="one object"
    ),
    Question(
        name="one_object_typed",
        title="one object's events with diffs, typed events",
        bar="one object",
    ),
    Question(
        name="references",
        title="all that references one customer, across 20 models",
        bar="references",
    ),
    Question(name="one_context", title="one context", bar="one context", settled_from=100_000),
    Question(
        name="one_transaction", title="one transaction", bar="one transaction", settled_from=100_000
    ),
    Question(name="one_object_as_of", title="one object as of a moment", bar="one object as of"),
    Question(
        name="table_as_of",
        title="a table as of a moment",
        bar="a table as of",
        grows=True,
    ),
    Question(
        name="events_per_day",
        title="events per day over the whole trail",
        bar="events per day",
        grows=True,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How much is read."""

    events: int
    compared: int
    """The number of events of the smaller trail that the larger one is compared with."""
    times: int

    def of(self, events: int | None) -> Extent:
        """Return the same with another number of events; a million is then compared with it."""
        if events is None:
            return self
        smaller = FULL.events if events > FULL.events else events // 10
        return replace(self, events=events, compared=smaller)


FULL = Extent(events=1_000_000, compared=100_000, times=40)
SHORT = Extent(events=160_000, compared=40_000, times=20)
PASSES = 5

Say = Callable[[str], None]
Measurement = dict[str, Any]


def run(server: Server, extent: Extent, say: Say) -> Findings:
    """Measure and return what was found."""
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    rows: dict[str, int] = {}
    measurements: list[Measurement] = []
    for events in (extent.compared, extent.events):
        with running(server, [variants.READING], "reading") as [worker]:
            say(f"reading: writing {events:,} events")
            worker.ask("fill", events=events)
            worker.ask("fresh_connection")
            say(f"reading: asking {events:,} events")
            # Not one question after the other: a slow minute of the machine then falls on all.
            for _ in range(PASSES):
                for question in QUESTIONS:
                    times = 1 if question.grows else extent.times // PASSES
                    asked = worker.ask("ask", question=question.name, times=times)
                    found.setdefault((question.name, events), []).extend(asked)
            for question in QUESTIONS:
                rows[question.name] = worker.ask("rows", question=question.name)
                measurements.append(
                    {
                        "question": question.name,
                        "events": events,
                        "rows": rows[question.name],
                        "times": found[question.name, events],
                    }
                )
    tables = [_table(found, rows, events) for events in (extent.compared, extent.events)]
    values = [_value(question, found, extent) for question in QUESTIONS if question.bar]
    growth = [
        _growth(question, found, extent)
        for question in QUESTIONS
        if question.bar and not question.grows and extent.compared >= question.settled_from
    ]
    return Findings(
        title="Reading",
        tables=tuple(tables),
        values=(*values, *growth),
        measurements=measurements,
    )


def _table(
    found: dict[tuple[str, int], list[dict[str, float]]], rows: dict[str, int], events: int
) -> Table:
    lines = []
    for question in QUESTIONS:
        times = found[question.name, events]
        cells = [_ms(times, what) for what in ("wall", "client", "server")]
        slowest = max(one["wall"] for one in times) / 1000
        bar = f"≤ {shown(BARS[question.bar].limit)}" if question.bar else ""
        lines.append((question.title, *map(shown, (*cells, slowest)), bar))
    return Table(
        title=f"{events:,} events of 20 models in 12 partitions: ms",
        columns=("question", "wall", "Django process", "backend", "slowest", "bar"),
        rows=tuple(lines),
        note=(
            "The mean of the lowest third, each of other objects, users and moments, warm. The bars"
            " are for 1,000,000 events. Parallel workers of PostgreSQL are in the wall time only."
        ),
    )


def _value(
    question: Question,
    found: dict[tuple[str, int], list[dict[str, float]]],
    extent: Extent,
) -> Value:
    wall = _ms(found[question.name, extent.events], "wall")
    return Value(
        bar=str(question.bar), where=f"{question.title}, {extent.events:,} events", value=wall
    )


def _growth(
    question: Question,
    found: dict[tuple[str, int], list[dict[str, float]]],
    extent: Extent,
) -> Value:
    smaller, larger = (
        undisturbed(one["client"] + one["server"] for one in found[question.name, events])
        for events in (extent.compared, extent.events)
    )
    where = f"{question.title}, {extent.events:,} ÷ {extent.compared:,} events"
    return Value(bar="growth of reading", where=where, value=larger / smaller)


def _ms(times: list[dict[str, float]], what: str) -> float:
    return undisturbed(one[what] for one in times) / 1000
