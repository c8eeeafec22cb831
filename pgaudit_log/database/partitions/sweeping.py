"""Sweeping: drops what was a partition, once all that is to stay of it is elsewhere."""

from __future__ import annotations

from django.db import connections, transaction

from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.database.event_table import schema_of
from pgaudit_log.database.partitions.copies import Progress, columns_of
from pgaudit_log.values.quoting import quote_literal, quote_name

_LATE = """(
    NOT pg_visible_in_snapshot(top.written::text::xid8, {snapshot})
    OR (
        txid >> 48 = (SELECT max(number) FROM {schema}.pgaudit_log_incarnation)
        AND NOT pg_visible_in_snapshot((txid & 281474976710655)::text::xid8, {snapshot})
    )
    OR (
        (id < 0 OR origin IS NOT NULL)
        AND top.written >= pg_snapshot_xmin({snapshot})::text::bigint
    )
)"""
"""The test whether an event was written by a transaction that had not ended at a snapshot.

``xmin`` may be of a savepoint, which a snapshot does not know; ``txid`` is of the whole transaction,
where the event was captured here. ``xmin`` has 32 bits: what it is at most is taken.
"""

_TOP = """CROSS JOIN LATERAL (
    SELECT newest - ((newest - event.xmin::text::bigint) & 4294967295) AS written
    FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS newest) AS own
) AS top"""


def sweep(using: str, name: str, progress: Progress | None) -> int:
    """Drop a table that was a partition, once all that is to stay of it is elsewhere.

    What was written into it while its place was taken, by name or with a time of its own, comes
    into the event table now; returned is how many events that are. Where nothing says what was to
    stay of it, all does.
    """
    schema = schema_of(using)
    table = f"{schema}.{quote_name(name)}"
    columns = columns_of(using)
    is_late = "TRUE"
    if progress is not None and progress.fingerprint == "kept":
        is_late = _LATE.format(schema=schema, snapshot=quote_literal(progress.snapshot))
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', '5s', true)")
        cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(f"SELECT min(created_at)::text, max(created_at)::text FROM {table}")
        first, last = cursor.fetchone()
        count = 0
        if first is not None:
            cursor.execute(
                f"INSERT INTO {schema}.{EVENT_TABLE} ({columns}) OVERRIDING SYSTEM VALUE"
                f" SELECT {columns} FROM {table} AS event {_TOP} WHERE {is_late} AND NOT EXISTS ("
                f"SELECT FROM {schema}.{EVENT_TABLE} AS other WHERE other.id = event.id"
                f" AND other.created_at = event.created_at"
                f" AND other.created_at BETWEEN {quote_literal(first)}"
                f" AND {quote_literal(last)}) ORDER BY id"
            )
            count = cursor.rowcount
        cursor.execute(f"DROP TABLE {table}")
    return int(count)
