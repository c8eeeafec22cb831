"""Capture functions in a database: how one is known, and whether it is the one that is declared.

What a trigger was made of, its comment says: django-pgtrigger's hash of the compiled SQL. A
function of the same hash may have been replaced since; so it is compared with what its trigger
would make now, to the letter but for what depends on the database.

The SQL that looks through the functions of a database (``captures.sql``, ``broken_captures.sql``,
``outdated_shapes.sql``, ``shared_histories.sql``, ``uninstall.sql``) knows them by the same marks:
the beginning of their INSERT, and the constant that has their shape.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pgaudit_log.capture_v1.template import CaptureTriggerSql
from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.values.quoting import quote_literal, quote_name

WRITES_EVENTS = f".{EVENT_TABLE} ("
"""What every capture function has in it, and no other function."""


def writes_events_into(schema: str) -> str:
    """Return what a capture function has in it that writes into the event table of a schema."""
    return f"INSERT INTO {schema}{WRITES_EVENTS}"


_SHAPE = re.compile(r"(?<=shape CONSTANT integer := )[0-9]+")
_NUMBER = r"(?:#[0-9]+(?:\.[0-9]+)?)?"
"""What a label has behind it where another table was called so before; see ``sql/label_of.sql``."""


class InstalledFunction(NamedTuple):
    """A capture function as the catalogue has it."""

    home: str
    """Its schema, as a name in SQL."""
    audit: str
    """The schema of the event table."""
    language: str
    is_definer: bool
    is_public: bool
    """Whether everybody may call it."""
    settings: frozenset[str]
    body: str


def is_declared(function: InstalledFunction, declared: CaptureTriggerSql) -> bool:
    """Return whether a function is the one that ``declared`` makes."""
    settings = {f"{name}={value}" for name, value in declared.settings.items()}
    return (
        (function.language, function.is_definer, function.is_public) == ("plpgsql", True, False)
        and function.settings == settings
        and re.fullmatch(_pattern(function, declared), function.body) is not None
    )


def _pattern(function: InstalledFunction, declared: CaptureTriggerSql) -> str:
    """Return the pattern of a function's body once installing has filled it in."""
    filled = {
        "@home@": re.escape(function.home),
        "@schema@": re.escape(function.audit),
        "@shape@": "[0-9]+",
    }
    for label in declared.targets:
        quoted = label.replace("'", "''")
        filled[f"@{quoted}@"] = re.escape(quoted) + _NUMBER
    places = "|".join(map(re.escape, filled))
    parts = re.split(f"({places})", declared.body)
    return "".join(filled.get(part) or re.escape(part) for part in parts)


def shape_in(body: str) -> int | None:
    """Return the shape that a function writes into its events."""
    shape = _SHAPE.search(body)
    return int(shape[0]) if shape else None


def with_shape(definition: str, shape: int) -> str:
    """Return a function's definition with another shape."""
    return _SHAPE.sub(str(shape), definition, count=1)


def with_column_renamed(definition: str, old: str, new: str) -> str:
    """Return a function's definition with a column of another name, key in JSON included."""
    return definition.replace(quote_name(old), quote_name(new)).replace(
        f"jsonb_build_object({quote_literal(old)},", f"jsonb_build_object({quote_literal(new)},"
    )
