"""The plan of an import says what comes over, what does not, and what is in the way."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import datetime, timezone
from functools import partial
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import models

from pgaudit_log import importing
from pgaudit_log.exceptions import PlanError, QueryError
from pgaudit_log.importing import Plan
from pgaudit_log.importing.batches import Batch, run
from pgaudit_log.models import Events
from pgaudit_log.operating import hold, release
from pgaudit_log.testing import isolated
from tests.importing.peer_tables import TABLE, at, bring_over, events, make_table, plan, record
from tests.support import execute, role_name
from tests.tables import EVERYTHING, make, tracked_table

pytestmark = pytest.mark.django_db


def command(*arguments: str) -> str:
    out = io.StringIO()
    call_command("pgaudit_log", "import", "pghistory", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_it_counts_what_becomes_of_each_label(thing: Any) -> None:
    record(("insert", 1, 1, 0), ("update", 1, 2, 60), ("looked_at", 1, 2, 70), ("update", 2, 2, 90))
    [step] = plan(thing).steps
    assert (step.model, step.source.name, step.events) == ("shop.Thing", TABLE, 4)
    assert [(c.kind, c.operation, c.label, c.events, c.first, c.last) for c in step.counts] == [
        ("insert", "I", "insert", 1, at(0), at(0)),
        ("looked_at", "M", "looked_at", 1, at(70), at(70)),
        ("update", "B", "baseline", 1, at(90), at(90)),
        ("update", "U", "update", 1, at(60), at(60)),
    ]


def test_it_tells_of_each_column_that_does_not_come_over(thing: Any) -> None:
    execute(f"ALTER TABLE {TABLE} DROP COLUMN word, ADD COLUMN former text, ALTER n TYPE text")
    [step] = plan(thing).steps
    assert [(unkept.column, unkept.reason) for unkept in step.unkept] == [
        ("n", "is text there and integer here"),
        ("word", "is not recorded there"),
        ("former", "is no column of shop.Thing"),
    ]
    execute(
        f"INSERT INTO {TABLE} (pgh_created_at, pgh_label, id) VALUES (now() - interval '1 day', 'insert', 1)"
    )
    bring_over(thing)
    assert events("snapshot::text") == [('{"id": 1}',), ('{"id": 1}',)]


def test_a_narrower_column_of_theirs_is_read_as_ours(thing: Any) -> None:
    execute(f"ALTER TABLE {TABLE} ALTER n TYPE smallint, ALTER word TYPE varchar(5)")
    record(("insert", 1, 7, 0))
    assert plan(thing).steps[0].unkept == ()
    bring_over(thing)
    assert events("snapshot::text")[0] == ('{"n": 7, "id": 1, "word": "w"}',)


def test_nothing_is_written_until_it_is_applied(thing: Any) -> None:
    record(("insert", 1, 1, 0))
    before = Events.objects.count()
    assert plan(thing).events == 1
    assert Events.objects.count() == before
    assert execute("SELECT to_regclass('pgaudit_log_import')") == [(None,)]


def test_tables_that_no_class_is_there_for_any_more_are_named(thing: Any) -> None:
    execute(
        "CREATE TABLE shop_historicalthing (history_id int, history_date date, history_type text)"
    )
    for peer, table in (("pghistory", TABLE), ("simple-history", "shop_historicalthing")):
        left_out = dict(importing.plan(peer).left_out)
        assert f"--table app.Model={table}" in left_out[table]
        given = importing.plan(peer, tables={thing: [table]})
        assert table not in dict(given.left_out)


def test_a_key_of_another_type_than_todays_is_told(thing: Any) -> None:
    for column in ("id", "pgh_obj_id"):
        execute(f"ALTER TABLE {TABLE} ALTER {column} TYPE uuid USING NULL")
    execute(
        "CREATE TABLE shop_historicalthing"
        " (history_id int, history_date timestamptz, history_type text, id text)"
    )
    why = "does not have the key of shop.Thing: {} there and bigint here."
    assert plan(thing).obstacles == (f'"{TABLE}" ' + why.format("pgh_obj_id is uuid"),)
    given = {thing: ["shop_historicalthing"]}
    found = importing.plan("simple-history", tables=given, models=[thing])
    assert found.obstacles == ('"shop_historicalthing" ' + why.format("id is text"),)


def test_the_command_shows_it_and_applies_it(thing: Any) -> None:
    record(("insert", 1, 1, 0), ("update", 1, 2, 1))
    chosen = ["--model=shop.Thing", f"--table=shop.Thing={TABLE}"]
    shown = command(*chosen)
    assert "import from django-pghistory into the database default" in shown
    assert "2020-01-01" in shown
    assert "Nothing was imported. Add --apply to do it." in shown
    assert events() == []
    done = command(*chosen, "--apply", "--workers=1", "--batch-size=1")
    assert "shop.Thing: 2 imported, 1 written where something was missing." in done
    again = command(*chosen, "--apply")
    assert "Nothing to import." in again
    assert f"shop.Thing, {TABLE}: 2 imported before." in again
    assert "shop.Thing: 3 events" in command("--withdraw", "--model=shop.Thing")
    assert "3 events taken back." in command("--withdraw", "--model=shop.Thing", "--apply")


def test_the_command_says_the_same_in_json(thing: Any) -> None:
    record(("insert", 1, 1, 0))
    chosen = ["--model=shop.Thing", f"--table=shop.Thing={TABLE}", "--json"]
    shown = json.loads(command(*chosen))
    assert (shown["events"], shown["applied"], shown["obstacles"]) == (1, None, [])
    assert shown["steps"][0]["kinds"][0] == {
        "kind": "insert",
        "operation": "insert",
        "label": "insert",
        "events": 1,
        "first": "2020-01-01T00:00:00+00:00",
        "last": "2020-01-01T00:00:00+00:00",
    }
    done = json.loads(command(*chosen, "--apply"))
    assert done["applied"] == {"events": {"shop.Thing": 1}, "gaps": {"shop.Thing": 1}}
    gone = json.loads(command("--model=shop.Thing", "--withdraw", "--apply", "--json"))
    assert (gone["events"], gone["applied"]) == ({"shop.Thing": 2}, 2)


def test_what_is_no_event_table_is_in_the_way(thing: Any) -> None:
    found = importing.plan("pghistory", tables={thing: ["shop_thing"]}, models=[thing])
    assert found.obstacles == ('"shop_thing" is no event table of django-pghistory.',)
    with pytest.raises(CommandError, match="Nothing was imported") as refused:
        command("--model=shop.Thing", "--table=shop.Thing=shop_thing", "--apply")
    assert refused.value.returncode == 2


def test_a_model_that_the_peer_has_not_recorded_is_in_the_way(thing: Any) -> None:
    found = importing.plan("simple-history", models=[thing])
    assert found.obstacles == (
        "django-simple-history has recorded nothing of shop.Thing: it has no class for it.",
    )


def test_a_model_that_is_not_tracked_here_is_left_out(thing: Any) -> None:
    other = make("Stranger", n=models.IntegerField())
    found = importing.plan("pghistory", tables={other: [TABLE]})
    assert ("shop.Stranger", found.left_out[0][1]) == found.left_out[0]
    assert "Decorate it with pgaudit_log.track()" in found.left_out[0][1]
    assert found.obstacles == ()


def test_a_role_that_may_not_is_told_so(thing: Any) -> None:
    record(("insert", 1, 1, 0))
    role = role_name("reader")
    execute(f"CREATE ROLE {role}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    execute(f"SET ROLE {role}")
    try:
        found = plan(thing)
        with pytest.raises(PlanError, match="Nothing was compared: permission denied for schema"):
            importing.compare(found)
        execute("RESET ROLE")
        execute(f"REVOKE SELECT ON {TABLE} FROM {role}")
        execute(f"SET ROLE {role}")
        unreadable = plan(thing)
        # Of all models: there is nothing that it could write.
        nothing = importing.plan("pghistory", tables={thing: [TABLE]}).apply()
    finally:
        execute("RESET ROLE")
        execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert found.obstacles[0].startswith(f"The role {role} does not own the event table")
    assert unreadable.obstacles == (f'The role may not read "{TABLE}". Grant it SELECT.',)
    assert nothing == importing.Imported(events={}, gaps={})


def test_history_that_another_peer_has_of_the_same_time_is_in_the_way(thing: Any) -> None:
    record(("insert", 1, 1, 0))
    bring_over(thing)
    execute(
        "CREATE TABLE their_historicalthing (history_id serial PRIMARY KEY, history_date timestamptz,"
        " history_type text, history_user_id int, history_change_reason text, id int, n int, word text);"
        "INSERT INTO their_historicalthing (history_date, history_type, id, n, word)"
        " VALUES ('2020-01-01', '+', 1, 1, 'w'), ('2019-01-01', '+', 2, 1, 'w')"
    )
    tables = {thing: ["their_historicalthing"]}
    found = importing.plan("simple-history", tables=tables, models=[thing])
    assert "each change would be there twice" in found.obstacles[0]
    execute("DELETE FROM their_historicalthing WHERE id = 1")
    older = importing.plan("simple-history", tables=tables, models=[thing])
    assert older.obstacles == ()
    older.apply()
    assert events("obj_pk, origin ->> 'peer'")[:2] == [
        ("2", "django-simple-history"),
        ("1", "django-pghistory"),
    ]


@pytest.mark.parametrize("what", [{"what": "shop.Thing"}, {"user": 7}], ids=["model", "user"])
def test_what_may_be_held_is_not_taken_back(thing: Any, what: dict[str, Any]) -> None:
    record(("insert", 1, 1, 0))
    bring_over(thing)
    # One is that the object was gone, which the peer has missed.
    assert len(events()) == 2
    before = importing.plan_withdrawal("pghistory", models=[thing])
    number = hold(**what, reason="case 7").number
    told = rf"Nothing was taken back\. The hold {number} \(case 7\) may keep some of these events"
    # Also where the plan was made before.
    for found in (before, importing.plan_withdrawal("pghistory", models=[thing])):
        with pytest.raises(PlanError, match=told):
            found.apply()
    assert len(events()) == 2
    release(number, reason="closed")
    assert importing.plan_withdrawal("pghistory", models=[thing]).apply() == 2
    assert events() == []


def test_a_hold_of_another_model_is_not_in_the_way(thing: Any) -> None:
    record(("insert", 1, 1, 0))
    bring_over(thing)
    hold("shop.Customer", reason="case 7")
    assert importing.plan_withdrawal("pghistory", models=[thing]).apply() == 2


def test_bad_input_is_refused(thing: Any) -> None:
    with pytest.raises(QueryError, match="There is no way to import 'paper'"):
        importing.plan("paper")
    with pytest.raises(QueryError, match="has no time zone"):
        importing.plan("pghistory", since=at(0).replace(tzinfo=None))
    with pytest.raises(QueryError, match="in batches of 0 events"):
        plan(thing).apply(batch_size=0)
    with pytest.raises(QueryError, match="Nothing was imported from 'paper'"):
        importing.plan_withdrawal("paper")
    with pytest.raises(CommandError, match="Write it as"):
        command("--table=shop.Thing")


def test_the_trails_of_both_are_compared(thing: Any) -> None:
    def their(label: str, obj: Any) -> None:
        execute(
            f"INSERT INTO {TABLE} (pgh_created_at, pgh_label, pgh_obj_id, id, n, word)"
            " VALUES (now(), %s, %s, %s, %s, %s)",
            [label, obj.pk, obj.pk, obj.n, obj.word],
        )

    one = thing.objects.create(n=1)
    their("insert", one)
    one.n = 2
    one.save()
    their("update", one)
    [found] = importing.compare(plan(thing))
    assert (found.in_both, found.only_there, found.only_here, found.agrees) == (2, 0, 0, True)
    thing.objects.update(n=3)  # which the peer does not see
    one.n = 4
    their("update", one)
    [found] = importing.compare(plan(thing))
    assert (found.in_both, found.only_there, found.only_here) == (2, 1, 1)
    assert {(d.side, d.operation, d.obj_pk) for d in found.differences} == {
        ("here", "U", str(one.pk)),
        ("there", "U", str(one.pk)),
    }
    with pytest.raises(CommandError, match="do not tell the same") as refused:
        command("--compare", "--model=shop.Thing", f"--table=shop.Thing={TABLE}")
    assert refused.value.returncode == 1
    assert execute("SELECT to_regclass('pgaudit_log_import')") == [(None,)]


def test_what_events_of_ours_refer_to_is_not_taken_back(db: None) -> None:
    word = "".join(hashlib.sha256(str(n).encode()).hexdigest() for n in range(100))
    now = datetime.now(timezone.utc)
    with isolated():
        large = tracked_table(
            "Thing",
            *EVERYTHING,
            track={"large": ["word"]},
            n=models.IntegerField(),
            word=models.TextField(),
        )
        make_table()
        record(("insert", 1, 1, now.replace(day=1, hour=0, minute=0, second=0)))
        execute(f"UPDATE {TABLE} SET word = %s", [word])
        execute("ALTER TABLE shop_thing DISABLE TRIGGER USER")
        large.objects.create(pk=1, n=1, word=word)
        execute("ALTER TABLE shop_thing ENABLE TRIGGER USER")
        bring_over(large)
        large.objects.update(n=2)
        found = importing.plan_withdrawal("pghistory", models=[large])
        assert found.obstacles == (
            "Events of shop.Thing refer to imported ones, which have its large values.",
        )
        with pytest.raises(PlanError, match="Nothing was taken back"):
            found.apply()


@pytest.mark.django_db(transaction=True)
def test_batches_are_committed_in_their_order() -> None:
    execute("CREATE TABLE written (n int)")
    try:
        done: list[int] = []

        def write(n: int) -> None:
            execute("SELECT pg_sleep(%s)", [0.05 if n % 2 == 0 else 0])
            execute("INSERT INTO written VALUES (%s)", [n])
            if n == 5:
                raise PlanError("here")

        with pytest.raises(PlanError, match="here"):
            run(
                [Batch(write=partial(write, n), events=n) for n in range(9)],
                "default",
                workers=3,
                done=lambda batch: done.append(batch.events),
            )
        assert [n for (n,) in execute("SELECT n FROM written ORDER BY n")] == [0, 1, 2, 3, 4]
        assert done == [0, 1, 2, 3, 4]
    finally:
        execute("DROP TABLE written")


def test_a_plan_tells_how_long_it_takes(thing: Any) -> None:
    record(("insert", 1, 1, 0))
    found: Plan = plan(thing)
    assert 0 < found.seconds < 1
