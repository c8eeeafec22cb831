"""Cycles: what waits for each other in a circle is found, and broken at one place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

Columns = tuple[str, ...]

Waits = Mapping[int, Mapping[int, Columns | None]]
"""By step those before it: for a unique value in these columns, or (``None``) a reference."""

T = TypeVar("T")


def find_cycle(
    start: int, before: Callable[[int], Iterable[int]], without: set[int]
) -> list[int] | None:
    """Return a circle that is reached from ``start``, or ``None``.

    Each of it waits for the next, and the last one for the first.

    Args:
        start: where to begin.
        before: says what a step waits for.
        without: steps from which no circle is reached; what is found to be one is added.
    """
    path, nexts = [start], [iter(before(start))]
    on_path = {start}
    while path:
        number = next((n for n in nexts[-1] if n not in without), None)
        if number is None:
            nexts.pop()
            on_path.discard(path[-1])
            without.add(path.pop())
        elif number in on_path:
            return path[path.index(number) :]
        else:
            path.append(number)
            nexts.append(iter(before(number)))
            on_path.add(number)
    return None


def break_cycle(
    cycle: Sequence[int],
    waits: Waits,
    aside: Callable[[int, Columns], T | None],
    pointing: Collection[int],
) -> tuple[int, T | None]:
    """Return the step of a circle that need not wait, and how its row is moved aside before.

    Moved aside is the first row with a unique value that another one waits for. If there is none,
    references wait in a circle: their constraints are deferred, or the database refuses. Then a
    step goes first that does not make its row point at another: its key changes, and the database
    takes along what points at it.

    Args:
        cycle: each step waits for the next, and the last one for the first.
        waits: what each of them waits for.
        aside: says how a row gets out of the way with a unique value; ``None`` if it cannot.
        pointing: the steps that make their row point at another.
    """
    for waiting, number in zip([cycle[-1], *cycle], cycle, strict=False):
        columns = waits[waiting][number]
        if columns is not None and (found := aside(number, columns)) is not None:
            return number, found
    return next((number for number in cycle if number not in pointing), cycle[0]), None
