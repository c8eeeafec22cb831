"""Filling the tables of events with an uneven year: of this package and of two peers, the same events."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from benchmarks import variants, year
from benchmarks.company.models import MODELS
from benchmarks.preparing import CUSTOMERS, execute
from benchmarks.year import CHUNK, EVENTS_A_TRANSACTION, USERS

OBJECTS = 200
"""How many objects each model has."""
BUSY_MODEL, BUSY_OBJECT = 1, 7
BUSY_USER_SHARE = 0.4
LARGE_MODEL = 0
LARGE_BEGINS = 0.6
"""Which part of the other events was before the large transaction."""

# An event is known by its number n. In the midst lies one transaction; all others are of three
# events each, ever more of them towards the end of the year. Each k-th is of the busy object, the
# others are of models of which few have most.
_EVENTS = f"""
SELECT
    n, is_large, change, made_at, model, obj_pk, (hash %% 100000 / 100.0)::numeric(10, 2) AS price,
    CASE
        WHEN is_large THEN NULL
        WHEN change * 0.618034 %% 1 < %(share)s THEN 1
        ELSE 2 + change %% (%(users)s - 1)
    END AS user_id,
    CASE
        WHEN is_large THEN 'U'
        WHEN is_busy THEN CASE WHEN o = 0 THEN 'I' ELSE 'U' END
        WHEN hash %% 1000 = 0 THEN 'D'
        WHEN hash %% 5 = 0 THEN 'I'
        ELSE 'U'
    END AS operation,
    hash %% %(customers)s + 1 AS customer, o %% 10 AS version
FROM (
    SELECT
        *,
        change + 1000 AS txid,
        %(start)s::timestamptz
            + power(change * %(together)s / %(ordinary)s::float, 0.7) * %(span)s::interval AS made_at,
        CASE
            WHEN is_large THEN {LARGE_MODEL}
            WHEN is_busy THEN {BUSY_MODEL}
            ELSE floor(%(models)s * power(hash / 2147483648.0, 3))::int
        END AS model,
        CASE
            WHEN is_large THEN n - %(large_from)s + 1
            WHEN is_busy THEN {BUSY_OBJECT}
            ELSE hash %% ({OBJECTS} - {BUSY_OBJECT}) + {BUSY_OBJECT} + 1
        END AS obj_pk
    FROM (
        SELECT
            *,
            NOT is_large AND o %% %(busy_each)s = 0 AS is_busy,
            -- The large transaction has a number of its own between those of its neighbours.
            o / %(together)s + CASE WHEN n >= %(large_to)s THEN 1 ELSE 0 END AS change,
            hashint8(n) & 2147483647 AS hash
        FROM (
            SELECT
                n,
                n >= %(large_from)s AND n < %(large_to)s AS is_large,
                CASE
                    WHEN n < %(large_from)s THEN n
                    WHEN n < %(large_to)s THEN %(large_from)s
                    ELSE n - %(large_to)s + %(large_from)s
                END AS o
            FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
        ) AS numbered
    ) AS hashed
) AS placed
"""

_ROW = """jsonb_build_object(
        'id', obj_pk, 'customer_id', customer, 'name', 'Record ' || obj_pk,
        'status', 'status ' || version, 'note', 'Beside flower pot ' || n || '.',
        'quantity', version, 'price', price, 'is_open', version > 5,
        'placed_at', '2026-01-01T12:00:00+00:00'
    )"""

_DIFF = """CASE WHEN operation = 'U' THEN CASE
        WHEN is_large THEN jsonb_build_object('price', jsonb_build_array(price, price + 1))
        ELSE jsonb_build_object(
            'quantity', jsonb_build_array(version - 1, version),
            'status', jsonb_build_array('status ' || version - 1, 'status ' || version)
        )
    END END"""

_OURS = f"""
INSERT INTO pgaudit_log_event (
    created_at, txid, model, obj_pk, label, operation, snapshot, diff, refs, context_id, context
)
SELECT
    made_at, change + 1000, (%(labels)s::text[])[model + 1], obj_pk::text,
    CASE operation WHEN 'I' THEN 'insert' WHEN 'U' THEN 'update' ELSE 'delete' END, operation,
    {_ROW}, {_DIFF}, ARRAY['shop.Customer:' || customer],
    (
        lpad(to_hex((extract(epoch FROM made_at) * 1000)::bigint), 12, '0')
        || '7' || substr(md5(change::text), 1, 3) || '8' || substr(md5(change::text), 4, 15)
    )::uuid,
    CASE WHEN is_large THEN '{{"command": "reprice"}}'::jsonb ELSE jsonb_build_object(
        'user', user_id, 'user_name', 'user' || user_id, 'method', 'POST',
        'url', '/records/' || change || '/change/'
    ) END
