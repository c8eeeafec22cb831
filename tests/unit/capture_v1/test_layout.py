"""The layout of SQL: on one line where it fits, and never at the cost of what it says."""

from __future__ import annotations

import pytest

from pgaudit_log.capture_v1.layout import WIDTH, case, chained, filled, indented, listed, selected

LONG = [f"column_{number:02}" for number in range(20)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", "    SELECT 1"),
        ("SELECT\n1", "    SELECT\n    1"),
        ("'a\nb'\n|| 'c'", "    'a\nb'\n    || 'c'"),
        ('"a\nb"\nAS x', '    "a\nb"\n    AS x'),
        ("'it''s\n'\n1", "    'it''s\n'\n    1"),
        ("-- it's\n1", "    -- it's\n    1"),
        ("E'\\\\'\n1", "    E'\\\\'\n    1"),
    ],
)
def test_names_and_literals_keep_their_line_breaks(sql: str, expected: str) -> None:
    assert indented(sql) == expected


def test_what_fits_stays_on_one_line() -> None:
    assert listed("ROW(", ["a", "b"], ")") == "ROW(a, b)"
    assert filled("ROW(", ["a", "b"], ")") == "ROW(a, b)"
    assert selected(["a", "b"]) == "SELECT a, b"
    assert chained("OR", ["a", "b"]) == "a OR b"
    assert case("a", "b", "c") == "CASE WHEN a THEN b ELSE c END"


def test_what_is_too_long_has_a_line_for_each_item() -> None:
    assert listed("f(", LONG, ")").splitlines() == [
        "f(",
        *(f"    {name}," for name in LONG[:-1]),
        f"    {LONG[-1]}",
        ")",
    ]
    assert chained("OR", LONG).splitlines() == [LONG[0], *(f"OR {name}" for name in LONG[1:])]


def test_an_item_of_several_lines_is_no_part_of_one() -> None:
    assert listed("f(", ["a\nb", "c"], ")") == "f(\n    a\n    b,\n    c\n)"
    assert case("a", "b\nc") == "CASE WHEN a\n    THEN b\n    c END"


def test_short_items_fill_the_lines() -> None:
    _, *lines, _ = filled("ROW(", LONG, ")").splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= WIDTH + len("    ,")
    assert " ".join(line.strip() for line in lines) == ", ".join(LONG)
