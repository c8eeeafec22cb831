"""Columns: how a value of each type is stored as JSON, and read back as exactly that value.

``to_jsonb`` serves most types, but not all of them: a JSON ``null`` and a SQL ``NULL``
come out alike, ``-0`` loses its sign, an array its lower bounds, a ``json`` its text,
and what has a cast to JSON (hstore, PostGIS's geometry) its own form. What is not known
to survive is stored as the text that PostgreSQL itself reads back.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.capture_v1.columns import Form, form_sql, has_marker
from pgaudit_log.constants import JSON_KEY
from pgaudit_log.values.pinned_settings import PINNED
from pgaudit_log.values.quoting import quote_literal
from pgaudit_log.values.tables import Field

_UUID = "-".join("_" * length for length in (8, 4, 4, 4, 12))
"""A pattern for ``LIKE``."""

TEXTS = frozenset({"text", "character varying", "varchar", "character", "char", "bpchar"})

INTEGERS = {"smallint": 2**15, "integer": 2**31, "bigint": 2**63}
"""Integer types with the first number that is too large for each."""

_SERIALS = {"serial": "integer", "bigserial": "bigint", "smallserial": "smallint"}

_UNBOUNDED = {"char": "bpchar", "character": "bpchar", "bit": "bit varying"}
"""Types that without a length have the length 1, with what takes any length."""

NATIVE = (
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

FLOATS = frozenset({"double precision", "real", "float4", "float8"})

WHOLE = EMPTY_ARRAY = "'{}'"
"""The path of a JSON value that is the value itself, and an array that has nothing."""

_RANGES = ("int4", "int8", "num", "ts", "tstz", "date")

_TELLING = (
    (NATIVE - {"citext"})
    | FLOATS
    | {f"{name}{kind}" for name in _RANGES for kind in ("range", "multirange")}
    | {
        "bit",
        "bit varying",
        "box",
        "circle",
        "json",
        "jsonb",
        "jsonpath",
        "line",
        "lseg",
        "money",
        "oid",
        "path",
        "pg_lsn",
        "point",
        "polygon",
        "tsquery",
        "tsvector",
        "varbit",
    }
)
"""Types of PostgreSQL's own that tell of any text whether they can read it, and never raise."""

_IN_ARRAYS = (NATIVE - {"bytea", "citext"}) | {"citext"}
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


def is_plain(type_name: str) -> bool:
    """Return whether a SQL type, without modifiers, is surely one of PostgreSQL's own."""
    name = type_name.lower().rstrip("[]")
    return name in (NATIVE - {"citext"}) | FLOATS | {"json", "jsonb", "money"}


def sql_type(field: Field, connection: BaseDatabaseWrapper) -> str:
    """Return the type of a field's column without what would change old values.

    ``varchar(16)`` would cut a longer value of earlier times, ``numeric(10,2)`` round it,
    ``geometry(Point,4326)`` refuse another shape.
    """
    return _without_modifiers(field.db_type(connection) or "text")


@functools.cache
def _without_modifiers(db_type: str) -> str:
    bare = re.sub(r"\([^()]*\)", "", db_type).strip()
    bare = _SERIALS.get(bare.lower(), bare)
    name = bare.rstrip("[]")
    return _UNBOUNDED.get(name.lower(), name) + bare[len(name) :]


@functools.cache
def form_of(type_name: str) -> Form:
    """Return how the values of a SQL type, without modifiers, are stored."""
    name = type_name.lower()
    if name.endswith("[]"):
        return Form.ARRAY if name.rstrip("[]") in _IN_ARRAYS else Form.TEXT
    if name in NATIVE:
        return Form.NATIVE
    if name in FLOATS:
        return Form.FLOAT
    return {"jsonb": Form.JSONB, "hstore": Form.HSTORE, "money": Form.MONEY}.get(name, Form.TEXT)


def stored_sql(column: str, type_name: str) -> str:
    """Return the expression whose ``to_jsonb`` is what is stored of ``column``."""
    return form_sql(column, form_of(type_name))


@functools.cache
def settings_of(type_name: str) -> Sequence[str]:
    """Return those of :data:`PINNED` on which the stored form of a SQL type depends.

    What is stored as text may depend on any of them: a range of timestamps does on two.
    """
    name = type_name.lower().rstrip("[]")
    form = form_of(name)
    if form is Form.FLOAT:
        return ("extra_float_digits",)
    if form is Form.TEXT or name == "time with time zone":
        return tuple(PINNED)
    setting = {
        "bytea": "bytea_output",
        "interval": "IntervalStyle",
        "timestamptz": "TimeZone",
        "timestamp with time zone": "TimeZone",
    }.get(name)
    return (setting,) if setting else ()


