"""Seams: where what a peer has told of an object ends, and what it has missed there."""

from __future__ import annotations

from collections.abc import Callable

from django.db import connections, transaction

from pgaudit_log.backfill import backfill
from pgaudit_log.constants import IMPORT_TABLES
from pgaudit_log.declaring import declarations
from pgaudit_log.importing.gap_statements import STATES, GapStatements
from pgaudit_log.importing.sources import Source
from pgaudit_log.values.pinned_settings import AT_ONCE, pinned

_GAPS = f"{IMPORT_TABLES}_gaps"
"""The temporary table of what was missed."""


def close(source: Source, using: str, *, import_id: Callable[[], int]) -> int:
    """Write what says that the peer has missed something, and return how many events that took.

    Where its last record of an object is not what this package's first event found, a baseline in
    between says so, or a deletion. An object that has no such event is compared with its row: what
    is there and is not told gets a baseline of now, by a backfill.
    """
    connection = connections[using]
    statements = GapStatements(source, connection)
    with transaction.atomic(using=using), pinned(using, **AT_ONCE), connection.cursor() as cursor:
        states = statements.states()
        cursor.execute(f"CREATE TEMPORARY TABLE {STATES} AS {states.text}", states.params)
        cursor.execute(f"ANALYZE {STATES}")
        found = statements.gaps()
        cursor.execute(f"CREATE TEMPORARY TABLE {_GAPS} AS {found.text}", found.params)
        cursor.execute(f"SELECT count(*) FROM {_GAPS}")
        [gaps] = cursor.fetchone()
        if gaps:
            cursor.execute(statements.shape_sql())
            [shape] = cursor.fetchone()
            insert = statements.insert_gaps(_GAPS, import_id(), shape)
            cursor.execute(insert.text, insert.params)
        unknown = statements.has_unknown()
        cursor.execute(unknown.text, unknown.params)
        [has_unknown] = cursor.fetchone()
        cursor.execute(f"DROP TABLE {_GAPS}, {STATES}")
    if not has_unknown and len(declarations.declarations_of(source.model)) == 1:
        return int(gaps)
    return int(gaps) + backfill(source.model, using=using).events
