"""How long does `verify` take, and how much memory? Run it with `python -m benchmarks.verifying`.

The events are captured: rows of 12 columns of 20 models, or of as many as the second argument says,
are inserted, then each is updated nine times.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from typing import Any

UPDATES = 9
"""How often each row is updated; with its insert it has ten events."""

_INSERT = """
INSERT INTO {table} (
    customer_id, email, status, note, quantity, price, discount, is_paid, placed_at, due_on, tags
)
SELECT
    n %% 100 + 1, 'customer' || n || '@example.com', 'new', 'Please leave it at the back door, ' || n || '.',
    n %% 9, n / 100.0, 0.25, false, now(), '2026-02-01', '{{"colour": "green", "sizes": [1, 2]}}'
FROM generate_series(1, %s) AS n
"""

_UPDATE = "UPDATE {table} SET quantity = quantity + 1, status = 'status ' || %s"


def main(events: int, models: int) -> None:
    """Start a server, fill it, verify, and print what it took."""
    from benchmarks import server

    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    os.environ["BENCHMARK_VARIANT"] = "reading"
    with server.running() as running:
        os.environ["BENCHMARK_DATABASE_URL"] = running.url()
        import django

        django.setup()
        from django.core.management import call_command

        from benchmarks.preparing import prepare

        call_command("migrate", "pgaudit_log", verbosity=0)
        prepare()
        _fill(events, models)
        before = _peak()
        started, used = time.monotonic(), time.process_time()
        found = _verify()
        print(
            f"{_count():,} events, {found} findings: {time.monotonic() - started:.1f} s,"
            f" {time.process_time() - used:.1f} s of them the client's;"
            f" its memory at most {_peak()} MB, {before} MB before"
        )


def _fill(events: int, models: int) -> None:
    from benchmarks.archive.models import MODELS
    from benchmarks.preparing import execute

    rows = events // models // (UPDATES + 1)
    for model in MODELS[:models]:
        table = model._meta.db_table
        _execute(_INSERT.format(table=table), rows)
        for version in range(UPDATES):
            _execute(_UPDATE.format(table=table), str(version))
    execute("VACUUM ANALYZE")


def _execute(sql: str, parameter: Any) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, [parameter])


def _verify() -> int:
    from pgaudit_log.operating import verify

    return sum(1 for _ in verify())


def _count() -> int:
    from pgaudit_log.models import Events

    return Events.objects.count()


def _peak() -> int:
    """Return the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    events, models = [*map(int, sys.argv[1:]), *(1_000_000, 20)[len(sys.argv) - 1 :]]
    main(events, models)
