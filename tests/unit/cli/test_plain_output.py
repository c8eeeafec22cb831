"""Output without rich is, in a pipe, that with rich; on a terminal it keeps to the width."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgaudit_log.cli import plain_output, rich_output
from pgaudit_log.cli.plain_output import Column

# Signs whose width terminals disagree on are left out.
texts = st.text(st.sampled_from("ab Zö漢字é-→…"), max_size=12).map(str.strip)
some_text = texts.filter(bool)
columns = st.lists(
    st.builds(
        Column,
        name=some_text,
        limit=st.none() | st.integers(3, 9),
        is_rest=st.booleans(),
        is_number=st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Column], list[list[str]]]:
    chosen = draw(columns)
    row = st.lists(some_text, min_size=len(chosen), max_size=len(chosen))
    return chosen, draw(st.lists(row, max_size=4))


@given(tables())
def test_a_table_in_a_pipe_is_the_same(table: tuple[list[Column], list[list[str]]]) -> None:
    of_both = [d.table(*table, width=None, has_color=False) for d in (plain_output, rich_output)]
    assert of_both[0] == of_both[1]


@given(st.lists(st.tuples(some_text, some_text), max_size=4), st.integers(0, 4))
def test_pairs_in_a_pipe_are_the_same(pairs: list[tuple[str, str]], indent: int) -> None:
    of_both = [
        d.pairs(pairs, indent=indent, width=None, has_color=False)
        for d in (plain_output, rich_output)
    ]
    assert of_both[0] == of_both[1]


@given(tables(), st.integers(30, 60))
def test_a_table_on_a_terminal_keeps_to_its_width(
    table: tuple[list[Column], list[list[str]]], width: int
) -> None:
    lines = plain_output.table(*table, width=width, has_color=True).splitlines()
    assert len(lines) == 1 + len(table[1])
    assert all(plain_output.cells(line) <= width for line in lines)


@given(st.lists(st.tuples(texts, st.text("ab 漢\n", max_size=90)), max_size=3), st.integers(20, 60))
def test_pairs_on_a_terminal_keep_to_its_width(pairs: list[tuple[str, str]], width: int) -> None:
    drawn = plain_output.pairs(pairs, indent=2, width=width, has_color=True)
    assert all(plain_output.cells(line) <= width for line in drawn.splitlines())
    signs = "".join(name + text for name, text in pairs)
    assert sorted(drawn.replace(" ", "").replace("\n", "")) == sorted(
        signs.replace(" ", "").replace("\n", "")
    )


def test_what_does_not_fit_is_cut_where_it_may_be() -> None:
    chosen = [Column(name="id", is_number=True), Column(name="what", is_rest=True)]
    drawn = plain_output.table(chosen, [["17", "a long story"]], width=12, has_color=False)
    assert drawn == "id  what\n17  a long …\n"


@pytest.mark.parametrize(
    ("text", "cells"), [("", 0), ("ab", 2), ("漢字", 4), ("e\u0301", 1), ("a\u200bb", 2)]
)
def test_cells(text: str, cells: int) -> None:
    assert plain_output.cells(text) == cells
