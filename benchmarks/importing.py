"""How fast is an import, and how much memory does it take? Run it with `python -m benchmarks.importing`.

Rows of 12 columns are inserted, and updated nine times; the tables are as django-pghistory and
django-simple-history make them, filled by SQL. Nothing of the peers is needed for that. Each is
imported in one go, and then again, interrupted in the middle.
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

UPDATES = 9
"""How often each row is updated; with its insert it has ten records."""

_ROWS = """
INSERT INTO {table} (
    customer_id, email, status, note, quantity, price, discount, is_paid, placed_at, due_on, tags
)
SELECT
    n % 100 + 1, 'customer' || n || '@example.com', 'status 9',
    'Please leave it at the back door, ' || n || '.', n % 9 + 9, n / 100.0, 0.25, false, now(),
    '2026-02-01', '{{"colour": "green", "sizes": [1, 2]}}'
FROM generate_series(1, {rows}) AS n
"""

_PGHISTORY = """
CREATE TABLE pghistory_context (id uuid PRIMARY KEY, metadata jsonb NOT NULL);
INSERT INTO pghistory_context
SELECT gen_random_uuid(), jsonb_build_object('user', n % 50, 'url', '/orders/' || n || '/')
FROM generate_series(1, {rows}) AS n;
CREATE TABLE their_events (
    pgh_id serial PRIMARY KEY, pgh_created_at timestamptz NOT NULL, pgh_label text NOT NULL,
    pgh_obj_id bigint, pgh_context_id uuid, LIKE {table}
);
INSERT INTO their_events
SELECT
    nextval('their_events_pgh_id_seq'), {time}, CASE version WHEN 0 THEN 'insert' ELSE 'update' END,
    id, context.id_of_it, {values}
FROM generate_series(0, 9) AS version
CROSS JOIN {table}
JOIN (
    SELECT id AS id_of_it, row_number() OVER () AS number FROM pghistory_context
) AS context ON number = {table}.id
ORDER BY version, {table}.id;
CREATE INDEX ON their_events (pgh_obj_id);
CREATE INDEX ON their_events (pgh_context_id)
"""

_SIMPLE_HISTORY = """
CREATE TABLE their_records (
    history_id serial PRIMARY KEY, history_date timestamptz NOT NULL, history_type varchar(1) NOT NULL,
    history_change_reason varchar(100), history_user_id integer, LIKE {table}
);
INSERT INTO their_records
SELECT
    nextval('their_records_history_id_seq'), {time}, CASE version WHEN 0 THEN '+' ELSE '~' END,
    'because', id % 50, {values}
FROM generate_series(0, 9) AS version
CROSS JOIN {table}
ORDER BY version, id;
CREATE INDEX ON their_records (id);
CREATE INDEX ON their_records (history_date)
"""

_TIME = "'2024-01-01'::timestamptz + (version * {rows} + {table}.id) * interval '20 seconds'"
"""A million records are seven and a half months."""


def main(events: int) -> None:
    """Start a server, fill it, import from both, and print what it took."""
    from benchmarks import server

    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    os.environ["BENCHMARK_VARIANT"] = "reading"
    with server.running() as running:
        os.environ["BENCHMARK_DATABASE_URL"] = running.url()
        import django

        django.setup()
        from django.core.management import call_command

        from benchmarks.archive.models import MODELS
        from benchmarks.preparing import prepare

        call_command("migrate", "pgaudit_log", verbosity=0)
        prepare()
        model: Any = MODELS[0]
        _fill(model, events // (UPDATES + 1))
        for peer, table in (("pghistory", "their_events"), ("simple-history", "their_records")):
            _import(peer, table, model)
            _import(peer, table, model, interrupted=True)


def _fill(model: Any, rows: int) -> None:
    from benchmarks.preparing import execute

    table = model._meta.db_table
    changing = {"quantity": "quantity - 9 + version", "status": "'status ' || version"}
    columns = [field.column for field in model._meta.local_fields]
    values = ", ".join(changing.get(name, f'{table}."{name}"') for name in columns)
    names = {"table": table, "rows": rows, "values": values}
    names["time"] = _TIME.format(**names)
    execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    execute(_ROWS.format(**names))
    execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    for statements in (_PGHISTORY, _SIMPLE_HISTORY):
        for statement in statements.format(**names).split(";"):
            execute(statement)
    execute("VACUUM ANALYZE")


def _import(peer: str, table: str, model: Any, *, interrupted: bool = False) -> None:
    """Import a table and print what it took; or the second half of it, what an interruption left."""
    from benchmarks.preparing import execute
    from pgaudit_log import importing

    while old := execute(
        "SELECT min(relname) FROM pg_class WHERE relispartition AND relkind = 'r'"
        " AND relname ~ '^pgaudit_log_event_202[45]'"
    ):
        execute(f"DROP TABLE {old}")
    execute("VACUUM ANALYZE")
    execute("CHECKPOINT")
    what = peer
    if interrupted:
        _interrupt(importing.plan(peer, models=[model], tables={model: [table]}))
        what += ", after an interruption in the middle"
    started = time.monotonic()
    plan = importing.plan(peer, models=[model], tables={model: [table]})
    planned = time.monotonic() - started
    started, used = time.monotonic(), _server_seconds()
    with _memory() as memory:
        done = plan.apply()
    seconds, cpu = time.monotonic() - started, _server_seconds() - used
    print(
        f"{what}: {plan.events:,} events, {seconds:.1f} s, {plan.events / seconds:,.0f} a second;"
        f" {cpu:.1f} s of the server's processors, {plan.events / cpu:,.0f} a second of one;"
        f" plan {timedelta(seconds=round(planned))}; memory at most {_peak()} MB of the client,"
        f" {memory[0] // 1024} MB of a session of the server; {done.gaps}; load {os.getloadavg()[0]:.0f}",
        flush=True,
    )


def _interrupt(plan: Any) -> None:
    def interrupt(done: int, total: int) -> None:
        if done >= total / 2:
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        plan.apply(progress=interrupt)


@contextmanager
def _memory() -> Iterator[list[int]]:
    """Yield a list of one number: how many kB a session has had most of by itself, while a block runs."""
    most, has_ended = [0], threading.Event()

    def watch(parent: str) -> None:
        while not has_ended.wait(0.05):
            for pid in _children(parent):
                most[0] = max(most[0], _own_memory(pid))

    thread = threading.Thread(target=watch, args=(_server_pids()[0],))
    thread.start()
    try:
        yield most
    finally:
        has_ended.set()
        thread.join()


def _own_memory(pid: str) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if "RssAnon" in line), 0)


def _server_seconds() -> float:
    """Return how long the server's processes have worked, those that have ended too."""
    return sum(map(_seconds, _server_pids()))


def _server_pids() -> list[str]:
    """Return the server's processes, the one that has started the others first."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [backend] = cursor.fetchone()
    parent = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1]
    return [parent, *_children(parent)]


def _children(parent: str) -> list[str]:
    return Path(f"/proc/{parent}/task/{parent}/children").read_text().split()


def _seconds(pid: str) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _peak() -> int:
    """Return the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
