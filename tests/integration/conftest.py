"""Fixtures of several modules: sessions with odd settings, and enough events for the planner to choose."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

import pgaudit_log
from pgaudit_log import sql
from tests.shop.models import Order
from tests.support import execute
from tests.type_cases import SESSIONS


@pytest.fixture
def events_of_a_user(request: pytest.FixtureRequest) -> User:
    """A user who wrote three of many events."""
    request.getfixturevalue("many_events")
    user = User.objects.create_user("ana")
    with pgaudit_log.context(user=user.pk):
        Order.objects.filter(pk__in=Order.objects.order_by("pk").values("pk")[:3]).update(note="!")
    execute("ANALYZE pgaudit_log_event")
    return user


@pytest.fixture(params=SESSIONS)
def session(request: pytest.FixtureRequest, db: None) -> str:
    """Write in a session with plain settings, and in one with odd settings."""
    execute("CREATE TYPE shop_mood AS ENUM ('sad', 'it''s \"ok\"')")
    execute("CREATE TYPE shop_pair AS (number integer, word text)")
    execute("CREATE DOMAIN shop_posint AS integer CHECK (VALUE > 0)")
    return str(request.param)


@pytest.fixture
def many_events() -> None:
    """Fill the table, so that the planner has a reason to choose."""
    # Files without what earlier tests rolled back, by which the planner would judge.
    execute("TRUNCATE shop_customer CASCADE")
    execute(sql.read("empty_event_table.sql"))
    execute("INSERT INTO shop_customer (name) SELECT 'c' || n FROM generate_series(1, 3000) AS n")
    execute(
        "INSERT INTO shop_order (customer_id, status, note, placed_at)"
        " SELECT id, 'new', '', now() FROM shop_customer"
    )
    execute("UPDATE shop_order SET status = 'paid'")
    execute("ANALYZE pgaudit_log_event")
    execute("ANALYZE shop_order")
