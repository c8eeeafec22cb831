"""Columns: how a value of each type is stored as JSON, and read back as exactly that value.

``to_jsonb`` serves most types, but not all of them: a JSON ``null`` and a SQL ``NULL``
come out alike, ``-0`` loses its sign, an array its lower bounds, a ``json`` its text,
and what has a cast to JSON (hstore, PostGIS's geometry) its own form. What is not known
to survive is stored as the text that PostgreSQL itself reads back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

JSON_KEY = "pgaudit_log.json"
"""The key of the object that a JSON ``null`` is stored in, so that SQL ``NULL`` stays ``null``."""

AT_KEY = "pgaudit_log.at"
"""The key of the object that stands for a large value: which event has the value itself."""

_UUID = "-".join("_" * length for length in (8, 4, 4, 4, 12))
"""A pattern for ``LIKE``."""

TEXTS = frozenset({"text", "character varying", "varchar", "character", "char", "bpchar"})

INTEGERS = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
"""Integer types with the first number that is too large for each."""

_SERIALS = {"serial": "integer", "bigserial": "bigint", "smallserial": "smallint"}

_UNBOUNDED = {"char": "bpchar", "character": "bpchar", "bit": "bit varying"}
"""Types that without a length have the length 1, with what takes any length."""

_NATIVE = (
    TEXTS
    | frozenset(INTEGERS)
    | {
        "boolean",
        "bytea",
        "cidr",
        "citext",
        "date",
        "inet",
        "interval",
        "macaddr",
        "macaddr8",
        "numeric",
        "time",
        "time with time zone",
        "time without time zone",
        "timestamp",
        "timestamp with time zone",
        "timestamp without time zone",
        "timestamptz",
        "uuid",
    }
)
"""Types whose ``to_jsonb`` can be cast back to the same value."""

_FLOATS = frozenset({"double precision", "real", "float4", "float8"})

_IN_ARRAYS = (_NATIVE - {"bytea", "citext"}) | {"citext"}
"""Types whose arrays are stored as JSON arrays."""

EQUALITY_IS_IDENTITY = (
    frozenset(INTEGERS)
    | TEXTS
    | {
        "boolean",
        "date",
        "time without time zone",
        "timestamp with time zone",
        "timestamp without time zone",
        "uuid",
    }
)
"""Types whose equal values are the same value to the last bit, if their collation is deterministic.

