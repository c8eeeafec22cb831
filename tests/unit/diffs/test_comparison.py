"""What differs between two states of a row, as far as both sides can tell."""

from __future__ import annotations

from typing import Any

import pytest

from pgaudit_log.diffs.comparison import Side, as_stored, candidates, differing, in_order_of
from pgaudit_log.values.row_json import MASKED

COLUMNS = ("id", "a", "b")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": "1"}, {"a": "1"}, []),
        ({"a": "1"}, {"a": "2"}, ["a"]),
        ({"a": "1.5"}, {"a": "1.50"}, ["a"]),
        ({"a": "1"}, {}, ["a"]),
        ({}, {"a": "null"}, ["a"]),
        ({"b": "1", "a": "1"}, {"c": "1"}, ["b", "a", "c"]),
    ],
)
def test_columns_differ_by_their_text(old: Any, new: Any, expected: list[str]) -> None:
    assert differing(old, new) == expected


def side(state: Any, *known: str) -> Side:
    return Side(state=state, known=frozenset(known) if known else None)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            side({"a": "1", "b": "1"}),
            side({"a": "2", "b": "1"}),
            ({"a": "1"}, {"a": "2"}),
            id="all",
        ),
        pytest.param(
            side({"a": "1"}, "a"), side({"a": "1", "b": "2"}), ({}, {}), id="one side cannot tell"
        ),
        pytest.param(
            side(None, "a", "b"),
            side({"a": "1", "b": "2"}),
            ({}, {"a": "1", "b": "2"}),
            id="no row on one side",
        ),
        pytest.param(side(None), side(None), ({}, {}), id="no row at all"),
        pytest.param(
            side({"a": "1", "gone": "7"}, "a"),
            side({"a": "1"}),
            ({"gone": "7"}, {}),
            id="a column that is gone is told by whoever has it",
        ),
    ],
)
def test_only_what_both_sides_can_tell_of_is_compared(old: Side, new: Side, expected: Any) -> None:
    assert candidates(old, new, COLUMNS) == expected


def test_columns_come_in_the_order_of_the_model_and_then_the_others() -> None:
    assert in_order_of(["gone", "b", "id"], COLUMNS) == ["id", "b", "gone"]


def test_what_no_field_reads_is_shown_as_it_is_stored() -> None:
    state = {"a": "1", "b": '"x"', "gone": "[1, 2]", "id": '{"pgaudit_log.masked": true}'}

    assert as_stored(state, COLUMNS, {"b"}) == {"b": "x", "gone": [1, 2], "id": MASKED}
