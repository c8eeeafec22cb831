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

from pgaudit_log.capture_v1.conditions import type_until_installed
from pgaudit_log.capture_v1.template import CaptureTriggerSql
from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.values.quoting import quote_literal, quote_name

WRITES_EVENTS = f".{EVENT_TABLE} ("
"""What every capture function has in it, and no other function."""


def writes_events_into(schema: str) -> str:
    """Return what a capture function has in it that writes into the event table of a schema."""
    return f"INSERT INTO {schema}{WRITES_EVENTS}"


_SHAPE = re.compile(r"(?<=shape CONSTANT integer := )[0-9]+")
_DIGITS = re.compile("[0-9]+")
_NUMBER = re.compile(r"(?:#[0-9]+(?:\.[0-9]+)?)?")
"""What a label has behind it where another table was called so before; see ``sql/label_of.sql``."""
_TYPE = re.compile(r'(?:"(?:[^"]|"")*"|[\w. \[\]])+')
"""The name of a type, as ``format_type()`` writes it; see ``sql/bind_condition.sql``."""


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
        and _is_filled_in(declared, function)
    )


def _is_filled_in(declared: CaptureTriggerSql, function: InstalledFunction) -> bool:
    """Return whether a function's body is the declared one, with its places filled in by installing."""
    # Not by one pattern, which takes ten times as long to compile as the body takes to be made.
    known = {"@home@": function.home, "@schema@": function.audit}
    known |= {f"@{label}@": label for label in _labels(declared)}
    filled = {"@shape@": _DIGITS, **{f"@{label}@": _NUMBER for label in _labels(declared)}}
    filled |= {type_until_installed(name): _TYPE for name in declared.when_columns}
    body = declared.body
    for place in dict.fromkeys([*filled, *known]):
        body = body.replace(place, f"\0{place}\0")
    position = 0
    for number, part in enumerate(body.split("\0")):
        is_place = number % 2 == 1
        text = known.get(part, "") if is_place else part
        if not function.body.startswith(text, position):
            return False
        position += len(text)
        if is_place and part in filled:
            found = filled[part].match(function.body, position)
            if found is None:
                return False
            position = found.end()
    return position == len(function.body)


def _labels(declared: CaptureTriggerSql) -> list[str]:
    """Return the labels in a body, as they stand in its literals."""
    return [label.replace("'", "''") for label in declared.targets]


def shape_in(body: str) -> int | None:
    """Return the shape that a function writes into its events."""
    shape = _SHAPE.search(body)
    return int(shape[0]) if shape else None


def with_shape(definition: str, shape: int) -> str:
    """Return a function's definition with another shape."""
    return _SHAPE.sub(str(shape), definition, count=1)


def with_column_renamed(definition: str, old: str, new: str) -> str:
    """Return a function's definition with a column of another name, key in JSON included."""
    definition = definition.replace(quote_name(old), quote_name(new))
    for call in ("jsonb_build_object(", "pgaudit_log_hashed(capture.shape, "):
        definition = definition.replace(
            f"{call}{quote_literal(old)},", f"{call}{quote_literal(new)},"
        )
    return definition
