"""What tests of going back need: tables that are dropped again, and copies to compare them with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

import pgaudit_log
from pgaudit_log.declaring import declarations
from pgaudit_log.models import Events
from pgaudit_log.testing import isolated
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.quoting import quote_name
from tests.support import execute
from tests.tables import install, make

__all__ = ["Copies", "Tables", "event_of", "tables", "transaction_of"]


class Tables:
    """Tracked tables that a test makes, in committed transactions."""

    def __init__(self) -> None:
        self._made: list[str] = []

    def make(
        self,
        model_name: str,
        /,
        *trackers: Any,
        track: dict[str, Any] | None = None,
        bases: tuple[Any, ...] | None = None,
        **attributes: Any,
    ) -> Any:
        """Declare, track and create a table, with those of its many-to-many relations."""
        given = {"bases": bases} if bases else {}
        model = make(model_name, **given, **attributes)
        pgaudit_log.track(*trackers, **(track or {}))(model)
        through = [f.remote_field.through for f in model._meta.local_many_to_many]
        through = [t for t in through if t._meta.auto_created]
        for each in through:
            pgaudit_log.track()(each)
        install(model)
        for each in through:
            install(each, create=False)
        self._made += [m._meta.db_table for m in (*through, model)]
        return model

    def retrack(self, model: Any, *trackers: Any, **options: Any) -> None:
        """Track a table once more."""
        pgaudit_log.track(*trackers, **options)(model)
        install(model, create=False)

    def _drop(self) -> None:
        views = [
            f'DROP VIEW IF EXISTS "shop_{d.model_name.lower()}"'
            for d in declarations.declarations()
            if d.tracked_model._meta.db_table in self._made
        ]
        for statement in views:
            execute(statement)
        for name in reversed(self._made):
            execute(f"DROP TABLE IF EXISTS {quote_name(name)} CASCADE")


@contextmanager
def tables() -> Iterator[Tables]:
    """Give a test its tables; drop and forget them in the end."""
    with isolated():
        made = Tables()
        try:
            yield made
        finally:
            # The end of a test's own transaction does it.
            if not connection.in_atomic_block:
                made._drop()


class Copies:
    """Copies of tables as they were; the tables themselves are not touched."""

    def __init__(self, *models: Any) -> None:
        self.models = models
        for number, model in enumerate(models):
            execute(f"DROP TABLE IF EXISTS pg_temp.copy_{number}")
            execute(f"CREATE TEMP TABLE copy_{number} AS TABLE {quote_name(model._meta.db_table)}")

    def differences(self) -> list[Any]:
        """Return (label, row then, row now) of what is not the same to the last bit."""
        found = []
        for number, model in enumerate(self.models):
            keys = ", ".join(quote_name(f.column) for f in key_fields(model))
            table = quote_name(model._meta.db_table)
            differing = execute(
                f"SELECT old::text, new::text FROM pg_temp.copy_{number} AS old"
                f" FULL JOIN {table} AS new USING ({keys})"
                " WHERE old IS NOT DISTINCT FROM NULL OR new IS NOT DISTINCT FROM NULL"
                " OR record_image_ne(old, new)"
            )
            found += [(model._meta.label, *row) for row in differing]
        return found


def transaction_of(event: Any = None) -> int:
    """Return the transaction of an event, by default of the newest."""
    event = event or Events.objects.latest("pgh_id")
    txid: int = event.pgh_txid
    return txid


def event_of(model: Any, operation: str, **filters: Any) -> Any:
    """Return the newest event of a model with this operation."""
    found = Events.objects.filter(
        pgh_obj_model=model._meta.label, pgh_operation=operation, **filters
    )
    return found.latest("pgh_id")
