"""Transaction ends: where the events of a large transaction begin and end, without reading all of them.

No index has the events of a transaction in order. They mostly stand together, so that their ends
are found like those of a range: by larger and larger steps, and then halves.
"""

from __future__ import annotations

from typing import Any, Literal

from django.db import connections

from pgaudit_log.values.sql_text import Sql, template

WINDOW = 50
"""How many events of others may stand between two of a transaction, so that they are one run."""

_BEYOND: dict[str, dict[str, str]] = {
    "first": {"beyond": "<", "order": "DESC", "away": "-"},
    "last": {"beyond": ">", "order": "ASC", "away": "+"},
}


def end_of(event: Any, side: Literal["first", "last"], using: str) -> int:
    """Return the id of the first or the last event of the run in which an event's transaction wrote it.

    It takes one query, some thirty looks at an index. A transaction that paused, while others wrote
    more than a few events, has several runs.
    """
    sql = template("pgaudit_log.reading", "transaction_end.sql").sql(
        txid=Sql.param(event.pgh_txid),
        inside=Sql.param(event.pgh_id + (1 if side == "first" else -1)),
        time=Sql.param(event.pgh_created_at),
        window=Sql.plain(str(WINDOW)),
        **{hole: Sql.plain(text) for hole, text in _BEYOND[side].items()},
    )
    with connections[using].cursor() as cursor:
        cursor.execute(sql.text, sql.params)
        found: int = cursor.fetchone()[0]
        return found
