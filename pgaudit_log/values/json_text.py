"""JSON text: read into Python values, whatever PostgreSQL could store.

PostgreSQL's JSON has integers of 131,072 digits and values nested thousands of levels deep.
Python refuses to read an integer of more than 4,300 digits, and runs out of stack on the other;
or it reads them, and whoever writes them again does. What comes back here:

* an integer that ``int()`` refuses, as ``Decimal``, and so a number with a point that would be
  infinite as ``float``; in the documents of events as :class:`~pgaudit_log.values.json_numbers.Number`;
* a value nested more than ``MAX_DEPTH`` levels deep, with the document around it, as its JSON
  text, a ``str``. The outermost levels of a document come back as what they are: each column of
  a snapshot is a value of its own, each side of a diff, each key of a context.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache, partial
from itertools import accumulate
from typing import Any, Final

from pgaudit_log.values.json_numbers import Number

MAX_DEPTH: Final = 200
"""How many levels are read. Whoever walks a value needs a frame or two a level, of 1,000 in all."""

_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_TOKEN = re.compile(rf"{_STRING}|[\[\]{{}},:]", re.S)
_BETWEEN_BRACKETS = re.compile(rf'{_STRING}|[^"\[\]{{}}]+', re.S)
_STEPS = defaultdict(int, {"[": 1, "{": 1, "]": -1, "}": -1})


def _integer(text: str, exact: Callable[[str], Any]) -> Any:
    try:
        return int(text)
    except ValueError:
        return exact(text)


def _float(text: str, exact: Callable[[str], Any]) -> Any:
    number = float(text)
    return number if math.isfinite(number) else exact(text)


class PlainDecoder(json.JSONDecoder):
    """Reads numbers as ``json`` does, those out of its reach as ``exact``."""

    exact: type[Any] = Decimal

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "parse_float": partial(_float, exact=self.exact)})


class DocumentDecoder(PlainDecoder):
    """Reads documents of events, which ``json`` can write again."""

    exact = Number


class ExactDecoder(json.JSONDecoder):
    """Reads numbers with a point as ``Number``: as ``float``, long ones would be others."""

    exact = Number

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "parse_float": Number})


@cache
def _decoders(decoder: Any) -> tuple[Callable[[str], Any], Callable[[str], Any]]:
    """Return two ways to read: the usual one, and the slower one that refuses no number."""
    integer = partial(_integer, exact=getattr(decoder, "exact", Decimal))
    return decoder().decode, decoder(parse_int=integer).decode


def read(text: str, decoder: Any = PlainDecoder, *, levels: int = 0) -> Any:
    """Return the value of a JSON document that PostgreSQL wrote.

    Of one that is too deep, what is ``levels`` levels inside is text where that is too deep.

    Raises:
        json.JSONDecodeError: for what is no JSON.
    """
    if is_deep(text):
        return _read_deep(text.strip(), levels, decoder)
    usual, patient = _decoders(decoder)
    try:
        return usual(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return patient(text)
    except RecursionError:
        # The stack was nearly used up before.
        return _read_deep(text.strip(), levels, decoder)


def is_deep(text: str) -> bool:
    """Return whether a JSON text is nested more than ``MAX_DEPTH`` levels deep."""
    # Most documents are short, and then nothing more is looked at.
    return (
        len(text) > 2 * MAX_DEPTH
        and text.count("[") + text.count("{") > MAX_DEPTH
        and depth(text) > MAX_DEPTH
    )


def depth(text: str) -> int:
    """Return how many levels of arrays and objects a JSON text has."""
    # Without a step of the interpreter for each token: a megabyte has 400,000.
    brackets = _BETWEEN_BRACKETS.sub("", text)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


def _read_deep(text: str, levels: int, decoder: Any) -> Any:
    if not text.startswith(("[", "{")):
        return _decoders(decoder)[1](text)
    if not levels:
        return text
    found = ((key, _member(own, levels - 1, decoder)) for key, own in members(text))
    if text[0] == "[":
        return [value for _, value in found]
    return {json.loads(key): value for key, value in found}


def _member(text: str, levels: int, decoder: Any) -> Any:
    if is_deep(text):
        return _read_deep(text, levels, decoder)
    try:
        return _decoders(decoder)[1](text)
    except RecursionError:
        return text


def members(text: str) -> Iterator[tuple[str, str]]:
    """Yield the keys, with their quotes, and the values of a JSON object as text, however deep.

    Of an array, the keys are empty.
    """
    level = start = 0
    key = ""
    for token in _TOKEN.finditer(text):
        sign = token.group()
        if sign in "[{":
            level += 1
            if level == 1:
                start = token.end()
        elif sign == ":" and level == 1:
            key = text[start : token.start()].strip()
            start = token.end()
        elif sign in ",]}":
            if level == 1:
                if own := text[start : token.start()].strip():
                    yield key, own
                start = token.end()
            level -= sign != ","


def end(text: str, position: int) -> int:
    """Return where the array or object that starts at ``position`` ends."""
    level = 0
    for token in _TOKEN.finditer(text, position):
        sign = token.group()
        if sign in "[{":
            level += 1
        elif sign in "]}":
            level -= 1
            if not level:
                return token.end()
    raise json.JSONDecodeError("Unterminated value", text, position)
