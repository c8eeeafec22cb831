"""Texts: what comes out of a database, made fit to stand on a terminal.

Anybody may have written it. An escape sequence in a note would move the cursor, colour the
screen or rename the window of whoever reads the trail, and a sign that reverses the direction
of writing would show another text than is there.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from pgaudit_log import states
from pgaudit_log.cli import documents
from pgaudit_log.constants import AT_KEY
from pgaudit_log.json_numbers import Number
from pgaudit_log.states import MISSING, Absence, unescaped

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
    return "".join(
        sign
        if sign in keep or sign in _JOINERS or unicodedata.category(sign) not in _UNSAFE
        else sign.encode("unicode_escape").decode()
        for sign in str(text)
    )


def cut(text: str, limit: int) -> str:
    """Return ``text``, or its beginning where it is longer than ``limit``."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def moment(value: datetime) -> str:
    """Return a moment exactly, in the current time zone, with its offset."""
    return _local(value).isoformat(sep=" ")


def time(value: datetime, *, is_narrow: bool) -> str:
    """Return a moment for a list, in the current time zone: narrow as ``ls`` has it."""
    local = _local(value)
    if not is_narrow:
        return local.strftime("%Y-%m-%d %H:%M:%S")
    is_of_this_year = local.year == _local(timezone.now()).year
    return local.strftime("%m-%d %H:%M" if is_of_this_year else "%Y-%m-%d")


def _local(value: datetime) -> datetime:
    return timezone.localtime(value) if timezone.is_aware(value) else value


def of_value(value: Any, text: str | None = None) -> str:
    """Return a value for people: ``text``, if that is given and says it better than Python would."""
    match value:
        case None:
            return NOTHING
        case str() if value == "":
            return '""'
        case datetime():
            return moment(value)
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case dict() | list() | tuple():
            return safe(_json(value))
        case _:
            return safe(text if text is not None else value)


def _json(value: Any) -> str:
    """Return a value as JSON on one line, with decimals as the numbers that they are."""
    match value:
        case Mapping():
            inner = (f"{json.dumps(str(key))}: {_json(own)}" for key, own in value.items())
            return "{" + ", ".join(inner) + "}"
        case list() | tuple():
            return "[" + ", ".join(_json(own) for own in value) + "]"
        case Decimal() | Number():
            return str(value)
        case _:
            return json.dumps(documents.plain(value), ensure_ascii=False)


def of_stored(value: Any) -> str:
    """Return a value as it is in the event table, for people."""
    if isinstance(value, Mapping) and list(value) == [AT_KEY]:
        place = value[AT_KEY]
        id = place.get("id") if isinstance(place, Mapping) else None
        return safe(f"(as in event {NOTHING if id is None else id})")
    found = unescaped(value)
    return str(found) if isinstance(found, Absence) else of_value(found)


def change(old: str | None, new: str | None) -> str:
    """Return what a field was and became, on two lines where it is long; ``None`` for no such side."""
    if old is None or new is None:
        return old or new or ""
    separator = "\n→ " if len(old) + len(new) > 60 else " → "
    return old + separator + new


def side(value: Any, text: str | None = None, *, there: bool = True) -> str | None:
    """Return one side of a change; ``None`` where there was no object, so that nothing is unknown."""
    if value is MISSING:
        return str(states.MISSING) if there else None
    return of_value(value, text)
