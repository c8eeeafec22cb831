"""What partitions, retention and holds refuse: one clear error each, and nothing is done."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from pgaudit_log.database import own_events
from pgaudit_log.exceptions import PlanError, QueryError, StalePlanError
from pgaudit_log.operating import (
    Plan,
    hold,
    holds,
    partitioning,
    plan_partitions,
    plan_retention,
    release,
)
from pgaudit_log.operating.retention import _Question
from pgaudit_log.values.ages import Age
from tests.partitions import (
    clean_log,
    events_hash,
    happened,
    last_periods,
    make_partitions,
    write_events,
)
from tests.shop.models import Customer
from tests.support import execute, role_name

pytestmark = pytest.mark.django_db(transaction=True)

MONTHS = last_periods(2)


@pytest.fixture(autouse=True)
def log() -> Iterator[None]:
    with clean_log():
        make_partitions(MONTHS)
        yield


def old_events(at: Any = None) -> None:
    at = at or MONTHS[0].start + timedelta(days=2)
    write_events("shop.Order", [(at, "1", "I", {"id": 1}), (at, "1", "U", {"id": 1})])


def removal(**options: Any) -> Plan:
    return plan_retention(older_than=Age.of("1d"), **{"trust_clock": True, **options})


def split() -> Plan:
    return plan_partitions(split=MONTHS[0].table, into="week")


def test_inside_a_transaction() -> None:
    with transaction.atomic(), pytest.raises(PlanError, match="outside of atomic"):
        split().apply()


def test_two_operators_at_once() -> None:
    with (
        own_events.only_one("default"),
        pytest.raises(PlanError, match="Another operator is at work"),
    ):
        split().apply()


def test_a_role_that_cannot_do_it() -> None:
    role = role_name("reader")
    execute(f"CREATE ROLE {role}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    try:
        execute(f"SET ROLE {role}")
        plan = split()
        with pytest.raises(PlanError, match=f"The role {role} may not change the partitions"):
            plan.apply()
    finally:
        execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_member_of_the_owner_acts_as_the_owner() -> None:
    old_events()
    before = events_hash()
    owner, member = role_name("owner"), role_name("member")
    execute(f"CREATE ROLE {owner}; CREATE ROLE {member} NOINHERIT; GRANT {owner} TO {member}")
    execute(f"GRANT ALL ON SCHEMA public TO {owner}; GRANT USAGE ON SCHEMA public TO {member}")
    try:
        execute(f"ALTER TABLE pgaudit_log_event OWNER TO {owner}")
        for name in ("event_default", "horizon", "hold", "incarnation"):
            execute(f"ALTER TABLE pgaudit_log_{name} OWNER TO {owner}")
        for period in MONTHS:
            execute(f"ALTER TABLE {period.table} OWNER TO {owner}")
        execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {owner}, {member}")
        execute(f"GRANT SELECT ON {MONTHS[0].table} TO PUBLIC")
        execute(f"SET ROLE {member}")
        split().apply()
        execute("RESET ROLE")
        found = execute(
            "SELECT DISTINCT relowner::regrole::text, relacl::text LIKE '%%{=r/%%' OR relacl::text LIKE '%%,=r/%%'"
            " FROM pg_class JOIN pg_inherits ON inhrelid = oid"
            " WHERE inhparent = 'pgaudit_log_event'::regclass AND relname LIKE %s AND relname <> %s",
            [f"pgaudit_log_event_{MONTHS[0].start:%Y%m}%", MONTHS[0].table],
        )
        assert found == [(owner, True)]
        assert events_hash() == before
    finally:
        execute(f"RESET ROLE; REASSIGN OWNED BY {owner} TO CURRENT_USER")
        execute(f"DROP OWNED BY {owner}, {member}; DROP ROLE {owner}, {member}")


def test_a_partition_name_that_is_taken() -> None:
    taken = (
        f"pgaudit_log_event_{MONTHS[0].start:%Y%m%d}_{MONTHS[0].start + timedelta(days=1):%Y%m%d}"
    )
    execute(f"CREATE TABLE {taken} (id integer)")
    try:
        plan = plan_partitions(split=MONTHS[0].table, into="day")
        with pytest.raises(
            PlanError, match=f"{taken} cannot be made: there is a table of that name"
        ):
            plan.apply()
    finally:
        execute(f"DROP TABLE {taken}")


def test_a_clock_that_was_put_back() -> None:
    old_events()
    old_events(timezone.now() + timedelta(days=3))
    with pytest.raises(PlanError, match="the clock of the database .* has not reached"):
        removal().apply()


def test_a_clock_that_jumped_ahead() -> None:
    old_events()
    later = timezone.now() + timedelta(days=400)
    with pytest.raises(PlanError, match="By the clock of the database it is"):
        plan_retention(older_than=Age.of("1d"), now=later).apply()


def test_events_of_a_future_make_no_partitions() -> None:
    old_events(timezone.now().replace(year=2999))
    plan = plan_partitions()
    assert plan.steps == ()
    assert (
        "2 events of pgaudit_log_event_default are of a time that has not come yet"
        in plan.notices[0]
    )


def test_too_many_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitioning, "MOST_PERIODS", 20)
    plan = plan_partitions(split=MONTHS[0].table, into="day")
    with pytest.raises(PlanError, match=r"3[01] partitions would be made, more than 20"):
        plan.apply()


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_long_read_is_waited_for_and_then_told() -> None:
    old_events()
    is_open, is_over = threading.Event(), threading.Event()

    def read() -> None:
        with transaction.atomic():
            execute("SELECT count(*) FROM pgaudit_log_event")
            # The lock is asked for beside a shorter one, and what is told then is another thing.
            time.sleep(0.2)
            is_open.set()
            is_over.wait(30)
        connection.close()

    thread = threading.Thread(target=read)
    thread.start()
    is_open.wait(30)
    told: list[str] = []
    plan = split()
    try:
        with pytest.raises(
            PlanError, match=r"Gave up after 0.5 s: waiting for process \d+ \(.*count"
        ):
            plan.apply(wait=0.5, tell=told.append)
    finally:
        is_over.set()
        thread.join()
    assert "waiting for process" in told[0]
    split().apply()


def test_a_plan_that_something_else_has_overtaken() -> None:
    first, second = split(), split()
    first.apply()
    with pytest.raises((StalePlanError, QueryError)):
        second.apply()


def test_a_hold_that_is_placed_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    old_events()
    plan = removal()
    listed = _Question._listed

    def placing(question: Any, patience: Any) -> Any:
        found = listed(question, patience)
        if not holds():
            hold("shop.Order", key="1", reason="late")
        return found

    monkeypatch.setattr(_Question, "_listed", placing)
    with pytest.raises(StalePlanError, match="Holds were placed or released meanwhile"):
        plan.apply()
    assert execute("SELECT count(*) FROM pgaudit_log_event WHERE model = 'shop.Order'") == [(2,)]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "object, a model, a user or a time"),
        ({"what": "shop.Nothing"}, "There is no model shop.Nothing"),
        ({"key": "1"}, "needs its model"),
        ({"what": Customer, "reason": " "}, "needs a reason"),
        ({"since": timezone.now(), "until": MONTHS[0].start}, "before it begins"),
    ],
)
def test_holds_of_nothing(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(QueryError, match=told):
        hold(**{"reason": "x", **arguments})


def test_a_hold_is_released_once() -> None:
    placed = hold(Customer, reason="x")
    release(placed.number, reason="y")
    with pytest.raises(QueryError, match="There is no hold"):
        release(placed.number, reason="y")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--split", "2026-01"],
        ["--split", "nowhere", "--into", "day"],
        ["--merge", "--into", "year"],
        ["--merge", "--remove"],
        ["--remove"],
        ["--remove", "--older-than", "soon"],
        ["--remove", "--older-than", "1d", "--model", "shop.Nothing"],
        ["--older-than", "1d"],
    ],
)
def test_the_command_refuses_bad_input_with_its_exit_code(arguments: list[str]) -> None:
    with pytest.raises(CommandError) as error:
        call_command("pgaudit_log", "partitions", *arguments)
    assert error.value.returncode == 2


def test_the_command_refuses_what_is_held(capsys: Any) -> None:
    with happened(MONTHS[0].start):
        Customer.objects.create(name="x")
    hold(Customer, reason="case 5")
    with pytest.raises(CommandError, match="All events of shop.Customer stay: hold") as error:
        call_command(
            "pgaudit_log", "partitions", "--remove", "--older-than", "1d", "--model", "shop.Customer",
            "--apply",
        )  # fmt: skip
    assert error.value.returncode == 2
