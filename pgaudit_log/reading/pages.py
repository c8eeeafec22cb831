"""Pages: a few events of the trail, with the positions at which to read on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

E = TypeVar("E")


@dataclass(frozen=True, kw_only=True)
class Page(Generic[E]):
    """Some events, the newest first."""

    events: tuple[E, ...]
    """The events, the newest first."""
    older: int | None = None
    """For ``page(before=…)``: where the next older page begins; ``None`` if there is none."""
    newer: int | None = None
    """For ``page(after=…)``: where the next newer page ends; ``None`` on the newest page."""

    def __iter__(self) -> Iterator[E]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    @classmethod
    def from_newest(cls, found: Sequence[Any], size: int, before: int | None) -> Page[Any]:
        """Return the page of the newest events before a position, out of ``size + 1`` that were found."""
        events = tuple(found[:size])
        newer = before - 1 if before is not None else None
        return cls(
            events=events,
            older=events[-1].pgh_id if len(found) > size else None,
            newer=events[0].pgh_id if events and before is not None else newer,
        )

    @classmethod
    def behind(cls, found: Sequence[Any], size: int, after: int) -> Page[Any]:
        """Return the page of the events next after a position, of which the oldest were found first."""
        events = tuple(reversed(found[:size]))
        return cls(
            events=events,
            older=events[-1].pgh_id if events else after + 1,
            newer=events[0].pgh_id if len(found) > size else None,
        )
