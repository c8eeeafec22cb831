"""The SQL that lies beside the code tells in its header what it is, what its holes are, and what it reads."""

from __future__ import annotations

from importlib import resources

import pytest

from pgaudit_log.values.sql_text import Template, template

ROOMS = {"pgaudit_log.backfill": 6, "pgaudit_log.operating": 5}
"""The rooms that have such files, and how many."""

FILES = [
    (room, file.name)
    for room in ROOMS
    for file in sorted(resources.files(room).iterdir(), key=lambda file: file.name)
    if file.name.endswith(".sql")
]


def header_and_statement(room: str, name: str) -> tuple[str, Template]:
    text = resources.files(room).joinpath(name).read_text(encoding="utf-8")
    header = "".join(line for line in text.splitlines(keepends=True) if line.startswith("--"))
    return header, template(room, name)


@pytest.mark.parametrize(("room", "name"), FILES)
def test_a_header_has_the_name_and_says_what_is_read(room: str, name: str) -> None:
    header, _ = header_and_statement(room, name)
    assert header.startswith(f"-- {name.removesuffix('.sql')}: ")
    assert "\n-- Reads " in header


@pytest.mark.parametrize(("room", "name"), FILES)
def test_a_header_tells_each_hole(room: str, name: str) -> None:
    header, statement = header_and_statement(room, name)
    if "lock_unknown.sql, which has the same holes" in header:
        header += header_and_statement(room, "lock_unknown.sql")[0]
    assert {hole for hole in statement.holes if f"@{hole}@" not in header} == set()


def test_there_are_files() -> None:
    rooms = [room for room, _ in FILES]
    assert {room: rooms.count(room) for room in ROOMS} == ROOMS
