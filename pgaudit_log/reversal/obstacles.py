"""Obstacles: what keeps a plan from being applied."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Kind(str, Enum):
    """What an obstacle is."""

    CHANGED_LATER = "changed later"
    """The value is no longer what is to be taken back: was A, set to B, now C."""
    COLUMN_GONE = "column gone"
    """The model has no such column any more."""
    DELETED = "deleted"
    """The row that is to be changed or deleted is not there."""
    EXISTS = "exists"
    """A row that is to be brought back is there, with other values."""
    INVARIANT = "invariant"
    """Something that the project says must hold among the rows would not."""
    LEFT_OUT = "left out"
    """The caller wants the row left as it is; it never stands in the way."""
    MASKED = "masked"
    """The value was not stored, only that there was one."""
    MISSING_TARGET = "missing target"
    """The object that a foreign key would point at is not there."""
    REFERENCED = "referenced"
    """Other rows point at a row that is to be deleted."""
    REQUIRED = "required"
    """A column that must have a value did not exist, or was not tracked, at the time."""
    TAKEN = "taken"
    """Another row has a value that must be unique."""
    UNREADABLE = "unreadable"
    """The column had another type then, and the value cannot be read as today's."""


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """Something that keeps a plan from being applied."""

    kind: Kind
    model: str
    """The label of the row's model."""
    key: str
    field: str | None
    """The field that it is about, or the column where there is no field."""
    message: str
    values: tuple[str | None, str, str] | None = dataclasses.field(default=None, repr=False)
    """Of a field that was changed later, as JSON: what it was, what it was set to, and what it is.
    The first is ``None`` where the row was not there."""

    def __str__(self) -> str:
        return self.message

    def as_dict(self) -> dict[str, Any]:
        """Return it as a dict."""
        return {
            "kind": self.kind.value,
            "model": self.model,
            "object": self.key,
            "field": self.field,
            "message": self.message,
        }
