"""The SQL of this package: one function or table a file, laid out to be read in psql."""

from __future__ import annotations

from functools import cache
from importlib import resources

SCHEMA_FILES = (
    "event_table.sql",
    "parse_jsonb.sql",
    "is_valid.sql",
    "context.sql",
    "context_once.sql",
    "snapshot.sql",
    "state.sql",
    "refuse_change.sql",
    "append_only.sql",
)
"""The files that make the schema, in the order in which they can be run."""


@cache
def read(name: str) -> str:
    """Return the text of the ``.sql`` file ``name`` of this folder."""
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


def schema() -> str:
    """Return the SQL that makes, or completes, the event table with its functions.

    It may be run again: what exists already stays as it is, functions are replaced.
    """
    return "\n".join(read(name) for name in SCHEMA_FILES)
