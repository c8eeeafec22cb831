"""Writing: the same work in each variant, interleaved round after round, and what it cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks import variants
from benchmarks.findings import Findings, Table, Value, shown
from benchmarks.ratios import Measured, Measurement
from benchmarks.variants import Variant
from benchmarks.workers import Worker, ask_all, running
from example_project.embedded_postgres import Server

SINGLE = ("create", "create_again", "save", "save_again", "saves_in_transaction")
BULK = ("bulk_create", "update", "delete")

TITLES = {
    "create": "single `create()`, a context each",
    "create_again": "single `create()`, one context",
    "save": "single `save()` of two fields, a context each",
    "save_again": "single `save()` of two fields, one context",
    "saves_in_transaction": "50 `save()` in one transaction",
    "bulk_create": "`bulk_create()`",
    "update": "`update()`",
    "delete": "`delete()`",
}
ORDERS = {"first": "on a fresh connection", "second": "after the other kind"}
"""Single and bulk writes: which of the two comes first on a connection, in turns."""


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How much is done.

    In a round each task is done in several turns, and the variants take turns with each other: what
    slows the machine down for a second then falls on all of them.
    """

    variants: tuple[Variant, ...]
    """Untracked is the first of them."""
    rounds: int
    """Even: each order of single and bulk writes in half of them."""
    turns: Mapping[str, int]
    """How often single and bulk writes are measured in a round."""
    count: Mapping[str, int]
    """How many rows a single and a bulk write has in each turn."""
    turns_in_python: int
    """How many turns in all the variants take part in that make each event in Python."""
    sizes: int
    sized: tuple[Variant, ...]
    """The variants whose events are weighed."""
    waiting: int
    """How many single writes are done in a round with commits that wait for the disk."""


FULL = Extent(
    variants=variants.WRITING,
    rounds=10,
    turns={"single": 8, "bulk": 2},
    count={"single": 50, "bulk": 10_000},
    turns_in_python=10,
    sizes=10_000,
    sized=tuple(variant for variant in variants.WRITING if variant.tables),
    waiting=20,
)
SHORT = Extent(
    # What the bars compare, and what a trigger costs at all.
    variants=(
        *(variants.UNTRACKED, variants.EMPTY_TRIGGER, variants.PGHISTORY),
        *(variants.OURS, variants.OURS_ROW),
    ),
    rounds=4,
    turns={"single": 6, "bulk": 5},
    count={"single": 20, "bulk": 2_000},
    turns_in_python=2,
    sizes=10_000,
    sized=(variants.PGHISTORY, variants.OURS),
    waiting=5,
)

WARM_UP = {"single": 20, "bulk": 100}
SLOWER = {"single": 3, "bulk": 10}
"""Which part of the writes is done in the variants that make each event in Python."""

Say = Callable[[str], None]


def run(server: Server, extent: Extent, say: Say) -> Findings:
    """Measure and return what was found."""
    say("sizes of events")
    sizes = _sizes(server, extent)
    with running(server, extent.variants, "writing") as workers:
        measurements: list[Measurement] = []
        for number in range(extent.rounds):
            say(f"writing, round {number + 1} of {extent.rounds}")
            # Who comes first changes, so that none has the warm caches of another each time.
            turned = workers[number % len(workers) :] + workers[: number % len(workers)]
            measurements += _round(turned, number, extent)
    return findings(measurements, sizes, extent)


def _sizes(server: Server, extent: Extent) -> dict[str, dict[str, float]]:
    """Return the bytes per event by variant, then by what was written."""
    found: dict[str, dict[str, float]] = {variant.name: {} for variant in extent.sized}
    for one_context, kind in ((False, "a context each"), (True, "one context")):
        with running(server, extent.sized, "sizes") as workers:
            # Sizes are the same whoever works beside, so all may work at once.
            for worker in workers:
                count = extent.sizes // (4 if worker.variant.in_python else 1)
                worker.send("sizes", count=count, one_context=one_context)
            for worker in workers:
                for name, size in worker.receive().items():
                    found[worker.variant.name][f"{name}, {kind}"] = size
    return found


