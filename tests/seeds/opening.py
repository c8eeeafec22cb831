"""What the fixtures of the seeds give: projects of examples, and examples that are open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tests.seeds import pages
from tests.seeds.pages import Example
from tests.seeds.project import Project, Session, grouped

GROUPS = grouped(pages.read_all())


class MakeProject(Protocol):
    """Makes a project of some examples, and starts it."""

    def __call__(self, examples: Sequence[Example], more_settings: str = "") -> Project: ...


class ProjectOf(Protocol):
    """Returns the project of a group, started when it is first asked for."""

    def __call__(self, group: int) -> Project: ...


class Open(Protocol):
    """Opens an example by its name."""

    def __call__(self, name: str) -> Session: ...
