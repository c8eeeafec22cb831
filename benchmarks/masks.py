"""What does a mask cost, and what a keyed hash? Run it with `python -m benchmarks.masks`.

A row of a name, an address, a number and a counter, of which the address is shown, marked or
hashed. Processor time of the server, the least of some turns, which the three take one after the other.
"""

from __future__ import annotations

import os
import sys
from typing import Any

ROWS = 5_000
SINGLE = 200


def main(turns: int) -> None:
    """Start a server, measure, and print the table."""
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
        _print(_measured(turns))


def _measured(turns: int) -> dict[str, list[float]]:
    """Return, by work, the server's microseconds a row: shown, marked, hashed."""
    from benchmarks.documents.models import Hashed, Marked, Shown
    from benchmarks.stopwatch import measure

    kinds: tuple[Any, ...] = (Shown, Marked, Hashed)
    found: dict[str, list[float]] = {}
    for _ in range(turns):
        for name, work, rows in (
            ("insert of 5,000 rows", _insert, ROWS),
            ("update of the address of 5,000 rows", _change_address, ROWS),
            ("update of the counter of 5,000 rows", _change_counter, ROWS),
            ("update of one address", _change_one, SINGLE),
        ):
            for number, kind in enumerate(kinds):
                taken = measure(lambda work=work, kind=kind: work(kind), rows).server
                least = found.setdefault(name, [float("inf")] * len(kinds))
                least[number] = min(least[number], taken)
    return found


def _insert(kind: Any) -> None:
    kind.objects.bulk_create(
        kind(name=f"name {n}", email=f"name.{n}@example.org", phone=f"+49 30 {n}")
        for n in range(ROWS)
    )


def _newest(kind: Any) -> Any:
    last = kind.objects.order_by("-pk").values_list("pk", flat=True)[0]
    return kind.objects.filter(pk__gt=last - ROWS)


def _change_address(kind: Any) -> None:
    from django.db.models import F, Value
    from django.db.models.functions import Concat

    _newest(kind).update(email=Concat(Value("x"), F("email")))


def _change_counter(kind: Any) -> None:
    from django.db.models import F

    _newest(kind).update(visits=F("visits") + 1)


def _change_one(kind: Any) -> None:
    one = kind.objects.order_by("pk")[0]
    for _ in range(SINGLE):
        one.email = f"x{one.email}"[:90]
        one.visits += 1
        one.save(update_fields=["email", "visits"])


def _print(found: dict[str, list[float]]) -> None:
    print("\n| µs of the server a row | shown | marked | hashed |\n|---|---|---|---|")
    for name, taken in found.items():
        print(f"| {name} | {' | '.join(f'{one:,.1f}' for one in taken)} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
