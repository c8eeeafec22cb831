"""Settled time: what runs keeps it back, and what waits for it goes on when that has ended."""

from __future__ import annotations

import io
from datetime import datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from pgaudit_log.exceptions import QueryError, UnknownPastError
from pgaudit_log.operating import settled, settled_until, wait_until_settled
from pgaudit_log.values.sql_text import Template
from tests.meanwhile import Meanwhile
from tests.shop.models import Customer
from tests.support import execute, role_name

pytestmark = pytest.mark.django_db(transaction=True)


def now() -> datetime:
    """Return the time of the database."""
    [(found,)] = execute("SELECT clock_timestamp()")
    assert isinstance(found, datetime)
    return found


def test_where_nothing_runs_all_but_the_last_second_is_settled() -> None:
    before = now()
    second = timedelta(seconds=1, microseconds=1)
    assert before - second <= settled_until() <= now() - second


def test_a_late_commit_changes_the_past_and_settled_time_is_before_it() -> None:
    with transaction.atomic():
        Customer.objects.create(name="late")
        moment = now()
        settled = Meanwhile(settled_until).done()
        seen = Meanwhile(lambda: Customer.objects.as_of(moment).count()).done()
        in_settled = Meanwhile(lambda: Customer.objects.as_of(settled).count()).done()
    assert seen == 0
    assert Customer.objects.as_of(moment).count() == 1
    assert Customer.objects.as_of(settled).count() == in_settled == 0


@pytest.mark.slow
def test_who_waits_goes_on_when_the_transaction_has_ended() -> None:
    with transaction.atomic():
        Customer.objects.create(name="late")
        moment = now()

        def wait() -> int:
            wait_until_settled(moment)
            return Customer.objects.as_of(moment).count()

        waiting = Meanwhile(wait)
        waiting.join(0.3)
        assert waiting.is_alive()
    assert waiting.done() == 1


def test_a_transaction_that_has_not_written_yet_keeps_it_back_too() -> None:
    with transaction.atomic():
        execute("SELECT 1")
        moment = now()
        assert Meanwhile(settled_until).done() < moment  # type: ignore[operator]


def test_waiting_ends_with_its_timeout_and_is_refused_for_itself() -> None:
    with transaction.atomic():
        execute("SELECT 1")
        moment = now()
        with pytest.raises(UnknownPastError, match="a transaction still runs"):
            Meanwhile(lambda: wait_until_settled(moment, timeout=0.1)).done()
        with pytest.raises(UnknownPastError, match="within a transaction"):
            wait_until_settled(moment)
    with pytest.raises(QueryError, match="no time zone"):
        wait_until_settled(timezone.now().replace(tzinfo=None) - timedelta(days=1))


def test_a_role_that_may_not_see_other_sessions_is_told_what_it_lacks() -> None:
    role = role_name("settled")
    execute(f"CREATE ROLE {role}")
    try:
        other = Meanwhile(lambda: execute("SELECT pg_sleep(0.3)"))
        while other.process is None:
            assert other.is_alive()

        def ask() -> None:
            execute(f"SET ROLE {role}")
            settled_until()

        with pytest.raises(UnknownPastError, match="GRANT pg_read_all_stats"):
            Meanwhile(ask).done()
        other.done()
    finally:
        execute(f"DROP ROLE {role}")
    assert connection.in_atomic_block is False


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("'{}'::text[], '{}'::text[], TRUE", "is a standby"),
        ("'{}'::text[], '{transfer}'::text[], FALSE", "prepared transactions transfer"),
    ],
)
def test_it_is_not_guessed_where_it_cannot_be_known(
    answer: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Neither a standby nor a prepared transaction is there in a test: the answer of one is.
    asked = Template.of(f"SELECT now() AT TIME ZONE 'UTC', {answer}")
    monkeypatch.setattr(settled, "template", lambda room, name: asked)
    with pytest.raises(UnknownPastError, match=message):
        settled_until()


@pytest.mark.slow
def test_the_command_waits_for_it() -> None:
    with transaction.atomic():
        Customer.objects.create(name="late")
        moment = now().isoformat()
        out = io.StringIO()
        words = "as-of", "shop.Customer", "--at", moment, "--wait"

        def ask(seconds: str) -> None:
            call_command("pgaudit_log", *words, seconds, stdout=out, stderr=io.StringIO())

        with pytest.raises(CommandError, match="a transaction still runs") as caught:
            Meanwhile(lambda: ask("1")).done()
        assert caught.value.returncode == 2
        waiting = Meanwhile(lambda: ask("60"))
        waiting.join(0.3)
        assert waiting.is_alive()
    waiting.done()
    assert "late" in out.getvalue()
