"""Keys in SQL: the expressions that render a primary key as text, as :mod:`keys` does, and read it again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.values.column_json import (
    EQUALITY_IS_IDENTITY,
    FLOATS,
    INTEGERS,
    NATIVE,
    TEXTS,
    WHOLE,
    cast_sql,
    is_valid_sql,
    read_sql,
    sql_type,
)
from pgaudit_log.values.keys import KEPT_OF_A_KEY, LONGEST_KEY, key_fields
from pgaudit_log.values.quoting import quote_name
from pgaudit_log.values.tables import Field, column_of, concrete


def short_key_sql(text: str) -> str:
    """Return the SQL expression of ``keys.short_key`` of the expression ``text``."""
    digest = f"encode(sha256(convert_to({text}, 'UTF8')), 'hex')"
    return (
        f"CASE WHEN octet_length({text}) > {LONGEST_KEY}"
        f" THEN left({text}, {KEPT_OF_A_KEY}) || ' ' || {digest} ELSE {text} END"
    )


def are_equal_as_texts(
    field: Field, values: Iterable[Any], connection: BaseDatabaseWrapper
) -> bool:
    """Return whether ``values`` of a key field equal the keys that have the same text, and no others."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return (
        sql_type(field, connection).lower()
        in EQUALITY_IS_IDENTITY - {"bpchar", "char", "character"}
        and not getattr(field, "db_collation", None)
        and not any(value is None or hasattr(value, "as_sql") for value in values)
    )


_LONGEST_TEXTS = {
    **dict.fromkeys(NATIVE - TEXTS - {"bytea", "citext", "interval", "numeric"}, 64),
    **dict.fromkeys(FLOATS, 400),
    "interval": 128,
}
"""How many bytes the values of a type have at most, as JSON, where that is known."""


def _length(field: Field, connection: BaseDatabaseWrapper) -> int | None:
    """Return how many characters a text, or digits a number, may have; ``None`` if any."""
    counts = re.findall(r"\d+", (field.db_type(connection) or "").partition("(")[2])
    return sum(map(int, counts)) if counts else None


def _longest_key(
    field: Field, connection: BaseDatabaseWrapper, *, in_array: bool = False
) -> int | None:
    """Return how many bytes the text of a key field has at most; ``None`` if that is not known."""
    name = sql_type(field, connection).lower()
    length = _length(field, connection)
    if name in TEXTS and length is not None:
        # Six for a control character in JSON, with the quotes around it; four for any other.
        return 6 * length + 2 if in_array else 4 * length
    if name == "numeric" and length is not None:
        return length + 8
    return _LONGEST_TEXTS.get(name)


def may_be_shortened(fields: Sequence[Field], connection: BaseDatabaseWrapper) -> bool:
    """Return whether a key of ``fields`` may be too long for ``obj_pk``; see ``keys.short_key``."""
    in_array = len(fields) > 1
    longest = [_longest_key(f, connection, in_array=in_array) for f in fields]
    return None in longest or sum(n + 2 for n in longest if n is not None) > LONGEST_KEY + 2


def key_sql(
    columns: Sequence[str],
    fields: Sequence[Field],
    connection: BaseDatabaseWrapper,
) -> str:
    """Return the text of a key as ``obj_pk`` and ``refs`` have it; ``keys.key_text`` in Python.

    A composite key is a JSON array in the order of its declaration. Dates and the like are as
    JSON has them, whatever DateStyle is. What may be too long is shortened.
    """
    types = [sql_type(field, connection).lower() for field in fields]
    if len(columns) > 1:
        text = f"jsonb_build_array({', '.join(columns)})::text"
    elif types[0] in TEXTS or types[0] in INTEGERS or types[0] == "uuid":
        text = f"{columns[0]}::text"
    else:
        text = f"to_jsonb({columns[0]}) #>> {WHOLE}"
    if not may_be_shortened(fields, connection):
        return text
    text = f"({text})"
    short = short_key_sql(text)
    if len(columns) == 1:
        return short
    # Most keys are short, which their texts tell for less than rendering the key twice.
    texts = [f"octet_length({c})" for c, t in zip(columns, types, strict=True) if t in TEXTS]
    others = [
        _longest_key(f, connection) for f, t in zip(fields, types, strict=True) if t not in TEXTS
    ]
    if None in others:
        return short
    room = LONGEST_KEY - sum(n for n in others if n is not None) - 4 * len(fields)
    return f"CASE WHEN {' + '.join(texts)} <= {room // 6} THEN {text} ELSE {short} END"


def read_key_sql(
    type_name: str,
    connection: BaseDatabaseWrapper,
    *,
    position: int | None = None,
    whole: str | None = None,
) -> str:
    """Return ``obj_pk`` as the key's type; NULL where the key was of another type then.

    ``position`` says which part of a composite key is wanted; ``whole``, for a key that may be
    too long for ``obj_pk``, is the expression of its value where it is.
    """
    if position is None:
        value = cast_sql("obj_pk", type_name, connection)
    else:
        part = f"(obj_pk::jsonb -> {position})"
        is_array = f"obj_pk LIKE '[%' AND {is_valid_sql('obj_pk', 'jsonb', connection)}"
        value = f"CASE WHEN {is_array} THEN {read_sql(part, type_name, connection)} END"
    if whole is None:
        return value
    return f"CASE WHEN octet_length(obj_pk) > {LONGEST_KEY} THEN {whole} ELSE {value} END"


def row_key_sql(alias: str, model: type[models.Model], connection: BaseDatabaseWrapper) -> str:
    """Return the text expression of the primary key of the row ``alias``."""
    fields = key_fields(concrete(model))
    columns = [f"{alias}.{quote_name(column_of(field))}" for field in fields]
    return key_sql(columns, fields, connection)
