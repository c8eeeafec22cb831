"""Plans of partitions: steps that are shown first, and carried out by one operator at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from django.db import DatabaseError

from pgaudit_log.database import own_events, ownership
from pgaudit_log.database.partitions import rewriting
from pgaudit_log.database.partitions.locking import Patience, Tell
from pgaudit_log.exceptions import PlanError, StalePlanError
from pgaudit_log.operating.staying import Gone, Kept

WAIT = 60.0
"""For how many seconds a step waits for others, where nothing else is said."""

Kind = Literal["finish", "create", "move", "split", "merge", "remove", "mask"]
"""What a step does."""


@dataclass(frozen=True, kw_only=True)
class Masked:
    """How many events of a model, of one partition, are masked."""

    model: str
    columns: tuple[str, ...]
    """The columns that are masked, as they are called in these events."""
    events: int


@dataclass(frozen=True, kw_only=True)
class Step:
    """One change of the partitions: it is made whole, or not at all."""

    kind: Kind
    partitions: tuple[str, ...]
    """The partitions whose place is taken, by name; of none where new ones are made."""
    into: tuple[str, ...]
    """The partitions that there are then."""
    events: int | None = None
    """How many events it moves, removes or masks; ``None`` where that was not counted."""
    removed: tuple[Gone, ...] = ()
    """What is removed, by model and month."""
    masked: tuple[Masked, ...] = ()
    """What is masked, by model and columns."""
    carry_out: Callable[[Patience], None] = field(repr=False, compare=False)

    def __str__(self) -> str:
        events = "" if self.events is None else f" ({self.events:,} events)"
        olds, news = _listed(self.partitions), _listed(self.into)
        return {
            "finish": f"finish what was interrupted: {olds}",
            "create": f"create {news}",
            "move": f"move out of {olds}{events}: {news}",
            "split": f"split {olds} into {news}",
            "merge": f"merge {olds} into {news}",
            "remove": f"remove from {olds}{events}" + ("" if news else ", which goes"),
            "mask": f"mask in {olds}{events}",
        }[self.kind]


def _listed(names: Sequence[str]) -> str:
    if len(names) <= 3:
        return ", ".join(names)
    return f"{names[0]} … {names[-1]} ({len(names)})"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What would be done to the partitions of a database."""

    using: str
    steps: tuple[Step, ...]
    obstacles: tuple[str, ...] = ()
    """Why nothing of it can be done."""
    notices: tuple[str, ...] = ()
    """What else is to be known."""
    kept: tuple[Kept, ...] = ()
    """What stays because of holds."""
    make_again: Callable[[], Plan] = field(repr=False, compare=False)
    done: Callable[[], None] = field(repr=False, compare=False, default=lambda: None)
    """What is to be done once all steps are."""

    def apply(self, *, wait: float = WAIT, tell: Tell | None = None) -> None:
        """Carry out the steps, one after the other; each is whole, or was not begun.

        Args:
            wait: for how many seconds a step waits for others that have the event table.
            tell: is told what is waited for.

        Raises:
            PlanError: when something stands in the way, another operator is at work, the role may not
                do so, or somebody has the event table for longer. What was done by then stays done.
            StalePlanError: when something else would be done by now.
        """
        self._refuse()
        patience = Patience(seconds=wait) if tell is None else Patience(seconds=wait, tell=tell)
        with (
            ownership.as_owner(self.using),
            own_events.only_one(self.using),
            _failures_told("The partitions could not be changed as planned"),
        ):
            rewriting.finish_interrupted(self.using)
            fresh = self.make_again()
            fresh._refuse()
            if fresh._outline() != self._outline():
                raise StalePlanError(
                    "Other steps are needed by now. Nothing was done; make the plan anew."
                )
            for step in fresh.steps:
                if step.kind == "move":
                    step.carry_out(patience)
            # What was moved may be something to remove.
            fresh = self.make_again()
            fresh._refuse()
            for step in fresh.steps:
                step.carry_out(patience)
            fresh.done()
            rewriting.drop_unwanted(self.using)

    def _refuse(self) -> None:
        if self.obstacles:
            raise PlanError(f"Nothing was done. {' '.join(self.obstacles)}")

    def _outline(self) -> list[tuple[object, ...]]:
        # What is masked cannot be got back: it has to be what was shown, to the event.
        return [
            (step.kind, step.partitions, step.into, step.masked)
            for step in self.steps
            if step.kind != "finish"
        ]


@contextmanager
def _failures_told(what: str) -> Iterator[None]:
    """Say, of an error of the database in the block, what was being done, and what now.

    Raises:
        PlanError: instead of the database's error.
    """
    try:
        yield
    except DatabaseError as error:
        told = str(error).strip().partition("\n")[0]
        raise PlanError(
            f"{what}: {told}. Nothing is lost, and what was done is kept: mend that, and run it again."
        ) from error
