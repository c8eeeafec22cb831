"""Batches: carries out one after the other, in transactions of their own, on several connections."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db import connections, transaction

B = TypeVar("B")

WORKERS = 2
"""How many connections write at the same time."""


def run(
    write: Callable[[B], object],
    batches: Sequence[B],
    using: str,
    *,
    workers: int = WORKERS,
    done: Callable[[B], object] = lambda batch: None,
) -> None:
    """Carry out ``write`` for each batch in a transaction, and tell ``done`` of it.

    Several are written at the same time, but they are committed in their order: what an
    interruption leaves is the first ones. In a running transaction one connection writes them all.

    Raises:
        Exception: what a batch has raised; those before it stay.
    """
    connection = connections[using]
    # A schema of a tenant's is a matter of this connection.
    is_alone = connection.in_atomic_block or hasattr(connection, "schema_name")
    if workers == 1 or is_alone or len(batches) <= 1:
        for batch in batches:
            with transaction.atomic(using=using):
                write(batch)
            done(batch)
        return
    _Crew(write, batches, using).run(workers, done)


class _Crew:
    """Several threads, each with a connection of its own, that carry out batches."""

    def __init__(self, write: Callable[[B], object], batches: Sequence[B], using: str) -> None:
        self._write: Callable[[Any], object] = write
        self._batches: Sequence[Any] = batches
        self._using = using
        self._numbers = iter(range(len(batches)))
        self._taking = threading.Lock()
        self._has_ended = [threading.Event() for _ in batches]
        self._first_failed = len(batches)
        """The first batch that is not to be committed."""
        self._errors: list[BaseException] = []

    def run(self, workers: int, done: Callable[[Any], object]) -> None:
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
        with transaction.atomic(using=self._using):
            self._write(self._batches[number])
            if number:
                self._has_ended[number - 1].wait()
            if number >= self._first_failed:
                transaction.set_rollback(True, using=self._using)
