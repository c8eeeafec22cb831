"""What django-simple-history has recorded comes over, typed, with its many-to-many fields."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.importing import histories
from tests.importing.golden import MODELS, Golden, golden

pytestmark = pytest.mark.slow

RECORDS = "    history = HistoricalRecords({})\n"

WHO = """
from contextlib import contextmanager
from simple_history.models import HistoricalRecords
from simple_history.signals import pre_create_historical_record
from types import SimpleNamespace

told = []

def tell(sender, history_instance, **kwargs):
    if told:
        history_instance.history_user, history_instance.history_change_reason = told[-1]

pre_create_historical_record.connect(tell)

@contextmanager
def who(user, reason):
    told.append((user, reason))
    try:
        yield
    finally:
        told.pop()
"""


def their_models() -> str:
    return MODELS.format(
        imports="from simple_history.models import HistoricalRecords",
        customer="",
        customer_end=RECORDS.format(""),
        tag="",
        tag_end=RECORDS.format(""),
        order="",
        order_end=RECORDS.format("m2m_fields=[tags]"),
        through="",
    )


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Golden]:
    folder = tmp_path_factory.mktemp("simple_history")
    script = WHO + histories.ORM
    with golden(folder, their_models(), script, "simple_history", "pgaudit_log") as made:
        made.project.manage("pgaudit_log", "import", "simple-history", "--apply")
        yield made


def test_each_event_is_what_a_trigger_would_have_written(recorded: Golden) -> None:
    # A record of a save that changed no column of the row, such as one for its tags, has an empty diff.
    imported = [event for event in recorded.imported() if event[6] != "{}"]
    assert len(recorded.own) > 20
    assert [e[:4] for e in imported] == [e[:4] for e in recorded.own]
    assert imported == recorded.own


def test_the_past_is_what_it_was_at_each_step(recorded: Golden) -> None:
    differing = recorded.ask(
        """
        [moment for moment, then in golden["moments"] if rows(datetime.fromisoformat(moment)) != then]
        """
    )
    assert differing == []


def test_user_and_reason_become_a_context(recorded: Golden) -> None:
    contexts = recorded.ask(
        """
        sql("SELECT DISTINCT model, context::text FROM pgaudit_log_event"
            " WHERE id < 0 AND context IS NOT NULL ORDER BY 1, 2")
        """
    )
    assert [[model, json.loads(context)] for model, context in contexts] == [
        ["store.Order", {"user": 1, "reason": "by phone"}],
        ["store.Order", {"user": 1, "reason": "deleted by mistake"}],
        ["store.Order", {"user": 1, "reason": "tags"}],
        ["store.Order_tags", {"user": 1, "reason": "deleted by mistake"}],
        ["store.Order_tags", {"user": 1, "reason": "tags"}],
    ]


def test_a_second_import_adds_nothing(recorded: Golden) -> None:
    before = recorded.ask("""sql("SELECT count(*), max(id), min(id) FROM pgaudit_log_event")""")
    recorded.project.manage("pgaudit_log", "import", "simple-history", "--apply")
    assert (
        recorded.ask("""sql("SELECT count(*), max(id), min(id) FROM pgaudit_log_event")""")
        == before
    )


def test_the_same_comes_over_from_another_database(recorded: Golden) -> None:
    before = recorded.imported()
    assert recorded.imported_from_elsewhere("simple-history") == before
