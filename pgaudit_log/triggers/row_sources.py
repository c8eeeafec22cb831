"""The rows that a capture function reads: where they come from in each kind of trigger."""

from __future__ import annotations

from typing import NamedTuple

from pgaudit_log.values.quoting import quote_name


class Source(NamedTuple):
    """Where a statement's rows come from."""

    single: str
    """The FROM clause for one row."""
    many: str | None
    """The FROM clause for more, where it differs."""


POSITION = quote_name("pgaudit_log position")
"""The position of a row in its transition table: a name that no column has."""


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
    numbered = f"(SELECT row_number() OVER () AS {POSITION}, * FROM {{}}_values) AS {{}}"
    return Source(
        "old_values AS old CROSS JOIN new_values AS new",
        f"{numbered.format('old', 'old')}"
        f"\n    FULL JOIN {numbered.format('new', 'new')} ON old.{POSITION} = new.{POSITION}",
    )


def row_source(operation: str) -> Source:
    """Return the row of a row-level trigger, under the aliases that statement-level triggers use."""
    rows = {
        "INSERT": ("new",),
        "DELETE": ("old",),
        "UPDATE": ("old", "new"),
    }[operation]
    return Source(" CROSS JOIN ".join(f"(SELECT {row.upper()}.*) AS {row}" for row in rows), None)
