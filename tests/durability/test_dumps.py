"""A dump that is restored, elsewhere or under another name, goes on as the same log."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.durability.extents import Extent
from tests.durability.judgement import judge
from tests.durability.servers import Copies, execute, program, shell
from tests.durability.writers import writing

WHOLE_TRAIL = "SELECT md5(string_agg(e::text, '' ORDER BY id)) FROM pgaudit_log_event AS e"

INSTALL = """
from pgaudit_log.database import installation
from pgaudit_log.operating import status

print([problem.id for problem in status().problems])
print(installation.install().incarnation is not None)
print([problem.id for problem in status().problems])
"""


@pytest.mark.parametrize("from_version", [16, 18])
def test_a_restored_dump_goes_on_after_install(
    from_version: int,
    copies: Copies,
    request: pytest.FixtureRequest,
    extent: Extent,
    tmp_path: Path,
) -> None:
    """Dump and restore."""
    source = copies if from_version == 18 else request.getfixturevalue("older_copies")
    database, restored = source.copy(), f"restored_from_{from_version}_{extent.rounds}"
    url, dump = source.server.url(database), tmp_path / "dump"
    with writing(url, tmp_path / "before", count=extent.writers) as writers:
        writers.go_on(extent.transactions * extent.rounds)
        must_be_there = writers.ledger().acknowledged
        # In the middle of their work: what comes while it runs is in the dump as a whole, or not.
        program(source.server, "pg_dump", "--format=custom", f"--file={dump}", database)
        writers.end()
    before = writers.ledger()
    may_be_there = before.acknowledged | before.in_doubt
    before = replace(
        before,
        acknowledged=must_be_there,
        in_doubt={t: n for t, n in may_be_there.items() if t not in must_be_there},
    )
    execute(copies.server, f"CREATE DATABASE {restored}")
    program(copies.server, "pg_restore", "--exit-on-error", f"--dbname={restored}", str(dump))
    url = copies.server.url(restored)
    assert shell(url, INSTALL).splitlines() == ["['pgaudit_log.W006']", "True", "[]"]

    trail = execute(copies.server, WHOLE_TRAIL, restored)
    until_dump = execute(copies.server, "SELECT max(id) FROM pgaudit_log_event", restored)[0][0]
    with writing(url, tmp_path / "after", count=extent.writers) as writers:
        writers.go_on(extent.transactions)
        writers.end()
    judged = judge(url, before.joined(writers.ledger()))
    assert trail == execute(copies.server, f"{WHOLE_TRAIL} WHERE id <= {until_dump}", restored)
    extent.note(f"PostgreSQL {from_version} → 18, under another name", judged)
    assert judged.is_whole(), judged
