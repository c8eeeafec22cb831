"""What a client claims is never what PostgreSQL observed, and what a visitor typed is no claim."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.backends.postgresql.psycopg_any import is_psycopg3

import pgaudit_log
from pgaudit_log.contexts import statements
from pgaudit_log.models import Events
from tests.shop.models import Customer, Order, Parcel
from tests.support import driver_sql, execute, role_name

pytestmark = pytest.mark.django_db

WRITER = role_name("writer_of_claims")

FORGED = '/*pgaudit_log:{"user":1}*/'
INSERT = "INSERT INTO shop_customer (name) VALUES ('x')"
IMITATION = {"session": {"role": "forged", "set_role": "forged", "application": "forged"}}


def contexts() -> list[Any]:
    """Return the contexts of all events, oldest first."""
    return list(Events.objects.order_by("pgh_id").values_list("pgh_context", flat=True))


def send(send_with: Callable[[Any], Any]) -> None:
    """Let a cursor of the driver, which is ours, send something."""
    with connection.cursor() as cursor:
        send_with(cursor.cursor)


WAYS: dict[str, Callable[[Any], Any]] = {
    "execute": lambda cursor: cursor.execute(FORGED + INSERT),
    "parameters": lambda cursor: cursor.execute(
        FORGED + "INSERT INTO shop_customer (name) VALUES (%s)", ["x"]
    ),
    "bytes": lambda cursor: cursor.execute((FORGED + INSERT).encode()),
    "sql": lambda cursor: cursor.execute(driver_sql.SQL(FORGED + INSERT)),
    "composed": lambda cursor: cursor.execute(
        driver_sql.SQL("/*pgaudit") + driver_sql.SQL('_log:{"user":1}*/') + driver_sql.SQL(INSERT)
    ),
    "executemany": lambda cursor: cursor.executemany(
        FORGED + "INSERT INTO shop_customer (name) VALUES (%s)", [["x"]]
    ),
    "behind a hint": lambda cursor: cursor.execute("/*+ SeqScan(t) */" + FORGED + INSERT),
    "behind a hint, bytes": lambda cursor: cursor.execute(
        ("/*+ SeqScan(t) */" + FORGED + INSERT).encode()
    ),
    "behind a hint, sql": lambda cursor: cursor.execute(
        driver_sql.SQL("/*+ SeqScan(t) */" + FORGED + INSERT)
    ),
}
if is_psycopg3:
    WAYS |= {
        "stream": lambda cursor: list(cursor.stream(f"{FORGED}{INSERT} RETURNING 1")),
        "copy": lambda cursor: _copy(cursor),
    }
else:
    WAYS |= {
        "copy": lambda cursor: cursor.copy_expert(
            f"{FORGED}COPY shop_customer (id, name) FROM STDIN", io.StringIO("-1\tx\n")
        ),
    }


def _copy(cursor: Any) -> None:
    with cursor.copy(f"{FORGED}COPY shop_customer (id, name) FROM STDIN") as copy:
        copy.write_row((-1, "x"))


@pytest.mark.parametrize("way", WAYS)
def test_text_in_front_of_a_statement_is_no_context(way: str) -> None:
    send(WAYS[way])
    assert contexts() == [None]


@pytest.mark.parametrize("way", WAYS)
def test_text_in_front_of_a_statement_takes_no_contexts_place(way: str) -> None:
    with pgaudit_log.context(user=2):
        send(WAYS[way])
    assert contexts() == [{"user": 2}]


@pytest.mark.parametrize("carrier", ["comment", "setting", "id"])
def test_text_in_front_of_a_statement_is_no_context_with_any_carrier(
    settings: Any, carrier: str
) -> None:
    settings.PGAUDIT_LOG_CONTEXT_CARRIER = carrier
    execute(FORGED + INSERT)
    with pgaudit_log.context(user=2):
        execute(FORGED + INSERT)
    assert contexts() == [None, {"user": 2}]


def test_a_read_that_is_left_alone_carries_nothing_of_a_visitors(settings: Any) -> None:
    settings.PGAUDIT_LOG_CONTEXT_ON = "writes"
    with pgaudit_log.context(user=2):
        [(sent,)] = execute(FORGED + "SELECT current_query()")
    assert sent == f" {FORGED}SELECT current_query()"


@pytest.mark.parametrize(
    "query",
    ["SELECT 1", "/* x */ SELECT 1", "/*+ x */ SELECT 1", b"SELECT 1", "/*", "/*+", "/*+ x"],
)
def test_other_statements_are_sent_as_they_are(query: Any) -> None:
    assert statements.harmless(query) == query


@pytest.fixture
def observed() -> dict[str, str]:
    """Return what PostgreSQL observes of the connection."""
    [(role,)] = execute("SELECT session_user::text")
    return {"role": role}


@pytest.mark.parametrize("model", [Customer, Parcel], ids=["statement level", "row level"])
def test_an_imitated_observation_stays_a_claim(
    model: Any, customer: Customer, observed: dict[str, str]
) -> None:
    order = Order.objects.create(customer=customer)
    Parcel.objects.bulk_create([Parcel(order=order, weight=n) for n in range(2)])
    before = Events.objects.latest("pgh_id").pgh_id
    execute(f"DROP ROLE IF EXISTS {WRITER}")
    execute(f"CREATE ROLE {WRITER}")
    execute(f"GRANT SELECT, UPDATE ON shop_customer, shop_parcel TO {WRITER}")
    change = {"name": "y"} if model is Customer else {"weight": 9}
    with transaction.atomic():
        execute(f"SET LOCAL ROLE {WRITER}")
        with pgaudit_log.context(**IMITATION):
            model.objects.update(**change)
        model.objects.update(**{key: f"{value}1" for key, value in change.items()})
        execute("RESET ROLE")
    with pgaudit_log.context(**IMITATION):
        model.objects.update(**{key: f"{value}2" for key, value in change.items()})
    events = Events.objects.filter(pgh_id__gt=before)
    claimed, plain = (
        events.filter(pgh_context__isnull=False),
        events.filter(pgh_context__isnull=True),
    )
    count = 1 if model is Customer else 2
    assert [event.pgh_context for event in claimed] == [IMITATION] * 2 * count
    assert {event.pgh_role for event in events} == {observed["role"]}
    assert [event.pgh_session for event in claimed] == [
        *[{"set_role": WRITER}] * count,
        *[None] * count,
    ]
    assert {event.pgh_session["set_role"] for event in plain} == {WRITER}


def test_a_setting_that_imitates_an_observation_stays_a_claim(observed: dict[str, str]) -> None:
    execute(
        "SELECT set_config('pgaudit_log.context', %s, true)", ['{"session": {"role": "forged"}}']
    )
    Customer.objects.create(name="x")
    event = Events.objects.get()
    assert (event.pgh_role, event.pgh_session) == (observed["role"], None)
    assert event.pgh_context == {"session": {"role": "forged"}}
