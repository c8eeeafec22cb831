"""Growth: what must cost the same per row however much is written, and whatever came before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks import variants
from benchmarks.findings import Findings, Table, Value, median, shown, undisturbed
from benchmarks.variants import Variant
from benchmarks.workers import Worker, ask_all, more, running
from example_project.embedded_postgres import Server

VARIANTS = (
    variants.UNTRACKED,
    variants.PGHISTORY,
    variants.PGHISTORY_STATEMENT,
    variants.OURS,
)
CONNECTIONS = 8
PURPOSE = "growth"
STATES = {0: "on a fresh connection", 10: "after 10 single saves"}
"""How many rows were saved on the connection before."""


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How much is done."""

    sizes: Mapping[int, int]
    """Rows of an update, and how often it is measured."""
    quadratic_up_to: int
    """The most rows that a variant is given which takes quadratic time."""
    large_update: int
    saves: int
    rounds: int
    wide_rows: int
    megabytes: tuple[int, int]
    connected: tuple[Variant, ...] = (variants.UNTRACKED, variants.OURS)
    """The variants that are written to on several connections at once."""


FULL = Extent(
    sizes={1_000: 18, 10_000: 9, 100_000: 3},
    quadratic_up_to=10_000,
    large_update=500_000,
    saves=500,
    rounds=9,
    wide_rows=5_000,
    megabytes=(5, 50),
    connected=(variants.UNTRACKED, variants.PGHISTORY, variants.OURS),
)
SHORT = Extent(
    sizes={1_000: 9, 10_000: 4},
    quadratic_up_to=1_000,
    large_update=50_000,
    saves=100,
    rounds=6,
    wide_rows=500,
    megabytes=(2, 10),
)

Say = Callable[[str], None]
Measurement = dict[str, Any]


def run(server: Server, extent: Extent, say: Say) -> Findings:
    """Measure and return what was found."""
    found: list[tuple[Table, list[Value]]] = []
    measurements: list[Measurement] = []
    with running(server, VARIANTS, PURPOSE) as workers:
        for title, part in (
            ("updates of many sizes", _updates),
            ("saves around a large update", _around),
            ("rows of 100 columns", _wide),
            ("rows of 100 kB", _large_rows),
            ("large statements", _statements),
        ):
            say(f"growth: {title}")
            found.append(part(workers, extent, measurements))
        say(f"growth: {CONNECTIONS} connections at once")
        found.append(_connections(server, workers, extent, measurements))
    return Findings(
        title="Growth",
        tables=tuple(table for table, _ in found),
        values=tuple(value for _, values in found for value in values),
        measurements=measurements,
    )


def _updates(
    workers: list[Worker], extent: Extent, measurements: list[Measurement]
) -> tuple[Table, list[Value]]:
    """Update tables of several sizes, on connections with and without single saves before."""
    costs: dict[tuple[Variant, int, int], list[float]] = {}
    for size, repetitions in extent.sizes.items():
        ask_all(workers, "fill_orders", count=size)
        for number in range(repetitions):
            for saved_before in STATES:
                for worker in workers:
                    quadratic = worker.variant.quadratic and saved_before
                    if quadratic and (size > extent.quadratic_up_to or number):
                        continue
                    worker.ask("vacuum")
                    worker.ask("fresh_connection")
                    if saved_before:
                        worker.ask("save_some", count=saved_before)
                    worker.ask(
                        "update_orders", count=size
                    )  # makes the plan and loads what it needs
                    measured = worker.ask("update_orders", count=size)
                    key = (worker.variant, size, saved_before)
                    costs.setdefault(key, []).append(measured["server"])
                    measurements.append(
                        {
                            "work": "update",
                            "variant": worker.variant.name,
                            "rows": size,
                            "saved before": saved_before,
                            **measured,
                        }
                    )
    lowest = {key: undisturbed(values) for key, values in costs.items()}
    rows = [
        (
            variant.title,
            where,
            *(shown(lowest.get((variant, size, saved_before))) for size in extent.sizes),
        )
        for variant in VARIANTS
        for saved_before, where in STATES.items()
    ]
    ours = [cost for (variant, *_), cost in lowest.items() if variant == variants.OURS]
    table = Table(
        title="`update()` of two fields: backend's µs a row",
        columns=("variant", "connection", *(f"{size:,} rows" for size in extent.sizes)),
        rows=tuple(rows),
        note="The mean of the lowest third of the times: of few rows, one disturbance is much.",
    )
    value = Value(bar="growth of update()", where="all sizes", value=max(ours) / min(ours))
    return table, [value]


def _around(
    workers: list[Worker], extent: Extent, measurements: list[Measurement]
) -> tuple[Table, list[Value]]:
    """Save single rows before and after a large update on one connection."""
    rows, values = [], []
    for worker in workers:
        if worker.variant.quadratic:
            continue
        worker.ask("fill_orders", count=extent.large_update)
        worker.ask("fresh_connection")
        # Twice: of rows in new pages the first saves cost more.
        for _ in range(2):
            before = worker.ask("write", task="save", count=extent.saves)
        worker.ask("update_orders", count=extent.large_update)
        for _ in range(2):
            after = worker.ask("write", task="save", count=extent.saves)
        totals = [measured["client"] + measured["server"] for measured in (before, after)]
        ratio = totals[1] / totals[0]
        servers = (before["server"], after["server"])
        rows.append((worker.variant.title, *map(shown, (*totals, ratio, *servers))))
        measurements.append(
            {
                "work": "saves around a large update",
                "variant": worker.variant.name,
                "before": before,
                "after": after,
            }
        )
        if worker.variant == variants.OURS:
            where = f"{extent.large_update:,} rows"
            values.append(Value(bar="saves after a large update", where=where, value=ratio))
    table = Table(
        title=f"Single saves around an `update()` of {extent.large_update:,} rows: µs of processor time",
        columns=("variant", "before", "after", "after ÷ before", "backend before", "backend after"),
        rows=tuple(rows),
    )
    return table, values


