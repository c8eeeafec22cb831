"""Partitions of somebody's own making, and events of times that nobody expects, lose nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from pgaudit_log.database import own_events
from pgaudit_log.database.partitions import catalogue
from pgaudit_log.database.partitions.calendar import period_at
from pgaudit_log.database.partitions.locking import Patience, whole_table
from pgaudit_log.declaring import former_names
from pgaudit_log.exceptions import PlanError
from pgaudit_log.operating import plan_partitions, plan_retention, status, verify
from pgaudit_log.operating.retention_rules import rules
from pgaudit_log.values.ages import Age
from tests.partitions import (
    clean_log,
    events_hash,
    happened,
    last_periods,
    make_partitions,
    partition_names,
    write_events,
)
from tests.shop.models import Customer, Product
from tests.support import execute

pytestmark = pytest.mark.django_db(transaction=True)

MONTHS = last_periods(2)


@pytest.fixture(autouse=True)
def log() -> Iterator[None]:
    with clean_log():
        make_partitions(MONTHS)
        yield


@pytest.fixture
def customer() -> Customer:
    with happened(MONTHS[0].start + timedelta(days=3)):
        made = Customer.objects.create(name="Ana")
        Customer.objects.filter(pk=made.pk).update(name="Anna")
    return made


def removed() -> int:
    """Remove all that is older than the last month, and return how many events that were."""
    plan = plan_retention(older_than=Age.of("1d"), models=["shop.Customer"], trust_clock=True)
    plan.apply()
    return sum(step.events or 0 for step in plan.steps if step.kind == "remove")


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("moment", ["infinity", "-infinity", "0044-03-15 BC", "12000-01-01"])
def test_events_of_times_that_python_has_not(moment: str, customer: Customer) -> None:
    execute(
        "INSERT INTO pgaudit_log_event (created_at, model, obj_pk, label, operation, snapshot)"
        """ VALUES (%s, 'shop.Product', 'odd', 'insert', 'I', '{"sku": "odd"}')""",
        [moment],
    )
    with happened(MONTHS[1].start):
        Customer.objects.filter(pk=customer.pk).update(name="Anne")
    plan = plan_partitions()
    plan.apply()
    assert plan.notices[0].startswith("1 events of pgaudit_log_event_default")
    assert removed() == 2
    assert status("default").last_event is not None
    assert [str(finding.key) for finding in verify()] == ["odd"]
    assert execute("SELECT count(*) FROM pgaudit_log_event WHERE obj_pk = 'odd'") == [(1,)]


@pytest.mark.parametrize("year", ["0001", "0999"])
def test_events_of_long_ago_get_a_partition_of_their_time(year: str) -> None:
    execute(
        "INSERT INTO pgaudit_log_event (created_at, model, obj_pk, label, operation)"
        " VALUES (%s, 'shop.Order', '1', 'note', 'M')",
        [f"{year}-05-05 00:00+00"],
    )
    before = events_hash()
    plan_partitions().apply()
    assert f"pgaudit_log_event_{year}0501_{year}0601" in partition_names()
    assert execute("SELECT count(*) FROM pgaudit_log_event_default") == [(0,)]
    assert events_hash() == before


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize(
    "bounds",
    [
        "FROM (MINVALUE) TO ('2015-01-01')",
        "FROM ('-infinity') TO ('2015-01-01')",
        "FROM ('0044-03-15 BC') TO ('2015-01-01')",
        "FROM ('3000-01-01') TO (MAXVALUE)",
    ],
)
def test_a_partition_without_an_end_is_left_as_it_is(bounds: str, customer: Customer) -> None:
    execute(f"""CREATE TABLE "Odd 'One" PARTITION OF pgaudit_log_event FOR VALUES {bounds}""")
    try:
        assert plan_partitions().steps == ()
        assert status("default").sizes is not None
        assert removed() == 1
        assert "Odd 'One" in " ".join(partition_names())
    finally:
        execute("""DROP TABLE "Odd 'One\"""")


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize(
    ("made", "told"),
    [
        ("CREATE RULE own AS ON INSERT TO {0} DO ALSO NOTIFY own", "the rule own"),
        (
            "CREATE TRIGGER own BEFORE INSERT ON {0} EXECUTE FUNCTION pgaudit_log_refuse_change()",
            "the trigger own",
        ),
        ("CREATE POLICY own ON {0} USING (true)", "the policy own"),
        ("ALTER TABLE {0} ADD CONSTRAINT own CHECK (label <> '')", "the constraint own"),
    ],
)
def test_what_a_partition_alone_has_is_not_lost(made: str, told: str, customer: Customer) -> None:
    execute(made.format(MONTHS[0].table))
    before = events_hash()
    with pytest.raises(PlanError, match=f"{MONTHS[0].table} alone has {told}, which would be lost"):
        removed()
    assert events_hash() == before


