"""How long do writers wait while partitions are rewritten? Run it with `python -m benchmarks.partitioning`.

Eight writers update and insert, each statement a transaction, while partitions are moved, split,
merged, and old events removed. A read of all events is open beside that, for as many seconds as the
first argument says: nothing can be swapped until it ends, and nobody should wait for that but the
rewriting itself.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

WRITERS = 8
ROWS = 2_000

_LONGEST_LOCK_WAIT = """
SELECT COALESCE(max(extract(epoch FROM clock_timestamp() - waitstart)), 0)
FROM pg_locks
JOIN pg_stat_activity USING (pid)
WHERE NOT granted AND application_name = 'writer'
"""

_OLD_EVENTS = """
INSERT INTO pgaudit_log_event (created_at, model, obj_pk, label, operation, snapshot)
SELECT
    date_trunc('month', now()) - interval '13 months' + n * interval '400 days' / %s,
    'shop.Order', n %% 1000, 'update', 'U', '{"quantity": 1, "note": "Please leave it at the door."}'
FROM generate_series(1, %s) AS n
"""


class Waits:
    """What writers waited for, while something else was done."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.locks = self.statements = 0.0
        self.written = 0
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._write) for _ in range(WRITERS)]
        self._threads.append(threading.Thread(target=self._watch))

    def __enter__(self) -> Waits:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _write(self) -> None:
        with _session(self.url, "writer") as session:
            number = 0
            while not self._is_over.is_set():
                number += 1
                started = time.monotonic()
                session.execute(
                    "UPDATE shop_order SET quantity = quantity + 1 WHERE id = %s",
                    [(id(session) // 64 + number) % ROWS + 1],
                )
                self.statements = max(self.statements, time.monotonic() - started)
                self.written += 1
                time.sleep(0.005)

    def _watch(self) -> None:
        with _session(self.url, "watcher") as session:
            while not self._is_over.is_set():
                row = session.execute(_LONGEST_LOCK_WAIT).fetchone()
                self.locks = max(self.locks, float(row[0]))
                time.sleep(0.001)

    def __str__(self) -> str:
        return (
            f"{self.written:,} writes, the longest {self.statements * 1000:.0f} ms;"
            f" the longest wait for a lock {self.locks * 1000:.0f} ms"
        )


def main(read_seconds: float, events: int) -> None:
    """Start a server, fill it, rewrite, and print for how long writers waited."""
    from benchmarks import server

    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    os.environ["BENCHMARK_VARIANT"] = "reading"
    with server.running() as running:
        os.environ["BENCHMARK_DATABASE_URL"] = url = running.url()
        import django

        django.setup()
        from django.core.management import call_command

        from benchmarks.preparing import execute, prepare

        call_command("migrate", "pgaudit_log", verbosity=0)
        prepare()
        execute(
            "INSERT INTO shop_order (customer_id, email, status, note, quantity, price, discount,"
            " is_paid, placed_at, due_on, tags) SELECT 1, 'a', 'new', 'x', 1, 1, 0, false, now(), now(), '{}'"
            f" FROM generate_series(1, {ROWS})"
        )
        with _session(url, "filler") as session:
            session.execute(_OLD_EVENTS, [events, events])
        execute("VACUUM ANALYZE")
        with Waits(url) as alone:
            time.sleep(read_seconds)
        print(f"nothing beside        {alone}")
        for name, step in _steps(read_seconds):
            with Waits(url) as waits:
                started = time.monotonic()
                with _reader(url, read_seconds):
                    step()
                took = time.monotonic() - started
            print(f"{name:<21} {waits}; {took:.0f} s", flush=True)


def _steps(read_seconds: float) -> list[tuple[str, Callable[[], None]]]:
    from pgaudit_log.operating import plan_partitions, plan_retention
    from pgaudit_log.values.ages import Age

    wait = read_seconds + 60
    last_month = time.strftime("%Y-%m", time.gmtime(time.time() - 32 * 86400))

    def merge() -> None:
        plan_partitions(merge_older_than=Age.of("1d"), into="month").apply(wait=wait)

    def remove() -> None:
        plan_retention(older_than=Age.of("6m")).apply(wait=wait)

    return [
        ("move out of DEFAULT", lambda: plan_partitions().apply(wait=wait)),
        ("split into days", lambda: plan_partitions(split=last_month, into="day").apply(wait=wait)),
        ("merge into a month", merge),
        ("remove", remove),
    ]


class _reader:
    """A read of all events that stays open for so many seconds."""

    def __init__(self, url: str, seconds: float) -> None:
        self._is_open = threading.Event()
        self._thread = threading.Thread(target=self._read, args=[url, seconds])

    def _read(self, url: str, seconds: float) -> None:
        with _session(url, "reader") as session, session.transaction():
            session.execute("SELECT count(*) FROM pgaudit_log_event")
            self._is_open.set()
            time.sleep(seconds)

    def __enter__(self) -> None:
        self._thread.start()
        self._is_open.wait()

    def __exit__(self, *exception: Any) -> None:
        self._thread.join()


def _session(url: str, name: str) -> Any:
    import psycopg

    return psycopg.connect(url, autocommit=True, application_name=name)


if __name__ == "__main__":
    given = [float(argument) for argument in sys.argv[1:]]
    main(given[0] if given else 20, int(given[1]) if len(given) > 1 else 200_000)
