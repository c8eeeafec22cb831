"""The events of a transaction are put into the order in which rows changed, one for each change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pgaudit_log.reading.raw_events import Record
from pgaudit_log.reversal.targets.fold import fold
from pgaudit_log.reversal.targets.sequence import Transition, sequence
from pgaudit_log.values.row_json import agree
from tests.shop.models import Order

Row = dict[str, Any]


def record(
    id: int, operation: str, key: int, *, txid: int = 1, was: int | None = None, **fields: Any
) -> Record:
    return Record(
        id=id,
        label="shop.Order",
        model=Order,
        tracker="any",
        key=str(key),
        using="default",
        operation=operation,
        txid=txid,
        turn=None,
        refs=() if was is None else (f"was shop.Order:{was}",),
        **{"snapshot": None, "diff": None, **fields},
    )


def insert(id: int, key: int, row: Row, **more: Any) -> Record:
    return record(id, "I", key, snapshot=json.dumps({"id": key, **row}), **more)


def delete(id: int, key: int, row: Row, **more: Any) -> Record:
    return record(id, "D", key, snapshot=json.dumps({"id": key, **row}), **more)


def update(id: int, key: int, old: Row, new: Row, **more: Any) -> Record:
    """An update of the columns of ``old``; ``new`` may have more of the row."""
    was = more.get("was")
    diff = {column: [value, new[column]] for column, value in old.items()}
    if was is not None:
        diff["id"] = [was, key]
    return record(
        id, "U", key, snapshot=json.dumps({"id": key, **new}), diff=json.dumps(diff), **more
    )


def ids(events: list[Transition]) -> list[int]:
    return [event.first_id for event in events]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"a": "1"}, {"a": "1", "b": "2"}, True),
        ({"a": "1"}, {"b": "2"}, True),
        ({"a": "1"}, {"a": "2"}, False),
        (None, None, True),
        (None, {"a": "1"}, False),
    ],
)
def test_states_agree(one: Any, other: Any, expected: bool) -> None:
    assert agree(one, other) is expected


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param(
            [insert(1, 5, {"a": 1}), update(2, 5, {"a": 1}, {"a": 2}), delete(3, 5, {"a": 2})],
            [1, 2, 3],
            id="in order",
        ),
        pytest.param(
            [update(1, 5, {"a": 1}, {"a": 2}), insert(2, 5, {"a": 1})],
            [2, 1],
            id="a trigger changes the row that is inserted",
        ),
        pytest.param(
            [update(1, 5, {"a": 2}, {"a": 3}), update(2, 5, {"a": 1}, {"a": 2})],
            [2, 1],
            id="a trigger writes the row again",
        ),
        pytest.param(
            [
                update(1, 5, {"a": 0}, {"a": 1}),
                update(2, 5, {"a": 2}, {"a": 3}),
                update(3, 5, {"a": 1}, {"a": 2}),
            ],
            [1, 3, 2],
            id="a trigger writes the row again, which was written before",
        ),
        pytest.param(
            [delete(1, 5, {"a": 2}), update(2, 5, {"a": 1}, {"a": 2})],
            [2, 1],
            id="a trigger deletes the row that is updated",
        ),
        pytest.param(
            [insert(1, 5, {"a": 2}), delete(2, 5, {"a": 1})],
            [2, 1],
            id="a trigger makes room for the row that is inserted",
        ),
        pytest.param(
            [
                update(1, 5, {"a": 2}, {"a": 3}, txid=1),
                update(2, 5, {"a": 1}, {"a": 2}, txid=2),
            ],
            [1, 2],
            id="of two transactions",
        ),
        pytest.param(
            [update(1, 6, {"a": 2}, {"a": 3}), update(2, 5, {"a": 1}, {"a": 2})],
            [1, 2],
            id="of two rows",
        ),
        pytest.param(
            [
                update(1, 2, {}, {"a": 1}, was=1),
                update(2, 3, {}, {"a": 2}, was=2),
                update(3, 1, {}, {"a": 3}, was=3),
            ],
            [1, 2, 3],
            id="one statement passes keys on in a circle",
        ),
        pytest.param([record(1, "T", 5), record(2, "N", 5)], [], id="what changed no row"),
    ],
)
def test_events_are_put_into_order(records: list[Record], expected: list[int]) -> None:
    assert ids(sequence(records)) == expected


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([insert(1, 5, {"a": 1}), insert(2, 5, {"a": 1, "b": 2})], id="insert"),
        pytest.param(
            [update(1, 5, {"a": 1}, {"a": 2}), update(2, 5, {"a": 1}, {"a": 2, "b": 2})],
            id="update",
        ),
        pytest.param([delete(1, 5, {"a": 1}), delete(2, 5, {"a": 1, "b": 2})], id="delete"),
        pytest.param(
            [update(1, 6, {}, {"a": 2}, was=5), update(2, 6, {}, {"a": 2, "b": 2}, was=5)],
            id="another key",
        ),
    ],
)
def test_events_of_one_change_become_one(records: list[Record]) -> None:
    [event] = sequence(records)
    row = event.before if event.after is None else event.after

    assert (event.first_id, event.last_id, (row or {})["b"]) == (1, 2, "2")


def test_a_change_that_is_made_again_is_another_one() -> None:
    there_and_back = [
        update(1, 5, {"a": 1}, {"a": 2}),
        update(2, 5, {"a": 1}, {"a": 2}),
        update(3, 5, {"a": 2}, {"a": 1}),
        update(4, 5, {"a": 2}, {"a": 1}),
        update(5, 5, {"a": 1}, {"a": 2}),
        update(6, 5, {"a": 1}, {"a": 2}),
    ]

    assert [(e.first_id, e.last_id) for e in sequence(there_and_back)] == [(1, 2), (3, 4), (5, 6)]


def test_the_events_of_two_trackers_change_places_together() -> None:
    events = [
        update(1, 5, {"a": 2}, {"a": 3}),
        update(2, 5, {"a": 2}, {"a": 3}),
        update(3, 5, {"a": 1}, {"a": 2}),
        update(4, 5, {"a": 1}, {"a": 2}),
    ]

    assert [(e.first_id, e.last_id) for e in sequence(events)] == [(3, 4), (1, 2)]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param(
            [insert(1, 5, {"a": 1}), update(2, 5, {"a": 1}, {"a": 2})],
            [("5", None, {"id": "5", "a": "2"})],
            id="inserted",
        ),
        pytest.param([insert(1, 5, {"a": 1}), delete(2, 5, {"a": 1})], [], id="come and gone"),
        pytest.param(
            [update(1, 5, {"a": 1}, {"a": 2}), update(2, 5, {"a": 2}, {"a": 3})],
            [("5", {"a": "1"}, {"a": "3"})],
            id="updated",
        ),
        pytest.param(
            [update(1, 5, {"a": 1}, {"a": 2}), update(2, 5, {"a": 2}, {"a": 1})],
            [("5", {}, {})],
            id="there and back",
        ),
        pytest.param(
            [update(1, 5, {"a": 1}, {"a": 2, "b": 1}), delete(2, 5, {"a": 2, "b": 1})],
            [("5", {"id": "5", "a": "1", "b": "1"}, None)],
            id="deleted",
        ),
        pytest.param(
            [delete(1, 5, {"a": 1}), insert(2, 5, {"a": 2})],
            [("5", {"a": "1"}, {"a": "2"})],
            id="put in the place of another",
        ),
        pytest.param(
            [update(1, 2, {}, {"a": 1}, was=1), update(2, 1, {}, {"a": 2}, was=2)],
            [("2", {"id": "1"}, {"id": "2"}), ("1", {"id": "2"}, {"id": "1"})],
            id="keys are swapped",
        ),
    ],
)
def test_what_happened_to_a_row_becomes_one_target(records: list[Record], expected: Any) -> None:
    assert [(t.key, t.state, t.expected) for t in fold(records)] == expected


def test_what_others_wrote_in_between_is_noted() -> None:
    [found] = fold([update(1, 5, {"a": 1}, {"a": 2}), update(9, 5, {"a": 7}, {"a": 8}, txid=2)])

    assert (found.broken, found.passed, found.since, found.order) == (
        {"a": ("2", "7")},
        {"a": "2"},
        1,
        9,
    )


def test_what_others_put_back_in_between_is_noted_too() -> None:
    [found] = fold([update(1, 5, {"a": 1}, {"a": 2}), update(9, 5, {"a": 1}, {"a": 2}, txid=2)])

    assert found.broken == {"a": ("2", "1")}


def test_a_target_has_the_smallest_and_the_largest_id_of_its_events() -> None:
    [found] = fold([update(1, 5, {"a": 1}, {"a": 2}), insert(2, 5, {"a": 1})])

    assert (found.state, found.expected, found.since, found.order) == (
        None,
        {"id": "5", "a": "2"},
        1,
        2,
    )
