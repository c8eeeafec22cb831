"""Masks of contexts: what is masked never gets onto the wire, or into the events of a model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import models

import pgaudit_log
from pgaudit_log import context, create_event
from pgaudit_log.backfill import backfill
from pgaudit_log.contexts import masks, salvage
from pgaudit_log.contexts.stack import current
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.jobs import _enter_task, _leave_task, _send_context, carry, resume
from pgaudit_log.models import Events
from pgaudit_log.testing import isolated
from tests.support import execute, unguarded
from tests.tables import EVERYTHING, make, tracked_table

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

MARK = {"pgaudit_log.masked": True}


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    with isolated():
        yield


def thing(**track: Any) -> Any:
    return tracked_table("Thing", *EVERYTHING, track=track, name=models.TextField(default="a"))


def contexts() -> list[Any]:
    return list(Events.objects.order_by("pgh_id").values_list("pgh_context", flat=True))


@pytest.fixture
def masked(settings: Any) -> None:
    settings.PGAUDIT_LOG_MASK_CONTEXT = ["ip", "url.token", "not.there"]


@pytest.mark.parametrize("carrier", ["comment", "setting", "id"])
def test_what_the_setting_names_is_not_sent(masked: None, carrier: str, settings: Any) -> None:
    settings.PGAUDIT_LOG_CONTEXT_CARRIER = carrier
    model = thing()
    with context(ip="10.0.0.1", url={"token": "secret", "path": "/"}, reason="x") as running:
        model.objects.create()
        [(sent,)] = execute(
            "SELECT current_query() || current_setting('pgaudit_log.running', true)"
        )
        context(ip="10.0.0.2")
        model.objects.create()
        assert "10.0.0" not in f"{running!r}{current()!r}{sent}"
        assert "secret" not in f"{running!r}{current()!r}{sent}"
    wanted = {"ip": MARK, "url": {"token": MARK, "path": "/"}, "reason": "x"}
    assert contexts() == [wanted] * 2


ADDRESSES = [
    ("/orders/?token=secret&page=2", "/orders/?token=hidden&page=2"),
    ("/orders/?page=2&token=secret#top", "/orders/?page=2&token=hidden#top"),
    ("/orders/token=secret", "/orders/token=secret"),
    ("/orders/?mytoken=1", "/orders/?mytoken=1"),
    ([{"token": 1}, "?token=2", 3, None], [{"token": MARK}, "?token=hidden", 3, None]),
    ({"token": {"a": 1}}, {"token": MARK}),
    (None, None),
    (b"?token=1", b"?token=1"),
]


@pytest.mark.parametrize(("value", "expected"), ADDRESSES, ids=repr)
def test_a_path_leads_into_mappings_lists_and_addresses(
    masked: None, value: Any, expected: Any
) -> None:
    given = {"url": value, "token": "kept"}
    assert masks.masked(given) == {"url": expected, "token": "kept"}
    assert given == {"url": value, "token": "kept"}


def test_nothing_is_copied_where_nothing_is_masked() -> None:
    metadata = {"ip": "10.0.0.1"}
    assert masks.masked(metadata) is metadata


def test_what_is_masked_is_not_sent_on_to_jobs(masked: None) -> None:
    headers: dict[str, Any] = {}
    with context(ip="10.0.0.1", reason="x"):
        carried = carry()
        _send_context(headers)
    assert carried is not None
    assert carried["metadata"] == {"ip": MARK, "reason": "x"}
    assert "10.0.0.1" not in json.dumps(headers)
    with resume(carried, ip="10.0.0.9") as running:
        assert "10.0.0" not in running.text
    task: Any = SimpleNamespace(name="t", request=SimpleNamespace(get=headers.get))
    _enter_task("1", task)
    running = current()
    _leave_task(task)
    assert running is not None
    assert json.loads(running.text[36:])["ip"] == MARK


def test_what_is_salvaged_is_masked(masked: None) -> None:
    kept, fault = salvage.salvaged({"ip": "10.0.0.1" * 9, "bad": object(), "url": "?token=1"}, 90)
    with context(**kept) as running:
        assert "10.0.0" not in running.text + fault
        assert "token=1" not in running.text


def test_a_claim_of_sql_is_recorded_as_it_is(masked: None) -> None:
    model = thing()
    execute("""SET LOCAL pgaudit_log.context = '{"ip": "10.0.0.1"}'""")
    execute(f"INSERT INTO {model._meta.db_table} (name) VALUES ('a')")
    assert contexts() == [{"ip": "10.0.0.1"}]


@pytest.mark.parametrize("level", ["STATEMENT", "ROW"])
def test_a_model_may_mask_what_its_events_have_of_a_context(level: str, settings: Any) -> None:
    settings.PGAUDIT_LOG_LEVEL = level
    model = thing(mask_context=["reason", "url.token", "it's 100 %", "x.(b"])
    other = tracked_table("Other", name=models.TextField(default="a"))
    claims = [
        ({"reason": "ill", "x": 1}, {"reason": MARK, "x": 1}),
        ({"url": {"token": 1, "path": "/"}}, {"url": {"token": MARK, "path": "/"}}),
        ({"url": ["token"]}, {"url": ["token"]}),
        ({"url": "token"}, {"url": "token"}),
        ({"url": [["?token=2"]]}, {"url": [MARK]}),
        ({"url": []}, {"url": []}),
        ({"a.(b": 1}, {"a.(b": 1}),
        ({"x": "/?(b=1"}, {"x": "/?(b=hidden"}),
        *(({"url": given}, {"url": masked}) for given, masked in ADDRESSES if given != b"?token=1"),
        ({"it's 100 %": 1}, {"it's 100 %": MARK}),
        ({}, {}),
    ]
    for claimed, _ in claims:
        with context(**claimed):
            model.objects.create()
    assert contexts() == [expected for _, expected in claims]
    with context(reason="ill"):
        other.objects.create()
    assert contexts()[-1] == {"reason": "ill"}
    execute('SET LOCAL pgaudit_log.context = \'{"reason": "ill"\'')
    execute("UPDATE shop_thing SET name = 'b' WHERE id = (SELECT min(id) FROM shop_thing)")
    assert contexts()[-1] == {"malformed": MARK}
    execute("SET LOCAL pgaudit_log.context = ''")
    execute("DELETE FROM shop_thing")
    assert contexts()[-1] is None


def test_manual_events_and_baselines_of_such_a_model_do_as_captures() -> None:
    model = thing(mask_context=["reason"])
    one = model.objects.create()
    with unguarded("pgaudit_log_event"):
        execute("DELETE FROM pgaudit_log_event")
        with context(reason="ill"):
            create_event(one, label="update")
            backfill(model)
    assert contexts() == [{"reason": MARK}] * 2


@pytest.mark.parametrize("given", [True, "ip", [1], [""], ["a..b"], ["a."]])
def test_what_is_no_list_of_keys_is_refused(given: Any) -> None:
    with pytest.raises(DeclarationError, match="give a list of keys of contexts"):
        pgaudit_log.track(mask_context=given)(make("Thing"))
