"""Backfill: writes a baseline event of each row that is older than its tracking.

The rows never leave the server. They are taken in batches along the primary key, each in a
transaction of its own, so that an interrupted run keeps what it wrote.

A baseline must never stand behind an event of a change that it does not have. So the rows are
locked first, and asked for their events by a second statement, which sees what was committed
until then. A batch leaves out the rows that writers have locked; each of them is then waited for
by itself, with no other row locked, so that a backfill is never part of a deadlock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections, models, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.backfill.event_sql import Baselines, Key, baselines
from pgaudit_log.conf import settings
from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.declaring import declarations, former_names, model_labels
from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.exceptions import PlanError, QueryError
from pgaudit_log.values.pinned_settings import pinned
from pgaudit_log.values.sql_text import Sql
from pgaudit_log.values.tables import concrete

BATCH_SIZE = 5_000
"""Rows a batch. Smaller ones lock rows for a shorter time, larger ones are hardly faster."""

PLANNER = {
    # A table of events that is still empty would be planned for a scan, and grow during it.
    "enable_seqscan": "off",
    "jit": "off",
}
"""Settings that keep the plan of a batch what it should be."""


@dataclass(frozen=True, kw_only=True)
class Backfilled:
    """What a backfill did."""

    model: str
    """The label of the model, such as ``shop.Order``."""
    rows: int
    """How many rows were seen."""
    events: int
    """How many baseline events were written."""


def backfill(
    model: type[models.Model] | str,
    *,
    using: str | None = None,
    batch_size: int = BATCH_SIZE,
    progress: Callable[[int, int], object] | None = None,
    label: str | None = None,
) -> Backfilled:
    """Write a baseline event of each row whose state no event tells, and return what was done.

    A row's state is known from its newest insert, update or baseline event. It is not known
    without one, after a delete and after a truncate. Writers go on meanwhile; a second run
    adds nothing. The running context is recorded with the events.

    Args:
        model: a tracked model, or its label.
        using: the database; by default the one that the routers give for writing.
        batch_size: how many rows a transaction takes.
        progress: called after each batch with the rows that are done and the estimated total.
        label: the label of a tracker: only baselines of the ``track()`` that has it. By default
            each ``track()`` of the model gets its own.

    Raises:
        QueryError: when the model is not tracked, has no such tracker, or ``batch_size`` is
            less than 1. Nothing is written then.
        PlanError: when the role of the connection may not write events.
    """
    model = _tracked_model(model)
    chosen = _declarations(model, label)
    if batch_size < 1:
        raise QueryError(
            f"Cannot backfill {concrete(model)._meta.label} in batches of {batch_size} rows."
            " Give a batch_size of 1 or more."
        )
    connection = connections[using or router.db_for_write(model)]
    _refuse_who_may_not_write(connection, chosen[0])
    writers = [_Writer(declaration, connection) for declaration in chosen]
    total = _estimated_rows(model, connection) if progress else 0
    table = concrete(model)
    rows = events = 0
    last: Key = ()
    while True:
        left_out: list[tuple[_Writer, Key]] = []
        with _transaction(connection, table._meta.label):
            seen, upper = writers[0].boundary(last, batch_size)
            for writer in writers if seen else ():
                written, key = writer.write_batch(last, upper)
                events += written
                left_out.append((writer, key))
        for writer, key in left_out:
            while key:
                with _transaction(connection, table._meta.label):
                    written, key = writer.write_one(key, upper)  # noqa: PLW2901
                events += written
        rows += seen
        last = upper
        is_last = seen < batch_size
        if progress and (seen or rows != total):
            total = rows if is_last else max(total, rows)
            progress(rows, total)
        if is_last:
            return Backfilled(model=table._meta.label, rows=rows, events=events)


async def abackfill(
    model: type[models.Model] | str,
    *,
    using: str | None = None,
    batch_size: int = BATCH_SIZE,
    progress: Callable[[int, int], object] | None = None,
    label: str | None = None,
) -> Backfilled:
    """Do what :func:`backfill` does; ``progress`` is called in the thread that works."""
    return await sync_to_async(backfill)(
        model, using=using, batch_size=batch_size, progress=progress, label=label
    )


def _tracked_model(model: Any) -> type[models.Model]:
    """Return the tracked model that is meant.

    Raises:
        QueryError: says what else was given.
    """
    if isinstance(model, models.Model):
        raise QueryError(
            f"Cannot backfill {model!r}: it is an object. Give its model, {type(model).__name__}."
        )
    found: type[models.Model] | None
    if isinstance(model, str):
        found = model_labels.any_model(model)
        if found is None:
            raise QueryError(
                f'Cannot backfill "{model}": there is no such model.'
                ' Give a label such as "shop.Order".'
            )
    elif isinstance(model, type) and issubclass(model, models.Model):
        found = model
    else:
        raise QueryError(f"Cannot backfill {model!r}: it is no model. Give a tracked model.")
    if not declarations.declarations_of(found):
        raise QueryError(
            f"Cannot backfill {found._meta.label}: it is not tracked."
            " Decorate it with pgaudit_log.track(), make migrations and migrate."
        )
    return found


def _declarations(model: type[models.Model], label: str | None) -> Sequence[Declaration]:
    of_model = declarations.declarations_of(model)
    if label is None:
        return of_model
    declaration = declarations.find(model, label)
    if declaration is None:
        known = sorted(name for d in of_model for name in d.tracker_labels)
        raise QueryError(
            f'Cannot backfill {concrete(model)._meta.label}: it has no tracker "{label}".'
            f" Its trackers are {', '.join(known)}."
        )
    return [declaration]


def _refuse_who_may_not_write(connection: BaseDatabaseWrapper, declaration: Declaration) -> None:
    """Raise where the role of a connection may not write events, as in a hardened database.

    Raises:
        PlanError: says which role can.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT current_user::text, pg_get_userbyid(relowner)::text
            FROM pg_class
            WHERE oid = to_regclass(%s) AND NOT has_table_privilege(oid, 'INSERT')
            """,
            [EVENT_TABLE],
        )
        row = cursor.fetchone()
    if row is not None:
        role, owner = row
        raise PlanError(
            f"Cannot backfill {declaration.label}: the role {role} may not write events. Run it as the"
            f" role that migrates, or with SET ROLE {owner}, the owner of the event table."
        )


class _Writer:
    """Writes the baselines of one declaration; each method is part of a transaction."""

    def __init__(self, declaration: Declaration, connection: BaseDatabaseWrapper) -> None:
        self._declaration = declaration
        self._connection = connection

    @cached_property
    def _sql(self) -> Baselines:
        """The statements; what events call the table is asked for in the first transaction."""
        using = self._connection.alias
        model = concrete(self._declaration.tracked_model)
        return baselines(
            model=model,
            model_labels=former_names.labels_of(model, using),
            called=lambda name: former_names.called(name, using),
            event_labels=declarations.event_labels(self._declaration),
            label=declarations.baseline_label(self._declaration),
            columns=self._declaration.columns,
            created_at=settings.CREATED_AT_FUNCTION,
            masked_context=self._declaration.mask_context,
            connection=self._connection,
        )

    def boundary(self, last: Key, limit: int) -> tuple[int, Key]:
        """Return how many rows, up to ``limit``, follow the key ``last``, and the key of the last."""
        within = self._sql.within(after=last)
        found = self._fetch(self._sql.boundary.sql(within=within, limit=Sql.param(limit)))
        return (found[0], found[1:]) if found else (0, last)

    def write_batch(self, last: Key, upper: Key) -> tuple[int, Key]:
        """Write behind ``last`` up to ``upper``; return the number, and the first key left out."""
        within = self._sql.within(after=last, up_to=upper)
        # Mostly all are known: then nothing needs a lock, and each is asked for once, not twice.
        if not self._first_unknown(within):
            return 0, ()
        return self._write(within, "SKIP LOCKED"), self._first_unknown(within)

    def write_one(self, key: Key, upper: Key) -> tuple[int, Key]:
        """Write at ``key``; return the number, and the first key without up to ``upper``."""
        written = self._write(self._sql.within(at=key), "")
        return written, self._first_unknown(self._sql.within(after=key, up_to=upper))

    def _write(self, within: Sql, skip_locked: str) -> int:
        lock = self._sql.lock_unknown.sql(within=within, skip_locked=skip_locked)
        if self._fetch(lock)[0] == 0:
            return 0
        insert = self._sql.insert_baselines.sql(within=within, skip_locked=skip_locked)
        with self._connection.cursor() as cursor:
            cursor.execute(insert.text, insert.params)
            return int(cursor.rowcount)

    def _first_unknown(self, within: Sql) -> Key:
        return self._fetch(self._sql.first_unknown.sql(within=within))

    def _fetch(self, sql: Sql) -> tuple[Any, ...]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql.text, sql.params)
            return cursor.fetchone() or ()


@contextmanager
def _transaction(connection: BaseDatabaseWrapper, label: str) -> Iterator[None]:
    """Open a transaction in which values look as in captured events and no other backfill runs."""
    is_outermost = not connection.in_atomic_block and connection.get_autocommit()
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        if is_outermost:
            # Each statement must see what was committed before it.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        with pinned(connection.alias, **PLANNER):
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
                [f"pgaudit_log.backfill {label}"],
            )
            yield


def _estimated_rows(model: type[models.Model], connection: BaseDatabaseWrapper) -> int:
    """Return how many rows a table has: as it was last analysed, or counted if it never was."""
    table = concrete(model)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT CASE WHEN min(reltuples) >= 0 THEN sum(reltuples)::bigint END
            FROM pg_class, (SELECT to_regclass(%s) AS oid) AS tracked
            WHERE (pg_class.oid = tracked.oid AND relkind <> 'p')
                OR pg_class.oid IN (SELECT relid FROM pg_partition_tree(tracked.oid) WHERE isleaf)
            """,
            [connection.ops.quote_name(table._meta.db_table)],
        )
        [estimate] = cursor.fetchone()
    if estimate is not None:
        return int(estimate)
    return table._base_manager.using(connection.alias).count()
