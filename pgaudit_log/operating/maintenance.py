"""Maintenance: what is to be done regularly, as the settings say, by one call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connections

from pgaudit_log.conf import settings
from pgaudit_log.database import event_table
from pgaudit_log.operating.partition_plans import WAIT, Step
from pgaudit_log.operating.partitioning import plan_partitions
from pgaudit_log.operating.retention import plan_retention
from pgaudit_log.values.ages import Age


@dataclass(frozen=True, kw_only=True)
class Maintained:
    """What was done to the log of one database."""

    using: str
    steps: tuple[Step, ...]

    @property
    def removed(self) -> int:
        """How many events were removed."""
        return sum(step.events or 0 for step in self.steps if step.kind == "remove")


def maintain(using: str | None = None, *, wait: float = WAIT) -> list[Maintained]:
    """Make partitions ahead, move, merge and remove, as the settings say; return what was done.

    From cron, a task, or after each ``migrate``; where nothing is to be done, that is soon known.

    Args:
        using: the database; by default all that have an event table.
        wait: for how many seconds a step waits for others.

    Raises:
        PlanError: when something stands in the way. What was done by then stays done.
    """
    chosen = [using] if using is not None else [*connections]
    found = []
    for alias in chosen:
        if event_table.is_wanted(alias) and event_table.has_event_table(alias):
            steps: list[Step] = []
            for make in _plans(alias):
                plan = make()
                plan.apply(wait=wait)
                steps += plan.steps
            found.append(Maintained(using=alias, steps=tuple(steps)))
    return found


def maintain_after_migrate(sender: Any, using: str, **kwargs: Any) -> None:
    """Do that after ``migrate``, where ``PGAUDIT_LOG_MAINTAIN_AFTER_MIGRATE`` says so; a receiver."""
    # The signal is also sent after each flush.
    if settings.MAINTAIN_AFTER_MIGRATE and "plan" in kwargs:
        maintain(using)


def _plans(using: str) -> Iterator[Any]:
    yield lambda: plan_partitions(using)
    merge = settings.MERGE_PARTITIONS
    if merge:
        yield lambda: plan_partitions(
            using, merge_older_than=Age.of(merge["older_than"]), into=merge["into"]
        )
    if settings.RETENTION:
        yield lambda: plan_retention(using)
