"""What django-auditlog and django-easy-audit have recorded of one history comes over: typed, and rebuilt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.importing import histories
from tests.importing.golden import MODELS, Golden, golden

pytestmark = pytest.mark.slow

UNKEPT = {"auditlog": {"blob", "changed", "paper"}, "easy-audit": {"changed", "hour", "paper"}}
"""What they do not tell of, or before the ORM has set it, or less exactly."""

NOT_ASKED = """
LEFT_OUT |= {"blob", "changed", "hour", "paper"}
del TRACKED["store.Order_tags"]  # of whose rows both have no keys
"""

WHO = """
from contextlib import contextmanager
from auditlog.context import set_extra_data
from auditlog.signals import accessed
from django.contrib.auth import signals
from django.core.signals import request_started
from django.db.backends.postgresql.psycopg_any import DateRange
from django.test import RequestFactory
from easyaudit.middleware.easyaudit import clear_request, set_current_user, _thread_locals

@contextmanager
def who(user, reason):
    told = {"actor": user, "remote_addr": "10.0.0.7", "remote_port": 4711, "cid": reason}
    set_current_user(user)
    with set_extra_data({**told, "additional_data": {"reason": reason}}):
        yield
    clear_request()
"""

MORE = """
Order.objects.filter(pk=o.pk).update(total=9)  # which they do not see
o.refresh_from_db()
o.total = 10; o.save(); step()
accessed.send(Order, instance=o)
o.total = models.F("total") + 1; o.save(); step()
o.refresh_from_db(); o.total = 12; o.save(); step()

request = RequestFactory().get("/orders/?q=1")
_thread_locals.request = request
signals.user_logged_in.send(User, request=request, user=anna)
signals.user_login_failed.send(__name__, credentials={"username": "anna"}, request=request)
signals.user_logged_out.send(User, request=request, user=anna)
request_started.send(None, environ=request.environ)
User.objects.create(username="gone").delete()
"""

ALL = """
import io
from django.core.management import call_command

def command(*arguments):
    out = io.StringIO()
    call_command("pgaudit_log", "import", "{peer}", *arguments, stdout=out, stderr=out)
    return out.getvalue()

EVENTS = (
    "SELECT model, obj_pk, label, operation, shape, snapshot::text, diff::text, refs, context::text,"
    " context_id IS NOT NULL, origin ->> 'table' FROM pgaudit_log_event WHERE id < 0 ORDER BY model, id"
)
found = dict(plan=command(), done=command("--apply", "--batch-size=7"), events=sql(EVENTS))
found["differing"] = [
    moment for moment, then in golden["moments"] if rows(datetime.fromisoformat(moment)) != then
]
found |= dict(again=command("--apply"), events_again=sql(EVENTS))
found |= dict(withdrawn=command("--withdraw", "--apply"), left=sql(EVENTS))
found
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Golden]:
    models = MODELS.format(
        imports="from auditlog.registry import auditlog",
        customer="@auditlog.register()",
        tag="@auditlog.register()",
        order='@auditlog.register(exclude_fields=["blob"], m2m_fields=["tags"])',
        through="",
        **dict.fromkeys(("customer_end", "tag_end", "order_end"), ""),
    )
    script = histories.ORM.replace("550", "250")  # a key has 255 characters there
    # A text of bytes that are none stops both of them; of a tuple one cannot tell a range.
    script = script.replace(r'b"\x00\xff"', 'b"ab"')
    script = script.replace(
        "(datetime.date(2024, 1, 1), None)", "DateRange(datetime.date(2024, 1, 1))"
    )
    apps = ("django.contrib.sessions", "auditlog", "easyaudit", "pgaudit_log")
    folder = tmp_path_factory.mktemp("texts")
    with golden(folder, models, NOT_ASKED + WHO + script + MORE, *apps) as made:
        yield made


@pytest.fixture(scope="module")
def told(recorded: Golden) -> dict[str, Any]:
    return {peer: recorded.ask(NOT_ASKED + ALL.replace("{peer}", peer)) for peer in UNKEPT}


def of_orders(told: dict[str, Any], peer: str) -> list[tuple[str, str, Any, Any, bool]]:
    """Return operation, label, row, context, and whether there is an id of that, of the orders."""
    return [
        (operation, label, json.loads(row), json.loads(context or "{}"), is_grouped)
        for model, _, label, operation, _, row, _, _, context, is_grouped, _ in told[peer]["events"]
        if model == "store.Order"
    ]


def of_rows(events: list[list[Any]], unkept: set[str]) -> list[Any]:
    """Return events of rows without some columns, and without those that tell of nothing else."""
    found = []
    for model, key, label, _, _, snapshot, diff, refs, *_ in events:
        row, changes = (json.loads(text or "null", parse_float=str) for text in (snapshot, diff))
        for name in unkept:
            row.pop(name, None)
            (changes or {}).pop(name, None)
        if label in ("insert", "update", "delete") and changes != {}:
            found.append((model, key, label, row, changes, refs))
    return found


