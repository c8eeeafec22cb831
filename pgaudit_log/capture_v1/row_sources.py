"""The rows that a capture function reads: where they come from in each kind of trigger."""

from __future__ import annotations

from typing import NamedTuple

from pgaudit_log.capture_v1.quoting import quote_name

POSITION = quote_name("pgaudit_log position")
"""The position of a row in its transition table: a name that no column has."""


class Source(NamedTuple):
    """Where a statement's rows come from, as FROM clauses without their first word."""

    single: str
    """For one row."""
    many: str | None
    """For more, where it differs."""


def statement_source(operation: str) -> Source:
    """Return the rows of a statement-level trigger, from its transition tables.

    An update's old and new rows are paired by their position, because PostgreSQL fills
    both tables in step and a key may change. The FULL JOIN cannot be planned as a
    nested loop, which would make bulk updates quadratic after single ones; the single
    row has a path of its own because the plan for many is slow for one.
    """
    if operation == "INSERT":
        return Source("new_values AS new", None)
    if operation == "DELETE":
        return Source("old_values AS old", None)
    return Source(
        "old_values AS old\nCROSS JOIN new_values AS new",
        f"{_numbered('old')}\nFULL JOIN {_numbered('new')} ON old.{POSITION} = new.{POSITION}",
    )


def _numbered(row: str) -> str:
    """Return the transition table of ``old`` or ``new`` with the positions of its rows."""
    return f"(\n    SELECT row_number() OVER () AS {POSITION}, * FROM {row}_values\n) AS {row}"


def row_source(operation: str) -> Source:
    """Return the row of a row-level trigger, under the aliases that statement-level triggers use."""
    rows = {
        "INSERT": ("new",),
        "DELETE": ("old",),
        "UPDATE": ("old", "new"),
    }[operation]
    return Source("\nCROSS JOIN ".join(f"(SELECT {row.upper()}.*) AS {row}" for row in rows), None)
