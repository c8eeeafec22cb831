"""What stands for a value, hidden or erased, is told as that, never written, and imitated by none."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import models

from pgaudit_log.constants import MARKERS
from pgaudit_log.diffs import blame, changes
from pgaudit_log.models import Events
from pgaudit_log.reversal import Kind, revert, undo
from pgaudit_log.testing import isolated
from pgaudit_log.values.row_json import ERASED, MASKED, MISSING
from tests.support import execute
from tests.tables import EVERYTHING, SqlField, tracked_table

pytestmark = pytest.mark.django_db

IMITATIONS: list[Any] = [
    *({key: 1} for key in MARKERS),
    *({key: None} for key in MARKERS),
    {"a": 1, "pgaudit_log.masked": True},
    {"pgaudit_log.json": {"pgaudit_log.json": None}},
    {"pgaudit_log.json": {"pgaudit_log.masked": 1}},
    ["pgaudit_log.masked"],
    "pgaudit_log.masked",
    {"nested": {"pgaudit_log.masked": 1}},
]


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    with isolated():
        yield


@pytest.mark.slow
@pytest.mark.parametrize("level", ["STATEMENT", "ROW"])
@pytest.mark.parametrize("value", IMITATIONS, ids=json.dumps)
def test_no_json_imitates_what_stands_for_a_value(level: str, value: Any, settings: Any) -> None:
    settings.PGAUDIT_LOG_LEVEL = level
    thing = tracked_table("Thing", *EVERYTHING, data=models.JSONField(null=True))
    one = thing.objects.create(data=value)
    created = Events.objects.get()
    assert one.events.get().data == value
    thing.objects.update(data={"plain": 1})
    thing.objects.update(data=value)
    assert thing.objects.as_of(created).get().data == value
    update = Events.objects.filter(pgh_operation="U").order_by("pgh_id").first()
    assert changes(update)["data"].old == value
    assert "hidden" not in changes(update)["data"].old_text
    assert blame(one)["data"].value == value
    assert thing.pgh_event_model.objects.changed("data", new=value).count() == 1
    thing.objects.update(data=None)
    revert(one, to=created).apply()
    one.refresh_from_db()
    assert one.data == value


@pytest.fixture
def hstore() -> None:
    if not execute("SELECT FROM pg_available_extensions WHERE name = 'hstore'"):
        pytest.skip("the server has no hstore")
    execute("CREATE EXTENSION IF NOT EXISTS hstore")


@pytest.mark.parametrize(
    "value", ['"pgaudit_log.masked"=>"1"', '"pgaudit_log.json"=>NULL', "", '"a"=>"b"']
)
def test_no_hstore_imitates_what_stands_for_a_value(hstore: None, value: str) -> None:
    thing = tracked_table("Thing", *EVERYTHING, data=SqlField("hstore", null=True))
    execute("INSERT INTO shop_thing (data) VALUES (%s)", [value])
    execute("UPDATE shop_thing SET data = NULL")
    [created, _] = Events.objects.order_by("pgh_id")
    view = thing.pgh_event_model._meta.db_table
    assert execute(f"SELECT data::text FROM {view} ORDER BY pgh_id") == [(value,), (None,)]
    revert(thing.objects.get(), to=created).apply()
    assert execute("SELECT data::text FROM shop_thing") == [(value,)]


STANDS_FOR = [
    ("pgaudit_log.masked", MASKED, "hidden"),
    ("pgaudit_log.erased", ERASED, "erased"),
    ("pgaudit_log.marker", MISSING, "unknown"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("key", "value", "word"), STANDS_FOR)
def test_what_stands_for_a_value_is_shown_and_never_written(
    key: str, value: Any, word: str
) -> None:
    thing = tracked_table(
        "Thing",
        *EVERYTHING,
        word=models.TextField(),
        n=models.IntegerField(),
        data=models.JSONField(null=True),
    )
    one = thing.objects.create(word="now", n=1, data=1)
    columns = ("word", "n", "data")
    snapshot = {"id": one.pk, **{column: {key: 2} for column in columns}}
    diff = {column: [{key: 1}, {key: 2}] for column in columns}
    [(id,)] = execute(
        "INSERT INTO pgaudit_log_event"
        " (model, obj_pk, label, operation, shape, role, snapshot, diff, txid)"
        " SELECT model, obj_pk, 'update', 'U', shape, role, %s, %s, 1 FROM pgaudit_log_event"
        " RETURNING id",
        [json.dumps(snapshot), json.dumps(diff)],
    )
    event = Events.objects.get(pk=id)
    for column in columns:
        found = changes(event)[column]
        assert (found.old, found.new, found.old_text) == (value, value, word)
        assert (blame(one)[column].value, blame(one)[column].text) == (value, word)
    typed = thing.pgh_event_model.objects.get(pgh_id=id)
    assert (typed.n, typed.data) == (None, None)
    plan = undo(event, on_conflict="force")
    assert [obstacle.kind for obstacle in plan.obstacles] == [Kind.MASKED] * 3
    assert undo(event, on_conflict="skip").steps == ()
    assert [o.kind for o in revert(one, to=event).obstacles] == [Kind.MASKED] * 3
    if value is not MISSING:
        out = io.StringIO()
        call_command("pgaudit_log", "show", str(id), stdout=out)
        assert word in out.getvalue()
