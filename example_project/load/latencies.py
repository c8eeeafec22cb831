"""Latencies: how long statements took, in little memory however many there are."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

STEP = 1.05
"""Each class of durations is so much longer than the one before: a percentile is that exact."""


@dataclass(kw_only=True)
class Latencies:
    """The durations of statements, in classes, and the longest one as it was."""

    counts: Counter[int] = field(default_factory=Counter)
    longest: float = 0.0
    """In milliseconds."""
    what: str = ""
    """The statement that took longest."""

    def add(self, milliseconds: float, what: str) -> None:
        """Count one."""
        self.counts[round(math.log(max(milliseconds, 0.001), STEP))] += 1
        if milliseconds > self.longest:
            self.longest, self.what = milliseconds, what[:300]

    def percentile(self, share: float) -> float:
        """Return the duration that a share of all did not exceed, in milliseconds."""
        left = share * self.counts.total()
        for number in sorted(self.counts):
            left -= self.counts[number]
            if left <= 0:
                return min(STEP**number, self.longest)
        return self.longest

    def join(self, document: Mapping[str, object]) -> None:
        """Add those of another process, as :meth:`as_document` wrote them."""
        counts, longest = document["counts"], document["longest"]
        assert isinstance(counts, dict)
        assert isinstance(longest, float)
        self.counts.update({int(number): count for number, count in counts.items()})
        if longest > self.longest:
            self.longest, self.what = longest, str(document["what"])

    def as_document(self) -> dict[str, object]:
        """Return it as JSON can have it."""
        return {"counts": dict(self.counts), "longest": self.longest, "what": self.what}
