"""Whatever is killed, each acknowledged transaction has its events, and the rest has all or none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from example_project.embedded_postgres import Server
from tests.durability.extents import Extent
from tests.durability.judgement import judge
from tests.durability.servers import (
    CONFIGURED,
    Copies,
    execute,
    kill,
    postmaster,
    until,
    until_it_answers,
)
from tests.durability.writers import writing

BACKENDS = """
SELECT pid FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND datname LIKE 'shop%'
ORDER BY state = 'active' DESC, backend_start
"""


def immediate_shutdown(server: Server) -> None:
    server.stop("immediate")
    server.start(CONFIGURED)


def killed_postmaster(server: Server) -> None:
    kill(postmaster(server))
    # A session that was just let in holds the socket for a moment longer.
    until(lambda: not server.is_running(), "the end of the server")
    server.start(CONFIGURED)


def killed_backend(server: Server) -> None:
    kill(execute(server, BACKENDS)[0][0])


CRASHES = [immediate_shutdown, killed_postmaster, killed_backend]


@pytest.mark.parametrize("crash", CRASHES, ids=lambda crash: crash.__name__)
def test_a_crashed_server_has_the_events_of_all_that_it_acknowledged(
    crash: Callable[[Server], None], copies: Copies, extent: Extent, tmp_path: Path
) -> None:
    """Server crash."""
    database = copies.copy()
    with writing(
        copies.server.url(database), tmp_path / "ledgers", count=extent.writers
    ) as writers:
        for _ in range(extent.rounds):
            writers.go_on(extent.transactions)
            crash(copies.server)
            until_it_answers(copies.server, database)
        writers.go_on(extent.transactions)
        writers.end()
    judged = judge(copies.server.url(database), writers.ledger())
    extent.note(f"{extent.rounds} × {crash.__name__.replace('_', ' ')}", judged)
    assert judged.is_whole(), judged
    assert writers.ledger().failed >= extent.rounds


def test_a_killed_client_leaves_all_of_a_transaction_or_nothing(
    copies: Copies, extent: Extent, tmp_path: Path
) -> None:
    """Killed client."""
    url = copies.server.url(copies.copy())
    with writing(url, tmp_path / "ledgers", count=extent.writers) as writers:
        for _ in range(extent.rounds * 2):
            writers.go_on(extent.transactions // 2)
            writers.kill_one()
            writers.start(1)
        writers.go_on(extent.transactions)
        writers.end()
    judged = judge(url, writers.ledger())
    extent.note(f"{extent.rounds * 2} clients killed", judged)
    assert judged.is_whole(), judged
