"""States: rows as JSON text, column by column, so that nothing is lost between reading and writing.

The text is PostgreSQL's own, which is the same for the same value and keeps what Python's
numbers would not: the scale of ``1.50``, forty digits, the sign of ``-0``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from django.utils.dateparse import parse_datetime

from pgaudit_log.columns import AT_KEY, JSON_KEY
from pgaudit_log.constants import DELETE, UPDATE

State = Mapping[str, str]
"""A row: the JSON text of each column that is known. A column may be missing, or ``null``."""

NULL: Final = "null"
"""The text of SQL ``NULL``."""

MASK_KEY: Final = "pgaudit_log.masked"
"""The key of the object that stands for a value which was not to be stored."""


class _Absence:
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


MISSING: Final = _Absence("MISSING", "unknown")
"""The value of a column of which a snapshot says nothing: not tracked, or not there, at the time."""

JSON_NULL: Final = _Absence("JSON_NULL", "null (JSON)")
"""The value of a JSON column that holds JSON's ``null``, where ``None`` is SQL's."""

# Numbers are never read, only their ends are looked for.
_decoder = json.JSONDecoder(parse_float=str, parse_int=str)


def split(text: str | None) -> dict[str, str]:
    """Return the values of a JSON object as text, by key; of ``None`` none."""
    found: dict[str, str] = {}
    if text is None:
        return found
    position = _skip(text, 0, "{")
    while text[position] != "}":
        key, position = _decoder.raw_decode(text, position)
        position = _skip(text, position, ":")
        _, end = _decoder.raw_decode(text, position)
        found[key] = text[position:end]
        position = _skip(text, end, ",") if text[_blank(text, end)] == "," else _blank(text, end)
    return found


def split_array(text: str) -> list[str]:
    """Return the values of a JSON array as text."""
    found = []
    position = _skip(text, 0, "[")
    while text[position] != "]":
        _, end = _decoder.raw_decode(text, position)
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


def changed(diff: str | None) -> Iterator[tuple[str, str, str]]:
    """Yield each column of an event's diff with the old and the new value as text."""
    for column, pair in split(diff).items():
        old, new = split_array(pair)
        yield column, old, new


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


def is_masked(text: str) -> bool:
    """Return whether a value was not stored, only that there was one."""
    return text.startswith('{"' + MASK_KEY)


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


def plain(text: str) -> object:
    """Return a value as JSON has it, for what no field reads: numbers with a point as text."""
    if is_json_null(text):
        return JSON_NULL
    value: object = json.JSONDecoder(parse_float=str).decode(text)
    return value
