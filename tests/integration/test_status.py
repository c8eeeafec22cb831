"""The status of a log: what is wrong, how large it is, what it leaves out, and what that costs."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pgtrigger
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from pgaudit_log.cli.status import size_text
from pgaudit_log.database.partitions import catalogue
from pgaudit_log.database.partitions import sizes as partition_sizes
from pgaudit_log.database.partitions.locks import Locks
from pgaudit_log.exceptions import QueryError
from pgaudit_log.operating import health, status
from pgaudit_log.operating.values import Growth
from pgaudit_log.testing import isolated
from tests.shop.models import Customer, Order
from tests.support import execute, role_name
from tests.tables import tracked_table

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("counted_exactly")]

EVENTS = "pgaudit_log_event"
ROLE = role_name("watcher")
NOW = datetime.now(timezone.utc)


def command(*arguments: str) -> tuple[str, int]:
    """Return what ``pgaudit_log status`` writes, and its exit code."""
    stdout, stderr = io.StringIO(), io.StringIO()
    try:
        call_command("pgaudit_log", "status", *arguments, stdout=stdout, stderr=stderr)
    except CommandError as error:
        return stdout.getvalue(), error.returncode
    return stdout.getvalue(), 0


def trigger_of(model: type[models.Model], name: str) -> str:
    [(_, trigger)] = pgtrigger.registered(f"{model._meta.label}:{name}")
    return trigger.get_pgid(model)


@pytest.fixture
def forget() -> Iterator[None]:
    with isolated():
        yield


def test_a_sound_log_has_no_problems(customer: Customer) -> None:
    found = status()
    assert found.problems == () and found.silenced == ()
    assert found.is_healthy
    assert command()[1] == 0


DOES_NOTHING = "RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"

TRIGGER = " CREATE TRIGGER nothing AFTER INSERT ON {} FOR EACH ROW EXECUTE FUNCTION nothing()"

BREAKS = {
    "a trigger is missing": (
        "DROP TRIGGER {insert} ON shop_customer",
        "W003",
        "shop.Customer:audit_insert",
    ),
    "a trigger is disabled": (
        "ALTER TABLE shop_customer DISABLE TRIGGER {insert}",
        "W003",
        "disabled",
    ),
    "a trigger is for replicas only": (
        "ALTER TABLE shop_customer ENABLE REPLICA TRIGGER {insert}",
        "W003",
        "ENABLE REPLICA",
    ),
    "a trigger is outdated": (
        "COMMENT ON TRIGGER {insert} ON shop_customer IS 'old'",
        "W003",
        "outdated",
    ),
    "a capture function was replaced": (
        f"CREATE OR REPLACE FUNCTION {{insert}}() {DOES_NOTHING}",
        "W011",
        "was replaced",
    ),
    "a guard is disabled": (
        f"ALTER TABLE {EVENTS} DISABLE TRIGGER pgaudit_log_refuse_change",
        "W005",
        "pgaudit_log_refuse_change",
    ),
    "a view is gone": ("DROP VIEW shop_customerevent", "W002", "shop_customerevent"),
    "a trigger of others may write again": (
        f"CREATE FUNCTION nothing() {DOES_NOTHING};{TRIGGER.format('shop_customer')}",
        "W009",
        "shop_customer",
    ),
    "the sequence is behind": (f"ALTER TABLE {EVENTS} ALTER id RESTART WITH 1", "W007", EVENTS),
    "somebody put a trigger on the log": (
        f"CREATE FUNCTION nothing() {DOES_NOTHING};{TRIGGER.format(EVENTS)}",
        "W012",
        "nothing",
    ),
    "others may write to the log": (f"GRANT INSERT ON {EVENTS} TO PUBLIC", "W023", "PUBLIC"),
    "migrations wait": (
        "DELETE FROM django_migrations WHERE app = 'shop'",
        "W024",
        "default",
    ),
}


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("name", BREAKS)
def test_each_thing_that_is_wrong_is_a_problem_with_what_to_do(
    name: str, customer: Customer
) -> None:
    Customer.objects.update(name="Ben")
    breaking, id, on = BREAKS[name]
    execute(breaking.format(insert=trigger_of(Customer, "audit_insert")))
    found = status()
    problems = [problem for problem in found.problems if problem.id == f"pgaudit_log.{id}"]
    assert not found.is_healthy
    [problem] = problems
    assert any(on in named for named in problem.on)
    assert problem.what_now
    text, code = command()
    assert code == 1
    assert problem.id in text and "what now" in text


def test_too_many_partitions_are_a_problem_before_reads_fail(monkeypatch: Any) -> None:
    from pgaudit_log.checks import event_table as checks_of_events

    few = Locks(2000, 7, 6400)
    monkeypatch.setattr(checks_of_events, "locks", lambda using: few)
    monkeypatch.setattr(health.partition_locks, "locks", lambda using: few)
    found = status()
    assert [problem.id for problem in found.problems] == ["pgaudit_log.W017"]
    assert found.partitions is not None
    assert (found.partitions.locks_needed, found.partitions.locks_capacity) == (14_000, 6400)
    assert "14,000 of 6,400 locks" in command()[0]


def test_what_is_set_or_declared_wrongly_is_a_problem_too(settings: Any) -> None:
    settings.PGAUDIT_LOG_CONTEXT_ON = "never"
    [problem] = status().problems
    assert (problem.id, problem.severity) == ("pgaudit_log.E001", "error")
    assert "PGAUDIT_LOG_CONTEXT_ON" in problem.what
    assert problem.what_now == 'Set "all" or "writes".'


def test_what_is_silenced_is_told_apart(settings: Any) -> None:
    settings.SILENCED_SYSTEM_CHECKS = ["pgaudit_log.W023"]
    execute(f"GRANT INSERT ON {EVENTS} TO PUBLIC")
    found = status()
    assert found.is_healthy
    assert [problem.id for problem in found.silenced] == ["pgaudit_log.W023"]
    text, code = command()
    assert code == 0 and "pgaudit_log.W023" in text


def test_the_last_event_is_the_newest(customer: Customer) -> None:
    order = Order.objects.create(customer=customer)
    last = status().last_event
    newest = order.events.latest("pgh_id")  # type: ignore[attr-defined]
    assert last is not None
    assert dataclasses.asdict(last) == {
        "id": newest.pgh_id,
        "created_at": newest.pgh_created_at,
        "model": "shop.Order",
    }


def test_an_empty_log_says_so() -> None:
    found = status()
    assert (found.last_event, found.events, found.growth, found.models) == (None, 0, None, ())
    assert "none yet" in command()[0]


def test_small_partitions_are_counted_by_model() -> None:
    Customer.objects.bulk_create([Customer(name=str(n)) for n in range(3)])
    Order.objects.create(customer=Customer.objects.first())
    found = status()
    assert found.sizes is not None
    assert {one.model: (one.events, one.is_estimate) for one in found.models} == {
        "shop.Customer": (3, False),
        "shop.Order": (1, False),
    }
    assert not found.is_estimate and found.events == 4
    [(size,)] = execute(
        "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = %s::regclass",
        [EVENTS],
    )
    assert found.size == size


@pytest.mark.slow
@pytest.mark.everywhere
def test_large_partitions_are_estimated_and_say_so(monkeypatch: Any, many_events: None) -> None:
    monkeypatch.setattr(partition_sizes, "COUNTED_BYTES", 0)
    found = status()
    assert found.is_estimate
    events = {one.model: one for one in found.models}
    assert events.keys() == {"shop.Customer", "shop.Order"}
    assert all(one.is_estimate for one in events.values())
    assert events["shop.Customer"].events == pytest.approx(3000, rel=0.1)
    assert events["shop.Order"].events == pytest.approx(6000, rel=0.1)
    assert "about" in command()[0]


def test_the_newest_partitions_are_counted_first(monkeypatch: Any, customer: Customer) -> None:
    old = NOW - timedelta(days=400)
    catalogue.plan("default", now=old).apply()
    execute(
        f"INSERT INTO {EVENTS} (created_at, model, label, operation)"
        " VALUES (%s, 'shop.Order', 'insert', 'I')",
        [old],
    )
    monkeypatch.setattr(partition_sizes, "COUNTED_PARTITIONS", 1)
    counted = [one for one in status().sizes or () if one.models and not one.is_estimate]
    assert [[share.model for share in one.models] for one in counted] == [["shop.Customer"]]


def test_it_asks_no_more_when_there_are_more_events(customer: Customer) -> None:
    def asked() -> list[str]:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            status()
        return [query["sql"] for query in queries.captured_queries]

    before = len(asked())
    Customer.objects.bulk_create([Customer(name=str(n)) for n in range(2000)])
    Order.objects.bulk_create([Order(customer=customer) for _ in range(500)])
    assert len(asked()) == before


def test_it_does_not_read_large_partitions(monkeypatch: Any, many_events: None) -> None:
    monkeypatch.setattr(partition_sizes, "COUNTED_BYTES", 0)
    with CaptureQueriesContext(connection) as queries:
        status()
    asking = [query["sql"] for query in queries.captured_queries]
    assert not [sql for sql in asking if "count(*)" in sql and "FROM pgaudit_log_event " in sql]


def test_it_writes_nothing(customer: Customer) -> None:
    before = execute("SELECT pg_current_xact_id_if_assigned(), count(*) FROM pgaudit_log_event")
    with CaptureQueriesContext(connection) as queries:
        status()
    after = execute("SELECT pg_current_xact_id_if_assigned(), count(*) FROM pgaudit_log_event")
    assert before == after
    writes = ("INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP")
    assert not [q for q in queries.captured_queries if q["sql"].lstrip().startswith(writes)]


def test_growth_is_that_of_the_last_months_from_the_first_event_on() -> None:
    start = NOW - timedelta(days=10)
    catalogue.plan("default", now=start).apply()
    execute(
        f"INSERT INTO {EVENTS} (created_at, model, label, operation)"
        " SELECT %s, 'shop.Order', 'insert', 'I' FROM generate_series(1, 500)",
        [start],
    )
    growth = status().growth
    assert growth is not None
    assert growth.since == start
    assert growth.per_day == pytest.approx(growth.size / 10, rel=0.01)
    assert growth.per_year == pytest.approx(growth.size / 10 * 365.25, rel=0.01)
    line = r"growth +[\d.]+ \w+ a day; at this rate [\d.]+ \w+ in a year"
    assert re.search(line, command()[0])


def test_a_rate_is_what_a_year_adds() -> None:
    growth = Growth(since=NOW - timedelta(days=73), until=NOW, size=8 * 1024**3)
    assert size_text(growth.per_year) == "40 GB"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1536, "1.5 kB"),
        (40 * 1024**3, "40 GB"),
        (2**60, "1024 PB"),
    ],
)
def test_a_size_for_people(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.usefixtures("forget")
def test_columns_that_are_not_captured_are_told_with_why() -> None:
    thing = tracked_table(
        "Thing",
        track={"exclude": ["secret"]},
        name=models.TextField(),
        secret=models.TextField(default=""),
    )
    execute(f"ALTER TABLE {thing._meta.db_table} ADD COLUMN legacy integer")
    [told] = [one for one in status().uncaptured_columns or () if one.model == "shop.Thing"]
    assert (told.left_out, told.unknown) == (("secret",), ("legacy",))


def test_tables_that_nobody_tracks_are_told_with_their_model() -> None:
    execute("CREATE TABLE by_hand (id integer)")
    told = {one.table: one.model for one in status().untracked_tables or ()}
    assert told["by_hand"] is None
    assert told["django_session"] == "sessions.Session"
    assert "shop_order" not in told and EVENTS not in told


def test_a_part_that_is_refused_is_none_and_a_problem(customer: Customer) -> None:
    execute(f"CREATE ROLE {ROLE}; SET LOCAL ROLE {ROLE}")
    found = status()
    assert found.sizes is None and found.size is None
    assert found.role is not None and not found.role.may_forge
    asked = {part for p in found.problems if p.id == "pgaudit_log.E010" for part in p.on}
    assert {"migrations", "default_partition", "sizes"} <= asked
    refused = [p for p in found.problems if p.on == ("sizes",)]
    assert [p.id for p in refused] == ["pgaudit_log.E010"]
    assert "permission denied" in refused[0].what
    document = json.loads(command("--json")[0])
    assert document["sizes"] is None and document["growth"] is None
    execute("RESET ROLE")


@pytest.mark.parametrize("is_default_filled", [False, True])
def test_who_may_only_read_the_event_table_is_told_the_sizes(
    customer: Customer, is_default_filled: bool
) -> None:
    if is_default_filled:
        execute(
            f"INSERT INTO {EVENTS} (created_at, model, label, operation)"
            " VALUES ('2001-01-01', 'shop.Old', 'insert', 'I')"
        )
    execute(f"CREATE ROLE {ROLE}; GRANT SELECT ON {EVENTS} TO {ROLE}; SET LOCAL ROLE {ROLE}")
    found = status()
    execute("RESET ROLE")
    assert ("shop.Customer", 1) in {(one.model, one.events) for one in found.models}
    assert found.last_event is not None
    assert found.last_event.model == ("shop.Old" if is_default_filled else "shop.Customer")


KEYS = [
    "database",
    "asked_at",
    "healthy",
    "problems",
    "silenced",
    "last_event",
    "events",
    "events_are_estimated",
    "size",
    "growth",
    "sizes",
    "models",
    "partitions",
    "retention_due",
    "untracked_tables",
    "uncaptured_columns",
    "role",
    "hardened",
]


def test_the_document_is_complete_and_stable(customer: Customer) -> None:
    execute(f"GRANT INSERT ON {EVENTS} TO PUBLIC")
    text, code = command("--json")
    document = json.loads(text)
    assert code == 1
    assert list(document) == KEYS
    assert document["healthy"] is False
    assert list(document["problems"][0]) == ["id", "severity", "what", "on", "what_now"]
    assert list(document["last_event"]) == ["id", "created_at", "model"]
    assert list(document["sizes"][0]) == ["table", "start", "end", "size", "events", "is_estimate"]
    assert list(document["models"][0]) == ["model", "start", "events", "size", "is_estimate"]
    assert list(document["partitions"]) == ["count", "ahead", "locks_needed", "locks_capacity"]
    assert list(document["role"]) == ["name", "is_superuser", "owns_log", "may_forge"]
    assert document["partitions"]["ahead"] == 3
    same = status().as_document()
    assert {**same, "asked_at": None} == {**document, "asked_at": None}


def test_a_database_without_a_log_is_refused() -> None:
    with pytest.raises(QueryError, match="'nowhere' is not for a log"):
        status("nowhere")
    assert command("--database", "nowhere")[1] == 2


def test_a_database_without_its_event_table_is_a_problem(monkeypatch: Any) -> None:
    execute(f"DROP TABLE {EVENTS} CASCADE")
    found = status()
    assert found.sizes is None
    assert f"table {EVENTS}" in {named for p in found.problems for named in p.on}
    assert command()[1] == 1
