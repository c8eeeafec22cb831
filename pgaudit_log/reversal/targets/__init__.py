"""Targets: what rows should become, and what they should be now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import models

from pgaudit_log.values.keys import is_shortened, key_fields, key_text_of_state, short_key
from pgaudit_log.values.row_json import State


@dataclass(frozen=True, kw_only=True)
class Target:
    """What one row should become, and what it should be now."""

    model: type[models.Model]
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
    row: State = field(default_factory=dict)
    """What is known of the row as the events left it; its key is looked for there."""
    broken: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Columns that others changed between the events: what was left, and what was found."""
    passed: Mapping[str, str] = field(default_factory=dict)
    """Values that columns had in between, for a moment."""
    whole_key: str | None = None
    """The key as long as it is, where that is known; of one that is not shortened it need not be."""
    brings_back: bool = False
    """Whether a row that is gone, though one is expected, is to be brought back."""

    def __post_init__(self) -> None:
        if self.whole_key is None and is_shortened(self.key):
            known = {**(self.expected or {}), **(self.state or {}), **self.row}
            text = key_text_of_state(known, key_fields(self.model))
            if text is not None and short_key(text) == self.key:
                object.__setattr__(self, "whole_key", text)

    @property
    def place(self) -> tuple[type[models.Model], str]:
        """The table, and the key of the row in it."""
        return self.model, self.key
