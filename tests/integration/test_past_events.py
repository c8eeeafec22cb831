"""Events with ids below 0, which are older than the log, stand before its own wherever events are read."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from django.core.management import call_command
from django.db import models

from pgaudit_log.backfill import backfill
from pgaudit_log.diffs import blame, diff
from pgaudit_log.models import Events
from pgaudit_log.reversal import revert
from pgaudit_log.testing import isolated
from pgaudit_log.values.past_ids import past_ids
from tests.support import execute
from tests.tables import EVERYTHING, tracked_table

pytestmark = pytest.mark.django_db

START = datetime(2020, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def thing() -> Iterator[Any]:
    with isolated():
        yield tracked_table(
            "Thing", *EVERYTHING, n=models.IntegerField(), word=models.TextField(default="")
        )


def bring_in(*events: tuple[str, dict[str, Any] | None, dict[str, Any] | None]) -> list[int]:
    """Write events of former days, one a day, and return their ids."""
    moments = [START + timedelta(days=day) for day in range(len(events))]
    ids = list(past_ids(moments, lambda first, last: None))
    for id, moment, (operation, snapshot, changed) in zip(ids, moments, events, strict=True):
        execute(
            "INSERT INTO pgaudit_log_event (id, created_at, txid, model, obj_pk, label, operation,"
            " shape, role, snapshot, diff) OVERRIDING SYSTEM VALUE VALUES"
            " (%s, %s, -1, 'shop.Thing', %s, 'insert', %s, 1, 'importer', %s, %s)",
            [
                id,
                moment,
                snapshot and str(snapshot["id"]),
                operation,
                snapshot and json.dumps(snapshot),
                changed and json.dumps(changed),
            ],
        )
    return ids


@pytest.fixture
def past(thing: Any) -> list[int]:
    """An object that was made and changed before the log, and once more since."""
    ids = bring_in(
        ("I", {"id": 5, "n": 1, "word": "old"}, None),
        ("U", {"id": 5, "n": 2, "word": "old"}, {"n": [1, 2]}),
    )
    execute(
        "ALTER TABLE shop_thing DISABLE TRIGGER USER; INSERT INTO shop_thing VALUES (5, 2, 'old')"
    )
    execute("ALTER TABLE shop_thing ENABLE TRIGGER USER; UPDATE shop_thing SET n = 3")
    return [*ids, Events.objects.latest("pgh_id").pgh_id]


def test_they_are_first_in_the_trail_and_on_its_pages(past: list[int]) -> None:
    assert list(Events.objects.order_by("pgh_id").values_list("pgh_id", flat=True)) == past
    page = Events.objects.page(1)
    seen = [event.pgh_id for event in page]
    while page.older is not None:
        page = Events.objects.page(1, before=page.older)
        seen += [event.pgh_id for event in page]
    assert seen == past[::-1]
    page = Events.objects.page(1, after=-(2**63))
    assert [event.pgh_id for event in page] == past[:1]
    assert page.newer is not None
    assert [e.pgh_id for e in Events.objects.page(2, after=page.newer)] == past[:0:-1]
    assert [e.pgh_id for e in Events.objects.after(past[0]).order_by("pgh_id")] == past[1:]


def test_an_object_has_them_in_its_life(thing: Any, past: list[int]) -> None:
    one = thing.objects.get()
    assert [e.pgh_id for e in thing.pgh_event_model.objects.timeline(one)] == past
    found = blame(one)
    assert (found["n"].event.pgh_id, found["word"].event.pgh_id) == (past[2], past[0])
    first, second, last = (Events.objects.get(pk=id) for id in past)
    assert (diff(first, last).fields["n"].old, diff(first, last).fields["n"].new) == (1, 3)
    assert [thing.objects.as_of(e).get().n for e in (first, second, last)] == [1, 2, 3]
    assert [t.n for t in thing.objects.as_of(START + timedelta(hours=1))] == [1]
    assert list(thing.objects.as_of(START - timedelta(hours=1))) == []
    assert [e.n for e in thing.pgh_event_model.objects.as_of(second)] == [2]
    revert(one, to=first).apply()
    assert thing.objects.get().n == 1


def test_a_backfill_knows_a_row_by_them(thing: Any) -> None:
    bring_in(("T", None, None), ("I", {"id": 5, "n": 1, "word": "old"}, None))
    execute(
        "ALTER TABLE shop_thing DISABLE TRIGGER USER; INSERT INTO shop_thing VALUES (5, 1, 'old')"
    )
    assert backfill(thing).events == 0


def test_a_truncate_among_them_ends_what_was_before(thing: Any) -> None:
    bring_in(("I", {"id": 5, "n": 1, "word": "old"}, None), ("T", None, None))
    execute(
        "ALTER TABLE shop_thing DISABLE TRIGGER USER; INSERT INTO shop_thing VALUES (5, 1, 'old')"
    )
    assert list(thing.objects.as_of(START + timedelta(days=2))) == []
    assert backfill(thing).events == 1


def test_the_command_line_takes_their_ids(past: list[int]) -> None:
    for arguments, expected in [
        ([f"--after={past[0]}"], past[:0:-1]),
        ([f"--before={past[1]}"], past[:1]),
        (["--after", str(past[0])], past[:0:-1]),
    ]:
        out = io.StringIO()
        call_command("pgaudit_log", "trail", "--json", *arguments, stdout=out)
        found = json.loads(out.getvalue())
        events = found["events"] if isinstance(found, dict) else found
        assert [event["id"] for event in events] == expected
    out = io.StringIO()
    call_command("pgaudit_log", "show", str(past[0]), stdout=out)
    assert "old" in out.getvalue()
