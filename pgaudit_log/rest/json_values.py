"""JSON values: a value as JSON has it, and the words for it that the screens show."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any, Literal
from uuid import UUID

from django.utils.duration import duration_string

from pgaudit_log.presentation.renderers.base import Renderer
from pgaudit_log.values.json_numbers import Number
from pgaudit_log.values.row_json import ERASED, JSON_NULL, MASKED, MISSING, Absence

Kind = Literal["value", "null", "masked", "erased", "unknown", "too_large"]
"""Whether a value is one; ``null`` is SQL's, while JSON's own ``null`` is a value."""

KINDS: tuple[Kind, ...] = ("value", "null", "masked", "erased", "unknown", "too_large")

_ABSENCES: dict[Absence, Kind] = {MASKED: "masked", ERASED: "erased", MISSING: "unknown"}

MOST_LEVELS = 100
"""How deep a document is at most: JSON's readers go no deeper than their languages do."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """A value for programs, and for people."""

    kind: Kind
    value: Any
    text: str


def value_of(renderer: Renderer, value: Any, *, most: int) -> Value:
    """Return a value as JSON, and as the screens show it; only so what has more than ``most`` characters."""
    shown = renderer.json(value)
    text = _cut(text_of(renderer.show(value)), most)
    if isinstance(shown, Absence) and shown is not JSON_NULL:
        return Value(kind=_ABSENCES[shown], value=None, text=text)
    if shown is None:
        return Value(kind="null", value=None, text=text)
    try:
        return Value(kind="value", value=plain(shown, most=most), text=text)
    except _TooLargeError:
        return Value(kind="too_large", value=None, text=text)


def document_of(value: Any, *, most: int) -> Any:
    """Return a document as JSON; ``None`` of one that is too deep, or has more than ``most`` characters."""
    try:
        return plain(value, most=most)
    except _TooLargeError:
        return None


class _TooLargeError(Exception):
    """A value is larger or deeper than what goes into an answer."""


def plain(value: Any, *, most: int) -> Any:
    """Return a value as what JSON has; decimals and what else it has not, as texts.

    Raises:
        _TooLargeError: for what has more than about ``most`` characters, or is too deep.
    """
    found, _rest = _plain(value, most, 0)
    return found


def _plain(value: Any, room: int, level: int) -> tuple[Any, int]:
    """Return a value, and how much room is left behind it."""
    if room < 0 or level > MOST_LEVELS:
        raise _TooLargeError
    match value:
        case dict():
            document: dict[str, Any] = {}
            for key, own in value.items():
                document[_text(key)], room = _plain(own, room - len(str(key)) - 4, level + 1)
            return document, room
        case list() | tuple():
            elements = []
            for own in value:
                element, room = _plain(own, room - 2, level + 1)
                elements.append(element)
            return elements, room
        case _:
            found = _scalar(value)
            if isinstance(found, str) and len(found) > room:
                raise _TooLargeError
            return found, room - (len(found) if isinstance(found, str) else 8)


def _scalar(value: Any) -> Any:
    match value:
        case None | bool():
            return value
        case Absence():
            return None
        case int():
            # Above that, readers of JSON that know floats only would change it.
            return value if abs(value) < 10**18 else str(Decimal(value))
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal() | Number() | UUID():
            return str(value)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return duration_string(value)
        case bytes():
            return f"\\x{value.hex()}"
        case _:
            return _text(value)


def _text(value: Any) -> str:
    """Return a text that can be sent: half of a surrogate pair cannot."""
    return str(value).encode("utf-8", "replace").decode("utf-8")


def text_of(html: str) -> str:
    """Return the words of HTML that a renderer made, as they are seen."""
    reader = _Words()
    reader.feed(html)
    reader.close()
    return _text("".join(reader.words))


_VOID = frozenset({"br", "img", "wbr"})


class _Words(HTMLParser):
    """Collects what is seen; not what is only for screen readers, nor the beginning of what follows."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._open: list[bool] = []
        """Of each open element, whether it is seen."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            return
        classes = (dict(attrs).get("class") or "").split()
        self._open.append(tag != "summary" and "pgh-sr" not in classes)

    def handle_endtag(self, tag: str) -> None:
        if self._open and tag not in _VOID:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if all(self._open):
            self.words.append(data)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
