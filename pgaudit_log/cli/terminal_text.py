"""Texts: what comes out of a database, made fit to stand on a terminal.

Anybody may have written it. An escape sequence in a note would move the cursor, colour the
screen or rename the window of whoever reads the trail, and a sign that reverses the direction
of writing would show another text than is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.utils import timezone

from pgaudit_log.constants import AT_KEY
from pgaudit_log.diffs.display import (
    NOTHING,
    exact,
    in_current_zone,
    moment,
    safe,
    shortened,
)
from pgaudit_log.values import row_json
from pgaudit_log.values.row_json import MISSING, Absence, unescaped

__all__ = [
    "NOTHING",
    "change",
    "cut",
    "moment",
    "of_stored",
    "of_value",
    "safe",
    "shortened",
    "side",
    "time",
]


def cut(text: str, limit: int) -> str:
    """Return ``text``, or its beginning where it is longer than ``limit``."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def time(value: datetime, *, is_narrow: bool) -> str:
    """Return a moment for a list, in the current time zone: narrow without what today has, too."""
    local = in_current_zone(value)
    if not is_narrow:
        return local.strftime("%Y-%m-%d %H:%M:%S")
    now = in_current_zone(timezone.now())
    if local.date() == now.date():
        return local.strftime("%H:%M:%S")
    is_of_this_year = local.year == now.year
    return local.strftime("%m-%d %H:%M" if is_of_this_year else "%Y-%m-%d")


def of_value(value: object, text: str | None = None) -> str:
    """Return a value for people: ``text``, if that is given, but few bytes as they are."""
    is_exact = text is None or isinstance(value, bytes | bytearray | memoryview)
    return safe(exact(value) if is_exact else text)


def of_stored(value: object) -> str:
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


def side(value: object, text: str | None = None, *, there: bool = True) -> str | None:
    """Return one side of a change; ``None`` where there was no object, so that nothing is unknown."""
    if value is MISSING:
        return str(row_json.MISSING) if there else None
    return of_value(value, text)
