"""The probes: each does a thing, and looks whether the package has recorded it, or can answer it.

They run in a project of the package's own (`settings.py`), on PostgreSQL, each on rows of its own. What
a probe asks of a package, its way does (`ways/`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.comparison.answers import Answer
from benchmarks.comparison.ways.base import Way

Group = Literal[
    "What is recorded",
    "Who and why",
    "What an event has, and what can be asked",
    "Going back",
    "Keeping and protecting",
    "In the admin",
    "Where it runs, and how it is extended",
]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One probe: its name is that of its function."""

    name: str
    group: Group
    title: str
    """What is asked, as the table shows it."""
    run: Callable[[Way], Answer]


PROBES: dict[str, Probe] = {}


def probe(group: Group, title: str) -> Callable[[Callable[[Way], Answer]], Callable[[Way], Answer]]:
    """Register a function as a probe."""

    def register(run: Callable[[Way], Answer]) -> Callable[[Way], Answer]:
        name = run.__name__
        if name in PROBES:
            raise ValueError(f"There are two probes named {name}.")
        PROBES[name] = Probe(name=name, group=group, title=title, run=run)
        return run

    return register


def all_probes() -> Sequence[Probe]:
    """Return all probes, in the order of the table."""
    from benchmarks.comparison import (  # noqa: F401
        probes_admin,
        probes_context,
        probes_keeping,
        probes_reading,
        probes_recording,
        probes_reverting,
    )

    order = Group.__args__  # type: ignore[attr-defined]
    return sorted(PROBES.values(), key=lambda probe: order.index(probe.group))
