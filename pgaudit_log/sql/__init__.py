"""The SQL of this package: one function or table a file, laid out to be read in psql."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import NamedTuple

SCHEMA_FILES = (
    "own_path.sql",
    "database.sql",
    "incarnation.sql",
    "tracked_table.sql",
    "shape.sql",
    "event_table.sql",
    "declared_label.sql",
    "granted_role.sql",
    "may_write.sql",
    "horizon.sql",
    "hold.sql",
    "saved_filter.sql",
    "parse_context.sql",
    "is_valid.sql",
    "is_value.sql",
    "rare_context.sql",
    "context.sql",
    "context_once.sql",
    "write_manual.sql",
    "snapshot.sql",
    "table_of.sql",
    "label_of.sql",
    "shape_of.sql",
    "current_shape.sql",
    "renamed.sql",
    "note_large.sql",
    "stored_at.sql",
    "masked_context.sql",
    "mask_key.sql",
    "hashed.sql",
    "resolved.sql",
    "refuse_strangers.sql",
    "bind_condition.sql",
    "take_turn.sql",
    "state.sql",
    "refuse_change.sql",
    "append_only.sql",
    "keep_names.sql",
    "txid.sql",
    "numbers.sql",
    "renew_numbers.sql",
    "first_incarnation.sql",
    "session_path.sql",
)
"""The files that make the schema, in the order in which they can be run."""

SCHEMA = "@schema@"
"""What stands in the files for the schema that they are run in.

Functions do not look along the path of a session, where anybody might have put something, so
they name the schema of what they use.
"""


@cache
def read(name: str) -> str:
    """Return the text of the ``.sql`` file ``name`` of this folder."""
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


def template() -> str:
    """Return the SQL that makes, or completes, the event table with its functions, for any schema.

    It may be run again: what exists already stays as it is, functions are replaced.
    """
    return "\n".join(read(name) for name in SCHEMA_FILES)


def in_schema(template: str, schema: str) -> str:
    """Return ``template`` for a schema, given as a quoted name where it needs quotes."""
    return template.replace(SCHEMA, schema)


class Made(NamedTuple):
    """Something that :func:`template` makes."""

    kind: str
    """``table``, ``index`` or ``function``."""
    name: str
    body: str | None = None
    """The body of a function, for any schema."""


_MADE = re.compile(
    r"^CREATE (?:OR REPLACE )?(?P<kind>TABLE|INDEX|FUNCTION) (?:IF NOT EXISTS )?(?:@schema@\.)?(?P<name>\w+)"
    r"(?:(?:(?!^CREATE ).)*?^AS \$pgaudit_log\$(?P<body>.*?)\$pgaudit_log\$)?",
    re.M | re.S,
)


@cache
def made(template: str) -> tuple[Made, ...]:
    """Return what a template makes, in its order, the triggers aside."""
    return tuple(
        Made(found["kind"].lower(), found["name"], found["body"])
        for found in _MADE.finditer(template)
    )
