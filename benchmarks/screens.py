"""Screens: what the pages of the audit admin ask of a large and uneven trail, beside peers' lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks import variants
from benchmarks.bars import BARS
from benchmarks.findings import Findings, Table, Value, shown, undisturbed
from benchmarks.variants import Variant
from benchmarks.workers import running
from example_project.embedded_postgres import Server

OURS = (
    "trail",
    "trail, all the time",
    "trail, as a list",
    "trail, within the large transaction",
    "trail, the large transaction's end",
    "one model",
    "the busy user",
    "another user",
    "a user without events",
    "deletions of a month",
    "a field of a model",
    "a field's new value",
    "a value that never was",
    "one object",
    "one transaction",
    "timeline",
    "timeline, in its midst",
    "timeline of a field",
    "timeline of a field that never changed",
    "comparison",
    "comparison with now",
    "transaction",
    "transaction, in its midst",
    "context of the large transaction",
    "one event",
)
PEERS = ("trail", "second page", "last page", "one model", "the busy user", "search")

WITH_BAR = (
    "trail",
    "trail, all the time",
    "trail, as a list",
    "trail, within the large transaction",
    "trail, the large transaction's end",
)
"""The pages of the trail without a filter."""


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How large the trail is."""

    events: int
    large: int
    """How many events one transaction has."""
    busy: int
    """How many events one object has."""
    times: int
    compared: int | None = None
    """The number of events of the smaller trail that the larger one is compared with."""

    def of(self, events: int | None) -> Extent:
        """Return the same with another number of events; more than a million are compared with it."""
        if events is None or events == self.events:
            return self
        compared = FULL.events if events > FULL.events else None
        return replace(self, events=events, compared=compared)


FULL = Extent(events=1_000_000, large=500_000, busy=100_000, times=15)
SHORT = Extent(events=100_000, large=50_000, busy=10_000, times=6)
TIMES_OF_PEERS = 3

Say = Callable[[str], None]
Found = dict[tuple[Variant, str, int], list[dict[str, float]]]


def run(server: Server, extent: Extent, say: Say) -> Findings:
    """Measure and return what was found."""
    found: Found = {}
    sizes = [extent.events] if extent.compared is None else [extent.compared, extent.events]
    for events in sizes:
        # Peers are beside the smaller trail only: they read all of it for each page.
        for variant in variants.SCREENS if events == sizes[0] else (variants.ADMIN,):
            with running(server, [variant], "screens") as [worker]:
                say(f"screens: writing {events:,} events of {variant.title}")
                worker.ask("fill_company", events=events, large=extent.large, busy=extent.busy)
                worker.ask("fresh_connection")
                say(f"screens: looking at {events:,} events of {variant.title}")
                ours = variant is variants.ADMIN
                for screen in OURS if ours else PEERS:
                    times = extent.times if ours else TIMES_OF_PEERS
                    found[variant, screen, events] = worker.ask("visit", screen=screen, times=times)
    values = [
        Value(
            bar="trail page",
            where=f"{screen}, {events:,} events",
            value=_ms(found[variants.ADMIN, screen, events], "server"),
        )
        for events in sizes
        for screen in WITH_BAR
    ]
    if extent.compared is not None:
        values += [_growth(found, screen, extent) for screen in WITH_BAR]
    return Findings(
        title="Screens of the admin",
        tables=(*(_table(found, events) for events in sizes), _peers(found, sizes[0])),
        values=tuple(values),
        measurements=[
            {"variant": variant.name, "screen": screen, "events": events, "times": times}
            for (variant, screen, events), times in found.items()
        ],
    )


def _table(found: Found, events: int) -> Table:
    rows = []
    for screen in OURS:
        times = found[variants.ADMIN, screen, events]
        cells = [_ms(times, what) for what in ("server", "asked", "client")]
        queries = max(one["queries"] for one in times)
        slowest = max(one["server"] for one in times) / 1000
        bar = f"≤ {shown(BARS['trail page'].limit)}" if screen in WITH_BAR else ""
        rows.append(
            (
                screen,
                f"{queries:.0f}",
                *map(shown, (*cells, slowest)),
                bar,
            )
        )
    return Table(
        title=f"The audit admin, {events:,} events of 300 models in 12 partitions: ms",
        columns=(
            "screen",
            "queries",
            "backend",
            "SQL, wall",
            "Django process",
            "slowest backend",
            "bar",
        ),
        rows=tuple(rows),
        note=(
            "Beyond session and user. The mean of the lowest third, warm. The backend's processor"
            " time; SQL, wall: what the statements took, with what the machine had to do else."
        ),
    )


def _peers(found: Found, events: int) -> Table:
    rows = []
    for screen in PEERS:
        cells = []
        for variant in variants.SCREENS:
            times = found.get((variant, screen, events))
            if times is None:
                cells.append("–")
            else:
                queries = max(one["queries"] for one in times)
                cells.append(f"{shown(_ms(times, 'asked'))} ({queries:.0f} queries)")
        rows.append((screen, *cells))
    return Table(
        title=f"Lists of the trail beside peers', {events:,} events: ms of SQL, wall",
        columns=("screen", *(variant.title for variant in variants.SCREENS)),
        rows=tuple(rows),
        note=(
            "Each with its own admin as it is installed, 100 rows a page with the peers, 50 with"
            " this package. Wall time, because PostgreSQL counts with parallel workers."
        ),
    )


def _growth(found: Found, screen: str, extent: Extent) -> Value:
    assert extent.compared is not None
    smaller, larger = (
        undisturbed(one["server"] for one in found[variants.ADMIN, screen, events])
        for events in (extent.compared, extent.events)
    )
    where = f"{screen}, {extent.events:,} ÷ {extent.compared:,} events"
    return Value(bar="growth of the trail page", where=where, value=larger / smaller)


def _ms(times: list[dict[str, float]], what: str) -> float:
    return undisturbed(one[what] for one in times) / 1000
