"""The SQL of backfills tells in its header what it is, what its holes are, and what it reads."""

from __future__ import annotations

from importlib import resources

import pytest

from pgaudit_log.values.sql_text import Template, template

ROOM = "pgaudit_log.backfill"

FILES = sorted(file.name for file in resources.files(ROOM).iterdir() if file.name.endswith(".sql"))


def header_and_statement(name: str) -> tuple[str, Template]:
    text = resources.files(ROOM).joinpath(name).read_text(encoding="utf-8")
    header = "".join(line for line in text.splitlines(keepends=True) if line.startswith("--"))
    return header, template(ROOM, name)


@pytest.mark.parametrize("name", FILES)
def test_a_header_has_the_name_and_says_what_is_read(name: str) -> None:
    header, _ = header_and_statement(name)
    assert header.startswith(f"-- {name.removesuffix('.sql')}: ")
    assert "\n-- Reads " in header


@pytest.mark.parametrize("name", FILES)
def test_a_header_tells_each_hole(name: str) -> None:
    header, statement = header_and_statement(name)
    if "lock_unknown.sql, which has the same holes" in header:
        header += header_and_statement("lock_unknown.sql")[0]
    assert {hole for hole in statement.holes if f"@{hole}@" not in header} == set()


def test_there_are_files() -> None:
    assert len(FILES) == 6
