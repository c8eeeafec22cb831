"""Writers: processes that write until they are ended, and keep a ledger of what was acknowledged.

Started with Django set up, this forks a writer for each line of JSON on its input, and answers with
its process; as the input ends, so do the writers. A writer's ledger has a line for each transaction
before its COMMIT is sent, and one after it is acknowledged.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from random import Random
from typing import Any

import django

RETRIED = {"40001": "serialization", "40P01": "deadlock"}

_is_ending = False


def main() -> None:
    """Fork writers until the input ends."""
    django.setup()
    # What writers need is imported once.
    from tests.durability import works  # noqa: F401

    writers: list[int] = []
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        process = os.fork()
        if process == 0:
            signal.signal(signal.SIGTERM, _end)
            status = 1
            try:
                write(**order)
                status = 0
            finally:
                os._exit(status)
        writers.append(process)
        print(process, flush=True)
    for process in writers:
        os.kill(process, signal.SIGTERM)
    for process in writers:
        os.waitpid(process, 0)


def _end(*_: Any) -> None:
    global _is_ending  # noqa: PLW0603 - a signal has no other way to say so
    _is_ending = True


def write(name: str, work: str, ledger: str) -> None:
    """Write one transaction after the other, whatever becomes of the server."""
    from django.db import DatabaseError, InterfaceError, connection

    from tests.durability.works import WORKS

    random, doing = Random(name), WORKS[work]()
    file = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(**entry: Any) -> None:
        os.write(file, json.dumps(entry).encode() + b"\n")

    count = 0
    while not _is_ending:
        count += 1
        token = f"{name}-{count}"
        try:
            _transaction(doing, random, token, note)
        except (DatabaseError, InterfaceError) as error:
            doing.in_doubt()
            note(failed=token, error=str(error)[:200])
            connection.close()
            time.sleep(0.02)
        else:
            doing.acknowledged()
            note(acknowledged=token)


def _transaction(doing: Any, random: Random, token: str, note: Any) -> None:
    """Write one transaction, again where PostgreSQL says that it may work then.

    Raises:
        DatabaseError: when it failed otherwise.
    """
    from django.db import DatabaseError, transaction

    import pgaudit_log

    with pgaudit_log.context(token=token):
        while True:
            try:
                with transaction.atomic():
                    note(sent=token, events=doing(random, token))
                return
            except DatabaseError as error:
                state = getattr(error.__cause__, "sqlstate", None) or getattr(
                    error.__cause__, "pgcode", None
                )
                if state not in RETRIED:
                    raise
                note(retried=RETRIED[state])


if __name__ == "__main__":
    main()
