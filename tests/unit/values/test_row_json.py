"""States keep each value as PostgreSQL wrote it, and columns that are not there apart from NULL."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from pgaudit_log.values import row_json
from pgaudit_log.values.row_json import JSON_NULL, MISSING

TEXTS = {
    "nothing": "{}",
    "numbers": '{"a": 1.50, "b": -0, "c": 123456789012345678901234567890.10, "d": 1e400}',
    "texts": '{"a": "", "b": "a\\"b", "c": "}, ]", "d": "\\u0000 ☃", "e\\"": "x"}',
    "nested": '{"a": {"b": [1.0, {"c": null}]}, "d": [[], {}]}',
    "literals": '{"a": null, "b": true, "c": false}',
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_is_split_is_joined_again_to_the_same_text(text: str) -> None:
    joined = row_json.join(row_json.split(text))
    assert json.loads(joined, parse_float=str) == json.loads(text, parse_float=str)
    assert row_json.split(joined) == row_json.split(text)


def test_a_number_keeps_its_digits() -> None:
    assert row_json.split('{"a": 1.50, "b": 100000000000000000000.10}') == {
        "a": "1.50",
        "b": "100000000000000000000.10",
    }


def test_nothing_has_no_columns() -> None:
    assert row_json.split(None) == {}


def test_blanks_do_not_matter() -> None:
    assert row_json.split(' { "a" : 1 , "b":2 }') == {"a": "1", "b": "2"}
    assert row_json.split_array(" [ 1 , [2] ]") == ["1", "[2]"]
    assert row_json.split_array("[]") == []


def test_a_diff_has_both_sides() -> None:
    assert list(row_json.changed('{"a": [1, 2], "b": [[1, 2], null]}')) == [
        ("a", "1", "2"),
        ("b", "[1, 2]", "null"),
    ]


SNAPSHOT, DIFF = '{"a": 2, "b": 5}', '{"a": [1, 2]}'


def test_an_update_has_a_row_before_and_after() -> None:
    assert row_json.before("U", SNAPSHOT, DIFF) == {"a": "1", "b": "5"}
    assert row_json.after("U", SNAPSHOT, DIFF) == {"a": "2", "b": "5"}


def test_it_does_not_matter_which_row_the_snapshot_is() -> None:
    old = '{"a": 1, "b": 5}'
    assert row_json.before("U", old, DIFF) == {"a": "1", "b": "5"}
    assert row_json.after("U", old, DIFF) == {"a": "2", "b": "5"}


@pytest.mark.parametrize("operation", ["I", "B", "M"])
def test_other_events_only_have_a_row_after(operation: str) -> None:
    assert row_json.before(operation, SNAPSHOT, None) is None
    assert row_json.after(operation, SNAPSHOT, None) == {"a": "2", "b": "5"}


def test_a_deletion_only_has_a_row_before() -> None:
    assert row_json.before("D", SNAPSHOT, None) == {"a": "2", "b": "5"}
    assert row_json.after("D", SNAPSHOT, None) is None


def test_a_truncation_has_neither() -> None:
    assert row_json.before("T", None, None) is None
    assert row_json.after("T", None, None) is None


@pytest.mark.parametrize("value", [MISSING, JSON_NULL, row_json.MASKED, row_json.ERASED])
def test_what_stands_for_no_value_is_one_of_its_kind(value: object) -> None:
    assert pickle.loads(pickle.dumps(value)) is value
    assert copy.deepcopy(value) is value
    assert not value


def test_they_have_names() -> None:
    assert (repr(MISSING), str(MISSING)) == ("MISSING", "unknown")
    assert (repr(JSON_NULL), str(JSON_NULL)) == ("JSON_NULL", "null (JSON)")


def test_values_that_no_field_reads_are_json_s_own() -> None:
    assert row_json.plain("1.50") == "1.50"
    assert row_json.plain('{"pgaudit_log.json": null}') is JSON_NULL
    assert row_json.plain('["a", null]') == ["a", None]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"pgaudit_log.masked": "sha256"}', row_json.MASKED),
        ('{"pgaudit_log.erased": true}', row_json.ERASED),
        ('{"pgaudit_log.at": 5}', MISSING),
        ('{"pgaudit_log.marker": {"kind": "to come"}}', MISSING),
        ('{"pgaudit_log.json": null}', JSON_NULL),
        ('{"pgaudit_log.json": {"pgaudit_log.masked": 1}}', {"pgaudit_log.masked": 1}),
        ('{"pgaudit_log.json": {"pgaudit_log.json": null}}', {"pgaudit_log.json": None}),
        ('{"pgaudit_log.other": 1}', {"pgaudit_log.other": 1}),
        ('"pgaudit_log.masked"', "pgaudit_log.masked"),
        ('{"other": 1}', {"other": 1}),
    ],
)
def test_what_stands_for_a_value_is_told_from_one(text: str, value: object) -> None:
    assert row_json.plain(text) == value
    is_withheld = isinstance(value, row_json.Absence) and value is not JSON_NULL
    assert row_json.absence(text) is (value if is_withheld else None)
