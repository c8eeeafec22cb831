"""What is masked is masked in imported events, too: no value of it comes over."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import models

from pgaudit_log import importing
from pgaudit_log.backfill import backfill
from pgaudit_log.operating import verify
from pgaudit_log.testing import isolated
from tests.importing import peer_tables
from tests.importing.peer_tables import TABLE, bring_over, plan, record
from tests.support import execute
from tests.tables import EVERYTHING, tracked_table

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

SECRET = "hush-4711"


@pytest.mark.parametrize("option", ["mask", "mask_hash"])
def test_no_masked_value_comes_over(option: str, settings: Any) -> None:
    settings.PGAUDIT_LOG_MASK_CONTEXT = ["ip"]
    with isolated():
        thing = tracked_table(
            "Thing",
            *EVERYTHING,
            track={option: ["word"], "mask_context": ["token"]},
            n=models.IntegerField(),
            word=models.TextField(default="w"),
        )
        peer_tables.make_table()
        record(("insert", 1, 1, 0), ("update", 1, 2, 10), ("update", 1, 2, 20))
        context = f'{{"ip": "{SECRET}", "token": "{SECRET}", "user": 7}}'
        execute(f"UPDATE {TABLE} SET word = '{SECRET}', pgh_context = %s", [context])
        execute(f"UPDATE {TABLE} SET word = '{SECRET}!' WHERE pgh_id = 3")
        execute("ALTER TABLE shop_thing DISABLE TRIGGER USER")
        thing.objects.create(pk=1, n=2, word=f"{SECRET}!")
        execute("ALTER TABLE shop_thing ENABLE TRIGGER USER")
        bring_over(thing)
        rows = execute("SELECT event::text FROM pgaudit_log_event AS event WHERE id < 0")
        assert len(rows) == 3
        assert SECRET not in str(rows)
        assert '""user"": 7' in str(rows) or '"user": 7' in str(rows)
        told = execute(
            "SELECT diff FROM pgaudit_log_event WHERE id < 0 AND diff ? 'word' ORDER BY id"
        )
        assert len(told) == 1 and "pgaudit_log.masked" in str(told)
        assert plan(thing).events == 0
        # What is known by its mark or its hash needs no baseline.
        assert backfill(thing).events == 0
        assert list(verify(models=[thing])) == []


@pytest.mark.parametrize("options", [{"mask": ["word"]}, {"exclude": ["word"]}, {}], ids=str)
def test_a_text_that_cannot_be_read_comes_over_where_all_may_be_seen(options: Any) -> None:
    execute(
        "CREATE TABLE reversion_revision (id serial, date_created timestamptz, user_id int, comment text);"
        "CREATE TABLE reversion_version (id serial, object_id text, db text, format text,"
        " serialized_data text, content_type_id int, revision_id int);"
        "INSERT INTO reversion_revision (date_created, comment) VALUES ('2020-01-01', '')"
    )
    with isolated():
        thing = tracked_table(
            "Thing", *EVERYTHING, track=options, n=models.IntegerField(), word=models.TextField()
        )
        content_type, _ = ContentType.objects.get_or_create(app_label="shop", model="thing")
        execute(
            "INSERT INTO reversion_version (object_id, db, format, serialized_data, content_type_id,"
            " revision_id) VALUES ('1', 'default', 'json', %s, %s, 1)",
            [f'{{"word": "{SECRET}"', content_type.pk],
        )
        importing.plan("reversion", models=[thing]).apply()
        [(label, row)] = execute(
            "SELECT label, event::text FROM pgaudit_log_event AS event WHERE id < 0"
        )
        assert (label, SECRET in row) == ("unreadable", not options)
