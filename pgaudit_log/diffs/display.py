"""Display: values as people read them."""

from __future__ import annotations

import hashlib
import json
import math
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext

from pgaudit_log.reading.databases import database_of
from pgaudit_log.reading.objects import loaded
from pgaudit_log.values import tables
from pgaudit_log.values.json_numbers import Number
from pgaudit_log.values.keys import can_be_asked_for, read_part
from pgaudit_log.values.plain_values import plain
from pgaudit_log.values.row_json import Absence
from pgaudit_log.values.tables import Field, column_of, concrete

NOTHING = "–"
"""SQL ``NULL``, and where there is nothing to say."""

_UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""The Unicode categories of what is not seen but does something."""

_JOINERS = "\u200c\u200d"
"""They belong to the words of some languages, and to emoji."""


def safe(text: object, *, keep: str = "") -> str:
    """Return a text in which whatever would steer a terminal is written as an escape such as ``\\x1b``.

    ``keep`` has the characters to leave, such as a line feed in a message of ours.
    """
    said = "".join(str(text))
    others = said.translate(dict.fromkeys(map(ord, keep)))
    if others.isprintable():
        # Most texts are, and may be long.
        return said
    return "".join(
        sign
        if sign in keep or sign in _JOINERS or unicodedata.category(sign) not in _UNSAFE
        else sign.encode("unicode_escape").decode()
        for sign in said
    )


MOST_SHOWN = 200
"""How many characters of a value a plan shows."""


def shortened(text: str) -> str:
    """Return a text, or of one that is too long to stand in a line its beginning and its length."""
    if len(text) <= MOST_SHOWN:
        return text
    return f"{text[:MOST_SHOWN]}… ({len(text):,} characters)"


MOST_BYTES = 32
"""Up to how many bytes are shown as they are."""


class Wording:
    """The words for values of a model's fields; asks once for all objects that a field points at."""

    def __init__(
        self, model: type[models.Model], values: Iterable[Mapping[str, Any]], using: str
    ) -> None:
        self._objects: dict[tuple[Field, Any], Any] = {}
        listed = list(values)
        for own in tables.own_columns(model):
            if not isinstance(own, models.ForeignKey):
                continue
            given = (row.get(column_of(own)) for row in listed)
            target = own.target_field
            wanted = {value for value in given if may_be(target, value)}
            if not wanted:
                continue
            other = concrete(target.model)
            objects: models.QuerySet[Any, Any] = models.QuerySet(
                other, using=database_of(other, beside=using)
            )
            for found in loaded(
                objects.filter(**{f"{target.attname}__in": wanted}), target.attname
            ):
                self._objects[own, getattr(found, target.attname)] = found

    def of(self, own: Field | None, value: Any) -> str:
        """Return the words for a value of the field ``own``; ``None`` for one that is no more."""
        if not isinstance(own, models.ForeignKey) or not may_be(own.target_field, value):
            return words_for(own, value)
        found = self._objects.get((own, value))
        name = f"{concrete(own.target_field.model)._meta.verbose_name} {value}"
        return (name_of(found) or name) if found is not None else f"{name} (deleted)"


def name_of(obj: models.Model) -> str | None:
    """Return what an object is called; ``None`` where the model's own code cannot say it."""
    try:
        return str(obj)
    except Exception:
        return None


def words_for(own: Field | None, value: Any) -> str:
    """Return the words for a value of the field ``own`` without any object: a reference by its key."""
    if value is None or own is None or isinstance(value, Absence):
        return exact(value)
    labels = {str(key): label for key, label in getattr(own, "flatchoices", None) or ()}
    label = labels.get(str(value))
    return _plain(value) if label is None else str(label)


def may_be(field: Field, value: Any) -> bool:
    """Return whether a value can be one of the field; what a foreign key had may be of another type."""
    if value is None or isinstance(value, Absence):
        return False
    try:
        hash(value)
        own = read_part(value, field)
    except (TypeError, ValueError, ArithmeticError, ValidationError):
        return False
    return type(own) is type(value) and own == value and can_be_asked_for(own)


def _plain(value: Any) -> str:
    match value:
        case bool():
            return gettext("Yes") if value else gettext("No")
        case bytes() | bytearray() | memoryview():
            return of_bytes(bytes(value))
        case _ if hasattr(value, "isempty") and not value.isempty:
            return _range(value)
        case _:
            return exact(value)


def exact(value: Any) -> str:
    """Return a value as it would be written, whatever field it is of; of many bytes a digest."""
    match value:
        case None:
            return NOTHING
        case "":
            return '""'
        case datetime():
            return moment(value)
        case dict() | list() | tuple():
            return as_json(value)
        case bytes() | bytearray() | memoryview():
            own = bytes(value)
            return own.hex() if len(own) <= MOST_BYTES else of_bytes(own)
        case _:
            return str(value)


def _range(value: Any) -> str:
    """Return a range of the driver; its moments in the current time zone, as all moments are."""
    lower, upper = ("" if bound is None else _plain(bound) for bound in (value.lower, value.upper))
    return f"{'[' if value.lower_inc else '('}{lower}, {upper}{']' if value.upper_inc else ')'}"


def of_bytes(value: bytes) -> str:
    """Return how many bytes there are, and a digest that tells them from others."""
    return f"{len(value)} bytes (SHA-256 {hashlib.sha256(value).hexdigest()[:8]}…)"


def moment(value: datetime) -> str:
    """Return a moment exactly, in the current time zone, with its offset."""
    return in_current_zone(value).isoformat(sep=" ")


def in_current_zone(value: datetime) -> datetime:
    """Return a moment in the current time zone; as it is without a zone, or where that has no date for it.

    psycopg 2 gives the last moment that Python has for an end of a range that is infinite.
    """
    if not timezone.is_aware(value):
        return value
    try:
        return timezone.localtime(value)
    except OverflowError:
        return value


def as_json(value: Any) -> str:
    """Return a value as JSON on one line, with decimals as the numbers that they are."""
    # Mostly there are none, and `json` is many times as fast.
    return json.dumps(value, ensure_ascii=False) if _is_json(value) else _exact_json(value)


def _is_json(value: Any) -> bool:
    """Return whether a value has only what ``json`` writes as it is."""
    todo = [value]
    while todo:
        own = todo.pop()
        kind = type(own)
        if kind is dict:
            if not all(type(key) is str for key in own):
                return False
            todo.extend(own.values())
        elif kind is list:
            todo.extend(own)
        elif kind is float:
            if not math.isfinite(own):
                return False
        elif kind not in _WRITTEN:
            return False
    return True


_WRITTEN = frozenset({str, int, bool, type(None)})


def _exact_json(value: Any) -> str:
    match value:
        case Mapping():
            inner = (
                f"{json.dumps(str(key), ensure_ascii=False)}: {_exact_json(own)}"
                for key, own in value.items()
            )
            return "{" + ", ".join(inner) + "}"
        case list() | tuple():
            return "[" + ", ".join(_exact_json(own) for own in value) + "]"
        case Decimal() | Number():
            return str(value)
        case _:
            return json.dumps(plain(value), ensure_ascii=False)
