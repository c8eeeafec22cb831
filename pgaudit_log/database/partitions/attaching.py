"""Attaching: a table of a period, empty or filled by itself, becomes a partition of the event table."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, OperationalError, connections, transaction

from pgaudit_log import sql
from pgaudit_log.constants import DEFAULT_PARTITION, EVENT_TABLE
from pgaudit_log.database.partitions.calendar import Period
from pgaudit_log.database.partitions.locking import (
    DEADLOCK,
    LOCK_NOT_AVAILABLE,
    QUEUED_MS,
    Patience,
    holders,
    lock_timeout,
)
from pgaudit_log.database.privileges import sqlstate
from pgaudit_log.exceptions import PlanError
from pgaudit_log.values.quoting import quote_name


def make(cursor: Any, table: str, period: Period, *, has_indexes: bool = True) -> None:
    """Make an empty table for the events of a period.

    Args:
        cursor: a cursor in a transaction.
        table: its name, not quoted.
        period: whose events it may have, no others.
        has_indexes: whether it has those of the event table from the start.
    """
    without = "" if has_indexes else " EXCLUDING INDEXES"
    cursor.execute(sql.read("partition_table.sql").format(**_names(table, period), without=without))


def add_indexes(cursor: Any, table: str) -> None:
    """Give a table that was made without indexes those of the event table."""
    cursor.execute(sql.read("missing_indexes.sql"), {"table": quote_name(table)})
    for (statement,) in cursor.fetchall():
        cursor.execute(statement)


def attach(cursor: Any, table: str, period: Period) -> None:
    """Make a table that has the indexes a partition; it belongs to whom the event table does then."""
    cursor.execute(sql.read("partition.sql").format(**_names(table, period)))
    cursor.execute(
        "SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class"
        " WHERE oid = to_regclass(%s) AND pg_get_userbyid(relowner) <> current_user",
        [EVENT_TABLE],
    )
    if (row := cursor.fetchone()) is not None:
        cursor.execute(f"ALTER TABLE {quote_name(table)} OWNER TO {row[0]}")


def attach_patiently(using: str, table: str, period: Period, patience: Patience) -> None:
    """Do the same once nobody has a lock of the DEFAULT partition, as readers of the trail do.

    Writers are not in its way, nor it in theirs. It queues for the lock for a moment at a time, so
    that readers do not wait behind it.

    Raises:
        PlanError: when it has waited for long enough, or events of the period have come into the
            DEFAULT partition.
    """
    patience.begin()
    while True:
        try:
            with transaction.atomic(using=using), connections[using].cursor() as cursor:
                with lock_timeout(cursor, f"{QUEUED_MS}ms"):
                    attach(cursor, table, period)
                return
        except IntegrityError as error:
            raise PlanError(
                f"Events of the time of {period.table} have come into the DEFAULT partition meanwhile, so"
                " that it cannot become a partition. What was done before is kept: run it again."
            ) from error
        except OperationalError as error:
            if sqlstate(error) not in (LOCK_NOT_AVAILABLE, DEADLOCK):
                raise
        busy = next(iter(holders(using, [DEFAULT_PARTITION])), None)
        patience.pause(
            "waiting for a moment in which nobody reads the whole event table"
            + (f", as {busy} does" if busy is not None else "")
        )


def _names(table: str, period: Period) -> dict[str, str]:
    return {
        "partition": quote_name(table),
        "bounds": quote_name(f"{period.table}_bounds"),
        "start": period.start.isoformat(sep=" "),
        "end": period.end.isoformat(sep=" "),
    }
