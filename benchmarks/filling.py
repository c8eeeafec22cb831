"""Filling the event table with a year of events, as triggers would have written them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from django.db import connection

from benchmarks import year
from benchmarks.archive.models import MODELS
from benchmarks.preparing import execute
from benchmarks.shop.models import Customer
from benchmarks.year import CHUNK, EVENTS_A_TRANSACTION, USERS

EVENTS_AN_OBJECT = 10
EVENTS_A_CUSTOMER = 200
"""A customer has an object in each of the 20 models, and each object has ten events."""

# An event is known by its number: the model, object, transaction and time follow from it. Ids of
# contexts grow with time, as UUIDv7 do.
_FILL = """
INSERT INTO pgaudit_log_event (
    created_at, txid, model, obj_pk, label, operation, snapshot, diff, refs, context_id, context
)
SELECT
    made_at, 1000 + change, label, obj_pk::text,
    CASE WHEN version = 0 THEN 'insert' ELSE 'update' END,
    CASE WHEN version = 0 THEN 'I' ELSE 'U' END,
    jsonb_build_object(
        'id', obj_pk, 'customer_id', customer, 'email', 'customer' || customer || '@example.com',
        'status', status, 'note', note, 'quantity', version, 'price', (obj_pk %% 100000) / 100.0,
        'discount', 0.25, 'is_paid', version > 5, 'placed_at', '2026-01-01T12:00:00+00:00',
        'due_on', '2026-02-01',
        'tags', jsonb_build_object('colour', 'green', 'sizes', jsonb_build_array(1, version))
    ),
    CASE WHEN version > 0 THEN jsonb_build_object(
        'quantity', jsonb_build_array(version - 1, version),
        'status', jsonb_build_array('status ' || version - 1, status)
    ) END,
    ARRAY['shop.Customer:' || customer],
    (
        lpad(to_hex((extract(epoch FROM made_at) * 1000)::bigint), 12, '0')
        || '7' || substr(md5(change::text), 1, 3) || '8' || substr(md5(change::text), 4, 15)
    )::uuid,
    jsonb_build_object('user', change %% %(users)s + 1, 'url', '/papers/' || change || '/change/')
FROM (
    SELECT
        n, version, change, obj_pk,
        (%(labels)s::text[])[model + 1] AS label,
        'status ' || version AS status,
        'Please leave it at the back door, beside flower pot ' || n || '.' AS note,
        -- An object keeps its customer, who has objects of all models.
        (obj_pk * 7 + model * 131) %% %(customers)s + 1 AS customer,
        %(start)s + change * %(together)s * %(step)s AS made_at
    FROM (
        SELECT
            n,
            n %% %(models)s AS model,
            n / %(models)s %% %(objects)s + 1 AS obj_pk,
            n / %(models)s / %(objects)s AS version,
            n / %(together)s AS change
        FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
    ) AS numbered
) AS event
"""

_ROWS = """
INSERT INTO {table} (
    id, customer_id, email, status, note, quantity, price, discount, is_paid, placed_at, due_on, tags
)
SELECT n, n %% %s + 1, 'a@example.com', 'status 9', 'note', 9, 1, 0.25, true, now(), '2026-02-01', '{{}}'
FROM generate_series(1, %s) AS n
"""


def fill(events: int) -> dict[str, int]:
    """Fill the empty event table and the tables of the models; return how many there are of each."""
    objects = events // len(MODELS) // EVENTS_AN_OBJECT
    customers = max(events // EVENTS_A_CUSTOMER, 1)
    missing = range(Customer.objects.count(), customers)
    Customer.objects.bulk_create(Customer(pk=n + 1, name=f"Customer {n}") for n in missing)
    execute("SET session_replication_role = replica")  # these rows shall leave no events
    for model in MODELS:
        execute(_ROWS.format(table=model._meta.db_table), [customers, objects])
    execute("SET session_replication_role = origin")
    year.make_partitions()
    start = year.months()[0].start
    arguments: dict[str, Any] = {
        "labels": [model._meta.label for model in MODELS],
        "models": len(MODELS),
        "objects": objects,
        "customers": customers,
        "users": USERS,
        "together": EVENTS_A_TRANSACTION,
        "start": start,
        "step": (datetime.now(timezone.utc) - start) / events,
    }
    for first in range(0, events, CHUNK):
        last = min(first + CHUNK, events) - 1
        with connection.cursor() as cursor:
            cursor.execute(_FILL, {**arguments, "first": first, "last": last})
    execute("VACUUM ANALYZE")
    year.finish()
    return {"events": events, "objects": objects, "customers": customers, "users": USERS}


TASKS = (fill,)