def differs_by_image(type_name: str, *, own_collation: bool) -> bool:
    """Return whether values of a type may differ, to the last bit, and be equal all the same."""
    return type_name.lower() not in EQUALITY_IS_IDENTITY or own_collation


def read_sql(
    value: str, type_name: str, connection: BaseDatabaseWrapper, *, text: str | None = None
) -> str:
    """Return the expression that reads a stored JSONB ``value`` as its type.

    What is not a value of the type, because the column had another type then, reads as NULL.
    ``text`` is a shorter expression for the text of ``value``, where there is one.
    """
    text = text or f"({value} #>> {WHOLE})"
    match form_of(type_name):
        case Form.JSONB:
            return (
                f"CASE WHEN jsonb_typeof({value}) = 'object' AND {has_marker(value)}"
                f" THEN {value} -> '{JSON_KEY}' ELSE NULLIF({value}, 'null') END"
            )
        case Form.ARRAY:
            # As PostgreSQL writes arrays; control characters apart, which no element is judged by.
            literal = f"translate({value}::text, '[]', {EMPTY_ARRAY})"
            return (
                f"CASE jsonb_typeof({value})"
                f" WHEN 'array' THEN CASE WHEN {is_valid_sql(literal, type_name, connection)}"
                f" THEN (SELECT stored.value FROM"
                f" jsonb_to_record(jsonb_build_object('value', {value})) AS stored (value {type_name})) END"
                f" WHEN 'string' THEN {cast_sql(text, type_name, connection)} END"
            )
        case Form.HSTORE:
            escaped = f"({value} -> '{JSON_KEY}')"
            return (
                f"CASE WHEN jsonb_typeof({value}) <> 'object' THEN NULL"
                f" WHEN {has_marker(value)} THEN {_hstore(escaped)}"
                f" ELSE {_hstore(value)} END"
            )
        case Form.MONEY:
            # How large a money may be depends on the places that lc_monetary gives it.
            places = "10::numeric ^ scale(0::money::numeric)"
            is_in_range = f"BETWEEN {-(2**63)} / {places} AND {2**63 - 1} / {places}"
            number = cast_sql(text, "numeric", connection)
            return (
                f"(SELECT CASE WHEN stored.value {is_in_range} THEN stored.value::money END"
                f" FROM (SELECT {number} AS value) AS stored)"
            )
        case _:
            return cast_sql(text, type_name, connection)


def _hstore(value: str) -> str:
    """Return a JSONB object as hstore, NULL as NULL."""
    pairs = f"SELECT hstore(array_agg(key), array_agg(pair.value)) FROM jsonb_each_text({value})"
    return f"CASE WHEN {value} IS NOT NULL THEN COALESCE(({pairs} AS pair (key, value)), '') END"


def cast_sql(text: str, type_name: str, connection: BaseDatabaseWrapper) -> str:
    """Return ``text`` as the type, NULL where it is not a value of it."""
    name = type_name.lower()
    if name in TEXTS:
        return text
    if name == "citext":
        return f"{text}::{type_name}"  # any text is one
    if name in INTEGERS:
        return integer_sql(text, name, connection)
    if name == "uuid":
        return uuid_sql(text)
    if name == "boolean":
        return f"CASE WHEN {text} IN ('true', 'false') THEN {text}::boolean END"
    # There is a cast from text to it, which raises for numbers.
    value = f"to_regclass({text})" if name == "regclass" else f"{text}::{type_name}"
    return f"CASE WHEN {is_valid_sql(text, type_name, connection)} THEN {value} END"


def is_valid_sql(text: str, type_name: str, connection: BaseDatabaseWrapper) -> str:
    """Return the test whether ``text`` is a value of the type.

    Types that PostgreSQL does not have itself are looked up where the test is compiled, not by name
    where it is carried out; and some raise for a text that they cannot read.
    """
    name = type_name.lower().partition("(")[0].rstrip("[]")
    if name not in _TELLING:
        return f"pgaudit_log_is_value({text}, {quote_literal(type_name)}::regtype)"
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


def column_type(field: Field, connection: BaseDatabaseWrapper) -> str:
    """Return the SQL type of a field's column, an ``integer`` for a ``serial``."""
    return field.rel_db_type(connection) or field.db_type(connection) or "text"
