"""Bulk transactions: those that have made many events, among the newest ones that are asked for."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Func
from django.db.models.sql.compiler import SQLCompiler

MOST_EVENTS = 100_000
"""Among how many events, the newest that are asked for, large transactions are looked for."""


def in_bulk_transactions(events: Any, least: int) -> Any:
    """Return those of ``events`` whose transaction has made ``least`` of them.

    No index tells how many events a transaction has, so that only so many are counted.
    """
    newest = events.order_by("-pgh_id").values("pgh_txid")[:MOST_EVENTS]
    return events.filter(_IsOfMany("pgh_txid", newest=newest, least=least))


class _IsOfMany(Func):
    """Whether a transaction is one of those that so many events are of."""

    arity = 1
    output_field = models.BooleanField()

    def __init__(self, transaction: Any, *, newest: Any, least: int, **extra: Any) -> None:
        self.newest = newest
        self.least = least
        super().__init__(transaction, **extra)

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> Any:
        """Return the SQL."""
        transaction, _ = compiler.compile(self.source_expressions[0])
        newest, params = self.newest.query.get_compiler(connection=connection).as_sql()
        large = (
            f"SELECT newest.txid FROM ({newest}) AS newest (txid)"
            " GROUP BY newest.txid HAVING count(*) >= %s"
        )
        return f"{transaction} = ANY (ARRAY({large}))", [*params, self.least]
