"""A month of which the log has nothing is filled before it is seen; its events and its table are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from django.db import models

import pgaudit_log
from pgaudit_log import importing
from pgaudit_log.database import uninstallation
from pgaudit_log.database.partitions.calendar import period_at
from pgaudit_log.exceptions import InstallationError, PlanError
from pgaudit_log.importing import months
from pgaudit_log.testing import isolated
from tests.importing.peer_tables import bring_over, make_table, plan, record, records
from tests.support import execute
from tests.tables import tracked_table

pytestmark = pytest.mark.django_db

WHOLE = "id, created_at, txid, obj_pk, label, operation, snapshot::text, diff::text, refs, origin - 'import'"

FILLED = "pgaudit_log_event_20200101_20200201"


@pytest.fixture(autouse=True)
def _filled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(months, "LEAST", 1)


def on(month: int, day: int) -> datetime:
    return datetime(2020, month, day, tzinfo=timezone.utc)


def history() -> None:
    record(
        ("insert", 1, 1, on(1, 31)),
        ("update", 1, 2, on(2, 10)),
        # Its transaction began in another month, and had to wait.
        ("update", 1, 3, on(1, 31)),
        ("insert", 2, 1, on(2, 10)),
        ("update", 2, 2, on(2, 20)),
        ("insert", 3, 1, on(4, 1)),
    )


def about(table: str) -> Sequence[tuple[Any, ...]]:
    """Return what a partition is made of, without its name."""
    return execute(
        f"""
        SELECT replace(made, '{table.removeprefix("pgaudit_log_event_")}', 'MONTH')
        FROM (
            SELECT indexdef AS made FROM pg_indexes WHERE tablename = '{table}'
            UNION ALL
            SELECT concat(tgname, tgenabled, tgtype)
            FROM pg_trigger WHERE tgrelid = '{table}'::regclass
            UNION ALL
            SELECT conname || pg_get_constraintdef(oid)
            FROM pg_constraint WHERE conrelid = '{table}'::regclass
            UNION ALL
            SELECT concat(attname, attnotnull, attstorage, pg_get_expr(adbin, adrelid))
            FROM pg_attribute
            LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
            WHERE attrelid = '{table}'::regclass AND attnum > 0
            UNION ALL
            SELECT concat(reloptions, relpersistence) FROM pg_class WHERE oid = '{table}'::regclass
        ) AS made
        ORDER BY 1
        """
    )


def test_events_and_tables_are_as_others(thing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    history()
    assert bring_over(thing, since=on(4, 1)).events == {"shop.Thing": 1}
    importing.plan_withdrawal("pghistory", models=[thing]).apply()
    # April has a partition by now; January and February are filled.
    bring_over(thing)
    filled = records(WHOLE)
    assert [(pk, diff) for pk, diff in records("obj_pk, diff ->> 'n'")] == [
        ("1", None),
        ("1", "[1, 2]"),
        ("1", "[2, 3]"),
        ("2", None),
        ("2", "[1, 2]"),
        ("3", None),
    ]
    assert records("tableoid::regclass::text || ' ' || created_at::date")[2] == (
        f"{FILLED} 2020-01-31",
    )
    made = about(FILLED)
    assert len(made) > 20
    importing.plan_withdrawal("pghistory", models=[thing]).apply()
    execute(f"DROP TABLE {FILLED}, pgaudit_log_event_20200201_20200301")
    monkeypatch.setattr(months, "LEAST", 100)
    bring_over(thing)
    assert records(WHOLE) == filled
    assert about(FILLED) == made
    assert execute("SELECT relname FROM pg_class WHERE relname LIKE 'pgaudit_log_import%'") == []


def test_an_interruption_leaves_whole_months(thing: Any) -> None:
    history()
    told: list[int] = []

    def interrupt(done: int, total: int) -> None:
        told.append(done)
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plan(thing).apply(batch_size=3, progress=interrupt)
    assert told == [1, 4]
    assert records("obj_pk") == [("1",)]
    assert execute("SELECT relname FROM pg_class WHERE relname LIKE 'pgaudit_log_import%'") == []
    assert bring_over(thing).events == {"shop.Thing": 5}
    assert [n for (n,) in records("origin ->> 'id'")] == ["1", "2", "3", "4", "5", "6"]


def test_events_that_come_into_the_month_meanwhile_are_in_the_way_once(thing: Any) -> None:
    history()

    def intrude(done: int, total: int) -> None:
        execute(
            "INSERT INTO pgaudit_log_event (model, label, operation, created_at)"
            " VALUES ('shop.Gone', 'insert', 'M', %s)",
            [on(1, 31)],
        )

    with pytest.raises(PlanError, match="have come into the DEFAULT partition meanwhile"):
        plan(thing).apply(progress=intrude)
    assert records("id") == []
    assert execute("SELECT current_setting('lock_timeout')") == [("0",)]
    assert bring_over(thing).events == {"shop.Thing": 6}
    assert len(records(WHOLE)) == 6
    assert execute("SELECT current_setting('lock_timeout')") == [("0",)]


def test_what_no_tracker_would_have_written_is_made_good_by_a_baseline(db: None) -> None:
    with isolated():
        made = tracked_table(
            "Thing",
            pgaudit_log.InsertEvent(),
            n=models.IntegerField(),
            word=models.TextField(default="w"),
        )
        make_table()
        record(("insert", 1, 1, on(1, 1)), ("update", 1, 2, on(1, 2)))
        execute("ALTER TABLE shop_thing DISABLE TRIGGER USER")
        made.objects.create(pk=1, n=2, word="w")
        assert bring_over(made).gaps == {"shop.Thing": 1}
        assert execute("SELECT label FROM pgaudit_log_event WHERE id > 0 AND operation = 'B'")


def test_a_month_that_is_not_over_is_written_to_as_it_stands(thing: Any) -> None:
    first = datetime.now(timezone.utc).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    [[has]] = execute(
        "SELECT EXISTS (SELECT FROM pg_class WHERE relname = %s AND relispartition)",
        [f"pgaudit_log_event_{first:%Y%m}01_{_following(first):%Y%m}01"],
    )
    assert has
    record(("insert", 1, 1, first))
    assert bring_over(thing).events == {"shop.Thing": 1}


def test_a_table_with_the_name_of_a_partition_is_in_the_way(thing: Any) -> None:
    history()
    execute("CREATE TABLE pgaudit_log_event_20200201_20200301 (n int)")
    with pytest.raises(InstallationError, match="there is a table of that name"):
        bring_over(thing)


def _following(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def test_uninstall_drops_what_a_killed_import_has_left(thing: Any) -> None:
    """None of it is an event yet, so that it goes whether the events stay or not."""
    january = period_at(on(1, 1), "month")
    months.make("default", [january], [january])
    execute("CREATE TABLE pgaudit_log_import (n int); CREATE TABLE pgaudit_log_important (n int)")
    execute("CREATE SCHEMA pgaudit_log_copied CREATE TABLE their_thingevent (n int)")
    expected = [
        "drop schema pgaudit_log_copied",
        "drop table pgaudit_log_import",
        "drop table pgaudit_log_import_20200101_20200201",
    ]
    for with_events in (False, True):
        found = uninstallation.plan(with_events=with_events)
        assert [str(step) for step in found.steps[:3]] == expected
        assert "pgaudit_log_important" not in str(found)
    replace(found, steps=found.steps[:3], obstacles=()).apply()
    assert [str(step) for step in uninstallation.plan().steps if str(step) in expected] == []
