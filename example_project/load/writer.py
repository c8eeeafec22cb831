"""A writer: a process that does one thing after the other until its input ends.

It writes a line of JSON as it begins, one for each thing that was acknowledged or failed, and its latencies
at the end.
"""

from __future__ import annotations

import argparse
import json
import select
import sys
import time
from collections.abc import Callable
from random import Random
from typing import Any

import django


def main() -> None:
    """Write as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--number", type=int, required=True)
    parser.add_argument("--writers", type=int, required=True)
    parser.add_argument("--interval", type=float, required=True)
    parser.add_argument("--seed", required=True)
    options = parser.parse_args()
    django.setup()
    # Not above: models are there once Django is set up.
    from django.db import connection

    from example_project.load.latencies import Latencies
    from example_project.load.traffic import Clerk

    latencies = Latencies()
    with connection.execute_wrapper(_measuring(latencies)):
        clerk = Clerk(
            name=f"clerk{options.number}",
            number=options.number,
            writers=options.writers,
            random=Random(f"{options.seed} {options.number}"),
        )
        clerk.begin()
        clerk.browser.force_login(clerk.user)
        # What making the connection and the first sight of the shop took is nobody's wait.
        latencies.__init__()  # type: ignore[misc]
        _say(begun=True)
        _write(clerk, options)
    _say(latencies=latencies.as_document())


def _write(clerk: Any, options: argparse.Namespace) -> None:
    """Do one thing after the other; at each there is a token in the context of its events."""
    from django.db import DatabaseError, InterfaceError, connection

    import pgaudit_log
    from example_project.load.traffic import TRAFFIC

    count, slot = 0, time.monotonic()
    while not _is_over(slot - time.monotonic()):
        slot = max(slot + options.interval, time.monotonic() - 1)  # what was missed stays missed
        [do] = clerk.random.choices([*TRAFFIC], [*TRAFFIC.values()])
        token = f"{options.seed}-{options.number}-{count}"
        count += 1
        try:
            with pgaudit_log.context(load=token):
                events = do(clerk)
        except (DatabaseError, InterfaceError) as error:
            _say(failed=token, what=do.__name__, error=f"{type(error).__name__}: {error}"[:300])
            connection.close()
        else:
            if events:
                _say(done=token, events=events)


def _is_over(seconds: float) -> bool:
    """Wait for so long; tell whether the input has ended meanwhile."""
    return bool(select.select([sys.stdin], [], [], max(0.0, seconds))[0])


def _say(**entry: object) -> None:
    print(json.dumps(entry), flush=True)


def _measuring(latencies: Any) -> Callable[..., Any]:
    """Return a wrapper of statements that measures those that write."""

    def measure(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        start = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            text = str(sql)
            if text.lstrip()[:6].upper() in {"INSERT", "UPDATE", "DELETE"}:
                latencies.add((time.perf_counter() - start) * 1000, text)

    return measure


if __name__ == "__main__":
    main()
