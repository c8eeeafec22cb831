"""What is shown of events: fields and entries as templates have them, and the words for operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.safestring import SafeString

from pgaudit_log.constants import BASELINE, DELETE, INSERT, MANUAL, TRUNCATE, UPDATE
from pgaudit_log.filtersets.base import WORDS
from pgaudit_log.values.tables import Field

__all__ = ["SIGNS", "WORDS", "Entry", "Named", "Shown", "apart"]


SIGNS = {INSERT: "+", UPDATE: "~", DELETE: "−", TRUNCATE: "∅", MANUAL: "✎", BASELINE: "="}


def apart(kind: str, text: str) -> str:
    """Return what an object is, empty where its name begins with that, as ``order 17`` does."""
    begins = text[: len(kind)].casefold() == kind.casefold()
    return "" if begins and not text[len(kind) :][:1].isalnum() else kind


@dataclass(frozen=True, kw_only=True)
class Named:
    """Something that is told by the object that it is about."""

    kind: str
    """What the object is, such as ``order``."""
    text: str
    """What the object was called."""

    @property
    def kind_apart(self) -> str:
        """What the object is, where its name does not begin with that; ``order 17`` says it."""
        return apart(self.kind, self.text)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One field of an event, shown."""

    name: str
    label: str
    column: str
    html: SafeString
    is_block: bool = False
    is_unknown: bool = False
    """Whether the model no longer has it."""
    is_generated: bool = False
    field: Field | None = None
    old: Any = None
    """The value before, or the only one that there is."""
    new: Any = None


@dataclass(frozen=True, kw_only=True)
class Reverted:
    """Who took an event back, or went back to it, and by which event."""

    text: str
    url: str
    who: str
    event: Any
    is_back: bool
    """Whether it was taken back; an object may have gone back to it instead."""


@dataclass(frozen=True, kw_only=True)
class Entry(Named):
    """One event, or several that tell of one many-to-many field."""

    event: Any
    operation: str
    sign: str
    word: Any
    model: type[models.Model] | None
    url: str
    event_url: str
    shown: Sequence[Shown]
    rest: Sequence[Shown] = ()
    """What says little: what was inserted as its default, or is computed."""
    is_restricted: bool = False
    """Whether the person may not see what it is of."""
    is_part: bool = False
    """Whether it is of a row that belongs to the object of a timeline."""

    undo_url: str = ""
    """Where what it did is taken back; empty where the person may not."""
    revert_url: str = ""
    """Where its object goes back to how it was then."""
    reverted: Reverted | None = None
    """Who has taken it back, if anybody has."""

    tracker: str = ""
    """The tracker's label, where it says more than the operation."""

    @property
    def has_blocks(self) -> bool:
        """Whether a field of it takes lines of its own."""
        return any(shown.is_block for shown in self.shown)
