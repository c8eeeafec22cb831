"""Locking: waiting for whoever has the event table, without letting writers wait behind it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connections, transaction

from pgaudit_log import sql
from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.database.privileges import sqlstate
from pgaudit_log.exceptions import PlanError

QUEUED_MS = 40
"""How long a lock is waited for at a time: writers wait behind it meanwhile."""

SHORT_SECONDS = 0.1
"""Who has held a lock for less will soon be done; behind anybody else, no lock is asked for."""

_LONGEST_PAUSE = 2.0

LOCK_NOT_AVAILABLE = "55P03"
"""The SQLSTATE of a lock that was not to be had in the time that it was waited for."""

DEADLOCK = "40P01"

Tell = Callable[[str], object]
"""Is told what is waited for, whenever that changes."""


def _tell_nobody(told: str) -> None:
    """Say nothing."""


@dataclass(kw_only=True)
class Patience:
    """How long is waited in all, and who is told for what."""

    seconds: float
    tell: Tell = _tell_nobody
    _since: float | None = None
    _told: str = ""
    _pauses: int = 0

    def begin(self) -> None:
        """Wait anew: what is waited for now is something else."""
        self._since, self._told, self._pauses = None, "", 0

    def pause(self, why: str) -> None:
        """Wait a moment, longer each time.

        Raises:
            PlanError: when all of the time is over.
        """
        self._since = self._since or time.monotonic()
        if time.monotonic() - self._since >= self.seconds:
            raise PlanError(
                f"Gave up after {self.seconds:g} s: {why}. Nothing is lost, and what was done is"
                " kept: run it again when that has ended, or wait longer (--wait)."
            )
        if why != self._told:
            self.tell(why)
            self._told = why
        longest = min(0.05 * 1.6**self._pauses, _LONGEST_PAUSE)
        self._pauses += 1
        # Two that wait for each other part.
        time.sleep(random.uniform(longest / 2, longest))


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A transaction that has a lock of the event table, or of a partition."""

    transaction: str
    """Its virtual id: what PostgreSQL calls it as long as it runs."""
    pid: int | None
    """Its process; ``None`` of a prepared one."""
    seconds: float | None
    """For how long it has been running; ``None`` where the role may not know."""
    query: str
    name: str | None = None
    """The name under which it was prepared."""

    def __str__(self) -> str:
        if self.pid is None:
            return f"the prepared transaction {self.name or self.transaction}"
        running = "" if self.seconds is None else f", in a transaction of {self.seconds:.0f} s"
        return f"process {self.pid} ({self.query or 'its query is hidden'}{running})"


@contextmanager
def lock_timeout(cursor: Any, limit: str) -> Iterator[None]:
    """Wait for no lock longer than ``limit`` in a block, which is in a transaction.

    What the transaction does after it may wait as before.
    """
    cursor.execute("SELECT current_setting('lock_timeout')")
    before = cursor.fetchone()
    cursor.execute("SELECT set_config('lock_timeout', %s, true)", [limit])
    yield
    cursor.execute("SELECT set_config('lock_timeout', %s, true)", before)


def holders(using: str, tables: Sequence[str], *, only_writers: bool = False) -> list[Holder]:
    """Return who has locks of the event table or of ``tables``, names in SQL; not this session."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            sql.read("lock_holders.sql"),
            {"tables": [EVENT_TABLE, *tables], "only_writers": only_writers},
        )
        return [
            Holder(
                transaction=virtual,
                pid=pid,
                seconds=None if seconds is None else float(seconds),
                query=" ".join((query or "").split()),
                name=name,
            )
            for virtual, pid, seconds, query, name in cursor.fetchall()
        ]


def wait_for_writers(using: str, tables: Sequence[str], patience: Patience) -> None:
    """Return once all transactions have ended that have written events before this was called.

    Args:
        using: the database.
        tables: partitions that they may have written to by name.
        patience: how long it waits.

    Raises:
        PlanError: when it has waited for long enough.
    """
    patience.begin()
    left = {own.transaction: own for own in holders(using, tables, only_writers=True)}
    while left:
        patience.pause(f"waiting for {next(iter(left.values()))}, which may have written events")
        now = holders(using, tables, only_writers=True)
        left = {own.transaction: own for own in now if own.transaction in left}


@contextmanager
def whole_table(using: str, tables: Sequence[str], patience: Patience) -> Iterator[Any]:
    """Yield a cursor in a transaction that has the event table, and ``tables``, for itself.

    It queues for them for :data:`QUEUED_MS` at a time, and not at all behind somebody who has held
    one for long: writers would wait with it.

    Raises:
        PlanError: when it has waited for long enough.
    """
    patience.begin()
    while True:
        slow = [
            holder
            for holder in holders(using, tables)
            if holder.seconds is None or holder.seconds > SHORT_SECONDS
        ]
        if slow:
            patience.pause(f"waiting for {slow[0]}")
            continue
        acquired = False
        try:
            with transaction.atomic(using=using), connections[using].cursor() as cursor:
                # What was committed while it waited for the lock has to be seen behind it.
                cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{QUEUED_MS}ms"])
                cursor.execute(f"LOCK TABLE ONLY {EVENT_TABLE} IN ACCESS EXCLUSIVE MODE")
                # Nobody can get at them through the table any more; by name, some might.
                cursor.execute("SELECT set_config('lock_timeout', '10ms', true)")
                for table in tables:
                    cursor.execute(f"LOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE")
                acquired = True
                yield cursor
                return
        except OperationalError as error:
            if acquired or sqlstate(error) not in (LOCK_NOT_AVAILABLE, DEADLOCK):
                raise
        busy = next(iter(holders(using, tables)), None)
        patience.pause(
            "waiting for a moment in which nobody has the event table"
            + (f", as {busy} had" if busy is not None else "")
        )
