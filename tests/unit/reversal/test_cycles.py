"""What waits in a circle is found, and broken where it costs least."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pgaudit_log.reversal.cycles import Columns, break_cycle, find_cycle
from pgaudit_log.reversal.order import until_cycle


@pytest.mark.parametrize(
    ("waits", "expected"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({0: [], 1: [], 2: []}, [0, 1, 2], id="nothing waits"),
        pytest.param({0: [2], 1: [], 2: []}, [1, 2, 0], id="one waits"),
        pytest.param({0: [1], 1: [2], 2: [3], 3: []}, [3, 2, 1, 0], id="a chain"),
        pytest.param({0: [1], 1: [0], 2: [], 3: [0]}, [2], id="a circle, and what waits for it"),
    ],
)
def test_what_waits_comes_after_what_it_waits_for(waits: Any, expected: list[int]) -> None:
    assert list(until_cycle(waits)) == expected


@pytest.mark.parametrize(
    ("waits", "expected"),
    [
        pytest.param({0: []}, None, id="nothing waits"),
        pytest.param({0: [1, 2], 1: [2], 2: []}, None, id="two ways to the same"),
        pytest.param({0: [1], 1: [0]}, [0, 1], id="a swap"),
        pytest.param({0: [1], 1: [2], 2: [3], 3: [1]}, [1, 2, 3], id="behind a tail"),
        pytest.param({0: [1, 2], 1: [], 2: [0]}, [0, 2], id="on the second way"),
    ],
)
def test_a_circle_is_found(waits: dict[int, list[int]], expected: list[int] | None) -> None:
    assert find_cycle(0, waits.__getitem__, set()) == expected


def test_steps_without_a_circle_are_looked_at_once() -> None:
    without: set[int] = set()
    find_cycle(0, {0: [1], 1: [2], 2: []}.__getitem__, without)

    assert without == {0, 1, 2}


def unique(*names: str) -> Columns:
    return names


def aside(*numbers: int) -> Any:
    """Rows that can be moved aside."""
    return lambda number, columns: f"{number} by {columns[0]}" if number in numbers else None


@pytest.mark.parametrize(
    ("waits", "movable", "pointing", "expected"),
    [
        pytest.param(
            {0: {1: unique("slug")}, 1: {0: unique("slug")}},
            (0, 1),
            (),
            (0, "0 by slug"),
            id="the first that can be moved aside",
        ),
        pytest.param(
            {0: {1: unique("slug")}, 1: {0: unique("slug")}},
            (1,),
            (),
            (1, "1 by slug"),
            id="the only one that can be moved aside",
        ),
        pytest.param(
            {0: {1: unique("slug")}, 1: {0: None}},
            (0, 1),
            (),
            (1, "1 by slug"),
            id="only a unique value is given up",
        ),
        pytest.param({0: {1: None}, 1: {0: None}}, (0, 1), (), (0, None), id="references"),
        pytest.param(
            {0: {1: None}, 1: {0: None}},
            (0, 1),
            (0,),
            (1, None),
            id="one that makes nothing point at another row goes first",
        ),
        pytest.param(
            {0: {1: None}, 1: {0: None}}, (), (0, 1), (0, None), id="all point at another row"
        ),
    ],
)
def test_a_circle_is_broken(
    waits: Mapping[int, Mapping[int, Columns | None]],
    movable: tuple[int, ...],
    pointing: tuple[int, ...],
    expected: Any,
) -> None:
    assert break_cycle([0, 1], waits, aside(*movable), pointing) == expected
