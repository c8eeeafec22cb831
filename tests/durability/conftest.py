"""Each scenario has a short form, in seconds for CI, and a long one, in minutes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.durability import servers
from tests.durability.extents import Extent
from tests.durability.servers import Copies

pytest.importorskip("dj_database_url")


@pytest.fixture(
    params=[
        pytest.param("short", marks=pytest.mark.slow),
        pytest.param("long", marks=pytest.mark.long),
    ]
)
def extent(request: pytest.FixtureRequest) -> Extent:
    scenario = request.function.__doc__.partition("\n")[0].rstrip(".")
    if request.param == "short":
        return Extent(scenario=scenario, rounds=2, writers=3, transactions=20)
    return Extent(scenario=scenario, rounds=15, writers=8, transactions=400)


@pytest.fixture(scope="session")
def copies() -> Iterator[Copies]:
    """A server of PostgreSQL 18."""
    with servers.running(18) as running:
        yield running


@pytest.fixture(scope="session")
def older_copies() -> Iterator[Copies]:
    """A server of PostgreSQL 16."""
    with servers.running(16) as running:
        yield running
