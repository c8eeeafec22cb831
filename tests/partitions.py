"""Events of the past, and the partitions that they are in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from pgaudit_log.constants import DEFAULT_PARTITION
from pgaudit_log.database.partitions import catalogue
from pgaudit_log.database.partitions.calendar import Interval, Period, period_at
from pgaudit_log.database.partitions.leaves import leftovers
from tests.support import execute, last_id, unguarded

__all__ = [
    "Killed",
    "clean_log",
    "events_hash",
    "happened",
    "killed_at",
    "last_periods",
    "make_partitions",
    "partition_names",
    "write_events",
]

OWN = "pgaudit_log.Maintenance"


@contextmanager
def clean_log() -> Iterator[None]:
    """Leave the log after a block as one that was just installed."""
    try:
        yield
    finally:
        execute("RESET ROLE")
        tables = ("pgaudit_log_event", "pgaudit_log_horizon", "pgaudit_log_hold")
        with unguarded(*tables, *partition_names()):
            for table in tables:
                execute(f"TRUNCATE {table}")
        keep = {
            period.table for period in catalogue.existing("default") if period.end > timezone.now()
        }
        for name in partition_names():
            if name not in {DEFAULT_PARTITION, *keep}:
                execute(f"DROP TABLE {name}")
        for own in leftovers("default"):
            execute(f"DROP TABLE {own.name}")
        catalogue.plan("default").apply()


@contextmanager
def happened(at: datetime) -> Iterator[None]:
    """Let the events of a block be of another time, as if they had been written then."""
    before = last_id()
    yield
    with unguarded("pgaudit_log_event"):
        execute("UPDATE pgaudit_log_event SET created_at = %s WHERE id > %s", [at, before])


def make_partitions(periods: Sequence[Period]) -> None:
    """Make partitions of times that are over."""
    have = catalogue.existing("default")
    new = [p for p in periods if not any(p.overlaps(other) for other in have)]
    catalogue.Plan(using="default", create=tuple(new)).apply()


def last_periods(count: int, interval: Interval = "month") -> list[Period]:
    """Return the last periods before that of now, the oldest first."""
    found = [period_at(timezone.now(), interval)]
    for _ in range(count):
        found.append(period_at(found[-1].start - timedelta(days=1), interval))
    return found[:0:-1]


def partition_names() -> list[str]:
    """Return the names of the partitions, by name."""
    rows = execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits"
        " WHERE inhparent = 'pgaudit_log_event'::regclass ORDER BY 1"
    )
    return [name for (name,) in rows]


def events_hash() -> str:
    """Return a hash of all that events have, byte for byte; without those of what was done to them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT event::text FROM pgaudit_log_event AS event WHERE model <> %s ORDER BY id",
            [OWN],
        )
        return hashlib.sha256(json.dumps(cursor.fetchall()).encode()).hexdigest()


def write_events(
    model: str, rows: Sequence[tuple[datetime, str, str, dict[str, Any] | None]]
) -> None:
    """Write events by hand: of a time, a key, an operation, with a snapshot."""
    labels = {"I": "insert", "U": "update", "D": "delete", "T": "truncate", "M": "note"}
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO pgaudit_log_event (created_at, model, obj_pk, label, operation, snapshot)"
            " VALUES (%s, %s, %s, %s, %s, %s::jsonb)",
            [
                (at, model, key, labels[operation], operation, json.dumps(snapshot))
                for at, key, operation, snapshot in rows
            ],
        )


class Killed(BaseException):
    """The process has ended."""


@contextmanager
def killed_at(number: int) -> Iterator[None]:
    """Interrupt a block at its statement of a number."""
    seen = 0

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == number:
            raise Killed
        return execute(sql, params, many, context)

    with connection.execute_wrapper(count):
        yield