FROM ({_EVENTS}) AS event
ORDER BY n
"""

_AUDITLOG = f"""
INSERT INTO auditlog_logentry (
    content_type_id, object_pk, object_id, object_repr, action, changes_text, changes, actor_id,
    timestamp, remote_addr
)
SELECT
    (%(types)s::int[])[model + 1], obj_pk::text, obj_pk, 'Record ' || obj_pk,
    CASE operation WHEN 'I' THEN 0 WHEN 'U' THEN 1 ELSE 2 END, '', COALESCE({_DIFF}, {_ROW}),
    user_id, made_at, '10.0.0.1'
FROM ({_EVENTS}) AS event
ORDER BY n
"""

_EASY_AUDIT = f"""
INSERT INTO easyaudit_crudevent (
    event_type, object_id, content_type_id, object_repr, object_json_repr, changed_fields, user_id,
    user_pk_as_string, datetime
)
SELECT
    CASE operation WHEN 'I' THEN 1 WHEN 'U' THEN 2 ELSE 3 END, obj_pk::text,
    (%(types)s::int[])[model + 1], 'Record ' || obj_pk, {_ROW}::text, COALESCE(({_DIFF})::text, ''),
    user_id, COALESCE(user_id::text, ''), made_at
FROM ({_EVENTS}) AS event
ORDER BY n
"""

_INSERTS = {
    variants.ADMIN: _OURS,
    variants.ADMIN_AUDITLOG: _AUDITLOG,
    variants.ADMIN_EASY_AUDIT: _EASY_AUDIT,
}

_ROWS = """
INSERT INTO {table} (id, customer_id, name, status, note, quantity, price, is_open, placed_at)
SELECT n, n %% %s + 1, 'Record ' || n, 'status 9', 'note', 9, 1, true, now()
FROM generate_series(1, %s) AS n
"""


def fill_company(events: int, large: int, busy: int) -> dict[str, int]:
    """Fill the empty tables of events and models.

    Args:
        events: how many there are to be.
        large: how many of them one transaction has.
        busy: how many of them one object has.
    """
    users = get_user_model().objects
    users.bulk_create(
        get_user_model()(username=f"user{n}", is_staff=True)
        for n in range(users.count() + 1, USERS + 1)
    )
    execute("SET session_replication_role = replica")  # these rows shall leave no events
    for model in MODELS:
        execute(_ROWS.format(table=model._meta.db_table), [CUSTOMERS, OBJECTS])
    execute("SET session_replication_role = origin")
    ours = settings.VARIANT is variants.ADMIN
    if ours:
        year.make_partitions()
    start = year.months()[0].start
    ordinary = events - large
    large_from = int(ordinary * LARGE_BEGINS) // EVENTS_A_TRANSACTION * EVENTS_A_TRANSACTION
    types = ContentType.objects.get_for_models(*MODELS)
    arguments: dict[str, Any] = {
        "labels": [model._meta.label for model in MODELS],
        "types": [types[model].pk for model in MODELS],
        "models": len(MODELS),
        "customers": CUSTOMERS,
        "users": USERS,
        "share": BUSY_USER_SHARE * events / ordinary,
        "together": EVENTS_A_TRANSACTION,
        "start": start,
        "span": datetime.now(timezone.utc) - start,
        "ordinary": ordinary,
        "busy_each": ordinary // busy,
        "large_from": large_from,
        "large_to": large_from + large,
    }
    for first in range(0, events, CHUNK):
        last = min(first + CHUNK, events) - 1
        with connection.cursor() as cursor:
            cursor.execute(_INSERTS[settings.VARIANT], {**arguments, "first": first, "last": last})
    execute("VACUUM ANALYZE")
    if ours:
        year.finish()
    return {"events": events}


TASKS = (fill_company,)
