"""What django-pghistory has recorded comes over as this package's triggers would have written it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.importing import histories
from tests.importing.golden import MODELS, Golden, golden

pytestmark = pytest.mark.slow

TRACK = (
    "@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent(),"
    ' model_name="{}Event")'
)

WHO = """
import pghistory
from contextlib import contextmanager

@contextmanager
def who(user, reason):
    with pghistory.context(user=user.pk, url="/orders/", reason=reason):
        yield
"""


def their_models() -> str:
    decorators = {
        name.lower(): TRACK.format(called)
        for name, called in {
            "Customer": "Customer",
            "Tag": "Tag",
            "Order": "Order",
            "Through": "OrderTag",
        }.items()
    }
    ends = dict.fromkeys(("customer_end", "tag_end", "order_end"), "")
    return MODELS.format(imports="import pghistory", **decorators, **ends) + ACCOUNTS


ACCOUNTS = """

def several(package):
    return [
        package.InsertEvent("made"),
        package.UpdateEvent("changed"),
        package.UpdateEvent("renamed", condition=package.AnyChange("name")),
        package.DeleteEvent("closed"),
        package.ManualEvent("looked_at"),
    ]

@pghistory.track(*several(pghistory), model_name="AccountEvent",
                 obj_field=pghistory.ObjForeignKey(related_name="their_events"))
@pgaudit_log.track(*several(pgaudit_log), model_name="AccountAudit", obj_field=None)
class Account(models.Model):
    name = models.CharField(max_length=20)
    email = models.CharField(max_length=20)


def old(package):
    return package.UpdateEvent("email_changed", row=package.Old, condition=package.AnyChange("email"))

@pghistory.track(old(pghistory), model_name="MailEvent",
                 obj_field=pghistory.ObjForeignKey(related_name="their_events"))
@pgaudit_log.track(old(pgaudit_log), model_name="MailAudit", obj_field=None)
class Mail(models.Model):
    email = models.CharField(max_length=20)
"""

SEVERAL_TRACKERS = """
a = Account.objects.create(name="a", email="a@x")
b = Account.objects.create(name="b", email="b@x")
a.name = "A"; a.save()
a.email = "A@x"; a.save()
pghistory.create_event(a, label="looked_at"); pgaudit_log.create_event(a, label="looked_at")
a.name = "AA"; a.save()
a.delete()
with transaction.atomic():
    b.name = "B"; b.save()
    b.name = "C"; b.save()
m = Mail.objects.create(email="1")
Mail.objects.update(email="2")
Mail.objects.update(email="3")
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Golden]:
    folder = tmp_path_factory.mktemp("pghistory")
    script = WHO + histories.ORM + histories.BULK + SEVERAL_TRACKERS
    with golden(folder, their_models(), script, "pghistory", "pgaudit_log") as made:
        made.project.manage("pgaudit_log", "import", "pghistory", "--apply")
        yield made


def test_each_event_is_what_a_trigger_would_have_written(recorded: Golden) -> None:
    assert len(recorded.own) > 90
    assert _without_mail(recorded.imported()) == _without_mail(recorded.own)


def _without_mail(events: list[list[Any]]) -> list[list[Any]]:
    return [event for event in events if event[0] != "store.Mail"]


def test_an_update_of_which_only_the_row_before_was_kept_has_what_the_next_one_found(
    recorded: Golden,
) -> None:
    assert [
        [*event[1:4], *event[5:]] for event in recorded.imported() if event[0] == "store.Mail"
    ] == [
        ["1", "email_changed", "U", '{"id": 1, "email": "1"}', '{"email": ["1", "2"]}', None],
        # What became of it, nothing tells.
        ["1", "email_changed", "M", '{"id": 1, "email": "2"}', None, None],
    ]


def test_the_past_is_what_it_was_at_each_step(recorded: Golden) -> None:
    differing = recorded.ask(
        """
        [moment for moment, then in golden["moments"] if rows(datetime.fromisoformat(moment)) != then]
        """
    )
    assert differing == []


def test_a_context_keeps_its_id_and_what_it_knew(recorded: Golden) -> None:
    theirs, ours = recorded.ask(
        """
        from pgaudit_log.models import Events
        theirs = sql("SELECT id::text, metadata FROM pghistory_context ORDER BY id")
        ours = sql("SELECT DISTINCT context_id::text, context FROM pgaudit_log_event"
                   " WHERE context_id IS NOT NULL AND id < 0 ORDER BY 1")
        [theirs, ours]
        """
    )
    assert theirs == ours
    known = [json.loads(context) for _, context in ours]
    assert {"user": 1, "url": "/orders/", "reason": "by phone"} in known


def test_each_event_says_where_it_came_from(recorded: Golden) -> None:
    origins = recorded.ask(
        """
        sql("SELECT DISTINCT origin - 'id' - 'import' FROM pgaudit_log_event WHERE id < 0 AND model = 'store.Order'")
        """
    )
    [[origin]] = origins
    assert json.loads(origin) == {"peer": "django-pghistory", "table": "store_orderevent"}
    unknown = recorded.ask(
        """
        sql("SELECT count(*) FROM pgaudit_log_event AS event"
            " LEFT JOIN store_orderevent AS record ON record.pgh_id = (origin ->> 'id')::int"
            " AND record.pgh_created_at = event.created_at"
            " WHERE event.id < 0 AND model = 'store.Order' AND pgh_id IS NULL")
        """
    )
    assert unknown == [[0]]


def test_an_import_leaves_an_event_of_its_own(recorded: Golden) -> None:
    [[id, data]] = recorded.ask(
        """sql("SELECT id, snapshot FROM pgaudit_log_event WHERE model = 'pgaudit_log.Maintenance'")"""
    )
    told = json.loads(data)
    assert told["peer"] == "django-pghistory"
    assert told["tables"]["store_tagevent"] == {"model": "store.Tag", "events": 2}
    assert recorded.ask(
        """sql("SELECT DISTINCT (origin ->> 'import')::int FROM pgaudit_log_event WHERE id < 0")"""
    ) == [[id]]


def test_a_second_import_adds_nothing(recorded: Golden) -> None:
    before = recorded.ask("""sql("SELECT count(*), max(id), min(id) FROM pgaudit_log_event")""")
    recorded.project.manage("pgaudit_log", "import", "pghistory", "--apply")
    assert (
        recorded.ask("""sql("SELECT count(*), max(id), min(id) FROM pgaudit_log_event")""")
        == before
    )
