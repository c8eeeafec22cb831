"""The status of a log as Prometheus scrapes it, and as the dashboard shows it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from pgaudit_log.operating import metrics, status
from tests.docs.markdown import ROOT
from tests.shop.models import Customer
from tests.support import execute

prometheus: Any = pytest.importorskip("prometheus_client")

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("counted_exactly")]

DASHBOARD = ROOT / "docs" / "howto" / "grafana-dashboard.json"


def scraped(registry: Any) -> dict[str, float]:
    """Return each sample of a scrape, as Prometheus reads it."""
    lines = prometheus.generate_latest(registry).decode().splitlines()
    samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in samples}


@pytest.fixture
def registry() -> Any:
    made = prometheus.CollectorRegistry(auto_describe=True)
    metrics.register(registry=made)
    return made


def test_a_scrape_has_what_the_status_has(customer: Customer, registry: Any) -> None:
    found = status()
    samples = scraped(registry)
    database = '{database="default"}'
    assert found.last_event is not None and found.partitions is not None
    assert samples[f"pgaudit_log_up{database}"] == 1
    assert samples[f"pgaudit_log_healthy{database}"] == 1
    assert samples[f"pgaudit_log_last_event_id{database}"] == found.last_event.id
    assert samples[f"pgaudit_log_last_event_timestamp_seconds{database}"] == pytest.approx(
        found.last_event.created_at.timestamp()
    )
    assert samples['pgaudit_log_events{database="default",model="shop.Customer"}'] == 1
    assert samples[f"pgaudit_log_size_bytes{database}"] == found.size
    assert samples[f"pgaudit_log_partitions{database}"] == found.partitions.count
    assert samples[f"pgaudit_log_partitions_ahead{database}"] == 3
    assert not [name for name in samples if "drift" in name]


def test_drift_is_counted_by_check(registry: Any) -> None:
    execute("ALTER TABLE shop_customer DISABLE TRIGGER USER")
    samples = scraped(registry)
    [problem] = [p for p in status().problems if p.id == "pgaudit_log.W003"]
    name = 'pgaudit_log_drift{database="default",id="pgaudit_log.W003",severity="warning"}'
    assert samples[name] == len(problem.on) > 1
    assert samples['pgaudit_log_healthy{database="default"}'] == 0


def test_a_database_that_cannot_be_asked_is_not_up(monkeypatch: Any, registry: Any) -> None:
    def refuse(using: str) -> None:
        raise OperationalError("no server")

    monkeypatch.setattr(metrics, "status", refuse)
    assert scraped(registry) == {'pgaudit_log_up{database="default"}': 0}


def test_registering_asks_no_database() -> None:
    with CaptureQueriesContext(connection) as queries:
        metrics.register(registry=prometheus.CollectorRegistry(auto_describe=True))
    assert not queries.captured_queries


def test_scrapes_ask_the_database_once_in_a_while(customer: Customer) -> None:
    collector = metrics.LogCollector(max_age=3600)
    first = list(collector.collect())
    with CaptureQueriesContext(connection) as queries:
        assert list(collector.collect()) == first
    assert not queries.captured_queries
    always = metrics.LogCollector(max_age=0)
    list(always.collect())
    with CaptureQueriesContext(connection) as queries:
        list(always.collect())
    assert queries.captured_queries


def test_the_dashboard_shows_each_metric_and_no_other() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = {name for expr in shown for name in re.findall(r"\bpgaudit_log_(\w+)", expr)}
    assert asked == metrics.FAMILIES.keys()
    [databases] = [v["query"] for v in dashboard["templating"]["list"] if v["name"] == "database"]
    assert databases == "label_values(pgaudit_log_up, database)"


def test_the_panels_of_the_dashboard_use_labels_that_there_are() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            [name] = re.findall(r"\bpgaudit_log_(\w+)", target["expr"])
            used = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert used <= {"database", *metrics.FAMILIES[name][1]}, panel["title"]
