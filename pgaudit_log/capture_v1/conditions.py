"""The conditions of trackers, as tests of the rows ``old`` and ``new``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from pgaudit_log.capture_v1.layout import chained, filled, listed
from pgaudit_log.capture_v1.quoting import quote_name

PlainChanges: TypeAlias = "str | tuple[str, Sequence[str]]"
"""A condition on changes in a migration: its kind, ``"AnyChange"``, where it is about all tracked
columns; else its kind and the names of the columns. ``"~AnyChange"`` is the opposite."""


class Changes(NamedTuple):
    """A condition on changes: whether all or any of some columns differ, or do not."""

    kind: str
    """``AnyChange``, ``AllChange``, ``AnyDontChange``, ``AllDontChange``; ``~`` in front of its opposite."""
    columns: tuple[str, ...]

    @classmethod
    def of(cls, plain: PlainChanges, tracked: Sequence[str]) -> Changes:
        """Return the condition that stands in a migration as ``plain``."""
        if isinstance(plain, str):
            return cls(plain, tuple(tracked))
        kind, columns = plain
        return cls(kind, tuple(columns))

    def plain(self, tracked: Sequence[str]) -> PlainChanges:
        """Return what a migration has of it."""
        if self.columns == tuple(tracked):
            return self.kind
        return self.kind, list(self.columns)

    def sql(self) -> str:
        """Return the condition as SQL over ``old`` and ``new``."""
        kind = self.kind.removeprefix("~")
        if not self.columns:
            sql = "FALSE"
        elif kind == "AnyChange":
            sql = _any_change_sql(self.columns)
        else:
            negation = "NOT " if kind.endswith("DontChange") else ""
            operator = "AND" if kind.startswith("All") else "OR"
            tests = [f"{negation}{_any_change_sql([name])}" for name in self.columns]
            sql = chained(operator, tests)
        return f"NOT ({sql})" if self.kind.startswith("~") else f"({sql})"


def free_condition_sql(function: str, arguments: Sequence[str]) -> str:
    """Return the call of the function that SQL of the project's own becomes when it is installed.

    ``arguments`` are the columns that it looks at: ``old.status``. Each is cast to the type that it has
    then: where a column was altered by hand since, a function that a stranger has put beside this one
    would fit better.
    """
    columns = []
    for name in arguments:
        row, _, column = name.partition(".")
        columns.append(f"{row}.{quote_name(column)}::{type_until_installed(name)}")
    return listed(f"@home@.{function}(", columns, ")")


def type_until_installed(argument: str) -> str:
    """Return what stands for the type of an argument in a capture function until it is installed."""
    return f"@type of {argument}@"


def _any_change_sql(columns: Sequence[str]) -> str:
    """Return the test whether any of ``columns`` differs, bit by bit, between ``old`` and ``new``."""
    images = [
        filled("ROW(", [f"{row}.{quote_name(name)}" for name in columns], ")")
        for row in ("old", "new")
    ]
    return listed("pg_catalog.record_image_ne(", images, ")")
