"""Looks at a database after writers: what it prints is compared with their ledgers."""

from __future__ import annotations

import json

import django

TABLES = ("shop_customer", "shop_order", "shop_orderline", "shop_parcel")

REPLAYED = """
WITH newest AS (
    SELECT DISTINCT ON (obj_pk) obj_pk, operation, snapshot
    FROM pgaudit_log_event
    WHERE model = %s
    ORDER BY obj_pk, id DESC
)
SELECT count(*)
FROM (SELECT obj_pk, snapshot FROM newest WHERE operation <> 'D') AS event
FULL JOIN (SELECT id::text AS obj_pk, pgaudit_log_snapshot(t) AS snapshot FROM {table} AS t) AS row
    USING (obj_pk)
WHERE event.snapshot IS DISTINCT FROM row.snapshot
"""
"""How many rows of a table are not what the newest event of each object says."""


def main() -> None:
    """Print how many events each token has, and what does not fit, as JSON."""
    django.setup()
    from django.apps import apps
    from django.db import connection
    from django.db.models import Count, F

    from pgaudit_log.models import Events
    from pgaudit_log.operating import status, verify

    counts = Events.objects.filter(pgh_context__has_key="token").values_list("pgh_context__token")
    captured = Events.objects.filter(pgh_context__has_key="token", pgh_operation__in=["I", "U"])
    crossed = 0
    for model, column in (("shop.Customer", "name"), ("shop.Order", "note")):
        events = captured.filter(pgh_obj_model=model)
        crossed += events.exclude(**{f"pgh_data__{column}": F("pgh_context__token")}).count()
    differing = 0
    with connection.cursor() as cursor:
        for table in TABLES:
            label = apps.get_model("shop", table.partition("_")[2])._meta.label
            cursor.execute(REPLAYED.format(table=table), [label])
            differing += cursor.fetchone()[0]
        cursor.execute("SELECT sum(status::int) FROM shop_order WHERE status ~ '^[0-9]+$'")
        counted = cursor.fetchone()[0]
    print(
        json.dumps(
            {
                "events": dict(counts.annotate(events=Count("*")).order_by()),
                "all_events": Events.objects.count(),
                "crossed": crossed,
                "differing": differing,
                "counted": counted,
                "findings": [str(finding) for finding in verify()],
                "problems": [f"{problem.id} {problem.on}" for problem in status().problems],
            }
        )
    )


if __name__ == "__main__":
    main()
