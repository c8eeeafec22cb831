"""Behind PgBouncer, writers share connections from one transaction to the next, and no context does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.durability import pooler
from tests.durability.extents import Extent
from tests.durability.judgement import judge
from tests.durability.servers import Copies, execute
from tests.durability.writers import writing

pytestmark = pytest.mark.skipif(
    pooler.program() is None, reason="PgBouncer is not installed: apt install pgbouncer"
)


@pytest.mark.parametrize("carrier", ["comment", "setting", "id"])
def test_no_context_stays_on_a_pooled_connection(
    carrier: str, copies: Copies, extent: Extent, tmp_path: Path
) -> None:
    """PgBouncer, transaction pooling."""
    database = copies.copy()
    with pooler.pooled(copies.server, database, size=2) as url:
        variables = {"PGAUDIT_LOG_TEST_CARRIER": carrier}
        with writing(url, tmp_path / "ledgers", count=extent.writers + 1, **variables) as writers:
            writers.go_on(extent.transactions * extent.rounds)
            sessions = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}'"
            [(connections,)] = execute(copies.server, sessions)
            writers.end()
    judged = judge(copies.server.url(database), writers.ledger())
    extent.note(f"{extent.writers + 1} writers on 2 connections, carrier {carrier}", judged)
    assert judged.is_whole(), judged
    assert connections <= 2
