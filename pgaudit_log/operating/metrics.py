"""Metrics: the status of a log as Prometheus has it, by its own client library (extra ``metrics``).

The library is imported when a collector is registered, so that what there is to collect is known without it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from django.db import DEFAULT_DB_ALIAS, DatabaseError

from pgaudit_log.operating.health import status
from pgaudit_log.operating.values import Status

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import GaugeMetricFamily, Metric

MAX_AGE = 60.0
"""How many seconds a status is given again before the database is asked for another one."""

FAMILIES = {
    "up": ("Whether the database could be asked for the status of its log.", ()),
    "healthy": ("Whether nothing is wrong with the log.", ()),
    "drift": ("How many things each check has found wrong.", ("id", "severity")),
    "last_event_id": ("The id of the newest event.", ()),
    "last_event_timestamp_seconds": ("When the newest event was captured.", ()),
    "events": ("How many events there are; estimated in large partitions.", ("model",)),
    "size_bytes": ("The size of all partitions with their indexes.", ()),
    "model_size_bytes": ("The share that each model has of the size, by events.", ("model",)),
    "growth_bytes_per_day": ("How fast the log grew in the last months.", ()),
    "partitions": ("How many partitions there are.", ()),
    "partitions_ahead": ("How many partitions there are of times to come.", ()),
    "default_partition_size_bytes": ("The size of the DEFAULT partition.", ()),
    "locks_needed": ("How many locks a read of all partitions takes.", ()),
    "locks_capacity": ("How many locks the server has room for.", ()),
}
"""The metrics by name, behind ``pgaudit_log_``: what is told of each, and its labels beside ``database``."""

_Samples = Iterable[tuple[str, Sequence[str], float]]


class LogCollector:
    """Collects the status of the logs of databases when Prometheus asks.

    Args:
        using: the databases.
        max_age: how many seconds a status is given again, so that scrapes do not ask the database
            more often than that.
    """

    def __init__(
        self, using: Sequence[str] = (DEFAULT_DB_ALIAS,), max_age: float = MAX_AGE
    ) -> None:
        self._using = tuple(using)
        self._max_age = max_age
        self._lock = threading.Lock()
        self._asked_at: float | None = None
        self._found: list[tuple[str, Status | None]] = []

    def describe(self) -> Iterator[Metric]:
        """Yield the metrics without values: registering asks no database."""
        yield from _families().values()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics. A database that cannot be asked is not ``up``, and has no others."""
        families = _families()
        for using, found in self._statuses():
            for name, labels, value in _samples(found):
                families[name].add_metric([using, *labels], value)
        yield from families.values()

    def _statuses(self) -> list[tuple[str, Status | None]]:
        # One scrape at a time: another one is served what the first has found.
        with self._lock:
            now = time.monotonic()
            if self._asked_at is None or now - self._asked_at >= self._max_age:
                self._found = [(using, _asked(using)) for using in self._using]
                self._asked_at = now
            return self._found


def register(
    using: Sequence[str] = (DEFAULT_DB_ALIAS,), registry: CollectorRegistry | None = None
) -> LogCollector:
    """Register a :class:`LogCollector` with Prometheus' client, and return it.

    Args:
        using: the databases.
        registry: by default the client's own.

    Raises:
        ModuleNotFoundError: without the extra ``metrics``.
        ValueError: when one is registered there already.
    """
    from prometheus_client import REGISTRY

    collector = LogCollector(using)
    (REGISTRY if registry is None else registry).register(collector)
    return collector


def _asked(using: str) -> Status | None:
    try:
        return status(using)
    except DatabaseError:
        return None


def _families() -> dict[str, GaugeMetricFamily]:
    from prometheus_client.core import GaugeMetricFamily

    return {
        name: GaugeMetricFamily(f"pgaudit_log_{name}", told, labels=["database", *labels])
        for name, (told, labels) in FAMILIES.items()
    }


def _samples(found: Status | None) -> _Samples:
    """Yield the values of a status: the metric, its labels beside the database, the value."""
    yield "up", (), found is not None
    if found is None:
        return
    yield "healthy", (), found.is_healthy
    drift: Counter[tuple[str, str]] = Counter()
    for problem in found.problems:
        drift[problem.id, problem.severity] += len(problem.on) or 1
    for labels, number in sorted(drift.items()):
        yield "drift", labels, number
    if found.last_event is not None:
        yield "last_event_id", (), found.last_event.id
        yield "last_event_timestamp_seconds", (), found.last_event.created_at.timestamp()
    if found.size is not None:
        yield "size_bytes", (), found.size
    for partition in found.sizes or ():
        if partition.start is None:
            yield "default_partition_size_bytes", (), partition.size
    events: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for one in found.models:
        model = "" if one.model is None else one.model
        events[model] += one.events
        sizes[model] += one.size
    for model in sorted(events):
        yield "events", (model,), events[model]
        yield "model_size_bytes", (model,), sizes[model]
    if found.growth is not None:
        yield "growth_bytes_per_day", (), found.growth.per_day
    if found.partitions is not None:
        yield "partitions", (), found.partitions.count
        yield "partitions_ahead", (), found.partitions.ahead
        yield "locks_needed", (), found.partitions.locks_needed
        yield "locks_capacity", (), found.partitions.locks_capacity
