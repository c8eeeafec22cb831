"""Results: what a time of load came to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Result:
    """The figures, and what is wrong, if anything."""

    writers: int
    seconds: float
    transactions: int
    """Those that were acknowledged and left events."""
    failed: int
    events_expected: int
    events_found: int
    lost: int
    doubled: int
    statements: int
    """Those that wrote."""
    median_ms: float
    p99_ms: float
    longest_ms: float
    longest_statement: str
    longest_lock_wait_ms: float
    longest_lock_wait: str
    longest_table_lock_wait_ms: float
    longest_table_lock_wait: str
    chores: tuple[dict[str, Any], ...]
    problems: tuple[str, ...]
    """What `status` found."""
    findings: tuple[str, ...]
    """What `verify` found."""
    errors: tuple[str, ...]
    """The first errors of writers, and tokens whose events are not as they must be."""

    @property
    def is_good(self) -> bool:
        """Whether something was written, nothing lost or doubled, nothing failed, and the log is whole."""
        wrong = self.lost + self.doubled + self.failed
        failures = sum(chore["failures"] for chore in self.chores)
        is_whole = not self.problems and not self.findings
        return self.transactions > 0 and wrong == failures == 0 and is_whole

    def as_document(self) -> dict[str, Any]:
        """Return it as JSON can have it."""
        return {"good": self.is_good, **asdict(self)}

    def lines(self) -> Iterator[str]:
        """Yield it as people read it."""
        yield f"writers            {self.writers}, for {self.seconds:,.0f} s"
        yield f"transactions       {self.transactions:,} acknowledged, {self.failed:,} failed"
        yield f"events             {self.events_found:,} of {self.events_expected:,}"
        yield f"                   {self.lost:,} lost, {self.doubled:,} doubled"
        yield f"writing statements {self.statements:,}"
        times = f"median {self.median_ms:.1f} ms, 99 % within {self.p99_ms:.1f} ms"
        yield f"                   {times}, longest {self.longest_ms:.0f} ms"
        yield f"                   {self.longest_statement[:100]}"
        yield f"waits for locks    {self.longest_lock_wait_ms:.0f} ms {self.longest_lock_wait}"
        table = f"{self.longest_table_lock_wait_ms:.0f} ms {self.longest_table_lock_wait}"
        yield f"   of tables       {table}"
        for chore in self.chores:
            went = f"{chore['runs']} times, {chore['failures']} failed, {chore['longest']:.1f} s"
            yield f"{chore['command']}: {went} at most"
            yield from (f"   {error}" for error in chore["errors"])
        yield f"status             {', '.join(self.problems) or 'good'}"
        yield f"verify             {', '.join(self.findings) or 'good'}"
        yield from (f"error: {error}" for error in self.errors)
