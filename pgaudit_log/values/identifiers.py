"""Identifiers: quoted SQL names, primary keys as text, and ids that sort by time."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timezone
from decimal import Decimal
from time import time_ns
from typing import Any

from django.db import models
from pgtrigger.utils import quote

MAX_IDENTIFIER_BYTES = 63
"""PostgreSQL truncates longer names, so that two long names could become one."""


LONGEST_KEY = 500
"""How many bytes a key's text may have; of a longer one the index could refuse the write."""

_KEPT_OF_A_KEY = 440
"""How many characters of a longer key are kept, so that what is left exceeds :data:`LONGEST_KEY`."""


def quote_name(name: str) -> str:
    """Return ``name`` as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_literal(value: str) -> str:
    """Return ``value`` as a SQL string literal that reads the same under any setting."""
    quoted = value.replace("'", "''")
    if "\\" in quoted:
        return "E'" + quoted.replace("\\", "\\\\") + "'"
    return f"'{quoted}'"


def table_of(model: type[models.Model]) -> str:
    """Return the quoted name of a model's table, quoted as django-pgtrigger does it."""
    return str(quote(model._meta.db_table))  # type: ignore[no-untyped-call]


def column_of(field: models.Field[Any, Any]) -> str:
    """Return the name of a field's column; only for fields that have one."""
    assert field.column is not None, field
    return field.column


def shorten(name: str, limit: int = MAX_IDENTIFIER_BYTES) -> str:
    """Return ``name``, or its beginning with a hash of the whole where it exceeds ``limit`` bytes."""
    encoded = name.encode()
    if len(encoded) <= limit:
        return name
    digest = hashlib.sha1(encoded, usedforsecurity=False).hexdigest()[:8]
    return encoded[: limit - 9].decode(errors="ignore") + "_" + digest


def key_fields(model: type[models.Model]) -> Sequence[models.Field[Any, Any]]:
    """Return the fields that make the primary key of ``model``: one, or several if it is composite."""
    return list(getattr(model._meta, "pk_fields", None) or [model._meta.pk])


def key_text(values: Any, fields: Sequence[models.Field[Any, Any]]) -> str:
    """Return a primary key as it stands in ``obj_pk`` and ``refs``: what is too long, shortened.

    ``values`` is the key's value, or a tuple of values for a composite key, which is
    written as a JSON array. The text equals what the capture functions render: see
    ``columns.key_sql``.
    """
    return short_key(whole_key_text(values, fields))


def short_key(text: str) -> str:
    """Return a key's whole text as it stands in ``obj_pk``; see :func:`short_key_sql`.

    Of one that exceeds :data:`LONGEST_KEY` it is the beginning and a hash of the whole, which
    exceeds it too, and so is no other key's whole text.
    """
    if not _is_too_long(text):
        return text
    return f"{text[:_KEPT_OF_A_KEY]} {hashlib.sha256(text.encode()).hexdigest()}"


def short_key_sql(text: str) -> str:
    """Return the SQL expression of :func:`short_key` of the expression ``text``."""
    digest = f"encode(sha256(convert_to({text}, 'UTF8')), 'hex')"
    return (
        f"CASE WHEN octet_length({text}) > {LONGEST_KEY}"
        f" THEN left({text}, {_KEPT_OF_A_KEY}) || ' ' || {digest} ELSE {text} END"
    )


def is_shortened(text: str) -> bool:
    """Return whether a key's text, as it stands in ``obj_pk``, is not the whole one."""
    return _is_too_long(text)


def _is_too_long(text: str) -> bool:
    # Four bytes are the most that a character has: most keys need not be encoded.
    return len(text) * 4 > LONGEST_KEY and len(text.encode()) > LONGEST_KEY


def whole_key_text(values: Any, fields: Sequence[models.Field[Any, Any]]) -> str:
    """Return a primary key as :func:`key_text` does, but as long as it is."""
    if len(fields) == 1:
        return _key_part(values, fields[0])[0]
    parts = [_key_part(value, field) for value, field in zip(values, fields, strict=True)]
    return (
        "["
        + ", ".join(
            json.dumps(text, ensure_ascii=False) if is_string else text for text, is_string in parts
        )
        + "]"
    )


def key_text_of_state(
    state: Mapping[str, str], fields: Sequence[models.Field[Any, Any]]
) -> str | None:
    """Return the whole text of the key of a row that is JSON text by column; ``None`` if it lacks a part."""
    texts = [state.get(column_of(field)) for field in fields]
    if None in texts:
        return None
    if len(fields) > 1:
        return "[" + ", ".join(text or "" for text in texts) + "]"
    text = texts[0] or ""
    return str(json.loads(text)) if text.startswith('"') else text


def _key_part(value: Any, field: models.Field[Any, Any]) -> tuple[str, bool]:
    """Return one key value as ``to_jsonb`` renders its column, and whether that is a string."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    value = field.to_python(value)
    match value:
        case None:
            return "null", False
        case bool():
            return str(value).lower(), False
        case int():
            return str(value), False
        case Decimal() if value.is_finite():
            places = getattr(field, "decimal_places", None)
            return f"{value:f}" if places is None else f"{value:.{places}f}", False
        case float() if math.isfinite(value):
            return f"{Decimal(repr(value)).normalize():f}", False
        case datetime():
            return _timestamp_text(value), True
        case time():
            return _trimmed(value.isoformat(timespec="microseconds")), True
        case date():
            return value.isoformat(), True
        case _:
            return str(value), True


def _timestamp_text(value: datetime) -> str:
    """Return a moment as PostgreSQL writes it into JSON under ``TimeZone = 'UTC'``."""
    offset = ""
    if value.tzinfo is not None:
        value = value.astimezone(timezone.utc).replace(tzinfo=None)
        offset = "+00:00"
    return _trimmed(value.isoformat(timespec="microseconds")) + offset


def _trimmed(text: str) -> str:
    """Return a time with microseconds without the zeros at its end."""
    return text.rstrip("0").rstrip(".")


def reference(label: str, key: str) -> str:
    """Return how ``refs`` names the object with primary key ``key`` of the model ``label``."""
    return f"{label}:{key}"


def former_key(label: str, key: str) -> str:
    """Return how ``refs`` names the primary key that an object had before the update."""
    return f"was {reference(label, key)}"


def moved_marker(label: str) -> str:
    """Return what ``refs`` has in every update that changed a primary key of the model."""
    return f"moved {label}"


def new_context_id() -> str:
    """Return a UUIDv7 (RFC 9562, 5.7): 48 bits of milliseconds, then random, so that ids sort by time.

    As text, because each request makes one and carries it so.
    """
    time = f"{time_ns() // 1_000_000:012x}"
    random = os.urandom(10).hex()
    variant = "89ab"[int(random[3], 16) & 3]
    return f"{time[:8]}-{time[8:]}-7{random[:3]}-{variant}{random[4:7]}-{random[7:19]}"