def _round(workers: list[Worker], number: int, extent: Extent) -> list[Measurement]:
    ask_all(workers, "vacuum")
    for worker in workers:
        worker.ask("fresh_connection")
    kinds = [("single", SINGLE), ("bulk", BULK)]
    if number % 2:
        kinds.reverse()
    found: list[Measurement] = []
    for order, (kind, tasks) in zip(ORDERS, kinds, strict=True):
        for turn in range(extent.turns[kind]):
            sample = (number // len(ORDERS)) * extent.turns[kind] + turn
            for task in tasks:
                for worker in _in_turn(workers, turn):
                    variant = worker.variant
                    if variant.in_python and sample >= extent.turns_in_python:
                        continue
                    if variant.quadratic and kind == "bulk" and turn:
                        continue  # one is enough to see it
                    measured = _measure(worker, kind, task, turn, extent)
                    known = {"variant": variant.name, "task": task, "order": order}
                    found.append({**known, "sample": sample, **measured})
    # Of the bulk writes, which each left an event a row.
    events = extent.count["bulk"] * extent.turns["bulk"] * len(BULK)
    for worker in workers:
        if worker.variant in (variants.OURS, variants.OURS_ROW):
            measured = worker.ask("write", task="pending", count=events)
            known = {"variant": worker.variant.name, "task": "pending", "order": "second"}
            found.append({**known, "sample": number, **measured})
    return found


def _in_turn(workers: list[Worker], turn: int) -> list[Worker]:
    """Return the workers in another order each turn, so that none always follows the same one."""
    start = turn % len(workers)
    turned = workers[start:] + workers[:start]
    return turned[::-1] if turn % 2 else turned


def _measure(worker: Worker, kind: str, task: str, turn: int, extent: Extent) -> Measurement:
    count, warm_up = extent.count[kind], 0 if turn else WARM_UP[kind]
    if worker.variant.in_python:
        count, warm_up = count // SLOWER[kind], warm_up // 5
    measured = worker.ask("write", task=task, count=count, warm_up=warm_up)
    if kind == "single" and turn == 0:
        # The wait for the disk is in the wall time only, and long: a few are enough.
        waited = worker.ask("write", task=task, count=extent.waiting, waits=True)
        measured["wall_waiting"] = waited["wall"]
    return dict(measured)


ADDED = ("update", "delete")
"""The tasks that are compared by what they add to the backend's time."""


def findings(
    measurements: list[Measurement], sizes: dict[str, dict[str, float]], extent: Extent
) -> Findings:
    """Return the tables and values of measurements."""
    measured = Measured(measurements)
    tables = [_ratios(measured, extent)]
    for task in (*SINGLE, *BULK):
        tables += [_times(measured, task, order, extent) for order in ORDERS]
    return Findings(
        title="Writing",
        tables=(*tables, _pending(measured), _sizes_table(sizes)),
        values=(*_values(measured), *_size_values(sizes)),
        measurements=[*measurements, {"sizes": sizes}],
    )


def compared(measured: Measured, task: str, order: str, variant: Variant) -> float | None:
    """Return what the bars are about: a ratio to django-pghistory's default."""
    compare = measured.added_ratio if task in ADDED else measured.ratio
    return compare(task, order, variant, variants.PGHISTORY)


def _values(measured: Measured) -> list[Value]:
    found = []
    for task in (*SINGLE, *BULK):
        for order, where in ORDERS.items():
            value = compared(measured, task, order, variants.OURS)
            if value is not None:
                found.append(Value(bar=task, where=where, value=value))
    return found


def _ratios(measured: Measured, extent: Extent) -> Table:
    """Return the summary: each variant's multiple of the untracked work, and of the peer's."""
    rows = []
    for task in (*SINGLE, *BULK):
        for order, where in ORDERS.items():
            cells = [TITLES[task], where]
            for variant in extent.variants[1:]:
                if task in variant.misses:
                    cells.append("misses")
                elif task in ADDED:
                    cells.append(_with(measured.added(task, order, variant), " µs"))
                else:
                    cells.append(
                        _with(measured.ratio(task, order, variant, variants.UNTRACKED), " ×")
                    )
            cells.append(f"**{shown(compared(measured, task, order, variants.OURS))}**")
            rows.append(tuple(cells))
    return Table(
        title="Processor time, as a multiple of the untracked work",
        columns=(
            "work",
            "on a connection",
            *(variant.title for variant in extent.variants[1:]),
            "ours ÷ django-pghistory, default",
        ),
        rows=tuple(rows),
        note=(
            "Django process and backend added. `update()` and `delete()`: microseconds of the"
            f" backend added a row. Bulk writes are of {extent.count['bulk']:,} rows, of a tenth of that in"
            " the variants that make each event in Python."
        ),
    )


def _with(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{shown(value)}{unit}"


def _times(measured: Measured, task: str, order: str, extent: Extent) -> Table:
    rows = []
    for variant in extent.variants:
        if task in variant.misses:
            continue
        cells = [
            shown(measured.median(task, order, variant, what))
            for what in ("client", "server", "total", "wall")
        ]
        if task in SINGLE:
            cells.append(shown(measured.median(task, order, variant, "wall_waiting")))
        ratios = [
            shown(measured.ratio(task, order, variant, other))
            for other in (variants.UNTRACKED, variants.PGHISTORY)
        ]
        rows.append((variant.title, *cells, *ratios))
    return Table(
        title=f"{TITLES[task]}, {ORDERS[order]}: µs a row",
        columns=(
            "variant",
            "Django process",
            "backend",
            "both",
            "wall",
            *(("wall, commits flushed",) if task in SINGLE else ()),
            "÷ no tracking",
            "÷ django-pghistory, default",
        ),
        rows=tuple(rows),
    )


def _pending(measured: Measured) -> Table:
    rows = [
        (variant.title, shown(measured.median("pending", "second", variant, "server")))
        for variant in (variants.OURS, variants.OURS_ROW)
    ]
    return Table(
        title="Put off by the GIN index on references",
        columns=("variant", "backend's µs an event"),
        rows=tuple(rows),
        note=(
            "PostgreSQL collects new entries and moves them into the index at every 4 MB, or in"
            " autovacuum. Here it is done after each round's bulk writes; it is not in the tables"
            " above. One event a row of each of the three bulk writes."
        ),
    )


def _sizes_table(sizes: dict[str, dict[str, float]]) -> Table:
    kinds = list(sizes[variants.OURS.name])
    return Table(
        title="Bytes per event, with all indexes",
        columns=("variant", *kinds),
        rows=tuple(
            (variant.title, *(shown(sizes[variant.name][kind]) for kind in kinds))
            for variant in variants.WRITING
            if variant.name in sizes
        ),
        note="After VACUUM; contexts included where they have a table of their own.",
    )


def _size_values(sizes: dict[str, dict[str, float]]) -> list[Value]:
    return [
        Value(bar=f"bytes: {kind}", where=variants.OURS.title, value=value)
        for kind, value in sizes[variants.OURS.name].items()
    ]
