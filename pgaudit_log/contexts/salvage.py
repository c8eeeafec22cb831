"""Salvage: as much of metadata as a context can carry, whatever a project's own code gave.

``serialize`` refuses what is wrong, where a programmer is there to see it. A request is no
place for that: it must not fail because of what is recorded about it.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

from pgaudit_log.contexts.serialization import encoded, serialize

MAX_TEXT_LENGTH = 4096
"""How many characters of one text are kept."""

MAX_TEXT_BYTES = 8 * 1024
"""How much room one text takes as JSON, in which a character is up to twelve bytes."""

MAX_FAULT_BYTES = 1024
"""How long the text is that says what was left out."""

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def storable(text: str) -> str:
    """Return what a visitor sent so that a context can have it: no NUL, no half surrogates, not long."""
    return cut(text[:MAX_TEXT_LENGTH], MAX_TEXT_BYTES)


def cut(text: str, longest: int) -> str:
    """Return a text without NUL and half surrogates, so that it is ``longest`` bytes of JSON at most."""
    text = text[:longest].replace("\x00", "\N{REPLACEMENT CHARACTER}")
    text = text.encode(errors="replace").decode()
    if len(text) * 12 > longest and _size(text) > longest:
        text = text[: bisect_right(range(1, len(text)), longest, key=lambda n: _size(text[:n]))]
    return text


def _size(text: str) -> int:
    written = json.dumps(text)
    return len(written) + 5 * written.count("*")


def said(error: BaseException) -> str:
    """Return what an error says, also one that fails to say it."""
    try:
        text = f"{type(error).__name__}: {error}"
    except Exception:
        text = type(error).__name__
    return cut(text, MAX_FAULT_BYTES)


def salvaged(
    metadata: Any, longest: int, longest_value: int | None = None
) -> tuple[dict[str, Any], str]:
    """Return what of ``metadata`` can be carried, and what is wrong with the rest; ``""`` for nothing.

    Text is cut and cleaned, what is long becomes a part of its JSON. What has no JSON form is
    left out. Raises nothing.

    Args:
        metadata: anything; only a mapping has something that can be carried.
        longest: how many bytes of JSON all of it may take.
        longest_value: how many of them each of its values may take.
    """
    found: dict[str, Any] = {}
    faults: list[str] = []
    room = longest - len("{}")
    try:
        items = list(metadata.items()) if isinstance(metadata, Mapping) else None
    except Exception as error:
        return {}, said(error)
    if items is None:
        return {}, cut(f"A mapping is wanted, not a {type(metadata).__name__}.", MAX_FAULT_BYTES)
    for key, value in items:
        try:
            if not isinstance(key, str):
                raise TypeError(f"The key {key!r} is no text.")
            name = storable(key)
            # A long value leaves room for those behind it.
            kept = _fitting(name, value, min(room // 2, longest_value or longest))
            room -= len(serialize({name: kept})) - 1
        except Exception as error:
            faults.append(f'"{key}" {said(error)}.' if isinstance(key, str) else said(error))
        else:
            found[name] = kept
    return found, cut(" ".join(faults), MAX_FAULT_BYTES)


def _fitting(name: str, value: object, room: int) -> Any:
    """Return a value so that it takes no more than ``room`` bytes with its name.

    Raises:
        ValueError: when there is no room for any of it.
    """
    room -= len("{:,}") + _size(name)
    if room < len('""'):
        raise ValueError(f"There is no room for {name!r}.")
    if isinstance(value, str):
        return cut(str(value), room)
    text = encoded(value)
    if "\\u" in text:
        text = _NUL.sub(r"\1\\ufffd", text)
        text = json.dumps(json.loads(text), ensure_ascii=False).encode(errors="replace").decode()
        value = json.loads(text)
    # As much of the JSON as there is room for is no JSON any more, but text.
    size = len(encoded(value)) + 5 * text.count("*")
    return value if size <= room else cut(text, room)
