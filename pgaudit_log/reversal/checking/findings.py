"""Findings: what examining targets found, and the report that collects it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pgaudit_log.reversal.obstacles import Kind, Obstacle
from pgaudit_log.reversal.steps import Step


class Subject(Protocol):
    """What is told of: a row of a model by its key."""

    @property
    def model(self) -> type: ...

    @property
    def key(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The steps of a plan, and what stands in their way."""

    steps: tuple[Step, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    left_alone: tuple[Obstacle, ...] = ()


class Report:
    """Keeps what is found, each thing once, in order."""

    def __init__(self) -> None:
        self._obstacles: dict[Obstacle, None] = {}
        self._left_alone: dict[Obstacle, None] = {}

    def __call__(
        self,
        kind: Kind,
        subject: Subject,
        field: str | None,
        message: str,
        *,
        go_around: bool = False,
        values: tuple[str | None, str, str] | None = None,
    ) -> None:
        """Add an obstacle; ``go_around`` says that it does not stand in the way."""
        label: str = subject.model._meta.label  # type: ignore[attr-defined]
        obstacle = Obstacle(
            kind=kind,
            model=label,
            key=subject.key,
            field=field,
            message=f"{label} {subject.key}: {message}",
            values=values,
        )
        (self._left_alone if go_around else self._obstacles).setdefault(obstacle)

    def leaves_alone(self, kind: Kind, subject: Subject) -> bool:
        """Return whether something of a kind was found of a row, and does not stand in the way."""
        place = kind, subject.model._meta.label, subject.key  # type: ignore[attr-defined]
        return any((told.kind, told.model, told.key) == place for told in self._left_alone)

    def findings(self, steps: tuple[Step, ...]) -> Findings:
        """Return all that was found, with the steps."""
        return Findings(
            steps=steps, obstacles=tuple(self._obstacles), left_alone=tuple(self._left_alone)
        )
