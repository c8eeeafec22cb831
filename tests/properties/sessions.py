"""Two sessions of one database, each with the transaction and savepoints that it is in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import DatabaseError, connections, transaction

from pgaudit_log import sql
from tests.properties.tables import Table
from tests.support import execute

SECOND = "second"
"""The alias of the second connection to the database of ``default``."""

REFUSALS = {
    "23503": "a foreign key points at nothing",
    "23505": "a key is taken",
    "55006": "TRUNCATE of a table that has deferred checks to be made",
    "55P03": "the other session has a lock",
}
"""For what PostgreSQL may refuse a statement of these tests; capture must add no reason."""

SETTINGS = {
    "default": {"lock_timeout": "20ms"},
    # Settings that change what values look like, and must not change what is captured.
    SECOND: {"lock_timeout": "20ms", "TimeZone": "Asia/Tokyo", "extra_float_digits": "0"},
}


class Session:
    """A connection with the blocks of ``transaction.atomic`` that are open on it."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.blocks: list[transaction.Atomic] = []
        self.guarded = False
        self.truncated = False
        """Whether its transaction keeps others from reading the tables."""
        for name, value in SETTINGS[alias].items():
            execute("SELECT set_config(%s, %s, false)", [name, value], using=alias)

    def __repr__(self) -> str:
        return self.alias

    def begin(self, *, guarded: bool = False) -> None:
        """Start a transaction, or a savepoint in it.

        In a ``guarded`` transaction each statement has a savepoint of its own; in another
        one, a statement that is refused takes back its block.
        """
        if not self.blocks:
            self.guarded = guarded
        block = transaction.atomic(using=self.alias)
        block.__enter__()
        self.blocks.append(block)

    def leave(self, error: BaseException | None = None) -> None:
        """End the innermost block: keep what it did, or take it back because of ``error``."""
        block = self.blocks.pop()
        try:
            if error is None:
                self._unless_refused(lambda: block.__exit__(None, None, None))
            else:
                block.__exit__(type(error), error, None)
        finally:
            self.truncated = self.truncated and bool(self.blocks)

    def write(self, work: Callable[[], Any]) -> bool:
        """Do ``work``; return whether what was before is still there.

        It is not, where the work was refused and took its block back.
        """
        if self.guarded and self.blocks:
            with_savepoint = transaction.atomic(using=self.alias)
            self._unless_refused(lambda: with_savepoint(work)())
            return True
        error = self._unless_refused(work)
        if error is not None and self.blocks:
            self.leave(error)
            return False
        return True

    @staticmethod
    def _unless_refused(work: Callable[[], Any]) -> DatabaseError | None:
        """Do ``work``; return the error by which PostgreSQL refused it for one of :data:`REFUSALS`."""
        try:
            work()
        except DatabaseError as error:
            cause = error.__cause__
            state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
            if state not in REFUSALS:
                raise
            return error
        return None

    def close(self) -> None:
        """Take back what is open, and disconnect."""
        while self.blocks:
            self.leave(RuntimeError("the example has ended"))
        connections[self.alias].close()


@contextmanager
def second_connection() -> Iterator[None]:
    """Open the connection :data:`SECOND`, and close it on leaving."""
    connections[SECOND] = connections["default"].copy(SECOND)
    try:
        yield
    finally:
        connections[SECOND].close()
        del connections[SECOND]


def empty(tables: list[Table]) -> None:
    """Empty ``tables``, and then the event table as its owner can."""
    execute(f"TRUNCATE {', '.join(table.name for table in tables)}")
    execute(sql.read("empty_event_table.sql"))
