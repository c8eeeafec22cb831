"""The status of a log as values: what is wrong with it, how large it is, and what it leaves out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from pgaudit_log.database.hardening import Hardened
from pgaudit_log.database.partitions.sizes import PartitionSize
from pgaudit_log.database.uncaptured import UncapturedColumns, UntrackedTable
from pgaudit_log.values.plain_values import plain

Severity = Literal["error", "warning"]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that could make the log incomplete, forgeable or unreadable."""

    id: str
    """The id of the check that found it, such as ``pgaudit_log.W003``."""
    severity: Severity
    what: str
    on: tuple[str, ...]
    """The names of what it is about."""
    what_now: str


@dataclass(frozen=True, kw_only=True)
class LastEvent:
    """The newest event."""

    id: int
    created_at: datetime
    model: str


@dataclass(frozen=True, kw_only=True)
class ModelSize:
    """What one model has in one partition."""

    model: str | None
    """Its label; ``None`` for what the statistics of a large partition do not tell of."""
    start: datetime | None
    """From when the partition is; ``None`` for the DEFAULT one."""
    events: int
    size: int
    """In bytes: its share, by events, of those of the partition. Always an estimate."""
    is_estimate: bool
    """Whether ``events`` is one, too."""


@dataclass(frozen=True, kw_only=True)
class Growth:
    """How fast the log grows, by the partitions of the last months."""

    since: datetime
    until: datetime
    size: int
    """In bytes, of the partitions of that time."""

    @property
    def per_day(self) -> int:
        """In bytes."""
        return round(self.size / ((self.until - self.since).total_seconds() / 86_400))

    @property
    def per_year(self) -> int:
        """In bytes: what a year adds at this rate."""
        return round(self.size / ((self.until - self.since).total_seconds() / 86_400) * 365.25)


@dataclass(frozen=True, kw_only=True)
class Partitions:
    """How many partitions there are, and whether the server has locks for them."""

    count: int
    ahead: int
    """How many there are of times to come."""
    locks_needed: int
    """How many locks a read of all of them takes."""
    locks_capacity: int
    """How many the server has room for."""


@dataclass(frozen=True, kw_only=True)
class Role:
    """The role that asked, and what it could do to the log."""

    name: str
    is_superuser: bool
    owns_log: bool
    """Whether it is, or may become, the owner of the event table."""

    @property
    def may_forge(self) -> bool:
        """Whether it could take away what keeps events as they are."""
        return self.is_superuser or self.owns_log


@dataclass(frozen=True, kw_only=True)
class Status:
    """Whether a log is complete, and how large it is.

    A part that the database refused to tell is ``None``, and there is a problem
    ``pgaudit_log.E010`` of its name.
    """

    using: str
    asked_at: datetime
    problems: tuple[Problem, ...]
    silenced: tuple[Problem, ...]
    """Those whose ids are in ``SILENCED_SYSTEM_CHECKS``."""
    last_event: LastEvent | None
    sizes: tuple[PartitionSize, ...] | None
    """The partitions, the DEFAULT one first, then the oldest."""
    growth: Growth | None
    """``None`` also before the log is a day old."""
    partitions: Partitions | None
    retention_due: datetime | None
    """Up to when partitions may have events that ``PGAUDIT_LOG_RETENTION`` no longer keeps."""
    untracked_tables: tuple[UntrackedTable, ...] | None
    uncaptured_columns: tuple[UncapturedColumns, ...] | None
    role: Role | None
    hardened: Hardened | None
    """For which roles the database was hardened; ``None`` if it was not."""

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def size(self) -> int | None:
        """How many bytes all partitions have."""
        return None if self.sizes is None else sum(partition.size for partition in self.sizes)

    @property
    def events(self) -> int | None:
        """How many events there are, as far as that is known."""
        return None if self.sizes is None else sum(p.events or 0 for p in self.sizes)

    @property
    def is_estimate(self) -> bool:
        """Whether ``events`` is by PostgreSQL's statistics, in part."""
        return any(partition.is_estimate for partition in self.sizes or ())

    @property
    def models(self) -> tuple[ModelSize, ...]:
        """The sizes by model and partition, the newest partition first, in it the largest model."""
        return tuple(
            ModelSize(
                model=share.model,
                start=partition.start,
                events=share.events,
                size=round(partition.size * share.events / partition.events),
                is_estimate=partition.is_estimate,
            )
            for partition in reversed(self.sizes or ())
            if partition.events
            for share in partition.models
        )

    def as_document(self) -> dict[str, Any]:
        """Return all of it as JSON has it, for health endpoints; what ``--json`` writes."""
        found = {
            "database": self.using,
            "asked_at": self.asked_at,
            "healthy": self.is_healthy,
            "problems": [asdict(problem) for problem in self.problems],
            "silenced": [asdict(problem) for problem in self.silenced],
            "last_event": _document(self.last_event),
            "events": self.events,
            "events_are_estimated": self.is_estimate,
            "size": self.size,
            "growth": None
            if self.growth is None
            else {
                **asdict(self.growth),
                "per_day": self.growth.per_day,
                "per_year": self.growth.per_year,
            },
            "sizes": None
            if self.sizes is None
            else [
                {key: value for key, value in asdict(partition).items() if key != "models"}
                for partition in self.sizes
            ],
            "models": None if self.sizes is None else [asdict(one) for one in self.models],
            "partitions": _document(self.partitions),
            "retention_due": self.retention_due,
            "untracked_tables": _documents(self.untracked_tables),
            "uncaptured_columns": _documents(self.uncaptured_columns),
            "role": None
            if self.role is None
            else {**asdict(self.role), "may_forge": self.role.may_forge},
            "hardened": _document(self.hardened),
        }
        document: dict[str, Any] = plain(found)
        return document


def _document(part: Any) -> dict[str, Any] | None:
    return None if part is None else asdict(part)


def _documents(parts: Any) -> list[dict[str, Any]] | None:
    return None if parts is None else [asdict(part) for part in parts]
