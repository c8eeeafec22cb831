"""Findings: what the trail and the tables say differently, or the trail says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from pgaudit_log.values.row_json import MISSING

Kind = Literal["broken", "vanished", "reappeared", "differs", "missing", "unknown"]
"""What a finding is of; see :data:`KINDS`."""

KINDS: Final[dict[Kind, str]] = {
    "broken": "an event found another value than the event before it had left",
    "vanished": "a row came to a key where the events had left one: its end is in no event",
    "reappeared": "an event is of a row that the events had left gone: its return is in no event",
    "differs": "the table has another value than the newest event",
    "missing": "the newest event left a row that is not in the table",
    "unknown": "the table has a row that no event has left there",
}
"""What each kind means."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """An event, as one end of the interval of a finding."""

    event: int
    """Its ``pgh_id``."""
    at: datetime
    """When its transaction began."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A write that no event tells of: in which field of which object, and when it happened at most."""

    kind: Kind
    model: str
    """The label of the model."""
    key: str
    """The key of the object as text, as ``pgh_obj_id`` has it."""
    field: str | None = None
    """The field; ``None`` where the finding is of the whole row."""
    expected: object = MISSING
    """What the events say; ``MISSING`` for a whole row."""
    found: object = MISSING
    """What is there instead."""
    after: Place | None = None
    """The event after which it happened; ``None`` if no event tells of an earlier state."""
    before: Place | None = None
    """The event before which it happened; ``None`` for now."""

    def __str__(self) -> str:
        what = f"{self.model} {self.key}"
        if self.field is None:
            said = KINDS[self.kind]
        else:
            said = f"{self.field} is {self.found!r}, and was left {self.expected!r}"
        return f"{self.kind}: {what}: {said}, {self.interval}"

    @property
    def interval(self) -> str:
        """When it happened, in words."""
        start = "at any time" if self.after is None else f"after event {self.after.event}"
        start += "" if self.after is None else f" ({self.after.at.isoformat()})"
        end = "until now" if self.before is None else f"before event {self.before.event}"
        end += "" if self.before is None else f" ({self.before.at.isoformat()})"
        return f"{start}, {end}"
