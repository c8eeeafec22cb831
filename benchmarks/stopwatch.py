"""The stopwatch: processor time of this process and of its database backend, and wall time."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.db import connection


@dataclass(frozen=True, kw_only=True)
class Times:
    """What a piece of work took, in microseconds for each time that it was done."""

    client: float
    """Processor time of the Django process."""
    server: float
    """Processor time of its PostgreSQL backend; not of checkpointer, WAL writer or parallel workers."""
    wall: float

    def json(self) -> dict[str, float]:
        """Return it as a dictionary."""
        return asdict(self)


def measure(work: Callable[[], Any], times: int = 1, *, collect: bool = True) -> Times:
    """Do the work once and return what it took, divided by `times`, the number of its repetitions.

    Garbage of the preparations is collected before, unless `collect` is false.

    Raises:
        RuntimeError: where the kernel does not tell the backend's processor time.
    """
    connection.ensure_connection()
    schedstat = Path(f"/proc/{_backend()}/schedstat")
    if collect:
        gc.collect()
    server = _nanoseconds(schedstat)
    wall = time.perf_counter_ns()
    client = time.process_time_ns()
    work()
    client = time.process_time_ns() - client
    wall = time.perf_counter_ns() - wall
    server = _nanoseconds(schedstat) - server
    return Times(
        client=client / 1000 / times, server=server / 1000 / times, wall=wall / 1000 / times
    )


def _backend() -> int:
    return int(connection.connection.info.backend_pid)


def _nanoseconds(schedstat: Path) -> int:
    try:
        # A backend that has answered is accounted for once it sleeps.
        time.sleep(0.002)
        return int(schedstat.read_text().split()[0])
    except OSError as error:
        raise RuntimeError(
            f"Cannot read {schedstat}: {error}. The benchmarks need Linux, and the server on this"
            " machine."
        ) from error
