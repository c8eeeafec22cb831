"""Transactions that PostgreSQL refuses and that are tried again leave the events of the last try."""

from __future__ import annotations

from pathlib import Path

from tests.durability.extents import Extent
from tests.durability.judgement import judge
from tests.durability.servers import Copies, until
from tests.durability.writers import writing


def test_a_retried_deadlock_leaves_its_events_once(
    copies: Copies, extent: Extent, tmp_path: Path
) -> None:
    """Deadlock, tried again."""
    url = copies.server.url(copies.copy())
    wanted = extent.rounds * 2
    with writing(url, tmp_path / "ledgers", count=extent.writers, work="crossing") as writers:
        until(lambda: writers.ledger().retried["deadlock"] >= wanted, f"{wanted} deadlocks")
        writers.go_on(extent.transactions * extent.rounds)
        writers.end()
    ledger = writers.ledger()
    judged = judge(url, ledger)
    extent.note(f"{ledger.retried['deadlock']:,} deadlocks", judged)
    assert judged.is_whole(), judged
    assert ledger.failed == 0


def test_a_retried_serialization_failure_leaves_its_events_once(
    copies: Copies, extent: Extent, tmp_path: Path
) -> None:
    """Serialization failure, tried again."""
    url = copies.server.url(copies.copy())
    wanted = extent.rounds * 10
    variables = {"PGAUDIT_LOG_TEST_ISOLATION": "serializable"}
    with writing(
        url, tmp_path / "ledgers", count=extent.writers, work="contended", **variables
    ) as writers:
        until(lambda: writers.ledger().retried["serialization"] >= wanted, f"{wanted} failures")
        writers.go_on(extent.transactions * extent.rounds)
        writers.end()
    ledger = writers.ledger()
    judged = judge(url, ledger)
    extent.note(f"{ledger.retried['serialization']:,} failures", judged)
    assert judged.is_whole(), judged
    assert judged.counted == judged.acknowledged
    assert ledger.failed == 0