def test_an_index_of_a_partition_alone_is_kept_whatever_its_name(customer: Customer) -> None:
    table = MONTHS[0].table
    execute(f"""CREATE INDEX "x ON y USING z" ON {table} (lower(label)) WHERE label > ' USING '""")
    assert removed() == 1
    assert execute(
        "SELECT count(*) FROM pg_indexes WHERE tablename = %s AND indexdef LIKE %s",
        [table, "%USING btree (lower(label)) WHERE (label > ' USING '::text)"],
    ) == [(1,)]


def test_a_longer_interval_leaves_no_gap_behind_shorter_partitions() -> None:
    month = period_at(MONTHS[0].start.replace(year=MONTHS[0].start.year - 2), "month")
    days = [period_at(month.start + timedelta(days=day), "day") for day in range(8)]
    make_partitions(days)
    plan = catalogue.plan("default", now=month.start + timedelta(days=5))
    assert (plan.create[0].start, plan.create[0].end) == (days[-1].end, month.end)


def test_a_name_that_another_model_has_by_now_means_that_one(
    monkeypatch: pytest.MonkeyPatch, customer: Customer, settings: object
) -> None:
    # Products were called customers once.
    labels_of = former_names.labels_of
    monkeypatch.setattr(
        former_names,
        "labels_of",
        lambda model, using: (
            ["shop.Product", "shop.Customer"]
            if model is Product
            else ["shop.Customer#9"]
            if model is Customer
            else labels_of(model, using)
        ),
    )
    write_events("shop.Product", [(MONTHS[0].start, "p", "I", {"sku": "p"})])
    write_events("shop.Customer#9", [(MONTHS[0].start, "1", "I", {"id": 1})])
    settings.PGAUDIT_LOG_RETENTION = {"default": None, "shop.Customer": "1d"}  # type: ignore[attr-defined]
    found = [rule.model for rule in rules("default", MONTHS[1].end)]
    chosen = rules("default", MONTHS[1].end, older_than=Age.of("1d"), chosen=["shop.Customer"])
    assert found == [rule.model for rule in chosen] == ["shop.Customer"]


def leftovers_told() -> list[tuple[str, ...]]:
    return [one.on for one in status("default").problems if one.id == "pgaudit_log.W029"]


def test_tables_of_an_interrupted_rewrite_are_told_unless_somebody_is_at_work() -> None:
    assert leftovers_told() == []
    execute("CREATE TABLE pgaudit_log_old_x (LIKE pgaudit_log_event)")
    assert leftovers_told() == [("pgaudit_log_old_x",)]
    with own_events.only_one("default"):
        assert leftovers_told() == []


def test_the_swap_sees_what_was_committed_while_it_waited() -> None:
    execute("SET default_transaction_isolation = 'repeatable read'")
    try:
        with whole_table("default", [], Patience(seconds=1)) as cursor:
            cursor.execute("SHOW transaction_isolation")
            assert cursor.fetchall() == [("read committed",)]
    finally:
        execute("RESET default_transaction_isolation")
