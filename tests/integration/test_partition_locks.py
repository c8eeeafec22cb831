"""A read locks each partition that it may find events in, so it says the time, and too many are told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.utils import timezone

from example_project import embedded_postgres
from pgaudit_log.checks import event_table
from pgaudit_log.database.partitions.locks import Locks, locks
from pgaudit_log.models import Events, MiddlewareEvents
from pgaudit_log.timetravel import as_of
from tests.projects import project
from tests.shop.models import Customer, Order
from tests.support import execute

CustomerEvent: Any = Customer.pgh_event_model  # type: ignore[attr-defined]


def later_partitions_locked() -> int:
    """Return how many partitions of months to come this transaction has locked."""
    [(number,)] = execute(
        """
        SELECT count(DISTINCT relation)
        FROM pg_locks JOIN pg_class ON pg_class.oid = relation
        WHERE pid = pg_backend_pid() AND relname ~ '^pgaudit_log_event_[0-9]{8}_[0-9]{8}$'
            AND substring(relname FROM '[0-9]{8}') > to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')
        """
    )
    return int(number)


def in_block(moment: Any) -> None:
    with as_of(moment):
        list(Order.objects.select_related("customer"))
        list(Customer.objects.prefetch_related("order_set"))


READS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "between": lambda start, now, obj: list(Events.objects.between(start, now)),
    "between of an object": lambda start, now, obj: list(
        Events.objects.tracks(obj).between(start, now)
    ),
    "between of references": lambda start, now, obj: list(
        Events.objects.references(obj).between(start, now)
    ),
    "between of a user": lambda start, now, obj: list(
        MiddlewareEvents.objects.between(start, now).by(1)[:5]
    ),
    "a page": lambda start, now, obj: Events.objects.between(start, now).page(5),
    "typed": lambda start, now, obj: list(CustomerEvent.objects.between(start, now)),
    "of an object": lambda start, now, obj: list(obj.events.filter(pgh_created_at__lte=now)),
    "distinct": lambda start, now, obj: list(
        Events.objects.between(start, now).values("pgh_label").distinct()
    ),
    "as_of": lambda start, now, obj: list(Customer.objects.as_of(now)),
    "as_of, filtered": lambda start, now, obj: list(Customer.objects.as_of(now).filter(name="Ana")),
    "as_of of events": lambda start, now, obj: list(CustomerEvent.objects.as_of(now)),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", READS)
def test_a_read_with_a_time_locks_no_partition_of_another(name: str, customer: Customer) -> None:
    now = timezone.now()
    READS[name](now - timedelta(minutes=1), now, customer)
    assert later_partitions_locked() == 0


@pytest.mark.django_db
def test_a_read_without_a_time_locks_all(customer: Customer) -> None:
    list(Events.objects.tracks(customer))
    assert later_partitions_locked() == 3


@pytest.mark.django_db
def test_a_partition_is_counted_with_its_indexes() -> None:
    found = locks()
    [(room,)] = execute(
        "SELECT current_setting('max_locks_per_transaction')::int * (current_setting('max_connections')::int"
        " + current_setting('max_prepared_transactions')::int)"
    )
    [(partitions,)] = execute(
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'pgaudit_log_event'::regclass"
    )
    assert found == Locks(partitions, 7, room)
    assert not found.are_scarce


@pytest.mark.parametrize(
    ("partitions", "are_scarce"), [(1, False), (228, False), (229, True), (2000, True)]
)
def test_a_quarter_of_the_locks_is_too_many(partitions: int, are_scarce: bool) -> None:
    assert Locks(partitions, 7, 64 * 100).are_scarce is are_scarce


@pytest.mark.django_db
def test_too_many_partitions_are_a_warning(monkeypatch: Any) -> None:
    monkeypatch.setattr(event_table, "locks", lambda using: Locks(2000, 7, 6400))
    [message] = run_checks(databases=["default"])
    assert message.id == "pgaudit_log.W017"
    assert "2,000 partitions of 7 relations" in message.msg
    assert "14,000; the server has room for 6,400 locks" in message.msg


PARTITIONS = """
from datetime import datetime, timezone
from pgaudit_log.database.partitions.calendar import periods_from
from pgaudit_log.database.partitions.catalogue import Plan
days = periods_from(datetime(2001, 1, 1, tzinfo=timezone.utc), "day", 399)
for start in range(0, 400, 20):
    Plan(using="default", create=days[start:start + 20]).apply()
"""

READ = """
from datetime import datetime, timezone
from django.db import OperationalError
from pgaudit_log.models import Events
start, end = (datetime(2001, 1, day, tzinfo=timezone.utc) for day in (1, 5))
print(len(Events.objects.between(start, end)))
try:
    list(Events.objects.all())
except OperationalError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_server_of_few_locks_is_warned_of_before_it_fails(
    tmp_path: Path, monkeypatch: Any
) -> None:
    few = {"max_locks_per_transaction": "20", "max_connections": "10", "max_worker_processes": "2"}
    try:
        server = embedded_postgres.temporary(settings=few)
        started = server.__enter__()
    except embedded_postgres.EmbeddedPostgresError as error:
        pytest.skip(str(error))
    try:
        monkeypatch.setenv("DATABASE_URL", started.url())
        with project(tmp_path) as store:
            store.manage("makemigrations", "store")
            store.manage("migrate", "-v0")
            check = ["check", "--database", "default"]
            store.shell(PARTITIONS.replace("399", "19").replace("400", "20"))
            assert "W017" in store.manage(*check)
            store.shell(PARTITIONS.replace("range(0,", "range(20,"))
            bounded, unbounded = store.shell(READ).splitlines()[:2]
            assert (bounded, unbounded) == ("0", "out of shared memory")
    finally:
        server.__exit__(None, None, None)
