"""Standing holds: those in force, as what takes events away as a whole has to ask for them.

Which events a hold keeps, one by one, is told by ``operating/holds.py``.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import connections


def obstacles(using: str, labels: Collection[str] | None = None) -> list[str]:
    """Return, for each hold in force that may keep events of some models, that it is in the way.

    Args:
        using: the database.
        labels: the labels of the models; ``None`` for all.
    """
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT has_table_privilege(to_regclass('pgaudit_log_hold'), 'SELECT')")
        [may_read] = cursor.fetchone()
        # Null where there is no such table.
        if may_read is None:
            return []
        if not may_read:
            return [
                "This role may not see which events are held. Run it as the role that migrates."
            ]
        cursor.execute(
            """
            SELECT number, reason
            FROM pgaudit_log_hold
            WHERE released_at IS NULL AND (%s OR model IS NULL OR model = ANY (%s))
            ORDER BY number
            """,
            [labels is None, list(labels or ())],
        )
        return [
            f"The hold {number} ({reason}) may keep some of these events. Release it first."
            for number, reason in cursor.fetchall()
        ]
