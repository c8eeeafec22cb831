"""What PostgreSQL plans for a question about events: which scans, on which index."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

from django.db import connection, models

from pgaudit_log.database.partitions.calendar import period_at


def nodes(queryset: models.QuerySet[Any, Any], **options: Any) -> list[dict[str, Any]]:
    """Return the nodes of a queryset's plan; ``options`` are those of ``EXPLAIN``."""

    return walk(json.loads(queryset.explain(format="json", **options))[0]["Plan"])


def walk(node: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a node of a plan and all below it."""
    return [node] + [found for child in node.get("Plans", []) for found in walk(child)]


def event_scans(queryset: models.QuerySet[Any, Any]) -> list[dict[str, Any]]:
    """Return the nodes that read the partition of this month, where all events are.

    The empty partitions are read in whichever way.
    """
    this_month = period_at(datetime.now(timezone.utc), "month").table
    return [
        node
        for node in nodes(queryset)
        if node.get("Relation Name") == this_month
        or node.get("Index Name", "").startswith(this_month)
    ]


def uses(queryset: Any, condition: str) -> bool:
    """Return whether every scan of the events has ``condition`` as its index's."""
    scans = event_scans(queryset)
    assert scans
    return all(
        condition in scan.get("Index Cond", "") + scan.get("Recheck Cond", "") for scan in scans
    )


@contextmanager
def explained(*texts: str, begins: str = "SELECT") -> Iterator[list[list[dict[str, Any]]]]:
    """Yield a list that gets the nodes of the plan of each statement of a block with these texts, as it ran.

    Of one that writes what a query finds, it is the query, which ``begins`` so.
    """
    found: list[list[dict[str, Any]]] = []

    def explain(run: Any, sql: str, params: Any, many: bool, about: Any) -> Any:
        if all(text in sql for text in texts):
            select = sql[sql.index(begins) :].removesuffix(" ON CONFLICT DO NOTHING")
            with connection.cursor() as cursor:
                cursor.cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {select}", params)
                [plan] = cursor.fetchone()[0]
            found.append(walk(plan["Plan"]))
        return run(sql, params, many, about)

    with connection.execute_wrapper(explain):
        yield found


def compared(node: dict[str, Any]) -> int:
    """Return how many pairs a join has found and left out again."""
    return int(node.get("Rows Removed by Join Filter", 0) * node["Actual Loops"])
