"""The judge of these tests notices what is lost, doubled, crossed, and past the triggers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.durability.judgement import judge
from tests.durability.servers import Copies, execute
from tests.durability.writers import writing

NEWEST = "(SELECT max(id) FROM pgaudit_log_event WHERE model = 'shop.Customer' AND operation = 'I')"


@pytest.mark.slow
def test_a_judge_notices_what_is_wrong(copies: Copies, tmp_path: Path) -> None:
    database = copies.copy()
    url = copies.server.url(database)
    with writing(url, tmp_path / "ledgers", count=2) as writers:
        writers.go_on(10)
        writers.end()
    ledger = writers.ledger()
    first = next(iter(ledger.acknowledged))
    wrong = replace(ledger, acknowledged=ledger.acknowledged | {first: 1, "never written": 7})
    judged = judge(url, wrong)
    assert (judged.lost, judged.doubled) == (7, ledger.acknowledged[first] - 1)

    partitions = "SELECT relid::text FROM pg_partition_tree('pgaudit_log_event') WHERE isleaf"
    for (partition,) in execute(copies.server, partitions, database):
        execute(
            copies.server,
            f"ALTER TABLE {partition} DISABLE TRIGGER USER;"
            f"""UPDATE {partition} SET context = '{{"token": "{first}"}}' WHERE id = {NEWEST}""",
            database,
        )
    execute(
        copies.server,
        "SET session_replication_role = replica; UPDATE shop_parcel SET weight = 0 WHERE order_id ="
        " (SELECT max(order_id) FROM shop_parcel)",
        database,
    )
    judged = judge(url, ledger)
    assert (judged.crossed, judged.lost, judged.doubled, judged.differing) == (1, 1, 1, 1)
    assert judged.findings
    assert judged.problems
    assert not judged.is_whole()
