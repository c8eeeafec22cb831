"""How much of a scenario a test runs, and what it came to."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tests.durability import summary
from tests.durability.judgement import Judgement


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How much of a scenario is run."""

    scenario: str
    rounds: int
    writers: int
    transactions: int
    """How many are acknowledged in each round."""
    start: float = field(default_factory=time.monotonic)

    def note(self, rounds: str, judged: Judgement) -> None:
        """Put what it came to into the summary, if there is to be one."""
        summary.note(
            summary.Row(
                scenario=self.scenario,
                rounds=rounds,
                acknowledged=judged.acknowledged,
                events=judged.events,
                lost=judged.lost,
                doubled=judged.doubled,
                crossed=judged.crossed,
                seconds=time.monotonic() - self.start,
            )
        )
