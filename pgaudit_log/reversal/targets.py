"""Targets: what rows should become, and what they should be now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pgaudit_log.states import State


@dataclass(kw_only=True)
class Target:
    """What one row should become, and what it should be now."""

    model: type[Any]
    key: str
    """The key of the row now."""
    state: State | None
    """The columns to set; all that are known, for a row to bring back; ``None`` for one to delete."""
    expected: State | None
    """What the row should have now, by column; ``None`` where there should be no row.
    Only what is expected is compared."""
    order: int = 0
    """The id of the last event that it takes back; later ones are taken back first."""
    since: int | None = None
    """The id of the first event that it takes back."""
    broken: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Columns that others changed between the events: what was left, and what was found."""
    passed: dict[str, str] = field(default_factory=dict)
    """Values that columns had in between, for a moment."""
    whole_key: str | None = None
    """The key as long as it is, where that is known."""
    brings_back: bool = False
    """Whether a row that is gone, though one is expected, is to be brought back."""

    @property
    def place(self) -> tuple[type[Any], str]:
        """The table, and the key of the row in it."""
        return self.model, self.key
