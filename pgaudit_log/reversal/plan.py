"""Plans: what a reversal would do, and what stands in its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from asgiref.sync import sync_to_async

from pgaudit_log.diffs.display import safe
from pgaudit_log.exceptions import PlanError
from pgaudit_log.reversal.obstacles import Obstacle
from pgaudit_log.reversal.steps import Step

PlanAction = Literal["revert", "undo", "restore"]
"""What a plan was asked for by."""

Through = Literal["sql", "save"]
"""How a plan is written: exactly its values, or with the methods of the models."""

MOST_TOLD = 20
"""How many obstacles an error lists."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a revert, undo or restore would do, in the order in which it would do it.

    Equal by content; it holds no connection and can be kept while somebody looks at it.
    """

    action: PlanAction
    subject: str
    """What it is about, for people: ``shop.Order 5 to event 17``."""
    steps: tuple[Step, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    left_alone: tuple[Obstacle, ...] = ()
    """What would stand in the way, had the caller not said to go around it."""
    reverts: Mapping[str, Any] = field(default_factory=dict)
    """What the events of :meth:`apply` say in their context."""
    using: str = "default"

    @property
    def is_applicable(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.obstacles

    def apply(self, *, through: Through = "sql", reason: str | None = None) -> Applied:
        """Carry it out in one transaction, or change nothing.

        The events that this writes have :attr:`reverts` in their context.

        Args:
            through: ``"sql"`` writes exactly the values of the plan, and nothing else;
                ``"save"`` has each object pass ``full_clean()`` and calls ``save()`` or
                ``delete()`` on it, with their signals and ``auto_now``.
            reason: recorded in the context, too.

        Raises:
            StalePlanError: when a row has changed since the plan was made.
            PlanError: when something stands in the way, or the database or
                ``full_clean()`` refuses.
        """
        # Here, because applying needs the values of this module.
        from pgaudit_log.reversal.writing import execution

        return execution.apply(self, through=through, reason=reason)

    async def aapply(self, *, through: Through = "sql", reason: str | None = None) -> Applied:
        """Do what :meth:`apply` does, from a coroutine."""
        return await sync_to_async(self.apply)(through=through, reason=reason)

    def refuse_obstacles(self) -> None:
        """Raise if something stands in the way.

        Raises:
            PlanError: names each obstacle.
        """
        if self.obstacles:
            listed = "\n".join(f"- {obstacle}" for obstacle in self.obstacles[:MOST_TOLD])
            if len(self.obstacles) > MOST_TOLD:
                listed += f"\n- and {len(self.obstacles) - MOST_TOLD} more, in plan.obstacles"
            raise PlanError(f"Cannot {self.action} {self.subject}; nothing was changed.\n{listed}")

    def as_dict(self) -> dict[str, Any]:
        """Return it as dicts and lists, with the values as Python has them."""
        return {
            "action": self.action,
            "subject": self.subject,
            "steps": [step.as_dict() for step in self.steps],
            "obstacles": [obstacle.as_dict() for obstacle in self.obstacles],
            "left_alone": [obstacle.as_dict() for obstacle in self.left_alone],
        }

    def __str__(self) -> str:
        lines = [safe(f"{self.action} {self.subject}")]
        for step in self.steps:
            lines.append(f"  {safe(step)}")
            lines += [f"    {change}" for change in step.changes]
        return "\n".join([*lines, *(f"  {remark}" for remark in self.remarks())])

    def remarks(self) -> list[str]:
        """Return for people, a line each, what was found beside the steps."""
        found = [
            *(f"In the way: {safe(obstacle)}" for obstacle in self.obstacles),
            *(f"Not in the way: {safe(obstacle)}" for obstacle in self.left_alone),
        ]
        return found if self.steps or self.obstacles else [*found, "Nothing to do."]


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What applying a plan did."""

    plan: Plan = field(repr=False)
    txid: int
    """The transaction, by which its events can be found."""

    @property
    def rows(self) -> int:
        """How many rows were written."""
        return len(self.plan.steps)
