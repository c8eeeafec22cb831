"""Large values: stored where they change, referred to elsewhere, and read as if always stored."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pgtrigger
import pytest
from django.contrib.postgres.fields import ArrayField
from django.core.management import call_command
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext, isolate_apps

import pgaudit_log
from pgaudit_log.backfill import backfill
from pgaudit_log.backfill.manual_events import create_event
from pgaudit_log.cli.terminal_text import of_stored
from pgaudit_log.constants import AT_KEY
from pgaudit_log.declaring import former_names
from pgaudit_log.diffs import NOW, blame, changes, diff
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.models import Events
from pgaudit_log.reversal import restore, revert, undo
from pgaudit_log.testing import isolated
from pgaudit_log.values.quoting import quote_name
from tests.moments import keep_copy, rows_unlike_copy
from tests.support import execute, last_id
from tests.tables import (
    EVERYTHING,
    SqlField,
    install,
    install_views,
    make,
    tracked_table,
    uninstall,
)

pytestmark = pytest.mark.django_db

LEVELS = [pgaudit_log.Statement, pgaudit_log.Row]


def long(text: str) -> str:
    """Return a text of some kilobytes that says ``text``, and that compressing makes no shorter."""
    noise = random.Random(text)
    return text + "".join(chr(noise.randrange(33, 0x2FF)) for _ in range(5_000))


A, B = long("a"), long("b")


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    with isolated():
        yield
        former_names.forget()


def document(*trackers: Any, level: Any = pgaudit_log.Statement, **fields: Any) -> Any:
    """Return a model with a large text and a counter, both tracked."""
    fields = {
        "body": models.TextField(null=True),
        "counter": models.IntegerField(default=0),
    } | fields
    track = {"large": ["body"], "level": level}
    return tracked_table("Document", *(trackers or EVERYTHING), track=track, **fields)


@pytest.fixture(params=LEVELS, ids=str)
def documents(request: Any) -> Any:
    """Such a model, at each level."""
    return document(level=request.param)


def count_up(model: Any, times: int = 1, **filters: Any) -> None:
    for _ in range(times):
        model.objects.filter(**filters).update(counter=models.F("counter") + 1)


def events_of(model: Any) -> list[Any]:
    return list(model.pgh_event_model.objects.order_by("pgh_id"))


def holders(model: Any, column: str = "body") -> list[Any]:
    """Return, an event, where the value of its large column stands: "here", an id, or ``None``."""
    found = []
    for event in Events.objects.across(model).order_by("pgh_id"):
        value = (event.pgh_data or {}).get(column)
        is_reference = isinstance(value, dict) and AT_KEY in value
        found.append(value[AT_KEY]["id"] if is_reference else value and "here")
    return found


def test_a_large_value_is_stored_where_it_changes(documents: Any) -> None:
    documents.objects.create(pk=1, body=A)
    count_up(documents, 2)
    documents.objects.update(body=B)
    count_up(documents)
    documents.objects.all().delete()
    first, _, _, fourth, *_ = [event.pgh_id for event in events_of(documents)]
    assert holders(documents) == ["here", first, first, "here", fourth, fourth]


def test_each_event_has_the_value(documents: Any) -> None:
    documents.objects.create(pk=1, body=A)
    count_up(documents)
    documents.objects.update(body=B)
    documents.objects.all().delete()
    assert [event.body for event in events_of(documents)] == [A, A, B, B]
    assert documents.pgh_event_model.objects.filter(body=A).count() == 2


def test_many_rows_of_one_statement_refer_each_to_its_own_event(documents: Any) -> None:
    documents.objects.bulk_create(documents(pk=n, body=long(str(n))) for n in range(5))
    count_up(documents)
    ids = [event.pgh_id for event in events_of(documents)]
    assert holders(documents) == ["here"] * 5 + ids[:5]
    assert [event.body for event in events_of(documents)[5:]] == [long(str(n)) for n in range(5)]


def test_a_short_value_and_none_are_always_stored(documents: Any) -> None:
    documents.objects.bulk_create([documents(pk=1, body="short"), documents(pk=2)])
    count_up(documents)
    assert holders(documents) == ["here", None, "here", None]


def test_a_value_that_becomes_none_and_comes_back(documents: Any) -> None:
    documents.objects.create(pk=1, body=A)
    documents.objects.update(body=None)
    count_up(documents)
    documents.objects.update(body=A)
    count_up(documents)
    assert [event.body for event in events_of(documents)] == [A, None, None, A, A]


def test_the_newest_event_is_asked_not_all(documents: Any) -> None:
    documents.objects.create(pk=1, body=A)
    documents.objects.update(body=B)
    documents.objects.update(body=A)
    count_up(documents)
    third = events_of(documents)[2].pgh_id
    assert holders(documents) == ["here", "here", "here", third]


def test_the_first_event_of_an_older_row_has_the_value(documents: Any) -> None:
    with pgtrigger.ignore():
        documents.objects.create(pk=1, body=A)
    count_up(documents, 2)
    first = events_of(documents)[0].pgh_id
    assert holders(documents) == ["here", first]
    assert [event.body for event in events_of(documents)] == [A, A]


def test_a_change_that_was_not_captured_does_no_harm(documents: Any) -> None:
    documents.objects.create(pk=1, body=A)
    count_up(documents)
    with pgtrigger.ignore():
        documents.objects.update(body=B)
    count_up(documents, 2)
    with pgtrigger.ignore():
        documents.objects.update(body=A)
    count_up(documents)
    assert [event.body for event in events_of(documents)] == [A, A, B, B, A]
    assert holders(documents)[2] == "here"


def test_a_key_that_is_used_again_does_no_harm() -> None:
    documents = document(pgaudit_log.UpdateEvent())
    documents.objects.create(pk=1, body=A)
    count_up(documents)
    documents.objects.all().delete()
    documents.objects.create(pk=1, body=B)
    count_up(documents, 2)
    assert [event.body for event in events_of(documents)] == [A, B, B]


def test_a_truncated_table_does_no_harm(documents: Any) -> None:
    documents.objects.create(pk=1, body=A)
    execute('TRUNCATE "shop_document"')
    documents.objects.create(pk=1, body=B)
    count_up(documents)
    assert [event.body for event in events_of(documents)] == [A, None, B, B]
    assert documents.objects.as_of(events_of(documents)[0]).get().body == A


def test_a_moved_key_takes_its_value_along(documents: Any) -> None:
    documents.objects.create(pk=1, body=A)
    documents.objects.filter(pk=1).update(id=2)
    count_up(documents)
    first = events_of(documents)[0].pgh_id
    assert holders(documents) == ["here", first, first]
    assert documents.objects.as_of(events_of(documents)[1]).get(pk=2).body == A


def test_keys_that_are_passed_on_in_one_transaction(documents: Any) -> None:
    documents.objects.bulk_create([documents(pk=1, body=A), documents(pk=2, body=B)])
    with transaction.atomic():
        count_up(documents)
        documents.objects.filter(pk=1).update(id=3)
        documents.objects.filter(pk=2).update(id=1)
        documents.objects.filter(pk=3).update(id=2)
    moment = events_of(documents)[-1]
    assert {d.pk: d.body for d in documents.objects.as_of(moment)} == {1: B, 2: A}
    assert documents.objects.as_of(moment).get(pk=1).body == B
    assert documents.objects.as_of(moment).get(pk=2).body == A


def test_a_key_that_is_left_in_the_transaction_that_set_the_value(documents: Any) -> None:
    documents.objects.create(pk=1, body=A)
    with transaction.atomic():
        documents.objects.update(body=B)
        documents.objects.update(id=3)
    moment = events_of(documents)[-1]
    assert {d.pk: d.body for d in documents.objects.as_of(moment)} == {3: B}
    assert not documents.objects.as_of(moment).filter(pk=1).exists()
    assert documents.objects.as_of(moment).get(pk=3).body == B


def test_the_row_as_it_was_before_an_update() -> None:
    documents = document(pgaudit_log.InsertEvent(), pgaudit_log.UpdateEvent(row=pgaudit_log.Old))
    documents.objects.create(pk=1, body=A)
    count_up(documents)
    documents.objects.update(body=B)
    count_up(documents, 2)
    assert [event.body for event in events_of(documents)] == [A, A, A, B, B]
    assert documents.objects.as_of(events_of(documents)[2]).get().body == B


def test_the_past_of_a_table_and_of_one_object(documents: Any) -> None:
    documents.objects.bulk_create([documents(pk=1, body=A), documents(pk=2, body=B)])
    count_up(documents)
    moment = events_of(documents)[-1]
    documents.objects.update(body=None)
    documents.objects.filter(pk=2).delete()
    assert dict(documents.objects.as_of(moment).values_list("pk", "body")) == {1: A, 2: B}
    assert documents.objects.as_of(moment).get(pk=2).body == B
    assert documents.objects.as_of(moment).get(body=A).pk == 1


def test_the_past_of_a_graph(documents: Any) -> None:
    page = tracked_table(
        "Page", document=models.ForeignKey(documents, models.CASCADE, related_name="pages")
    )
    page.objects.create(document=documents.objects.create(pk=1, body=A))
    count_up(documents)
    moment = Events.objects.latest("pgh_id")
    documents.objects.update(body=B)
    past = page.objects.as_of(moment)
    assert past.get().document.body == A
    assert past.select_related("document").get().document.body == A
    assert past.filter(document__body=A).count() == 1


def test_diffs_show_values(documents: Any) -> None:
    documents.objects.create(pk=1, body=A)
    count_up(documents)
    documents.objects.update(body=B)
    count_up(documents)
    _, second, third, fourth = events_of(documents)
    assert list(changes(second)) == ["counter"]
    assert (changes(third)["body"].old, changes(third)["body"].new) == (A, B)
    assert (diff(second, fourth)["body"].old, diff(second, fourth)["body"].new) == (A, B)
    assert diff(fourth, second)["body"].new == A
    assert list(diff(third, fourth)) == ["counter"]
    assert not diff(fourth, NOW)


def test_blame_and_changed_name_the_event_that_set_it(documents: Any) -> None:
    thing = documents.objects.create(pk=1, body=A)
    count_up(documents)
    first = events_of(documents)[0]
    assert blame(thing)["body"].event.pgh_id == first.pgh_id
    documents.objects.update(body=B)
    count_up(documents)
    third = events_of(documents)[2]
    assert blame(thing)["body"].event.pgh_id == third.pgh_id
    assert blame(thing)["body"].value == B
    found = documents.pgh_event_model.objects.changed("body", old=A, new=B)
    assert found.get().pgh_id == third.pgh_id


def test_reverting_to_an_event_that_refers_to_another(documents: Any) -> None:
    thing = documents.objects.create(pk=1, body=A)
    count_up(documents)
    documents.objects.update(body=B, counter=5)
    revert(thing, to=events_of(documents)[1]).apply()
    assert documents.objects.values_list("body", "counter").get() == (A, 1)


def test_undoing_a_deletion(documents: Any) -> None:
    documents.objects.create(pk=1, body=A)
    count_up(documents)
    documents.objects.all().delete()
    undo(events_of(documents)[-1]).apply()
    assert documents.objects.values_list("body", "counter").get() == (A, 1)


def test_restoring_a_deleted_object(documents: Any) -> None:
    documents.objects.create(pk=1, body=A)
    count_up(documents)
    documents.objects.all().delete()
    restore(events_of(documents)[-1]).apply()
    count_up(documents)
    assert documents.objects.get().body == A
    assert [event.body for event in events_of(documents)] == [A] * 5


def test_undoing_a_request(documents: Any) -> None:
    documents.objects.create(pk=1, body=A)
    with pgaudit_log.context(url="/") as request:
        count_up(documents)
        documents.objects.update(body=B)
        count_up(documents)
        documents.objects.all().delete()
    undo(context=request.id).apply()
    assert documents.objects.values_list("body", "counter").get() == (A, 0)


def test_undoing_a_deletion_that_others_have_written_over_is_a_conflict(documents: Any) -> None:
    documents.objects.create(pk=1, body=A)
    count_up(documents)
    second = events_of(documents)[1]
    documents.objects.update(body=B)
    undo(second).apply()
    assert documents.objects.values_list("body", "counter").get() == (B, 0)


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS, ids=str)
@pytest.mark.parametrize(
    ("field", "value", "other"),
    [
        (models.TextField(null=True), long("a"), long("b")),
        (models.JSONField(null=True), {"a": [1.0, long("a")]}, [long("b")]),
        (models.JSONField(null=True), long("a"), {AT_KEY: {"id": 1, "text": long("b")}}),
        (models.BinaryField(null=True), long("a").encode(), long("b").encode()),
        (ArrayField(models.TextField(), null=True), [long("a"), "x"], [long("b")]),
    ],
    ids=["text", "jsonb", "jsonb that looks like a reference", "bytea", "array"],
)
def test_columns_of_each_type(field: Any, value: Any, other: Any, level: Any) -> None:
    documents = document(level=level, body=field.clone())
    thing = documents.objects.create(pk=1, body=value)
    count_up(documents)
    documents.objects.update(body=other)
    count_up(documents)
    documents.objects.update(body=None)
    assert [
        event and bytes(event) if isinstance(event, memoryview) else event
        for event in (e.body for e in events_of(documents))
    ] == [value, value, other, other, None]
    first, _, third, _, _ = events_of(documents)
    assert holders(documents)[1] == first.pgh_id
    assert holders(documents)[3] == third.pgh_id
    past = documents.objects.as_of(events_of(documents)[3]).get().body
    assert (bytes(past) if isinstance(past, memoryview) else past) == other
    revert(thing, to=events_of(documents)[1]).apply()
    now = documents.objects.get().body
    assert (bytes(now) if isinstance(now, memoryview) else now) == value


@pytest.mark.parametrize("column", ["50%", "it's {quoted}", "größe"])
def test_columns_of_any_name(column: str) -> None:
    documents = document(body=models.TextField(null=True, db_column=column))
    quoted = quote_name(column).replace("%", "%%")
    execute(f"INSERT INTO shop_document (id, counter, {quoted}) VALUES (1, 0, %s)", [A])
    count_up(documents)
    assert isinstance(holders(documents, column)[1], int)
    assert [event.body for event in events_of(documents)] == [A, A]
    assert list(changes(events_of(documents)[1])) == ["counter"]
    assert execute("SELECT name FROM pgaudit_log_column WHERE is_large") == [(column,)]


def test_a_column_of_blank_padded_text() -> None:
    documents = document(body=SqlField("char(4000)", null=True))
    documents.objects.create(pk=1, body=long("a")[:3000])
    count_up(documents)
    assert isinstance(holders(documents)[1], int)
    first, second = events_of(documents)
    assert first.body == second.body == f"{long('a')[:3000]:4000}"


def test_numbers_that_are_equal_but_not_the_same(documents: Any) -> None:
    other = make("Measured", value=models.JSONField())
    pgaudit_log.track(large=["value"])(other)
    install(other)
    text = long("a").replace('"', "").replace("\\", "")
    execute("INSERT INTO shop_measured VALUES (1, jsonb_build_array(1.0, %s::text))", [text])
    with pgtrigger.ignore():
        execute("UPDATE shop_measured SET value = jsonb_build_array(1.00, %s::text)", [text])
    other.objects.update(id=2)
    stored = execute("SELECT value ->> 0 FROM shop_measuredevent ORDER BY pgh_id")
    assert stored == [("1.0",), ("1.00",)]


@contextmanager
def release(*, create: bool = False, large: Any = (), level: Any, **fields: Any) -> Iterator[Any]:
    """Declare the model as one release of a project has it; its triggers go with it."""
    with isolated():
        model = make("Document", counter=models.IntegerField(default=0), **fields)
        pgaudit_log.track(*EVERYTHING, large=large, level=level)(model)
        install(model, create=create)
        try:
            yield model
        finally:
            uninstall(model)


def text() -> Any:
    return models.TextField(null=True)


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_a_renamed_column(level: Any) -> None:
    with release(create=True, large=["body"], level=level, body=text()) as before:
        before.objects.create(pk=1, body=A)
        count_up(before)
    execute("ALTER TABLE shop_document RENAME COLUMN body TO content")
    execute("ALTER TABLE shop_document ADD COLUMN body text")
    fields = {"content": text(), "body": text()}
    with release(large=["content", "body"], level=level, **fields) as renamed:
        count_up(renamed)
        renamed.objects.update(body=B)
        count_up(renamed)
        assert holders(renamed, "content")[-1] == events_of(renamed)[2].pgh_id
        assert [event.content for event in events_of(renamed)] == [A] * 5
        assert [event.body for event in events_of(renamed)] == [None, None, None, B, B]
        past = renamed.objects.as_of(events_of(renamed)[1])
        assert (past.get().content, past.get(pk=1).content, past.get().body) == (A, A, None)
        assert blame(renamed.objects.get())["content"].event == Events.objects.earliest("pgh_id")
        revert(renamed.objects.get(), to=events_of(renamed)[1]).apply()
        assert renamed.objects.get().content == A


def test_an_event_never_refers_to_the_value_of_another_column() -> None:
    with release(create=True, large=["body"], level=None, body=text()) as before:
        before.objects.create(pk=1, body=A)
    execute("ALTER TABLE shop_document RENAME COLUMN body TO content")
    execute("ALTER TABLE shop_document ADD COLUMN body text")
    with release(large=["body"], level=None, content=text(), body=text()) as after:
        after.objects.update(body=A)
        assert holders(after) == ["here", "here"]


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_events_are_read_after_a_column_is_not_large_any_more(level: Any) -> None:
    with release(create=True, large=["body"], level=level, body=text()) as before:
        before.objects.create(pk=1, body=A)
        count_up(before)
    with release(level=level, body=text()) as after:
        count_up(after)
        assert holders(after)[2] == "here"
        assert [event.body for event in events_of(after)] == [A, A, A]
        assert after.objects.as_of(events_of(after)[1]).get().body == A
        assert list(diff(*events_of(after)[:2])) == ["counter"]


def test_two_declarations_of_one_model() -> None:
    model = make(
        "Document", body=models.TextField(null=True), counter=models.IntegerField(default=0)
    )
    pgaudit_log.track(large=["body"])(model)
    pgaudit_log.track(
        pgaudit_log.UpdateEvent("counted"),
        fields=["counter"],
        obj_field=pgaudit_log.ObjForeignKey(related_name="counts"),
    )(model)
    pgaudit_log.track(
        pgaudit_log.UpdateEvent("plain"),
        model_name="PlainEvent",
        obj_field=pgaudit_log.ObjForeignKey(related_name="plain_events"),
    )(model)
    install(model)
    model.objects.create(pk=1, body=A)
    count_up(model, 3)
    large, counted, plain = (
        model.pgh_event_models[label] for label in ("update", "counted", "plain")
    )
    assert [e.body for e in large.objects.order_by("pgh_id")] == [A] * 4
    assert [e.body for e in plain.objects.order_by("pgh_id")] == [A] * 3
    assert counted.objects.count() == 3
    stored = [
        isinstance(event.pgh_data["body"], str)
        for event in large.objects.order_by("pgh_id").exclude(pgh_label="insert")
    ]
    assert stored == [False] * 3
    assert all(isinstance(event.pgh_data["body"], str) for event in plain.objects.all())


def test_a_baseline_has_the_value_and_updates_refer_to_it(documents: Any) -> None:
    with pgtrigger.ignore():
        documents.objects.create(pk=1, body=A)
    backfill(documents)
    count_up(documents)
    baseline = events_of(documents)[0].pgh_id
    assert holders(documents) == ["here", baseline]
    assert [event.body for event in events_of(documents)] == [A, A]


def test_a_manual_event_has_what_the_instance_holds() -> None:
    documents = document(*EVERYTHING, pgaudit_log.ManualEvent("seen"))
    thing = documents.objects.create(pk=1, body=A)
    thing.body = B
    create_event(thing, label="seen")
    count_up(documents, 2)
    assert [event.body for event in events_of(documents)] == [A, B, A, A]


def test_an_inherited_large_value(documents: Any) -> None:
    with_title = make("Titled", bases=(documents,), title=models.TextField(default=""))
    pgaudit_log.track()(with_title)
    install(with_title)
    with_title.objects.create(pk=1, body=A, title="one")
    count_up(documents)
    with_title.objects.update(title="two")
    event = with_title.pgh_event_model.objects.latest("pgh_id")
    assert (event.title, event.body, event.counter) == ("two", A, 1)
    assert with_title.objects.as_of(event).get().body == A


def test_a_value_whose_event_is_gone_reads_as_none(documents: Any) -> None:
    thing = documents.objects.create(pk=1, body=A)
    count_up(documents)
    first, second = events_of(documents)
    execute("ALTER TABLE pgaudit_log_event DISABLE TRIGGER ALL")
    execute("DELETE FROM pgaudit_log_event WHERE id = %s", [first.pgh_id])
    assert [event.body for event in events_of(documents)] == [None]
    assert documents.objects.as_of(second).get().body is None
    assert list(changes(second)) == ["counter"]
    count_up(documents)
    assert [event.body for event in events_of(documents)] == [None, A]
    assert blame(thing)["body"].event is None


def test_an_event_refers_to_its_own_partition_only(documents: Any) -> None:
    documents.objects.create(pk=1, body=A)
    execute("ALTER TABLE pgaudit_log_event DISABLE TRIGGER ALL")
    execute(
        "UPDATE pgaudit_log_event SET created_at"
        " = date_trunc('month', created_at, 'UTC') - interval '1 microsecond'"
    )
    count_up(documents, 2)
    second = events_of(documents)[1].pgh_id
    assert holders(documents) == ["here", "here", second]


@pytest.mark.parametrize(
    ("interval", "period"),
    [("day", "day"), ("week", "week"), ("month", "month"), ("quarter", "month"), ("year", "month")],
)
def test_the_period_is_in_one_partition(interval: str, period: str, settings: Any) -> None:
    settings.PGAUDIT_LOG_PARTITION_INTERVAL = interval
    model = document()
    triggers = {t.name: t for m, t in pgtrigger.registered() if m is model}
    lines = [
        line.strip() for line in triggers["audit_update"].compile(model).install_sql.split("\n")
    ]
    assert lines[lines.index("now(),") + 1] == f"'{period}'"
    model.objects.create(pk=1, body=A)
    count_up(model)
    assert isinstance(holders(model)[1], int)


@pytest.mark.parametrize(
    "place",
    [
        None,
        12,
        [],
        {},
        {"id": "x", "created_at": "y", "key": "body"},
        {"id": 10**30, "created_at": "2026-13-45T00:00:00+00:00", "key": "body"},
        {"id": 1, "created_at": "2026-01-01T00:00:00+00:00", "key": "other"},
    ],
)
def test_a_reference_that_is_none_of_ours_is_read_as_none(place: Any) -> None:
    documents = document()
    documents.objects.create(pk=1, body=A)
    execute("ALTER TABLE pgaudit_log_event DISABLE TRIGGER ALL")
    execute(
        "UPDATE pgaudit_log_event SET snapshot = snapshot || jsonb_build_object('body',"
        " jsonb_build_object('pgaudit_log.at', %s::jsonb))",
        [json.dumps(place)],
    )
    [event] = events_of(documents)
    assert event.body is None
    assert documents.objects.as_of(event).get().body is None
    assert "body" not in changes(event)
    count_up(documents)
    assert events_of(documents)[1].body == A
    assert "as in event" in of_stored(event.pgh_data["body"])


def test_who_may_read_only_the_view_reads_the_value(documents: Any) -> None:
    documents.objects.create(pk=1, body=A)
    count_up(documents)
    execute("CREATE ROLE reader_of_documents")
    execute("GRANT SELECT ON shop_documentevent TO reader_of_documents")
    execute("SET ROLE reader_of_documents")
    assert execute("SELECT body FROM shop_documentevent ORDER BY pgh_id") == [(A,), (A,)]
    execute("RESET ROLE")


def test_what_a_query_does_not_ask_for_is_not_fetched(documents: Any) -> None:
    plans = [
        "\n".join(
            line for (line,) in execute(f"EXPLAIN SELECT pgh_id, {column} FROM shop_documentevent")
        )
        for column in ("counter", "body")
    ]
    assert ["holder" in plan for plan in plans] == [False, True]


def test_a_person_reads_which_event_has_the_value(documents: Any) -> None:
    documents.objects.create(pk=1, body=A)
    count_up(documents)
    first, second = events_of(documents)
    assert of_stored(second.pgh_data["body"]) == f"(as in event {first.pgh_id})"


def test_the_command_line_tells_which_event_has_the_value(documents: Any) -> None:
    documents.objects.create(pk=1, body=A)
    documents.objects.all().delete()
    first, second = events_of(documents)
    shown = io.StringIO()
    call_command("pgaudit_log", "trail", "--model", "shop.Document", stdout=shown)
    assert f"body: (as in event {first.pgh_id})" in shown.getvalue()
    raw = io.StringIO()
    call_command("pgaudit_log", "trail", "--json", "--model", "shop.Document", stdout=raw)
    assert json.loads(raw.getvalue())["events"][0]["data"]["body"] == second.pgh_data["body"]


def test_values_of_many_events_take_one_query(documents: Any) -> None:
    thing = documents.objects.create(pk=1, body=A)
    count_up(documents, 3)
    blame(thing)
    with CaptureQueriesContext(connection) as queries:
        blame(thing)
    assert sum("AS place (" in query["sql"] for query in queries) == 1


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("seed", range(6))
def test_any_history_is_the_table_at_each_step(documents: Any, seed: int) -> None:
    dice = random.Random(seed)
    bodies = [None, "short", A, B, long("c")]
    moments = []
    for step in range(25):
        pk = dice.randrange(1, 4)
        rows = documents.objects.filter(pk=pk)
        match dice.randrange(7):
            case 0:
                documents.objects.bulk_create(
                    [documents(pk=pk, body=dice.choice(bodies))], ignore_conflicts=True
                )
            case 1:
                rows.update(body=dice.choice(bodies))
            case 2:
                rows.delete()
            case 3:
                if not documents.objects.filter(pk=9).exists():
                    rows.update(id=9)
            case 4:
                other = documents.objects.filter(pk=9)
                if not rows.exists():
                    other.update(id=pk)
            case 5:
                with transaction.atomic():
                    count_up(documents)
                    rows.update(body=dice.choice(bodies))
                    count_up(documents)
            case _:
                count_up(documents)
        keep_copy(documents, f"kept_{step}")
        if last_id():
            moments.append((Events.objects.latest("pgh_id"), f"kept_{step}"))
    for moment, copy in moments:
        assert rows_unlike_copy(documents, moment, copy) == []
    assert any(isinstance(holder, int) for holder in holders(documents))


@isolate_apps("tests.shop")
@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_without_large_columns_the_capture_is_as_it_was(level: Any) -> None:
    from pgaudit_log.triggers.trigger import CaptureTrigger

    class Note(models.Model):
        text = models.TextField()

        class Meta:
            app_label = "shop"

    def compiled(**options: Any) -> Any:
        return CaptureTrigger(
            tracker=pgaudit_log.UpdateEvent(),
            fields=None,
            exclude=(),
            level=level,
            created_at="now()",
            **options,
        ).compile(Note)

    plain, large = compiled(), compiled(large=("text",))
    assert plain.install_sql == compiled(large=()).install_sql
    assert "large" not in plain.table.plain()
    assert "stored_at" not in plain.install_sql and "note_large" not in plain.install_sql
    assert 'SELECT new."id" AS "id", new."text" AS "text"\n' in plain.install_sql
    assert "pgaudit_log_stored_at" in large.install_sql
    assert large.table.plain()["large"] == ["text"]


def test_without_large_columns_the_views_are_as_they_were() -> None:
    model = tracked_table("Note", text=models.TextField())
    install_views(model)
    [(view,)] = execute("SELECT pg_get_viewdef('shop_noteevent'::regclass)")
    assert "pgaudit_log.at" not in view and "large" not in view


@pytest.mark.parametrize(
    ("large", "message"),
    [
        ("body", "give a list"),
        (["boddy"], 'has no field "boddy"'),
        (["id"], "is a key"),
        (["owner"], "is a key"),
        (["secret"], "is not tracked"),
    ],
)
def test_what_cannot_be_large(large: Any, message: str) -> None:
    model = make(
        "Document",
        body=models.TextField(),
        secret=models.TextField(),
        owner=models.ForeignKey("auth.User", models.CASCADE),
    )
    with pytest.raises(DeclarationError, match=message):
        pgaudit_log.track(large=large, exclude=["secret"])(model)