Of all others ``IS DISTINCT FROM`` misses something (citext 'a' and 'A', numeric 1.0 and
1.00) or has no operator (json, point, xml); they are compared by their image, 0.15
microseconds a column dearer.
"""


class Form(Enum):
    """How the values of a type are stored."""

    NATIVE = "as to_jsonb renders them"
    FLOAT = "as numbers, but -0 as text"
    ARRAY = "as JSON arrays, but with odd lower bounds as text"
    JSONB = "as they are, but null in an object"
    HSTORE = "as objects"
    MONEY = "as numbers, whatever lc_monetary says"
    TEXT = "as the text that the type's own input reads"


def sql_type(field: models.Field[Any, Any], connection: BaseDatabaseWrapper) -> str:
    """Return the type of a field's column without what would change old values.

    ``varchar(16)`` would cut a longer value of earlier times, ``numeric(10,2)`` round it.
    """
    db_type = field.db_type(connection) or "text"
    bare = re.sub(r"\((?:\d|,|\s)+\)", "", db_type).strip()
    bare = _SERIALS.get(bare.lower(), bare)
    return _UNBOUNDED.get(bare.lower(), bare)


def form_of(type_name: str) -> Form:
    """Return how the values of a SQL type, without modifiers, are stored."""
    name = type_name.lower()
    if name.endswith("[]"):
        return Form.ARRAY if name.rstrip("[]") in _IN_ARRAYS else Form.TEXT
    if name in _NATIVE:
        return Form.NATIVE
    if name in _FLOATS:
        return Form.FLOAT
    return {"jsonb": Form.JSONB, "hstore": Form.HSTORE, "money": Form.MONEY}.get(name, Form.TEXT)


def stored_sql(column: str, type_name: str) -> str:
    """Return the expression whose ``to_jsonb`` is what is stored of ``column``."""
    match form_of(type_name):
        case Form.NATIVE | Form.HSTORE:
            return column
        case Form.FLOAT:
            # Text only of zeros, because it costs as much as the rest.
            is_zero = f"{column} = 0 AND {column}::text = '-0'"
            return f"CASE WHEN {is_zero} THEN '\"-0\"' ELSE to_jsonb({column}) END"
        case Form.ARRAY:
            return (
                f"CASE WHEN {column}::text LIKE '[%'"
                f" THEN to_jsonb({column}::text) ELSE to_jsonb({column}) END"
            )
        case Form.JSONB:
            return (
                f"CASE WHEN jsonb_typeof({column}) = 'null'"
                f" OR {column} ?| '{{{JSON_KEY},{AT_KEY}}}'"
                f" THEN jsonb_build_object('{JSON_KEY}', {column}) ELSE {column} END"
            )
        case Form.MONEY:
            return f"{column}::numeric"
        case Form.TEXT:
            return f"{column}::text"


PINS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "bytea_output": "hex",
    "IntervalStyle": "iso_8601",
    "extra_float_digits": "1",
}
"""The settings on which the text of values depends, with what they are while a row is captured."""


def settings_of(type_name: str) -> Iterable[str]:
    """Return those of :data:`PINS` on which the stored form of a SQL type depends.

    What is stored as text may depend on any of them: a range of timestamps does on two.
    """
    name = type_name.lower().rstrip("[]")
    form = form_of(name)
    if form is Form.FLOAT:
        return ("extra_float_digits",)
    if form is Form.TEXT or name == "time with time zone":
        return PINS
    setting = {
        "bytea": "bytea_output",
        "interval": "IntervalStyle",
        "timestamptz": "TimeZone",
        "timestamp with time zone": "TimeZone",
    }.get(name)
    return (setting,) if setting else ()


def differs_sql(old: str, new: str, type_name: str, *, own_collation: bool) -> str:
    """Return the test whether two values of a column differ to the last bit."""
    if type_name.lower() in EQUALITY_IS_IDENTITY and not own_collation:
        return f"{old} IS DISTINCT FROM {new}"
    return f"record_image_ne(ROW({old}), ROW({new}))"


def read_sql(
    value: str, type_name: str, connection: BaseDatabaseWrapper, *, text: str | None = None
) -> str:
    """Return the expression that reads a stored JSONB ``value`` as its type.

    What is not a value of the type, because the column had another type then, reads as NULL.
    ``text`` is a shorter expression for the text of ``value``, where there is one.
    """
    text = text or f"({value} #>> '{{}}')"
    match form_of(type_name):
        case Form.JSONB:
            return (
                f"CASE WHEN jsonb_typeof({value}) = 'object' AND {value} ? '{JSON_KEY}'"
                f" THEN {value} -> '{JSON_KEY}' ELSE NULLIF({value}, 'null') END"
            )
        case Form.ARRAY:
            return (
                f"CASE jsonb_typeof({value})"
                f" WHEN 'array' THEN (SELECT stored.value FROM"
                f" jsonb_to_record(jsonb_build_object('value', {value})) AS stored (value {type_name}))"
                f" WHEN 'string' THEN {_cast(text, type_name, connection)} END"
            )
        case Form.HSTORE:
            return (
                f"CASE jsonb_typeof({value}) WHEN 'object' THEN COALESCE((SELECT hstore(array_agg(key),"
                f" array_agg(pair.value)) FROM jsonb_each_text({value}) AS pair (key, value)), '') END"
            )
        case Form.MONEY:
            return f"{_cast(text, 'numeric', connection)}::money"
        case _:
            return _cast(text, type_name, connection)


def _cast(text: str, type_name: str, connection: BaseDatabaseWrapper) -> str:
    """Return ``text`` as the type, NULL where it is not a value of it."""
    name = type_name.lower()
    if name in TEXTS:
        return text
    if name in INTEGERS:
        return integer_sql(text, name, connection)
    if name == "uuid":
        return uuid_sql(text)
    if name == "boolean":
        return f"CASE WHEN {text} IN ('true', 'false') THEN {text}::boolean END"
    if name in _NATIVE or name in _FLOATS:
        return f"CASE WHEN {is_valid_sql(text, name, connection)} THEN {text}::{type_name} END"
    return f"{text}::{type_name}"


def is_valid_sql(text: str, type_name: str, connection: BaseDatabaseWrapper) -> str:
    """Return the test whether ``text`` is a value of the type."""
    if connection.pg_version >= 160000:  # type: ignore[attr-defined]
        return f"pg_input_is_valid({text}, '{type_name}')"
    return f"pgaudit_log_is_valid({text}, '{type_name}')"


# Patterns without counts: one with {1,19} takes twelve times as long to match, 1.7 microseconds.


def integer_sql(text: str, type_name: str, connection: BaseDatabaseWrapper) -> str:
    """Return ``text`` as an integer, NULL where it is none or too large."""
    if connection.pg_version >= 160000:  # type: ignore[attr-defined]
        # Shorter, which counts: each partition plans and prepares it for itself.
        is_in_range = is_valid_sql(text, type_name, connection)
    else:
        bound = INTEGERS[type_name]
        is_in_range = f"{text}::numeric BETWEEN -{bound} AND {bound - 1}"
    is_number = f"length({text}) <= 20 AND {text} ~ '^-?[0-9]+$'"
    return f"CASE WHEN {is_number} AND {is_in_range} THEN {text}::{type_name} END"


def uuid_sql(text: str) -> str:
    """Return ``text`` as a UUID, NULL where it is none."""
    is_uuid = (
        f"{text} LIKE '{_UUID}' AND length(replace({text}, '-', '')) = 32"
        f" AND {text} ~ '^[0-9a-f-]+$'"
    )
    return f"CASE WHEN {is_uuid} THEN {text}::uuid END"


def key_sql(column: str, type_name: str) -> str:
    """Return the text of a key column as ``obj_pk`` and ``refs`` have it.

    Dates and the like as JSON has them, whatever DateStyle is; see ``identifiers.key_text``.
    """
    name = type_name.lower()
    if name in TEXTS or name in INTEGERS or name == "uuid":
        return f"{column}::text"
    return f"to_jsonb({column}) #>> '{{}}'"


def composite_key_sql(columns: Sequence[str]) -> str:
    """Return the text of a composite key: a JSON array in the order of the key's declaration."""
    return f"jsonb_build_array({', '.join(columns)})::text"


def read_key_sql(
    type_name: str, connection: BaseDatabaseWrapper, *, position: int | None = None
) -> str:
    """Return ``obj_pk`` as the key's type; NULL where the key was of another type then.

    ``position`` says which part of a composite key is wanted.
    """
    if position is None:
        return _cast("obj_pk", type_name, connection)
    part = f"(obj_pk::jsonb -> {position})"
    is_array = f"obj_pk LIKE '[%' AND {is_valid_sql('obj_pk', 'jsonb', connection)}"
    return f"CASE WHEN {is_array} THEN {read_sql(part, type_name, connection)} END"
