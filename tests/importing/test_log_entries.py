"""Log entries and CRUD events that are seldom: of what is gone, masked, partly told, or told at once."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connections, models

from pgaudit_log import importing
from pgaudit_log.diffs import blame, diff
from pgaudit_log.exceptions import PlanError, UnknownPastError
from pgaudit_log.importing import Plan
from pgaudit_log.models import Events
from pgaudit_log.operating import hold, verify
from pgaudit_log.reversal import restore, revert
from pgaudit_log.testing import isolated
from tests.importing.peer_tables import at, events
from tests.importing.text_tables import (
    CREATE,
    CRUD_CREATE,
    CRUD_UPDATE,
    DELETE,
    ENTRIES,
    UPDATE,
    created,
    crud,
    entry,
    make_tables,
    make_versions,
    version,
)
from tests.support import execute, role_name
from tests.tables import EVERYTHING, tracked_table

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def thing(db: None) -> Iterator[Any]:
    with isolated():
        yield made_table()


def made_table(**options: Any) -> Any:
    thing = tracked_table(
        "Thing",
        *EVERYTHING,
        track=options,
        n=models.IntegerField(),
        word=models.TextField(default="w"),
    )
    make_tables()
    return thing


def plan(model: Any, peer: str = "auditlog", **options: Any) -> Plan:
    return importing.plan(peer, models=[model], **options)


def unseen(model: Any, *rows: tuple[int, int]) -> None:
    """Make rows that the package does not capture."""
    execute("ALTER TABLE shop_thing DISABLE TRIGGER USER")
    for key, n in rows:
        model.objects.create(pk=key, n=n)
    execute("ALTER TABLE shop_thing ENABLE TRIGGER USER")


@contextmanager
def own_time_zone(name: str) -> Iterator[None]:
    """Give the connection a time zone of its own, as ``TIME_ZONE`` of a database does."""
    # Not the proxy, which has no values of its own.
    own = connections["default"]

    def use(name: str | None) -> None:
        own.settings_dict["TIME_ZONE"] = name
        for cached in ("timezone", "timezone_name"):
            own.__dict__.pop(cached, None)
        own.ensure_timezone()

    before = own.settings_dict["TIME_ZONE"]
    use(name)
    try:
        yield
    finally:
        use(before)


def test_an_object_has_one_life_across_the_seam(thing: Any) -> None:
    entry(CREATE, 5, created(5), 0)
    entry(UPDATE, 5, {"n": ["1", "2"]}, 60)
    unseen(thing, (5, 2))
    thing.objects.update(n=3)
    [(began,)] = Events.objects.filter(pgh_obj_model="shop.Thing").values_list("pgh_created_at")
    # Of the same change as the event here, and told by a clock that is a second behind.
    entry(UPDATE, 5, {"n": ["2", "3"]}, (began - at(1)).total_seconds())
    found = plan(thing)
    assert (found.events, found.steps[0].compared) == (2, 1)
    assert found.apply().gaps == {"shop.Thing": 0}
    assert plan(thing).events == 0
    life = list(Events.objects.filter(pgh_obj_model="shop.Thing").order_by("pgh_id"))
    assert [(event.pgh_operation, event.pgh_diff) for event in life] == [
        ("I", None),
        ("U", {"n": [1, 2]}),
        ("U", {"n": [2, 3]}),
    ]
    one = thing.objects.get()
    ids = [event.pgh_id for event in life]
    out = io.StringIO()
    call_command("pgaudit_log", "show", str(ids[0]), stdout=out)
    told = [line.split() for line in out.getvalue().splitlines()]
    assert ["imported", "from", "django-auditlog", ENTRIES, "1"] in told
    assert [thing.objects.as_of(event).get().n for event in life] == [1, 2, 3]
    assert [event.pgh_id for event in thing.pgh_event_model.objects.timeline(one)] == ids
    assert blame(one)["n"].event.pgh_id == ids[2]
    assert (diff(life[0], life[2]).fields["n"].old, one.n) == (1, 3)
    revert(one, to=life[0]).apply()
    assert thing.objects.get().n == 1
    assert list(verify(models=[thing])) == []


def test_a_key_that_none_of_today_is_written_as_is_of_no_object(thing: Any) -> None:
    for key in (
        "abc",
        "",
        " 5",
        "5\t",
        "5.0",
        "٥",
        "9" * 30,
        "0b7c4d0e-0000-4000-8000-000000000001",
    ):
        entry(CREATE, key, created(5), 0)
        crud(CRUD_CREATE, key, {"n": 1, "word": "w"}, 0)
    for peer in ("auditlog", "easy-audit"):
        found = plan(thing, peer)
        assert found.events == 0
        assert found.apply().events == {"shop.Thing": 0}


def test_versions_that_cannot_be_read_are_kept_as_their_texts(thing: Any) -> None:
    make_versions()
    version(5, {"n": 1, "word": "w"}, 0)
    for number, row in enumerate(({"n": 10**30}, {"word": "\0"}, [], None), 1):
        version(5, row, number)
    texts = [
        *("null", "[]", "{}", "[1]", "", '[{"model": "shop.artist", "pk": 5, "fields": {}}]'),
        '[{"model": "shop.thing", "pk": 5, "fields": {"n": {}}}]',
    ]
    for number, text in enumerate(texts, 10):
        version(5, {}, number)
        execute(
            "UPDATE reversion_version SET serialized_data = %s"
            " WHERE id = (SELECT max(id) FROM reversion_version)",
            [text],
        )
    plan(thing, "reversion").apply()
    told = execute(
        "SELECT label, context ->> 'unreadable' FROM pgaudit_log_event WHERE id < 0"
        " AND origin ? 'id' ORDER BY id"
    )
    assert [label for label, _ in told] == ["baseline"] + ["unreadable"] * 11
    assert [text for _, text in told[5:]] == texts
    assert plan(thing, "reversion").events == 0


def test_what_no_entry_tells_of_a_row_is_told_by_a_baseline_of_now(thing: Any) -> None:
    entry(CREATE, 5, {"id": ["None", "5"], "n": ["None", "1"]}, 0)
    unseen(thing, (5, 1))
    assert plan(thing).apply().gaps == {"shop.Thing": 1}
    life = Events.objects.filter(pgh_obj_model="shop.Thing").order_by("pgh_id")
    assert [(event.pgh_operation, event.pgh_data) for event in life] == [
        ("I", {"id": 5, "n": 1}),
        ("B", {"id": 5, "n": 1, "word": "w"}),
    ]
    assert [thing.objects.as_of(event).get().word for event in life] == [None, "w"]
    again = plan(thing).apply()
    assert (again.events, again.gaps) == ({"shop.Thing": 0}, {"shop.Thing": 0})


def test_a_change_that_both_tell_of_is_not_imported_where_the_peer_had_missed_one(
    thing: Any,
) -> None:
    entry(CREATE, 5, created(5), 0)
    unseen(thing, (5, 1))
    execute("ALTER TABLE shop_thing DISABLE TRIGGER USER")
    thing.objects.update(word="unseen")
    execute("ALTER TABLE shop_thing ENABLE TRIGGER USER")
    thing.objects.update(n=3)
    [(began,)] = Events.objects.filter(pgh_obj_model="shop.Thing").values_list("pgh_created_at")
    # Entries are made before the statement, so that their times mostly are before those of events.
    entry(UPDATE, 5, {"n": ["1", "3"]}, (began - at(1)).total_seconds())
    plan(thing).apply()
    life = Events.objects.filter(pgh_obj_model="shop.Thing").order_by("pgh_id")
    assert [(e.pgh_operation, e.pgh_data["word"], e.pgh_diff) for e in life] == [
        ("I", "w", None),
        ("B", "unseen", None),
        ("U", "unseen", {"n": [1, 3]}),
    ]
    [found] = importing.compare(plan(thing))
    # An entry tells of the change, not of the row, in which something else was missed.
    assert (found.in_both, found.only_there, found.only_here) == (1, 0, 0)


def test_a_change_that_both_tell_of_is_not_imported_where_the_peer_has_less_exact_times(
    db: None,
) -> None:
    with isolated():
        thing = tracked_table(
            "Thing", *EVERYTHING, n=models.IntegerField(), seen=models.DateTimeField()
        )
        make_tables()
        make_versions()
        execute("ALTER TABLE shop_thing DISABLE TRIGGER USER")
        thing.objects.create(pk=5, n=1, seen=at(0))
        execute("ALTER TABLE shop_thing ENABLE TRIGGER USER")
        thing.objects.update(n=2, seen=at(1.234567))
        [(began,)] = Events.objects.filter(pgh_obj_model="shop.Thing").values_list("pgh_created_at")
        old = {"n": 1, "seen": "2020-01-01T00:00:00Z"}
        new = {"n": 2, "seen": "2020-01-01T00:00:01.234Z"}
        changes = {name: [str(old[name]), str(new[name])] for name in ("n", "seen")}
        shortly_before = (began - at(1)).total_seconds()
        crud(CRUD_CREATE, 5, old, 0)
        crud(CRUD_UPDATE, 5, new, shortly_before, changed_fields=json.dumps(changes))
        version(5, old, 0)
        version(5, new, shortly_before)
        for peer in ("easy-audit", "reversion"):
            assert plan(thing, peer).apply().events == {"shop.Thing": 1}
            [found] = importing.compare(plan(thing, peer))
            assert (found.in_both, found.only_there, found.only_here) == (1, 0, 0)
            importing.plan_withdrawal(peer, models=[thing]).apply()


def test_without_use_tz_times_are_those_of_the_project(db: None, settings: Any) -> None:
    settings.USE_TZ = False
    settings.TIME_ZONE = "Asia/Kolkata"
    with isolated():
        thing = tracked_table(
            "Thing", *EVERYTHING, n=models.IntegerField(), seen=models.DateTimeField()
        )
        make_tables()
        make_versions()
        seen = "2020-01-01T05:30:00"
        changes = {"id": ["None", "5"], "n": ["None", "1"], "seen": ["None", seen]}
        entry(CREATE, 5, changes, 60)
        crud(CRUD_CREATE, 5, {"n": 1, "seen": seen}, 60)
        version(5, {"n": 1, "seen": seen}, 60)
        for peer in ("auditlog", "easy-audit", "reversion"):
            found = plan(thing, peer)
            assert (found.steps[0].first, found.obstacles) == (at(60), ())
            found.apply()
            assert execute(
                "SELECT snapshot ->> 'seen', created_at = %s FROM pgaudit_log_event"
                " WHERE id < 0 AND origin ? 'id'",
                [at(60)],
            ) == [("2020-01-01T00:00:00+00:00", True)]
            assert importing.compare(plan(thing, peer))[0].agrees
            importing.plan_withdrawal(peer, models=[thing]).apply()


def test_a_connections_own_time_zone_moves_no_time(thing: Any) -> None:
    entry(CREATE, 5, created(5), 60)
    crud(CRUD_CREATE, 5, {"n": 1, "word": "w"}, 60)
    with own_time_zone("Asia/Kolkata"):
        for peer in ("auditlog", "easy-audit"):
            found = plan(thing, peer)
            assert found.steps[0].first == at(60)
            found.apply()
            importing.compare(plan(thing, peer))
            assert events("created_at = '2020-01-01 00:01:00+00'")[0] == (True,)
            importing.plan_withdrawal(peer, models=[thing]).apply()


def test_the_trails_of_both_are_compared(thing: Any) -> None:
    thing.objects.create(pk=5, n=1)
    thing.objects.filter(pk=5).update(n=2)
    entry(CREATE, 5, created(5), 10**9)
    [found] = importing.compare(plan(thing))
    assert (found.in_both, found.only_there, found.only_here) == (1, 0, 1)
    entry(UPDATE, 5, {"n": ["1", "2"]}, 10**9)
    [found] = importing.compare(plan(thing))
    assert (found.in_both, found.agrees) == (2, True)


def test_what_is_partly_told_says_nothing_of_the_row(thing: Any) -> None:
    entry(UPDATE, 5, {"n": ["1", "2"]}, 0)
    entry(UPDATE, 6, {"n": ["1", "2"]}, 0)
    entry(DELETE, 6, {"id": ["6", "None"], "n": ["2", "None"], "word": ["x", "None"]}, 60)
    unseen(thing, (5, 2))
    found = plan(thing)
    assert [(count.kind, count.operation, count.events) for count in found.steps[0].counts] == [
        ("delete", "D", 1),
        ("partial update", "M", 1),
        ("update", "B", 1),
    ]
    found.apply()
    assert events(
        "obj_pk, operation, label, snapshot::text, diff::text, context ->> 'unknown'"
    ) == [
        ("5", "M", "partial_update", '{"n": 2, "id": 5}', None, '["word"]'),
        ("6", "B", "baseline", '{"n": 1, "id": 6, "word": "x"}', None, None),
        ("6", "U", "update", '{"n": 2, "id": 6, "word": "x"}', '{"n": [1, 2]}', None),
        ("6", "D", "delete", '{"n": 2, "id": 6, "word": "x"}', None, None),
    ]
    with pytest.raises(UnknownPastError):
        thing.objects.as_of(at(30)).get(pk=5)
    assert thing.objects.as_of(at(30)).get(pk=6).word == "x"
    restore(thing.pgh_event_model.objects.get(pgh_operation="D")).apply()
    assert thing.objects.get(pk=6).n == 2


def test_serialized_data_makes_a_row_whole(thing: Any) -> None:
    row = {"model": "shop.thing", "pk": 5, "fields": {"n": 2, "word": "x"}}
    entry(UPDATE, 5, {"n": ["1", "2"]}, 0, serialized_data=json.dumps(row))
    plan(thing).apply()
    assert events("operation, snapshot::text")[:2] == [
        ("B", '{"n": 1, "id": 5, "word": "x"}'),
        ("U", '{"n": 2, "id": 5, "word": "x"}'),
    ]


def test_changes_are_read_in_each_form_that_they_have_had(thing: Any) -> None:
    entry(CREATE, 5, {"id": [None, 5], "n": [None, 1], "word": [None, "None"]}, 0)  # as JSON
    entry(CREATE, 6, None, 1, changes_text=json.dumps(created(6)))
    entry(CREATE, 7, json.dumps(created(7)), 2)  # a text of JSON, in JSON
    entry(UPDATE, 7, "no JSON", 3)
    plan(thing).apply()
    assert events("obj_pk, operation, snapshot ->> 'word', snapshot -> 'n'")[:4] == [
        ("5", "I", "None", "1"),
        ("6", "I", "w", "1"),
        ("7", "I", "w", "1"),
        ("7", "U", "w", "1"),
    ]


def test_times_decide_the_order_and_then_ids(thing: Any) -> None:
    entry(UPDATE, 5, {"n": ["1", "2"]}, 1)
    entry(UPDATE, 5, {"n": ["2", "3"]}, 1)
    entry(CREATE, 5, created(5), 0)
    plan(thing).apply()
    assert events()[:3] == [("5", "I", 1), ("5", "U", 2), ("5", "U", 3)]


def test_users_models_and_keys_may_be_gone(thing: Any) -> None:
    entry(CREATE, 5, created(5), 0, actor_email="ana@example.org", remote_addr="10.0.0.7")
    entry(CREATE, "None", created(6), 0)
    execute(f"UPDATE {ENTRIES} SET cid = 'a' WHERE object_pk = '5'")
    gone = ContentType.objects.create(app_label="shop", model="gone")
    execute(f"INSERT INTO {ENTRIES} (content_type_id, object_pk) VALUES (%s, '1')", [gone.pk])
    found = importing.plan("auditlog")
    assert ("shop.gone", "The project has no such model any more.") in found.left_out
    found.apply()
    [(context, is_grouped), _] = events("context::text, context_id IS NOT NULL")
    assert json.loads(context) == {"user_email": "ana@example.org", "ip": "10.0.0.7", "cid": "a"}
    assert is_grouped
    crud(1, 8, {"n": 1, "word": "w"}, 5, user_pk_as_string="7")
    plan(thing, "easy-audit", since=at(5)).apply()
    assert ('{"user": 7}',) in events("context::text")


def test_no_masked_or_untracked_value_comes_over(settings: Any) -> None:
    settings.PGAUDIT_LOG_MASK_CONTEXT = ["ip"]
    with isolated():
        thing = made_table(mask=["word"])
        secret = "hush-4711"
        changes = {**created(5), "word": ["None", secret]}
        entry(CREATE, 5, changes, 0, remote_addr="10.9.8.7")
        entry(UPDATE, 5, {"word": [secret, f"F(word) {secret}"], "former": ["a", secret]}, 1)
        row = {"n": 1, "word": secret, "former": secret}
        entry(UPDATE, 5, {"n": ["1", "?"]}, 2, serialized_data=json.dumps({"fields": row}))
        plan(thing).apply()
        rows = execute("SELECT event::text FROM pgaudit_log_event AS event WHERE id < 0")
        assert len(rows) == 4
        assert secret not in str(rows)
        assert "10.9.8.7" not in str(rows)
        importing.plan_withdrawal("auditlog").apply()
        crud(1, 5, row, 0)
        crud(2, 5, {**row, "word": None}, 1, changed_fields=json.dumps({"word": [secret, "None"]}))
        crud(2, 5, None, 2, changed_fields=json.dumps({"word": [secret, "x"]}))
        plan(thing, "easy-audit").apply()
        rows = execute("SELECT event::text FROM pgaudit_log_event AS event WHERE id < 0")
        assert len(rows) >= 4
        assert secret not in str(rows)


def test_what_the_peer_has_masked_is_no_value(thing: Any) -> None:
    entry(CREATE, 5, {**created(5), "word": ["None", "****4711"]}, 0)
    plan(thing).apply()
    assert events("snapshot::text, context ->> 'texts'")[0] == (
        '{"n": 1, "id": 5}',
        '{"word": ["None", "****4711"]}',
    )


def test_a_value_that_postgresql_refuses_is_unknown(thing: Any) -> None:
    entry(CREATE, 5, created(5), 0, additional_data='{"a": "\\\\ud800"}')
    execute(f"""UPDATE {ENTRIES} SET changes = changes || '{{"n": ["None", "99999999999"]}}'""")
    entry(CREATE, 6, created(6), 0)
    plan(thing).apply()
    assert events("obj_pk, snapshot::text")[:2] == [
        ("5", '{"id": 5, "word": "w"}'),
        ("6", '{"n": 1, "id": 6, "word": "w"}'),
    ]


def test_a_field_that_was_renamed_since_is_not_nothing(db: None) -> None:
    with isolated():
        thing = tracked_table(
            "Thing", *EVERYTHING, n=models.IntegerField(null=True), word=models.TextField(null=True)
        )
        make_tables()
        entry(CREATE, 5, {"id": ["None", "5"], "count": ["None", "7"]}, 0)  # which is n today
        entry(CREATE, 6, {"id": ["None", "6"], "n": ["None", "1"]}, 0)
        entry(CREATE, 7, {"id": ["None", "7"], "word": ["None", "a"]}, 0)
        plan(thing).apply()
        assert events("snapshot::text")[:3] == [
            ('{"id": 5}',),
            ('{"n": 1, "id": 6, "word": null}',),
            ('{"n": null, "id": 7, "word": "a"}',),
        ]


def test_an_interrupted_import_goes_on_and_an_earlier_slice_may_come_later(
    thing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry(CREATE, 5, created(5), 0)
    for n in range(1, 6):
        entry(UPDATE, 5, {"n": [str(n), str(n + 1)]}, n)
    unseen(thing, (5, 6))
    plan(thing, since=at(3)).apply()
    assert [n for _, _, n in events()] == [4, 5, 6]

    def stop(done: int, total: int) -> None:
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        plan(thing).apply(batch_size=1, progress=stop)
    assert [n for _, _, n in events()] == [1, 4, 5, 6]
    assert plan(thing).apply().events == {"shop.Thing": 2}
    assert [n for _, _, n in events()] == [1, 2, 3, 4, 5, 6]
    assert [change for (change,) in events("diff ->> 'n'")][1:] == [
        f"[{n}, {n + 1}]" for n in range(1, 6)
    ]
    assert plan(thing).events == 0
    hold("shop.Thing", reason="case 7")
    with pytest.raises(PlanError, match="may keep some of these events"):
        importing.plan_withdrawal("auditlog", models=[thing]).apply()


def test_an_event_without_its_object_is_partly_told(thing: Any) -> None:
    crud(1, 5, {"n": 1, "word": "w"}, 0)
    crud(2, 5, None, 1, changed_fields=json.dumps({"n": ["1", "2"]}))
    crud(2, 5, {"n": 3, "word": "w"}, 2, changed_fields=json.dumps({"n": ["2", "3"]}))
    crud(11, 5, {"n": 3, "word": "w", "tags": []}, 3, changed_fields="[]")
    plan(thing, "easy-audit").apply()
    assert events("operation, label, snapshot ->> 'n', diff ->> 'n'")[:4] == [
        ("I", "insert", "1", None),
        ("U", "update", "2", "[1, 2]"),
        ("U", "update", "3", "[2, 3]"),
        ("M", "many_to_many", "3", None),
    ]


def test_a_creation_that_was_missed_and_a_write_that_was(thing: Any) -> None:
    crud(2, 5, {"n": 2, "word": "w"}, 0, changed_fields=json.dumps({"n": ["1", "2"]}))
    crud(2, 5, {"n": 2, "word": "z"}, 1, changed_fields=json.dumps({"word": ["y", "z"]}))
    plan(thing, "easy-audit").apply()
    assert events("operation, snapshot::text, diff::text")[:4] == [
        ("B", '{"n": 1, "id": 5, "word": "w"}', None),
        ("U", '{"n": 2, "id": 5, "word": "w"}', '{"n": [1, 2]}'),
        ("B", '{"n": 2, "id": 5, "word": "y"}', None),
        ("U", '{"n": 2, "id": 5, "word": "z"}', '{"word": ["y", "z"]}'),
    ]


def test_another_table_may_be_named_and_what_is_none_is_in_the_way(thing: Any) -> None:
    entry(CREATE, 5, created(5), 0)
    execute(f"ALTER TABLE {ENTRIES} RENAME TO own_entries")
    assert importing.plan("auditlog").steps == ()
    found = importing.plan("auditlog", models=[thing], tables={thing: ["own_entries"]})
    assert (found.events, found.steps[0].source.name) == (1, "own_entries")
    found = importing.plan("auditlog", models=[thing], tables={thing: ["shop_thing"]})
    assert found.obstacles == ('"shop_thing" is no table of django-auditlog.',)


def test_a_table_that_may_not_be_read_is_in_the_way(thing: Any) -> None:
    role = role_name("reader")
    execute(f"CREATE ROLE {role}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    execute(f"REVOKE SELECT ON {ENTRIES} FROM {role}; SET ROLE {role}")
    try:
        found = plan(thing)
    finally:
        execute("RESET ROLE")
        execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert found.obstacles == (f'The role may not read "{ENTRIES}". Grant it SELECT.',)


def test_logins_that_are_recorded_here_too_are_not_told_twice(thing: Any, settings: Any) -> None:
    settings.PGAUDIT_LOG_ACCESS_NAMES = "known"
    execute(
        "CREATE TABLE easyaudit_loginevent (id serial, login_type smallint, username text, user_id int,"
        " remote_ip text, datetime timestamptz);"
        "INSERT INTO easyaudit_loginevent (login_type, username, user_id, remote_ip, datetime) VALUES"
        " (0, 'ana', 7, '', '2020-01-01'), (2, 'S3cret!', NULL, '::1', '2020-01-02'),"
        " (0, 'ana', 7, '', now() + interval '1 second')"
    )
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation)"
        " VALUES ('pgaudit_log.Access', '7', 'login', 'M')"
    )
    found = importing.plan("easy-audit")
    [step] = found.accesses
    assert [(count.kind, count.label, count.events) for count in step.counts] == [
        ("failed login", "login_failed", 1),
        ("login", "login", 1),
    ]
    assert step.compared == 1
    out = io.StringIO()
    call_command("pgaudit_log", "import", "easy-audit", "--apply", stdout=out)
    assert "pgaudit_log.Access: 2 imported." in out.getvalue()
    query = (
        "SELECT label, obj_pk, snapshot::text, context::text FROM pgaudit_log_event"
        " WHERE id < 0 AND model = 'pgaudit_log.Access' ORDER BY id"
    )
    assert execute(query) == [
        ("login", "7", '{"user": 7, "user_name": "ana"}', '{"user": 7}'),
        ("login_failed", None, "{}", '{"ip": "::1"}'),
    ]
    assert importing.plan("easy-audit").events == 0
    assert importing.plan("easy-audit", since=at(0) + timedelta(days=9000)).events == 0
    assert importing.plan_withdrawal("easy-audit", models=[thing]).events == 0
    assert importing.plan_withdrawal("easy-audit").apply() == 2
    assert execute(query) == []


@pytest.mark.django_db(databases=["default", "other"])
def test_entries_of_another_database_come_over_by_its_own_content_types() -> None:
    with isolated():
        thing = tracked_table(
            "Thing", *EVERYTHING, n=models.IntegerField(), word=models.TextField(default="w")
        )
        there = ContentType.objects.using("other")
        there.bulk_create(ContentType(app_label="gone", model=f"m{n}") for n in range(40))
        content_type = there.create(app_label="shop", model="thing")
        execute(
            f"CREATE TABLE {ENTRIES} (id bigserial PRIMARY KEY, content_type_id int, object_pk text,"
            " action smallint, changes jsonb, timestamp timestamptz, actor_id int)",
            using="other",
        )
        execute(
            f"INSERT INTO {ENTRIES} (content_type_id, object_pk, action, changes, timestamp)"
            " VALUES (%s, '5', 0, %s, '2020-01-01')",
            [content_type.pk, json.dumps(created(5))],
            using="other",
        )
        found = plan(thing, from_database="other")
        assert (found.events, found.obstacles) == (1, ())
        found.apply()
        assert events()[0] == ("5", "I", 1)
        assert plan(thing, from_database="other").events == 0
