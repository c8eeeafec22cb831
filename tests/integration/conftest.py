"""Fixtures of the tests that read plans: enough events for the planner to have a choice."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

import pgaudit_log
from tests.integration.test_plans import many_events
from tests.shop.models import Order
from tests.support import execute

__all__ = ["events_of_a_user", "many_events"]


@pytest.fixture
def events_of_a_user(request: pytest.FixtureRequest) -> User:
    """A user who wrote three of many events."""
    request.getfixturevalue("many_events")
    user = User.objects.create_user("ana")
    with pgaudit_log.context(user=user.pk):
        Order.objects.filter(pk__in=Order.objects.order_by("pk").values("pk")[:3]).update(note="!")
    execute("ANALYZE pgaudit_log_event")
    return user
