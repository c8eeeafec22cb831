"""Previews: a plan as the screen shows it, each object with what it has and what it would get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.safestring import SafeString

from pgaudit_log.presentation.shown import Named, Shown


@dataclass(frozen=True, kw_only=True)
class LaterChange:
    """A field that was changed once more: what it was, what it was set to, and what it is."""

    was: SafeString
    set_to: SafeString
    now: SafeString
    who: str = ""
    """Who did that, and when, where it is known."""
    time: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class FieldLine:
    """A field of an object that changes, or could."""

    name: str
    """What a tick of it sends."""
    shown: Shown
    is_ticked: bool
    later: LaterChange | None = None
    """What it was changed to later by somebody else, if it was."""


@dataclass(frozen=True, kw_only=True)
class RowView(Named):
    """An object of a plan."""

    place: str
    sign: str
    word: Any
    operation: str
    url: str
    fields: Sequence[FieldLine] = ()
    values: Sequence[Shown] = ()
    """What a row has that comes, or goes."""
    rest: Sequence[Shown] = ()
    can_tick: bool = True
    """Whether it can be left out by itself."""
    is_ticked: bool = True
    has_hidden: bool = False
    """Whether it has fields that the person may not see."""


@dataclass(frozen=True, kw_only=True)
class ObstacleView(Named):
    """Something that stands in the way, or is left alone."""

    message: str
    detail: str
    url: str
    place: str
    """The row that can be left out for it; empty where none can."""
    target_url: str = ""
    """Where what a foreign key would point at can be restored."""


@dataclass(frozen=True, kw_only=True)
class Preview:
    """All that a preview shows of a plan."""

    rows: Sequence[RowView]
    obstacles: Sequence[ObstacleView]
    left_alone: Sequence[ObstacleView]
    forbidden: int
    """How many objects stay as they are because the person may not write them."""
