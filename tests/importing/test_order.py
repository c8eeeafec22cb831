"""Imported events stand in their source's own order, whatever came first, and each is there once."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from pgaudit_log import importing
from pgaudit_log.constants import LOWEST_ID
from pgaudit_log.exceptions import PlanError
from pgaudit_log.importing import lines
from pgaudit_log.models import Events
from pgaudit_log.values.past_ids import first_id, moment_of
from tests import query_plans
from tests.importing.peer_tables import (
    START,
    at,
    bring_over,
    events,
    make_table,
    plan,
    record,
    records,
)
from tests.support import execute

pytestmark = pytest.mark.django_db


def test_ids_tell_the_times(thing: Any) -> None:
    record(("insert", 1, 1, 0), ("update", 1, 2, 1.5), ("insert", 2, 1, 1.5004))
    bring_over(thing)
    assert [(moment_of(id), created_at) for id, created_at in records("id, created_at")] == [
        (at(0), at(0)),
        (at(1.5), at(1.5)),
        (at(1.5), at(1.5004)),
    ]


def test_within_a_millisecond_they_count_in_the_peers_order(thing: Any) -> None:
    record(*[("insert", key, 1, 0) for key in (3, 1, 2)])
    bring_over(thing)
    start = first_id(START)
    assert records("id, obj_pk") == [(start, "3"), (start + 1, "1"), (start + 2, "2")]


def test_what_one_object_went_through_stays_in_order_where_clocks_disagree(thing: Any) -> None:
    # Its transaction began before the other one, and had to wait for it.
    record(("insert", 1, 1, 0), ("update", 1, 2, 10), ("update", 1, 3, 5), ("insert", 2, 1, 6))
    bring_over(thing)
    assert records("obj_pk, (snapshot ->> 'n')::int, diff ->> 'n', created_at") == [
        ("1", 1, None, at(0)),
        ("2", 1, None, at(6)),
        ("1", 2, "[1, 2]", at(10)),
        ("1", 3, "[2, 3]", at(5)),
    ]


def test_a_transaction_is_one_again(thing: Any) -> None:
    record(("insert", 1, 1, 0), ("insert", 2, 1, 0), ("update", 1, 2, 0.000001))
    bring_over(thing)
    first, second, third = (txid for (txid,) in records("txid"))
    assert first == second != third
    assert max(first, third) < 0


@pytest.mark.slow
@pytest.mark.parametrize("parts", [(0, 4), (4, 0), (2, 0), (3, 1, 0)])
def test_slices_come_in_any_order(thing: Any, parts: tuple[int, ...]) -> None:
    record(*[("insert" if n < 2 else "update", n % 2, n, n // 2 * 0.0005) for n in range(10)])
    bring_over(thing)
    whole = records("id, obj_pk, operation, snapshot::text, diff::text")
    importing.plan_withdrawal("pghistory", models=[thing]).apply()
    assert records("id") == []
    for part in parts:
        bring_over(thing, since=at(part * 0.0005))
    assert [row[1:] for row in records("id, obj_pk, operation, snapshot::text, diff::text")] != []
    parted = records("id, obj_pk, operation, snapshot::text, diff::text")
    assert sorted(row[1:] for row in parted) == sorted(row[1:] for row in whole)
    for key in ("0", "1"):
        assert [r[1:] for r in parted if r[1] == key] == [r[1:] for r in whole if r[1] == key]


def test_a_second_run_adds_nothing_and_leaves_no_event(thing: Any) -> None:
    record(("insert", 1, 1, 0), ("update", 1, 2, 1))
    assert bring_over(thing).events == {"shop.Thing": 2}
    before = Events.objects.count()
    again = plan(thing)
    assert (again.events, again.steps[0].imported) == (0, 2)
    assert again.apply().events == {"shop.Thing": 0}
    assert Events.objects.count() == before


def test_an_interrupted_run_goes_on(thing: Any) -> None:
    record(*[("insert" if n < 3 else "update", n % 3, n, n) for n in range(10)])

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plan(thing).apply(batch_size=4, progress=interrupt)
    assert len(records("id")) == 4
    assert bring_over(thing).events == {"shop.Thing": 6}
    columns = "obj_pk, operation, (snapshot ->> 'n')::int, diff ->> 'n'"
    assert records(columns) == [
        (str(n % 3), "I" if n < 3 else "U", n, None if n < 3 else f"[{n - 3}, {n}]")
        for n in range(10)
    ]


def test_another_table_of_the_peers_counts_on(thing: Any) -> None:
    record(("insert", 1, 1, 0))
    bring_over(thing)
    make_table("their_old_thingevent")
    record(("insert", 2, 1, 0), name="their_old_thingevent")
    importing.plan("pghistory", tables={thing: ["their_old_thingevent"]}, models=[thing]).apply()
    start = first_id(START)
    assert records("id, obj_pk, origin ->> 'table'") == [
        (start, "1", "their_thingevent"),
        (start + 1, "2", "their_old_thingevent"),
    ]


def test_months_get_partitions(thing: Any) -> None:
    record(
        ("insert", 1, 1, 0), ("update", 1, 2, datetime(2021, 3, 31, 23, 59, tzinfo=timezone.utc))
    )
    bring_over(thing)
    assert records("tableoid::regclass::text") == [
        ("pgaudit_log_event_20200101_20200201",),
        ("pgaudit_log_event_20210301_20210401",),
    ]


@pytest.mark.parametrize("year", [1969, 2110])
def test_a_time_without_ids_is_in_the_way(thing: Any, year: int) -> None:
    record(("insert", 1, 1, datetime(year, 6, 1, tzinfo=timezone.utc)))
    found = plan(thing)
    assert f"has a record of {year}-06-01" in found.obstacles[0]
    with pytest.raises(PlanError, match="Nothing was imported"):
        found.apply()


def test_more_events_than_a_millisecond_has_ids_for_go_into_the_next(
    thing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "IDS_OF_A_MILLISECOND", 4)
    record(*[("insert", key, 1, 0) for key in range(3)], ("insert", 3, 1, 0.001))
    bring_over(thing)
    make_table("their_old_thingevent")
    record(*[("insert", key, 1, 0) for key in range(10, 13)], name="their_old_thingevent")
    importing.plan("pghistory", tables={thing: ["their_old_thingevent"]}, models=[thing]).apply()
    start = LOWEST_ID + int(START.timestamp() * 1000) * 4
    assert records("id, obj_pk") == [
        (start, "0"),
        (start + 1, "1"),
        (start + 2, "2"),
        (start + 4, "3"),
        (start + 5, "10"),
        (start + 6, "11"),
        (start + 7, "12"),
    ]


def test_where_there_is_room_again_is_asked_once_a_millisecond(
    thing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "IDS_OF_A_MILLISECOND", 4)
    record(*[("insert", key, 1, key / 1000) for key in range(8)])
    execute("ALTER TABLE shop_thing DISABLE TRIGGER USER")
    execute(
        "INSERT INTO shop_thing (id, n, word) SELECT n, 1, 'w' FROM generate_series(0, 47) AS n"
    )
    execute("ALTER TABLE shop_thing ENABLE TRIGGER USER")
    bring_over(thing)
    record(*[("insert", key, 1, 0) for key in range(8, 48)])
    with query_plans.explained("CREATE UNLOGGED TABLE", "placed AS", begins="WITH ") as plans:
        bring_over(thing)
    asked = [
        node["Actual Loops"]
        for nodes in plans
        for node in nodes
        if node["Node Type"] == "Aggregate" and node.get("Subplan Name", "").startswith("SubPlan")
    ]
    assert asked == [1]
    ids = [id for (id,) in records("id")]
    assert len({*ids}) == 48


@pytest.mark.parametrize("times", [[0] * 40, [0] * 7 + [0.002] * 6 + [0.004] * 5, [0.001] * 30])
def test_no_id_is_given_twice_where_a_millisecond_runs_over(
    thing: Any, monkeypatch: pytest.MonkeyPatch, times: list[float]
) -> None:
    monkeypatch.setattr(lines, "IDS_OF_A_MILLISECOND", 4)
    earlier = [("insert", key, 1, key / 1000) for key in range(20)]
    later = [("insert", key, 1, time) for key, time in enumerate(times, start=100)]
    execute("ALTER TABLE shop_thing DISABLE TRIGGER USER")
    for _, key, _, _ in (*earlier, *later):
        execute("INSERT INTO shop_thing (id, n, word) VALUES (%s, 1, 'w')", [key])
    execute("ALTER TABLE shop_thing ENABLE TRIGGER USER")
    record(*earlier)
    bring_over(thing)
    record(*later)
    bring_over(thing)
    keys = [int(key) for (key,) in records("obj_pk")]
    assert len({id for (id,) in records("id")}) == len(keys) == 20 + len(times)
    assert [key for key in keys if key >= 100] == [key for _, key, _, _ in later]


def test_no_id_is_given_twice_where_much_was_missed_at_once(
    thing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "IDS_OF_A_MILLISECOND", 4)
    made = [("insert", key, 1, 0) for key in range(30)]
    record(*made[:20])
    bring_over(thing)  # of all of which there is no row
    record(*made[20:])
    bring_over(thing)
    deleted = events("id, obj_pk, operation")
    assert len({id for id, _, _ in deleted}) == len(deleted) == 60


def test_the_trail_has_them_before_its_own(thing: Any) -> None:
    record(("insert", 1, 1, 0), ("update", 1, 2, 1))
    thing.objects.create(pk=2, n=5)
    bring_over(thing)
    trail = Events.objects.filter(pgh_obj_model="shop.Thing").order_by("pgh_id")
    assert [(event.pgh_obj_id, event.pgh_operation) for event in trail] == [
        ("1", "I"),
        ("1", "U"),
        ("1", "D"),
        ("2", "I"),
    ]
    assert execute("SELECT DISTINCT role FROM pgaudit_log_event WHERE id < 0") == [("",)]
    assert timedelta(0) < trail[2].pgh_created_at - trail[1].pgh_created_at
