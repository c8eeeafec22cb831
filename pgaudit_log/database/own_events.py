"""Own events: what acts on the log, and who came and went, leave events of no tracked table."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, connections, transaction

from pgaudit_log.conf import settings
from pgaudit_log.constants import ACCESS, EVENT_TABLE, MAINTENANCE
from pgaudit_log.database.event_table import schema_of
from pgaudit_log.exceptions import PlanError

__all__ = ["ACCESS", "MAINTENANCE", "only_one", "write"]

ACCESS_LABELS = ("login", "logout", "login_failed", "page_view", "export")
"""The labels of these."""


def write(
    using: str,
    model: str,
    label: str,
    data: Mapping[str, Any],
    *,
    obj_pk: str | None = None,
    refs: Sequence[str] = (),
) -> int:
    """Write a manual event of what is no tracked table, in the running context; return its id.

    Args:
        using: the database.
        model: :data:`MAINTENANCE`, of which only roles can write that may write the log itself, or
            :data:`ACCESS`.
        label: what was done, such as ``retention`` or ``login``; of accesses one of
            :data:`ACCESS_LABELS`, where the database was hardened.
        data: more about it, as JSON; it becomes the event's snapshot.
        obj_pk: the key of what it was done to, as text.
        refs: what it points at, as ``auth.User:5``.
    """
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(
            f"SELECT {schema_of(using)}.pgaudit_log_write_manual("
            "%s, %s, %s, 0, %s::jsonb, %s::text[], %s)",
            [
                model,
                obj_pk,
                label,
                json.dumps(data, cls=DjangoJSONEncoder),
                list(refs) or None,
                settings.is_by_clock,
            ],
        )
        return int(cursor.fetchone()[0])


def is_at_work(using: str) -> bool:
    """Return whether an operator is at work on the log of a database: :func:`only_one` has its lock."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT EXISTS (
                SELECT
                FROM pg_locks
                WHERE locktype = 'advisory'
                    AND granted
                    AND objsubid = 1
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                    AND (classid::bigint << 32) | objid::bigint = hashtextextended(%s, 0)
            )
            """,
            [_lock_name(using)],
        )
        return bool(cursor.fetchone()[0])


def _lock_name(using: str) -> str:
    return f"{schema_of(using)}.{EVENT_TABLE} operators"


@contextmanager
def only_one(using: str) -> Iterator[None]:
    """Keep other operators from acting on the log of a database, while the block runs.

    The lock is held by a transaction of a connection of its own, which does nothing else: so it
    spans the transactions of the block, also behind a pooler, and it ends with the process.

    Raises:
        PlanError: when another one is at work.
    """
    holder = connections.create_connection(using)
    try:
        with holder.cursor() as cursor:
            cursor.execute("BEGIN")
            # It waits as long as the block runs, and keeps nothing from VACUUM meanwhile.
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute(
                "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))",
                [_lock_name(using)],
            )
            if not cursor.fetchone()[0]:
                raise PlanError(
                    f'Another operator is at work on the log of the database "{using}":'
                    " partitions, retention, imports, roles and masks are worked on by one at a time."
                    " Nothing was done; wait until that one has ended, and run this again."
                )
        try:
            yield
        finally:
            # A server learns only a little later that a connection was closed.
            with suppress(DatabaseError), holder.cursor() as cursor:
                cursor.execute("ROLLBACK")
    finally:
        # A server notices only after a while that a connection has been closed.
        with suppress(DatabaseError), holder.cursor() as cursor:
            cursor.execute("ROLLBACK")
        holder.close()
