"""Answers: what a probe has seen of a package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from benchmarks.comparison.ways.base import Seen

Verdict = Literal["yes", "partly", "no"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Whether a package does it, and what was seen of it."""

    verdict: Verdict
    seen: str


def yes(seen: str = "") -> Answer:
    """Return that it does."""
    return Answer(verdict="yes", seen=seen)


def partly(seen: str) -> Answer:
    """Return that it does some of it."""
    return Answer(verdict="partly", seen=seen)


def no(seen: str) -> Answer:
    """Return that it does not."""
    return Answer(verdict="no", seen=seen)


def either(is_so: bool, otherwise: str) -> Answer:
    """Return that it does, or does not, and then what was seen."""
    return yes() if is_so else no(otherwise)


def captured(events: Sequence[Seen], operation: str, **values: Any) -> Answer:
    """Return whether one of these events is of an operation and has these values.

    Args:
        events: what was recorded of the change.
        operation: what was done.
        values: those that the row then had; of a deletion, those that it had before.
    """
    if not events:
        return no("no event")
    fitting = [event for event in events if event.operation == operation]
    if not fitting:
        words = ", ".join(sorted({event.operation for event in events}))
        return partly(f"an event, but as {words}")
    for event in fitting:
        row = (event.old if operation == "delete" else event.new) or {}
        if has(row, values):
            return yes()
    return partly("an event without the values")


def has(row: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Return whether a row has these values, as whatever a package gives them."""
    return all(name in row and _same(row[name], value) for name, value in values.items())


def _same(found: Any, value: Any) -> bool:
    if isinstance(value, Decimal):
        return str(found) == str(value)
    return bool(found == value or str(found) == str(value))
