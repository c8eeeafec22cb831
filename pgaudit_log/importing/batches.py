"""Batches: carries out one after the other, in transactions of their own, on several connections."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import connections, transaction

WORKERS = 2
"""How many connections write at the same time."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one transaction does."""

    write: Callable[[], object]
    events: int
    """How many events are imported with it."""
    after: int = 0
    """How many of the first batches must have ended before it begins."""
    is_hidden: bool = False
    """Whether nobody sees yet what it has written, so that it is committed whatever the others do."""


def run(
    batches: Sequence[Batch],
    using: str,
    *,
    workers: int = WORKERS,
    done: Callable[[Batch], object] = lambda batch: None,
) -> None:
    """Carry out each batch in a transaction, and tell ``done`` of it.

    Several are written at the same time, but they are committed in their order, those aside that
    are hidden: what an interruption leaves to be seen is the first ones. In a running transaction
    one connection writes them all.

    Raises:
        Exception: what a batch has raised; those before it stay.
    """
    connection = connections[using]
    # A schema of a tenant's is a matter of this connection.
    is_alone = connection.in_atomic_block or hasattr(connection, "schema_name")
    if workers == 1 or is_alone or len(batches) <= 1:
        for batch in batches:
            with transaction.atomic(using=using):
                batch.write()
            done(batch)
        return
    _Crew(batches, using).run(workers, done)


class _Crew:
    """Several threads, each with a connection of its own, that carry out batches."""

    def __init__(self, batches: Sequence[Batch], using: str) -> None:
        self._batches = batches
        self._using = using
        self._numbers = iter(range(len(batches)))
        self._taking = threading.Lock()
        self._has_ended = [threading.Event() for _ in batches]
        self._first_failed = len(batches)
        """The first batch that is not to be committed."""
        self._errors: list[BaseException] = []

    def run(self, workers: int, done: Callable[[Batch], object]) -> None:
        threads = [
            threading.Thread(target=self._work, name=f"pgaudit_log import {number}")
            for number in range(min(workers, len(self._batches)))
        ]
        for thread in threads:
            thread.start()
        try:
            for number, batch in enumerate(self._batches):
                self._has_ended[number].wait()
                if number >= self._first_failed:
                    break
                done(batch)
        except BaseException:
            # What has not been committed by now is rolled back.
            self._first_failed = 0
            raise
        finally:
            for thread in threads:
                thread.join()
        if self._errors:
            raise self._errors[0]

    def _work(self) -> None:
        try:
            while (number := self._next()) is not None:
                try:
                    self._carry_out(number)
                except BaseException as error:
                    self._errors.append(error)
                    self._first_failed = min(number, self._first_failed)
                finally:
                    self._has_ended[number].set()
        finally:
            connections[self._using].close()

    def _next(self) -> int | None:
        with self._taking:
            number = next(self._numbers, None)
        return number if number is not None and number < self._first_failed else None

    def _carry_out(self, number: int) -> None:
        batch = self._batches[number]
        self._wait_for(batch.after)
        if number >= self._first_failed:
            return
        with transaction.atomic(using=self._using):
            batch.write()
            if not batch.is_hidden:
                self._wait_for(number)
            if number >= self._first_failed:
                transaction.set_rollback(True, using=self._using)

    def _wait_for(self, batches: int) -> None:
        """Return once that many of the first batches have ended, each in one way or another."""
        for ended in self._has_ended[:batches]:
            ended.wait()
