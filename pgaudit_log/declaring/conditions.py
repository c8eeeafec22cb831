"""Conditions: when a tracker fires. django-pgtrigger's, with those on changes made values."""

from __future__ import annotations

from typing import Any

import pgtrigger
from pgtrigger import F, Q
from pgtrigger.core import Condition, _Change

from pgaudit_log.values.tables import Field

__all__ = [
    "AllChange",
    "AllDontChange",
    "AnyChange",
    "AnyDontChange",
    "Change",
    "Condition",
    "F",
    "Q",
]

Change = _Change
"""The base of the four conditions on changes."""


def is_automatic(field: Field) -> bool:
    """Return whether Django sets a field by itself: whether it has ``auto_now`` or ``auto_now_add``."""
    return bool(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False))


class _ValueMixin:
    """Makes a condition on changes equal by content, hashable, and readable in a ``repr``."""

    fields: Any
    exclude: Any
    exclude_auto: Any
    _negated: bool

    def _content(self) -> tuple[Any, ...]:
        return (
            type(self),
            tuple(self.fields),
            tuple(self.exclude),
            self.exclude_auto,
            self._negated,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ValueMixin) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())

    def __repr__(self) -> str:
        arguments = [repr(field) for field in self.fields]
        if self.exclude:
            arguments.append(f"exclude={self.exclude!r}")
        if self.exclude_auto:
            arguments.append("exclude_auto=True")
        return f"{'~' * self._negated}{type(self).__name__}({', '.join(arguments)})"


class AnyChange(_ValueMixin, pgtrigger.AnyChange):
    """True when any of the fields changes; without fields, any tracked field.

    Args:
        *fields: names of fields; tracked or not.
        exclude: names of fields that do not count.
        exclude_auto: leave ``auto_now`` and ``auto_now_add`` fields out.
    """


class AnyDontChange(_ValueMixin, pgtrigger.AnyDontChange):
    """True when any of the fields stays the same; arguments as in :class:`AnyChange`."""


class AllChange(_ValueMixin, pgtrigger.AllChange):
    """True when every one of the fields changes; arguments as in :class:`AnyChange`."""


class AllDontChange(_ValueMixin, pgtrigger.AllDontChange):
    """True when every one of the fields stays the same; arguments as in :class:`AnyChange`."""
