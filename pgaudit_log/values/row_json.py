"""States: rows as JSON text, column by column, so that nothing is lost between reading and writing.

The text is PostgreSQL's own, which is the same for the same value and keeps what Python's
numbers would not: the scale of ``1.50``, forty digits, the sign of ``-0``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from django.utils.dateparse import parse_datetime

from pgaudit_log.constants import (
    AT_KEY,
    DELETE,
    ERASED_KEY,
    JSON_KEY,
    MARKERS,
    MASKED_KEY,
    UPDATE,
)
from pgaudit_log.values import json_text

State = Mapping[str, str]
"""A row: the JSON text of each column that is known. A column may be missing, or ``null``."""

NULL: Final = "null"
"""The text of SQL ``NULL``."""


MASK: Final = f'{{"{MASKED_KEY}": true}}'
"""The text of what stands for a value that is not to be told."""


class Absence:
    """What stands where there is no value; false, so that it can be tested for."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text

    def __repr__(self) -> str:
        return self._name

    def __str__(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        return self._name


MISSING: Final = Absence("MISSING", "unknown")
"""The value of a column of which a snapshot says nothing: not tracked, or not there, at the time."""

JSON_NULL: Final = Absence("JSON_NULL", "null (JSON)")
"""The value of a JSON column that holds JSON's ``null``, where ``None`` is SQL's."""

MASKED: Final = Absence("MASKED", "hidden")
"""The value of a column of which the event was only to say whether it changed."""

ERASED: Final = Absence("ERASED", "erased")
"""The value of a column that was erased from the event."""

_HASH = re.compile(rf'\{{"{re.escape(MASKED_KEY)}": "([0-9]+)\.[0-9a-f]+"\}}')
"""The text of a hash, with the number of its key."""

_BY_MARKER: Final = {MASKED_KEY: MASKED, ERASED_KEY: ERASED}

# Numbers are never read, only their ends are looked for.
_decoder = json.JSONDecoder(parse_float=str, parse_int=str)


def _end(text: str, position: int) -> int:
    """Return where the value at ``position`` ends."""
    try:
        return _decoder.raw_decode(text, position)[1]
    except RecursionError:
        return json_text.end(text, position)


def split(text: str | None) -> dict[str, str]:
    """Return the values of a JSON object as text, by key; of ``None`` none."""
    found: dict[str, str] = {}
    if text is None:
        return found
    position = _skip(text, 0, "{")
    while text[position] != "}":
        key, position = _decoder.raw_decode(text, position)
        position = _skip(text, position, ":")
        end = _end(text, position)
        found[key] = text[position:end]
        position = _skip(text, end, ",") if text[_blank(text, end)] == "," else _blank(text, end)
    return found


def split_array(text: str) -> list[str]:
    """Return the values of a JSON array as text."""
    found = []
    position = _skip(text, 0, "[")
    while text[position] != "]":
        end = _end(text, position)
        found.append(text[position:end])
        position = _skip(text, end, ",") if text[_blank(text, end)] == "," else _blank(text, end)
    return found


def _blank(text: str, position: int) -> int:
    while text[position] == " ":
        position += 1
    return position


def _skip(text: str, position: int, sign: str) -> int:
    """Return where the next value starts, behind ``sign`` and blanks around it."""
    position = _blank(text, position)
    assert text[position] == sign, (text, position, sign)
    return _blank(text, position + 1)


def join(state: State) -> str:
    """Return a state as the text of one JSON object."""
    pairs = (f"{json.dumps(key)}: {value}" for key, value in state.items())
    return "{" + ", ".join(pairs) + "}"


def agree(one: State | None, other: State | None) -> bool:
    """Return whether two states can be of the same row: no column that both have differs."""
    if one is None or other is None:
        return one is other
    return all(
        one.get(column, value) == value or tells_no_difference(one[column], value)
        for column, value in other.items()
    )


def changed(diff: str | None) -> Iterator[tuple[str, str, str]]:
    """Yield each column of an event's diff with the old and the new value as text.

    What is no pair, which no capture function has written, says of no column how it changed.
    """
    for column, pair in split(diff).items():
        sides = split_array(pair) if pair.startswith("[") else []
        if len(sides) == 2:
            yield column, sides[0], sides[1]


def before(operation: str, snapshot: str | None, diff: str | None) -> dict[str, str] | None:
    """Return the state that an event found; ``None`` where the row was not there, or is not known."""
    if operation == UPDATE:
        return {**split(snapshot), **{column: old for column, old, _ in changed(diff)}}
    return split(snapshot) if operation == DELETE else None


def after(operation: str, snapshot: str | None, diff: str | None) -> dict[str, str] | None:
    """Return the state that an event left; ``None`` where the row is gone, or is not known."""
    if operation == UPDATE:
        return {**split(snapshot), **{column: new for column, _, new in changed(diff)}}
    return split(snapshot) if operation != DELETE and snapshot is not None else None


def absence(text: str) -> Absence | None:
    """Return what stands in the place of a value that an event does not have; ``None`` where it has one.

    That is :data:`MASKED`, :data:`ERASED`, or :data:`MISSING` for a marker of later versions. It is
    never written back.
    """
    if not text.startswith('{"pgaudit_log.'):
        return None
    for key in MARKERS:
        if key != JSON_KEY and text.startswith(f'{{"{key}":'):
            return _BY_MARKER.get(key, MISSING)
    return None


def hidden(text: str) -> str:
    """Return what may be told of a value of a masked column: of what was stored as a mark, that."""
    return text if absence(text) in (MASKED, ERASED) else MASK


def are_other_hashes(one: str, other: str) -> bool:
    """Return whether two texts are hashes of one key, of masked values that differ."""
    first, second = (_HASH.fullmatch(text) for text in (one, other))
    return first is not None and second is not None and one != other and first[1] == second[1]


def tells_no_difference(one: str | None, other: str | None) -> bool:
    """Return whether a column is masked on both sides, and nothing tells that the values differ."""
    return (
        one is not None
        and other is not None
        and absence(one) is absence(other) is MASKED
        and not are_other_hashes(one, other)
    )


def is_elsewhere(text: str) -> bool:
    """Return whether a value is a reference to the event that has it."""
    return text.startswith(f'{{"{AT_KEY}": ')


def place_of(text: str) -> tuple[int, datetime, str] | None:
    """Return where a value is that is elsewhere: the event's id and time, and the key there.

    ``None`` where the reference is none that we write.
    """
    match json.loads(text)[AT_KEY]:
        case {"id": int(id), "created_at": str(created_at), "key": str(key)}:
            try:
                moment = parse_datetime(created_at)
            except ValueError:
                return None
            return (id, moment, key) if moment is not None and abs(id) < 2**63 else None
    return None


def is_json_null(text: str) -> bool:
    """Return whether a value is the ``null`` of a JSON column."""
    return text == f'{{"{JSON_KEY}": null}}'


class _PlainDecoder(json.JSONDecoder):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "parse_float": str})


def plain(text: str) -> object:
    """Return a value as JSON has it, for what no field reads: numbers with a point as text, and
    what Python has no room for as ``json_text`` says."""
    if is_json_null(text):
        return JSON_NULL
    if (stands := absence(text)) is not None:
        return stands
    value: object = json_text.read(text, _PlainDecoder)
    return unescaped(value)


def unescaped(value: object) -> object:
    """Return a decoded value of a snapshot without the object that it is stored in, if it is.

    What is no value comes back as what stands for it.
    """
    if isinstance(value, Mapping) and len(value) == 1:
        [(key, inner)] = value.items()
        if key == JSON_KEY:
            return JSON_NULL if inner is None else inner
        if key in MARKERS:
            return _BY_MARKER.get(key, MISSING)
    return value
