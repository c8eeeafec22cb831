"""Text diffs: two texts as what they share and what only one of them has."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["=", "-", "+", "…"]
"""What both have, what only the old one or the new one has, and what is left out."""

Piece = tuple[Kind, str]

BY_LINES = 5_000
"""From how many characters on whole lines are compared instead of words."""

_MOST_WORK = 4_000_000
"""How many pairs of words, or lines, are compared at most: this bounds the time that it takes."""

_WORDS = re.compile(r"\w+|\s+|[^\w\s]")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_SHOWN_AROUND = 60
"""How many characters are shown around a change of what both texts share."""


def compared(old: str, new: str) -> list[Piece]:
    """Return the pieces of two texts in order: words, or lines where the texts are long."""
    pattern = _LINES if max(len(old), len(new)) > BY_LINES else _WORDS
    before, after = pattern.findall(old), pattern.findall(new)
    start = _shared(before, after)
    end = _shared(before[start:][::-1], after[start:][::-1])
    middle = before[start : len(before) - end], after[start : len(after) - end]
    pieces: list[Piece] = [("=", "".join(before[:start]))]
    pieces += _differing(*middle)
    pieces.append(("=", "".join(before[len(before) - end :])))
    return [piece for piece in pieces if piece[1]]


def _differing(old: list[str], new: list[str]) -> list[Piece]:
    if len(old) * len(new) > _MOST_WORK:
        return [("-", "".join(old)), ("+", "".join(new))]
    pieces: list[Piece] = []
    for tag, i, j, k, m in SequenceMatcher(None, old, new).get_opcodes():
        if tag == "equal":
            pieces.append(("=", "".join(old[i:j])))
        else:
            pieces += [("-", "".join(old[i:j])), ("+", "".join(new[k:m]))]
    return pieces


def _shared(one: list[str], other: list[str]) -> int:
    """Return how many of their first elements two lists share."""
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def in_context(pieces: list[Piece]) -> list[Piece]:
    """Return pieces with what both texts share shortened to what stands around the changes."""
    found: list[Piece] = []
    for position, (kind, text) in enumerate(pieces):
        is_first, is_last = position == 0, position == len(pieces) - 1
        most = _SHOWN_AROUND * (1 if is_first or is_last else 2)
        if kind != "=" or len(text) <= most * 2:
            found.append((kind, text))
            continue
        if not is_first:
            found.append(("=", text[:_SHOWN_AROUND]))
        found.append(("…", " … "))
        if not is_last:
            found.append(("=", text[-_SHOWN_AROUND:]))
    return found
