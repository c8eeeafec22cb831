"""Whatever is written, the trail replays from empty tables to the tables, value for value; so does
the past at any moment.

HYPOTHESIS_PROFILE=long runs 2,000 examples instead of 15, and goes back at random, too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.blocks import Blocks
from tests.properties.goes_back import GoesBack
from tests.properties.key_moves import KeyMoves
from tests.properties.looks_back import LooksBack
from tests.properties.machine import Machine
from tests.properties.orm_writes import OrmWrites
from tests.properties.sessions import second_connection
from tests.properties.tables import all_tables, families_installed
from tests.properties.trail import comparison_installed
from tests.properties.verifies import Verifies

pytestmark = [pytest.mark.slow, pytest.mark.everywhere]

settings.register_profile(
    "short",
    max_examples=15,
    derandomize=True,  # the same examples each time; the long run looks for new ones
    stateful_step_count=30,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile(
    "long", parent=settings.get_profile("short"), max_examples=2000, derandomize=False
)


class Writers(Blocks, OrmWrites, KeyMoves, Verifies, LooksBack):
    """Two sessions that write by all paths, look back, and verify."""


class Wanderers(GoesBack, Writers):
    """Writers that go back, too."""


PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "short")


@pytest.fixture
def writers(transactional_db: None) -> Iterator[type[Machine]]:
    """The machine, with its tables and its second connection."""
    with families_installed() as families, comparison_installed(all_tables(families)):
        with second_connection():
            machine = Writers if PROFILE == "short" else Wanderers
            machine.families = families
            yield machine


def test_the_trail_replays_to_the_tables(writers: type[Machine]) -> None:
    run_state_machine_as_test(writers, settings=settings.get_profile(PROFILE))
