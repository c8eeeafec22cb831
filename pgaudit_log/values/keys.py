"""Keys: a primary key as text, and read again; what is too long, shortened. In SQL: :mod:`key_sql`."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from pgaudit_log.values.tables import Field, column_of

LONGEST_KEY = 500
"""How many bytes a key's text may have; of a longer one the index could refuse the write."""

KEPT_OF_A_KEY = 440
"""How many characters of a longer key are kept, so that what is left exceeds :data:`LONGEST_KEY`."""


def key_fields(model: type[models.Model]) -> Sequence[Field]:
    """Return the fields that make the primary key of ``model``: one, or several if it is composite."""
    return list(getattr(model._meta, "pk_fields", None) or [model._meta.pk])


def key_text(values: Any, fields: Sequence[Field]) -> str:
    """Return a primary key as it stands in ``obj_pk`` and ``refs``: what is too long, shortened.

    ``values`` is the key's value, or a tuple of values for a composite key, which is
    written as a JSON array. The text equals what the capture functions render: see
    ``key_sql.key_sql``.
    """
    return short_key(whole_key_text(values, fields))


def short_key(text: str) -> str:
    """Return a key's whole text as it stands in ``obj_pk``; see ``key_sql.short_key_sql``.

    Of one that exceeds :data:`LONGEST_KEY` it is the beginning and a hash of the whole, which
    exceeds it too, and so is no other key's whole text.
    """
    if not _is_too_long(text):
        return text
    return f"{text[:KEPT_OF_A_KEY]} {hashlib.sha256(text.encode()).hexdigest()}"


def is_shortened(text: str) -> bool:
    """Return whether a key's text, as it stands in ``obj_pk``, is not the whole one."""
    return _is_too_long(text)


def _is_too_long(text: str) -> bool:
    # Four bytes are the most that a character has: most keys need not be encoded.
    return len(text) * 4 > LONGEST_KEY and len(text.encode()) > LONGEST_KEY


def whole_key_text(values: Any, fields: Sequence[Field]) -> str:
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


def key_text_of_state(state: Mapping[str, str], fields: Sequence[Field]) -> str | None:
    """Return the whole text of the key of a row that is JSON text by column; ``None`` if it lacks a part."""
    texts = [state.get(column_of(field)) for field in fields]
    if None in texts:
        return None
    if len(fields) > 1:
        return "[" + ", ".join(text or "" for text in texts) + "]"
    return key_text_of_json(texts[0] or "")


def key_text_of_json(text: str) -> str:
    """Return the whole text of a key of one column, whose value is ``text`` as JSON."""
    return str(json.loads(text)) if text.startswith('"') else text


def split_key(text: str, fields: Sequence[Field]) -> list[Any]:
    """Return the parts of a key's whole text: of a composite key what its JSON has, else the text.

    Raises:
        ValueError: when it is no JSON array of as many parts.
    """
    if len(fields) == 1:
        return [text]
    parts = json.loads(text)
    if not isinstance(parts, list) or len(parts) != len(fields):
        raise ValueError(f"{text!r} is no JSON array of {len(fields)} parts.")
    return parts


def joined_key(parts: Sequence[Any]) -> Any:
    """Return the values of key fields as the key that a model has: a tuple if there are several."""
    return tuple(parts) if len(parts) > 1 else parts[0]


def read_key(text: str, fields: Sequence[Field]) -> Any:
    """Return the key that a whole text says, as Python has it.

    Raises:
        ValueError: when it is no key of ``fields``.
        ValidationError: so, too.
    """
    parts = split_key(text, fields)
    return joined_key([read_part(part, f) for part, f in zip(parts, fields, strict=True)])


def read_part(part: Any, field: Field) -> Any:
    """Return the value of one field of a key, out of its text or of what JSON has."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return field.to_python(part)


def parse_key(model: type[models.Model], text: str) -> Any:
    """Return the primary key whose whole text is ``text``; ``None`` if the model can have none such.

    A key of an earlier type, such as ``007`` of what is a number now, is no key of today.
    """
    fields = key_fields(model)
    try:
        key = read_key(text, fields)
        is_same = whole_key_text(key, fields) == text
    except (TypeError, ValueError, ArithmeticError, ValidationError):
        return None
    return key if is_same and can_be_asked_for(key) else None


def can_be_asked_for(key: Any) -> bool:
    """Return whether no part of a key is a number or a text that the database refuses to look for."""
    parts = key if isinstance(key, tuple) else (key,)
    return not any(
        (isinstance(part, int) and not -(2**63) <= part < 2**63)
        or (isinstance(part, str) and "\0" in part)
        for part in parts
    )


def _key_part(value: object, field: Field) -> tuple[str, bool]:
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
