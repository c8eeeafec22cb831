"""The judgement of a scenario: what was acknowledged is there, once, and as it was written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.durability.servers import python
from tests.durability.writers import Ledger


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a database has of what writers know."""

    acknowledged: int
    events: int
    lost: int
    """Events that acknowledged transactions must have left, and that are not there."""
    doubled: int
    """Events beyond those that a transaction must have left."""
    half: int
    """Transactions without an answer that left some events and not others."""
    crossed: int
    """Events with the context of another transaction."""
    differing: int
    """Rows that are not as their newest event says."""
    counted: int
    """What the shared counters add up to."""
    committed_in_doubt: int
    """Transactions that were committed though nobody could be told."""
    findings: tuple[str, ...]
    problems: tuple[str, ...]

    def is_whole(self) -> bool:
        """Tell whether nothing is wrong; if not, ``repr()`` says what."""
        wrong = self.lost + self.doubled + self.half + self.crossed + self.differing
        return wrong == 0 and not self.findings and not self.problems


def judge(url: str, ledger: Ledger) -> Judgement:
    """Compare a database with its writers' ledger."""
    found: dict[str, Any] = json.loads(python(url, "-m", "tests.durability.examination"))
    events = found["events"]
    known = ledger.acknowledged | ledger.in_doubt
    lost = sum(max(0, n - events.get(token, 0)) for token, n in ledger.acknowledged.items())
    # Of a token that never came to its COMMIT, there may be none.
    doubled = sum(max(0, n - known.get(token, 0)) for token, n in events.items())
    doubtful = [token for token in ledger.in_doubt if token in events]
    return Judgement(
        acknowledged=len(ledger.acknowledged),
        events=found["all_events"],
        lost=lost,
        doubled=doubled,
        half=sum(events[token] < ledger.in_doubt[token] for token in doubtful),
        crossed=found["crossed"],
        differing=found["differing"],
        counted=found["counted"],
        committed_in_doubt=len(doubtful),
        findings=tuple(found["findings"]),
        problems=tuple(found["problems"]),
    )
