"""What acts on the log leaves an event of its own, and acts alone."""

from __future__ import annotations

from io import StringIO
from uuid import UUID

import pytest
from django.core.management import call_command
from django.db import transaction

import pgaudit_log
from pgaudit_log.database import own_events
from pgaudit_log.exceptions import PlanError
from pgaudit_log.models import Events


@pytest.mark.django_db
def test_an_own_event_has_its_data_and_the_running_context() -> None:
    with pgaudit_log.context(user=7) as context:
        written = own_events.write(
            "default",
            own_events.ACCESS,
            "login",
            {"at": UUID(int=1)},
            obj_pk="7",
            refs=["auth.User:7"],
        )
    event = Events.objects.get()
    assert (event.pgh_id, event.pgh_obj_model, event.pgh_obj_id) == (
        written,
        "pgaudit_log.Access",
        "7",
    )
    assert (event.pgh_label, event.pgh_operation) == ("login", "M")
    assert event.pgh_data == {"at": str(UUID(int=1))}
    assert event.pgh_refs == ["auth.User:7"]
    assert (event.pgh_context_id, event.pgh_context) == (context.id, {"user": 7})
    assert event.pgh_obj is None
    assert event.pgh_model is None


@pytest.mark.django_db
def test_the_trail_shows_it() -> None:
    own_events.write("default", own_events.MAINTENANCE, "retention", {"removed": 3})
    shown = StringIO()
    call_command("pgaudit_log", "trail", stdout=shown)
    assert "pgaudit_log.Maintenance" in shown.getvalue()
    assert "retention" in shown.getvalue()


@pytest.mark.django_db(transaction=True)
def test_one_operator_acts_at_a_time_across_transactions() -> None:
    with own_events.only_one("default"):
        with transaction.atomic():
            pass
        with (
            pytest.raises(PlanError, match="Another operator is at work"),
            own_events.only_one("default"),
        ):
            pytest.fail("Two at a time.")
    with own_events.only_one("default"):
        pass
