"""Any JSON that PostgreSQL could store is read, on any Python."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from typing import Any

import pytest

from pgaudit_log.values import json_text, row_json

HUGE = "1" + "0" * 4400
DEEP = "[" * 3000 + "]" * 3000


def test_usual_documents_are_read_as_json_does() -> None:
    document = {"a": [1, 2.5, None, True, "x"], "b": {"c": {}}, "d": []}
    assert json_text.read(json.dumps(document)) == document


@pytest.mark.skipif(sys.version_info < (3, 11), reason="its int() has no limit before 3.10.7")
def test_an_integer_that_python_refuses_is_a_decimal() -> None:
    assert json_text.read(f'{{"a": {HUGE}, "b": 2}}') == {"a": Decimal(HUGE), "b": 2}


def test_a_number_that_would_be_infinite_is_a_decimal() -> None:
    number = "9" * 400 + ".5"
    assert json_text.read(f"[{number}, 0.5]") == [Decimal(number), 0.5]


@pytest.mark.parametrize(
    ("text", "levels", "value"),
    [
        (DEEP, 0, DEEP),
        (f'{{"a": {DEEP}, "b": [1, 2]}}', 1, {"a": DEEP, "b": [1, 2]}),
        (f'{{"a": [{DEEP}, "[\\"{{"], "b": "}}"}}', 2, {"a": [DEEP, '["{'], "b": "}"}),
        (f'{{"a": [1, {DEEP}]}}', 1, {"a": f"[1, {DEEP}]"}),
        (f'{{"a": {DEEP}, "n": {HUGE}}}', 1, {"a": DEEP, "n": json_text.read(HUGE)}),
        (f'  {{"a": {DEEP}}}', 1, {"a": DEEP}),
    ],
)
def test_what_is_too_deep_is_its_text(text: str, levels: int, value: Any) -> None:
    assert json_text.read(text, levels=levels) == value


@pytest.mark.parametrize("depth", [1, 100, 200, 201, 500, 900])
def test_a_value_of_any_depth_can_be_written_again(depth: int) -> None:
    text = '{"a":' * depth + "1" + "}" * depth
    value = json_text.read(text)
    assert json_text.depth(text) == depth
    assert repr(value)
    assert json.dumps(value, indent=2)


def test_brackets_in_texts_are_no_levels() -> None:
    assert json_text.depth('{"a": "[[[\\"{", "b\\\\": [[], "]]"], "c": 1}') == 3
    assert json_text.depth('"[["') == json_text.depth("12") == 0


def test_where_the_stack_is_nearly_used_up_it_is_read_too() -> None:
    text = '{"a": ' + "[" * 190 + "1" + "]" * 190 + "}"

    def at(depth: int) -> Any:
        return json_text.read(text, levels=1) if not depth else at(depth - 1)

    assert set(at(sys.getrecursionlimit() - 250)) == {"a"}


def test_states_split_what_is_too_deep() -> None:
    text = f'{{"a": {DEEP}, "n": {HUGE}, "b": {{"c": {DEEP}}}}}'
    assert row_json.split(text) == {"a": DEEP, "n": HUGE, "b": f'{{"c": {DEEP}}}'}
    assert row_json.split_array(f"[{DEEP}, {HUGE}]") == [DEEP, HUGE]
    assert row_json.plain(DEEP) == json_text.read(DEEP)
    assert row_json.plain(HUGE) == json_text.read(HUGE)