def _wide(
    workers: list[Worker], extent: Extent, measurements: list[Measurement]
) -> tuple[Table, list[Value]]:
    found = {}
    for worker in workers:
        found[worker.variant] = worker.ask("wide", count=extent.wide_rows)
    return _compared("Rows of 100 columns: µs of processor time a row", found, measurements), []


def _large_rows(
    workers: list[Worker], extent: Extent, measurements: list[Measurement]
) -> tuple[Table, list[Value]]:
    found: dict[Variant, dict[str, dict[str, float]]] = {}
    for worker in workers:
        found[worker.variant] = {
            f"{kilobytes} kB, {work}": times
            for kilobytes in (10, 100)
            for work, times in worker.ask("large_row", kilobytes=kilobytes, count=30).items()
        }
    return _compared("A row of 100 kB: µs of processor time", found, measurements), []


def _statements(
    workers: list[Worker], extent: Extent, measurements: list[Measurement]
) -> tuple[Table, list[Value]]:
    found = {}
    for worker in workers:
        worker.ask("large_statement", megabytes=extent.megabytes[0])
        found[worker.variant] = {
            f"{megabytes} MB": worker.ask("large_statement", megabytes=megabytes)
            for megabytes in extent.megabytes
        }
    return _compared("One statement: µs of processor time a megabyte", found, measurements), []


def _compared(
    title: str,
    found: Mapping[Variant, Mapping[str, Mapping[str, float]]],
    measurements: list[Measurement],
) -> Table:
    """Return what each kind of work took, with the multiple of the untracked work."""
    kinds = list(found[variants.UNTRACKED])
    rows = []
    for variant, by_kind in found.items():
        cells = []
        for kind in kinds:
            total, untracked = (
                times["client"] + times["server"]
                for times in (by_kind[kind], found[variants.UNTRACKED][kind])
            )
            cells.append(f"{shown(total)} ({shown(total / untracked)} ×)")
        rows.append((variant.title, *cells))
        measurements.append({"work": title, "variant": variant.name, **by_kind})
    return Table(title=title, columns=("variant", *kinds), rows=tuple(rows))


def _connections(
    server: Server, workers: list[Worker], extent: Extent, measurements: list[Measurement]
) -> tuple[Table, list[Value]]:
    """Save rows on one connection and on several at once, in each variant."""
    walls: dict[tuple[Variant, int], list[float]] = {}
    costs: dict[tuple[Variant, int], list[float]] = {}
    for worker in workers:
        if worker.variant not in extent.connected:
            continue
        worker.ask("fill_orders", count=extent.saves * CONNECTIONS)
        with more(server, worker.variant, PURPOSE, CONNECTIONS - 1) as others:
            everyone = [worker, *others]
            for number, one in enumerate(everyone):
                one.ask("get_ready", count=extent.saves, offset=number * extent.saves)
            for turn in range(extent.rounds + 1):
                for number in (1, CONNECTIONS):
                    measured = ask_all(everyone[:number], "go", count=extent.saves)
                    # They start together; the last one's end is the end.
                    wall = max(one["wall"] for one in measured) / number
                    if not turn:
                        continue  # it warmed everything up
                    key = (worker.variant, number)
                    walls.setdefault(key, []).append(wall)
                    costs.setdefault(key, []).append(sum(m["server"] for m in measured) / number)
    rows = []
    slowdowns: dict[Variant, float] = {}
    for variant in dict.fromkeys(variant for variant, _ in walls):
        alone, together = (undisturbed(walls[variant, n]) for n in (1, CONNECTIONS))
        slowdowns[variant] = together / alone
        servers = [median(costs[variant, n]) for n in (1, CONNECTIONS)]
        scaling = shown(alone / together)
        rows.append((variant.title, shown(alone), shown(together), scaling, *map(shown, servers)))
        measurements.append(
            {
                "work": f"{CONNECTIONS} connections",
                "variant": variant.name,
                "wall": {n: walls[variant, n] for n in (1, CONNECTIONS)},
            }
        )
    table = Table(
        title=f"Single saves on {CONNECTIONS} connections at once",
        columns=(
            "variant",
            "1 connection: wall µs a save",
            f"{CONNECTIONS} connections: wall µs a save",
            "as many times the saves",
            "1: backend µs",
            f"{CONNECTIONS}: backend µs",
        ),
        rows=tuple(rows),
        note=(
            "Wall time, commits not flushed, the mean of the lowest third: how much more is done depends"
            " on the processors."
        ),
    )
    ratio = slowdowns[variants.OURS] / slowdowns[variants.UNTRACKED]
    return table, [Value(bar="eight connections", where="wall time", value=ratio)]
