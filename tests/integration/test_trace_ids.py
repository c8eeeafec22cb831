"""Events say which OpenTelemetry trace they belong to, where that is set."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import pgaudit_log
from pgaudit_log.checks.settings import check_settings
from pgaudit_log.constants import CONTEXT_MAX_BYTES
from pgaudit_log.contexts import spans
from pgaudit_log.models import Events
from tests.shop.models import Customer

trace = pytest.importorskip("opentelemetry.trace")

pytestmark = pytest.mark.django_db


@pytest.fixture
def on(settings: Any) -> None:
    settings.PGAUDIT_LOG_TRACE_ID = True


@contextmanager
def span() -> Iterator[str]:
    """Run a block in a span of a trace of its own, and give the trace's id as OpenTelemetry writes it."""
    trace_id = secrets.randbits(128) | 1
    context = trace.SpanContext(trace_id, span_id=1, is_remote=False)
    with trace.use_span(trace.NonRecordingSpan(context)):
        yield trace.format_trace_id(trace_id)


@pytest.fixture
def without_opentelemetry(monkeypatch: Any) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    spans.trace_module.cache_clear()
    yield
    spans.trace_module.cache_clear()


def contexts() -> list[Any]:
    return list(Events.objects.order_by("pgh_id").values_list("pgh_context", flat=True))


def test_an_event_has_the_id_of_the_running_trace(on: None) -> None:
    with span() as trace_id, pgaudit_log.context(user=7):
        Customer.objects.create(name="Ana")
    assert contexts() == [{"user": 7, "trace_id": trace_id}]


def test_the_trace_that_runs_with_the_statement_counts(on: None) -> None:
    with pgaudit_log.context():
        with span() as first:
            Customer.objects.create(name="Ana")
        with span() as second:
            Customer.objects.create(name="Ben")
        Customer.objects.create(name="Cid")
    assert contexts() == [{"trace_id": first}, {"trace_id": second}, {}]


def test_an_event_without_a_context_has_none(on: None) -> None:
    with span():
        Customer.objects.create(name="Ana")
    assert contexts() == [None]


def test_what_the_project_records_itself_wins(on: None) -> None:
    with span(), pgaudit_log.context(trace_id="mine"):
        Customer.objects.create(name="Ana")
    assert contexts() == [{"trace_id": "mine"}]


@pytest.mark.parametrize("carrier", ["comment", "setting", "id"])
def test_each_carrier_carries_it(on: None, settings: Any, carrier: str) -> None:
    settings.PGAUDIT_LOG_CONTEXT_CARRIER = carrier
    with span() as trace_id, pgaudit_log.context(user=7):
        Customer.objects.create(name="Ana")
        Customer.objects.filter(name="Ana").update(name="%s")
    assert contexts() == [{"user": 7, "trace_id": trace_id}] * 2


def test_a_context_without_room_goes_without_it(on: None) -> None:
    note = "a" * (CONTEXT_MAX_BYTES - 20)
    with span(), pgaudit_log.context(note=note):
        Customer.objects.create(name="Ana")
    assert contexts() == [{"note": note}]


def test_it_is_off_unless_set(on: None, settings: Any) -> None:
    settings.PGAUDIT_LOG_TRACE_ID = False
    with span(), pgaudit_log.context(user=7):
        Customer.objects.create(name="Ana")
    assert contexts() == [{"user": 7}]


@pytest.mark.usefixtures("without_opentelemetry")
def test_without_the_library_it_is_an_error_and_events_go_on(settings: Any) -> None:
    settings.PGAUDIT_LOG_TRACE_ID = True
    [message] = check_settings(None)
    assert message.id == "pgaudit_log.E001"
    assert "opentelemetry" in str(message.hint)
    with pgaudit_log.context(user=7):
        Customer.objects.create(name="Ana")
    assert contexts() == [{"user": 7}]


@pytest.mark.slow
@pytest.mark.everywhere
def test_nothing_of_it_is_imported_while_it_is_off() -> None:
    script = (
        "import sys, django; django.setup();"
        "from pgaudit_log.contexts import cursors; cursors._has_trace_id();"
        "from pgaudit_log.operating import status;"
        "print([m for m in sys.modules if m.partition('.')[0] in ('opentelemetry', 'prometheus_client')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
