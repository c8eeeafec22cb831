"""Across the seam an object has one life: what a peer has missed there is told, and nothing is told twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from pgaudit_log import importing
from pgaudit_log.backfill import backfill
from pgaudit_log.diffs import blame, diff
from pgaudit_log.exceptions import PlanError
from pgaudit_log.models import Events
from pgaudit_log.reversal import restore, revert
from tests import query_plans
from tests.importing.peer_tables import TABLE, at, bring_over, events, plan, record
from tests.support import execute

pytestmark = pytest.mark.django_db


@contextmanager
def uncaptured() -> Iterator[None]:
    execute("ALTER TABLE shop_thing DISABLE TRIGGER USER")
    yield
    execute("ALTER TABLE shop_thing ENABLE TRIGGER USER")


def own() -> list[tuple[Any, ...]]:
    return execute(
        "SELECT obj_pk, operation, (snapshot ->> 'n')::int, diff ->> 'n' FROM pgaudit_log_event"
        " WHERE id > 0 AND model = 'shop.Thing' ORDER BY id"
    )


@pytest.fixture
def life(thing: Any) -> list[Events]:
    """An object that was made and changed under the peer, and changed twice since."""
    record(("insert", 5, 1, 0), ("update", 5, 2, 86400))
    with uncaptured():
        thing.objects.create(pk=5, n=2)
    thing.objects.update(n=3)
    thing.objects.update(word="new")
    bring_over(thing)
    return list(Events.objects.filter(pgh_obj_model="shop.Thing").order_by("pgh_id"))


def test_the_first_own_event_continues_the_last_imported_one(life: list[Events]) -> None:
    assert [(event.pgh_operation, event.pgh_diff) for event in life] == [
        ("I", None),
        ("U", {"n": [1, 2]}),
        ("U", {"n": [2, 3]}),
        ("U", {"word": ["w", "new"]}),
    ]


def test_the_past_is_asked_for_across_the_seam(thing: Any, life: list[Events]) -> None:
    assert [thing.objects.as_of(event).get().n for event in life] == [1, 2, 3, 3]
    assert thing.objects.as_of(at(3600)).get().n == 1
    assert not thing.objects.as_of(at(-1)).exists()


def test_diff_blame_and_timeline_cross_the_seam(thing: Any, life: list[Events]) -> None:
    one = thing.objects.get()
    ids = [event.pgh_id for event in life]
    assert [e.pgh_id for e in thing.pgh_event_model.objects.timeline(one)] == ids
    found = blame(one)
    assert [found[name].event.pgh_id for name in ("n", "word")] == [ids[2], ids[3]]
    changed = diff(life[0], life[3]).fields
    assert (changed["n"].old, changed["n"].new) == (1, 3)


def test_an_object_is_reverted_across_the_seam(thing: Any, life: list[Events]) -> None:
    revert(thing.objects.get(), to=life[0]).apply()
    assert thing.objects.values_list("n", "word").get() == (1, "w")


def test_an_object_that_was_deleted_under_the_peer_is_restored(thing: Any) -> None:
    record(("insert", 5, 1, 0), ("update", 5, 2, 1), ("delete", 5, 2, 2))
    bring_over(thing)
    restore(thing.pgh_event_model.objects.get(pgh_operation="D")).apply()
    assert thing.objects.values_list("pk", "n").get() == (5, 2)


def test_imported_history_ends_at_the_objects_first_own_event(thing: Any) -> None:
    thing.objects.create(pk=5, n=1)
    [created_at] = Events.objects.filter(pgh_obj_model="shop.Thing").values_list(
        "pgh_created_at", flat=True
    )
    record(
        ("insert", 6, 1, 0),
        ("insert", 5, 1, created_at),
        ("update", 5, 2, created_at + timedelta(days=1)),
    )
    found = plan(thing)
    assert (found.events, found.steps[0].compared) == (1, 2)
    found.apply()
    assert events("obj_pk, operation") == [("6", "I"), ("6", "D")]


def test_a_baseline_says_that_the_peer_missed_a_write(thing: Any) -> None:
    record(("insert", 5, 1, 0))
    with uncaptured():
        thing.objects.create(pk=5, n=2)
    thing.objects.update(n=3)
    first = Events.objects.get(pgh_obj_model="shop.Thing")
    assert bring_over(thing).gaps == {"shop.Thing": 1}
    assert events() == [("5", "I", 1), ("5", "B", 2)]
    assert own() == [("5", "U", 3, "[2, 3]")]
    assert events("label, created_at, refs")[1] == ("baseline", first.pgh_created_at, None)
    assert bring_over(thing).gaps == {"shop.Thing": 0}


def test_a_deletion_is_told_that_the_peer_missed(thing: Any) -> None:
    record(("insert", 5, 1, 0))
    thing.objects.create(pk=5, n=9)
    assert bring_over(thing).gaps == {"shop.Thing": 1}
    assert events() == [("5", "I", 1), ("5", "D", 1)]
    assert events("label")[1] == ("delete",)


def test_an_object_that_is_gone_unseen_ends_now(thing: Any) -> None:
    record(("insert", 5, 1, 0))
    bring_over(thing)
    assert events() == [("5", "I", 1), ("5", "D", 1)]
    [_, (created_at,)] = events("created_at")
    assert datetime.now(timezone.utc) - created_at < timedelta(minutes=5)
    assert not thing.objects.as_of(created_at).exists()


def test_a_truncation_of_ours_has_ended_it(thing: Any) -> None:
    record(("insert", 5, 1, 0))
    execute("TRUNCATE shop_thing")
    bring_over(thing)
    assert events() == [("5", "I", 1)]


def test_a_row_that_was_changed_unseen_gets_a_baseline_of_now(thing: Any) -> None:
    record(("insert", 5, 1, 0), ("insert", 6, 1, 0), ("delete", 7, 1, 0))
    with uncaptured():
        for key, n in ((5, 2), (6, 1), (7, 3), (8, 4)):
            thing.objects.create(pk=key, n=n)
    assert bring_over(thing).gaps == {"shop.Thing": 3}
    assert own() == [("5", "B", 2, None), ("7", "B", 3, None), ("8", "B", 4, None)]
    assert backfill(thing).events == 0
    assert bring_over(thing).gaps == {"shop.Thing": 0}


def test_a_baseline_of_ours_says_itself_how_the_row_was_found(thing: Any) -> None:
    record(("insert", 5, 1, 0))
    with uncaptured():
        thing.objects.create(pk=5, n=2)
    backfill(thing)
    assert bring_over(thing).gaps == {"shop.Thing": 0}
    assert events() == [("5", "I", 1)]


def test_an_update_of_which_nothing_before_is_known_is_a_baseline(thing: Any) -> None:
    record(("update", 5, 1, 0), ("update", 5, 2, 1), ("delete", 5, 2, 2), ("update", 5, 3, 3))
    with uncaptured():
        thing.objects.create(pk=5, n=3)
    bring_over(thing)
    assert events("operation, label, diff ->> 'n'") == [
        ("B", "baseline", None),
        ("U", "update", "[1, 2]"),
        ("D", "delete", None),
        ("B", "baseline", None),
    ]


def test_a_label_that_nothing_is_known_of_says_nothing_of_the_row(thing: Any) -> None:
    record(("insert", 5, 1, 0), ("looked_at", 5, 7, 1), ("update", 5, 2, 2))
    with uncaptured():
        thing.objects.create(pk=5, n=2)
    bring_over(thing)
    assert events("operation, label, diff ->> 'n'") == [
        ("I", "insert", None),
        ("M", "looked_at", None),
        ("U", "update", "[1, 2]"),
    ]


def test_what_was_imported_can_be_taken_back_and_brought_over_again(thing: Any) -> None:
    record(("insert", 5, 1, 0), ("update", 5, 2, 40 * 86400))
    with uncaptured():
        thing.objects.create(pk=5, n=2)
    thing.objects.update(n=3)
    bring_over(thing)
    before = events("id, operation, snapshot::text, diff::text")
    found = importing.plan_withdrawal("pghistory", models=[thing])
    assert (found.steps, len(found.partitions)) == ({"shop.Thing": 2}, 2)
    assert found.apply(batch_size=1) == 2
    assert events() == []
    assert own() == [("5", "U", 3, "[2, 3]")]
    guards = "SELECT DISTINCT tgenabled FROM pg_trigger WHERE tgname = 'pgaudit_log_refuse_change'"
    assert execute(guards) == [("A",)]
    assert execute(
        "SELECT snapshot ->> 'events' FROM pgaudit_log_event WHERE label = 'import withdrawn'"
    ) == [("2",)]
    bring_over(thing)
    assert events("id, operation, snapshot::text, diff::text") == before


def test_what_a_slower_clock_told_of_the_same_change_is_not_told_twice(thing: Any) -> None:
    """The application's clock may be behind the database's, whose transaction began first all the same."""
    execute(
        "CREATE TABLE their_historicalthing (history_id serial PRIMARY KEY, history_date timestamptz,"
        " history_type text, history_user_id int, history_change_reason text, id int, n int, word text)"
    )
    with uncaptured():
        thing.objects.create(pk=6, n=1)
    thing.objects.create(pk=5, n=1)
    thing.objects.filter(pk=6).update(n=2)
    execute(
        "INSERT INTO their_historicalthing (history_date, history_type, id, n, word) VALUES"
        " ('2020-01-01', '+', 6, 1, 'w'),"
        " (now() - interval '1 second', '+', 5, 1, 'w'),"
        " (now() - interval '2 seconds', '~', 6, 1, 'w'),"
        " (now() - interval '1 second', '~', 6, 2, 'w')"
    )
    found = importing.plan(
        "simple-history", tables={thing: ["their_historicalthing"]}, models=[thing]
    )
    assert found.steps[0].compared == 2
    assert found.apply().gaps == {"shop.Thing": 0}
    assert events("obj_pk, operation, diff::text") == [("6", "I", None), ("6", "U", "{}")]
    [compared] = importing.compare(found)
    assert (compared.in_both, compared.agrees) == (2, True)


def test_a_record_without_a_key_is_of_nothing(thing: Any) -> None:
    record(("insert", 5, 1, 0))
    execute(f"UPDATE {TABLE} SET id = NULL")
    bring_over(thing)
    assert events() == []


def test_what_comes_in_the_way_after_the_plan_was_made_is_seen(thing: Any) -> None:
    record(("insert", 5, 1, 0))
    made = plan(thing)
    bring_over(thing)
    execute("ALTER TABLE pgaudit_log_event DISABLE TRIGGER USER")
    execute('UPDATE pgaudit_log_event SET origin = origin || \'{"peer": "another"}\' WHERE id < 0')
    with pytest.raises(PlanError, match="each change would be there twice"):
        made.apply()


def test_what_is_known_of_many_rows_is_compared_in_one_pass(thing: Any) -> None:
    rows = 2_000
    execute(
        f"INSERT INTO {TABLE} (pgh_created_at, pgh_label, pgh_obj_id, id, n, word)"
        " SELECT %s, 'insert', number, number, 1, repeat('w', 400) FROM generate_series(1, %s) AS number",
        [at(0), rows],
    )
    with uncaptured():
        execute(
            "INSERT INTO shop_thing (id, n, word)"
            " SELECT number, 1, repeat('w', 400) FROM generate_series(1, %s) AS number",
            [rows],
        )
    # Events of which the planner knows nothing yet.
    thing.objects.update(n=2)
    with query_plans.explained("pgaudit_log_import_states", "WITH ", begins="WITH ") as plans:
        assert bring_over(thing).gaps == {"shop.Thing": 0}
    assert len(plans) == 2  # what was missed, and whether there is more to tell
    for nodes in plans:
        assert all(query_plans.compared(node) <= 2 * rows for node in nodes)


def test_a_withdrawal_does_not_look_again_at_what_it_has_taken_back(thing: Any) -> None:
    # One has the first id that there is.
    record(("insert", 1, 1, datetime(1970, 1, 1, tzinfo=timezone.utc)))
    record(*[("insert", key, 1, key) for key in range(2, 8)])
    bring_over(thing)
    found = importing.plan_withdrawal("pghistory", models=[thing])
    with query_plans.explained("ORDER BY id LIMIT") as plans:
        assert found.apply(batch_size=2) == found.events
    conditions = [
        node.get("Index Cond", "") for nodes in plans for node in nodes if "Relation Name" in node
    ]
    assert events() == []
    assert len(conditions) > found.events // 2
    firsts = [re.search(r"id >= '?(-?\d+)", condition) for condition in conditions]
    assert all(firsts)
    assert len({first[1] for first in firsts if first}) > found.events // 2