@pytest.mark.parametrize("peer", UNKEPT)
def test_each_event_is_what_a_trigger_would_have_written(
    recorded: Golden, told: dict[str, Any], peer: str
) -> None:
    own = of_rows(recorded.own, UNKEPT[peer])
    unseen = [event for event in own if (event[4] or {}).get("total") == ["1.00", "9.00"]]
    assert len(unseen) == 1
    expected = [e for e in own if e[0] != "store.Order_tags" and e not in unseen]
    assert len(expected) >= 20
    assert of_rows(told[peer]["events"], UNKEPT[peer]) == expected


@pytest.mark.parametrize("peer", UNKEPT)
def test_the_past_is_what_it_was_at_each_step(told: dict[str, Any], peer: str) -> None:
    assert told[peer]["differing"] == []


@pytest.mark.parametrize("peer", UNKEPT)
def test_what_it_had_missed_is_told_by_a_baseline(told: dict[str, Any], peer: str) -> None:
    found = [row["total"] for operation, _, row, *_ in of_orders(told, peer) if operation == "B"]
    assert found == [9.0]


@pytest.mark.parametrize("peer", UNKEPT)
def test_a_second_import_adds_nothing_and_all_can_be_taken_back(
    told: dict[str, Any], peer: str
) -> None:
    assert "Nothing to import." in told[peer]["again"]
    assert told[peer]["events_again"] == told[peer]["events"]
    assert "events taken back." in told[peer]["withdrawn"]
    assert told[peer]["left"] == []


def test_who_did_it_becomes_a_context(told: dict[str, Any]) -> None:
    contexts = [
        (label, context, is_grouped)
        for _, label, _, context, is_grouped in of_orders(told, "auditlog")
    ]
    assert contexts[0] == (
        "insert",
        {
            "user": 1,
            "ip": "10.0.0.7",
            "remote_port": 4711,
            "cid": "by phone",
            "additional_data": {"reason": "by phone"},
        },
        True,
    )
    assert ("access", {}, False) in contexts
    tags = [c["many_to_many"] for label, c, _ in contexts if label == "many_to_many"]
    assert tags == [
        {"tags": {"add": ["Tag object (1)", "Tag object (2)"]}},
        {"tags": {"delete": ["Tag object (1)"]}},
        {"tags": {"add": ["Tag object (1)"]}},
    ]
    easy = [(label, context) for _, label, _, context, _ in of_orders(told, "easy-audit")]
    assert easy[0] == ("insert", {"user": 1})
    assert [c["many_to_many"] for label, c in easy if label == "many_to_many"] == [
        {"tags": [1, 2]},
        {"tags": [2]},
        {"tags": [1]},
    ]


def test_a_value_that_python_did_not_know_is_kept_as_its_text(told: dict[str, Any]) -> None:
    for peer, of_both in (("auditlog", ["10.00", "F(total) + Value(1)"]), ("easy-audit", None)):
        texts = [c["texts"] for _, _, _, c, _ in of_orders(told, peer) if "texts" in c]
        # The name of a file may be another one once the ORM has stored it.
        papers = [text.pop("paper") for text in texts if "paper" in text]
        assert ["", "a/b.pdf"] in papers if of_both else papers == ["a/b.pdf"]
        texts = [text for text in texts if text]
        assert texts == [{"total": of_both or "F(total) + Value(1)"}]


def test_logins_and_requests_are_access_events(told: dict[str, Any]) -> None:
    found = [
        (label, operation, key, json.loads(row), refs, json.loads(context), table)
        for model, key, label, operation, _, row, _, refs, context, _, table in told["easy-audit"][
            "events"
        ]
        if model == "pgaudit_log.Access"
    ]
    logins, requests = "easyaudit_loginevent", "easyaudit_requestevent"
    here, who = {"ip": "127.0.0.1"}, {"user": 1, "user_name": "anna"}
    assert found == [
        ("login", "M", "1", who, ["auth.User:1"], {"user": 1, **here}, logins),
        ("login_failed", "M", None, {"tried_name": "anna"}, ["auth.User:1"], here, logins),
        ("logout", "M", "1", who, ["auth.User:1"], {"user": 1, **here}, logins),
        (
            "request",
            "M",
            None,
            {"url": "/orders/"},
            None,
            {"url": "/orders/?q=1", "method": "GET", **here},
            requests,
        ),
    ]


def test_the_plan_says_what_is_less_exact(told: dict[str, Any]) -> None:
    plan = told["auditlog"]["plan"]
    late = "is set by the ORM after it is recorded there"
    for column, reason in {
        "blob": "is not told there",
        "changed": late,
        "paper": late,
        "customer_id": 'has "None" there for nothing and for that text: it is read as nothing',
    }.items():
        assert f"Not kept: store.Order, auditlog_logentry.{column} {reason}." in plan
    assert "Left out: auth.User" not in plan
    easy = told["easy-audit"]["plan"]
    assert (
        "Not kept: store.Order, easyaudit_crudevent.hour has milliseconds there, not microseconds."
        in easy
    )
    assert "Left out: auth.User. auth.User is not tracked here." in easy
    assert "pgaudit_log.Access" in easy
