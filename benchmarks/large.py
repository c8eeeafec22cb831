"""What does `track(large=…)` save, and what does it cost? Run it with `python -m benchmarks.large`.

A row with a text of some size and a counter; the counter is updated, each time by itself, in turns
with the same row tracked without `large=`. Bytes are those of the event table with all indexes.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterable
from typing import Any

SIZES = {"1 kB": 1_000, "4 kB": 4_000, "10 kB": 10_000, "100 kB": 100_000, "1 MB": 1_000_000}
TURNS = 20
WORDS = [
    "".join(random.Random(n).choices("abcdefghijklmnopqrstuvwxyz", k=2 + n % 9))
    for n in range(5000)
]


def main(updates: int) -> None:
    """Start a server, measure, and print the tables."""
    from benchmarks import server

    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    os.environ["BENCHMARK_VARIANT"] = "documents"
    with server.running() as running:
        os.environ["BENCHMARK_DATABASE_URL"] = running.url()
        import django

        django.setup()
        from django.core.management import call_command

        from benchmarks.preparing import prepare

        # Tables of apps without migrations come first otherwise, with nowhere to put events.
        call_command("migrate", "pgaudit_log", verbosity=0)
        prepare()
        rows = [_measured(name, size, updates) for name, size in SIZES.items()]
    _table("Updates of the counter", ("bytes an event", "µs", "µs of the server"), rows, 0)
    _table("Reading, ms", ("one object of the past", "50 events", "without the text"), rows, 1)


def _measured(name: str, size: int, updates: int) -> tuple[str, Any, Any]:
    """Return, for a text of ``size``, what writing and reading take: without `large=`, and with."""
    from benchmarks.documents.models import Large, Plain
    from benchmarks.stopwatch import measure

    models: tuple[Any, ...] = (Plain, Large)
    body = _text(size)
    objects = [model.objects.create(body=body) for model in models]
    # Warm: plans, caches, and the first reference.
    for obj in objects:
        _count(obj, 5)
    written = [[0.0, 0.0, 0.0] for _ in models]
    for _ in range(TURNS):
        for obj, found in zip(objects, written, strict=True):
            before, times = _stored(), updates // TURNS
            taken = measure(lambda obj=obj, times=times: _count(obj, times), times)
            found[0] += (_stored() - before) / times / TURNS
            found[1] += (taken.client + taken.server) / TURNS
            found[2] += taken.server / TURNS
    return name, written, [_read(obj, measure) for obj in objects]


def _read(obj: Any, measure: Callable[..., Any]) -> list[float]:
    model = type(obj)
    events = model.pgh_event_model.objects.filter(pgh_obj=obj).order_by("-pgh_id")
    moment = events[20]

    def ms(work: Callable[[], Any]) -> float:
        work()
        taken = measure(lambda: [work() for _ in range(20)], 20)
        return (taken.client + taken.server) / 1000

    return [
        ms(lambda: model.objects.as_of(moment).get(pk=obj.pk).body),
        ms(lambda: [event.body for event in events[:50]]),
        ms(lambda: [event.counter for event in events.defer("body", "pgh_data")[:50]]),
    ]


def _count(obj: Any, times: int) -> None:
    for _ in range(times):
        obj.counter += 1
        obj.save(update_fields=["counter"])


def _text(size: int) -> str:
    dice, found = random.Random(size), ""
    while len(found) < size:
        found += " ".join(dice.choices(WORDS, k=200)) + ". "
    return found[:size]


def _stored() -> int:
    from benchmarks.preparing import execute

    return int(
        execute(
            "SELECT sum(pg_total_relation_size(relid))"
            " FROM pg_partition_tree('pgaudit_log_event'::regclass)"
        )
    )


def _table(title: str, columns: Iterable[str], rows: Iterable[Any], part: int) -> None:
    print(f"\n{title}: without `large=` → with it\n")
    print(f"| a text of | {' | '.join(columns)} |\n|---|---|---|---|")
    for name, *parts in rows:
        plain, large = parts[part]
        cells = (f"{one:,.4g} → {other:,.4g}" for one, other in zip(plain, large, strict=True))
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
