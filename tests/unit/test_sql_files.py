"""The SQL that lies beside the code tells in its header what it is, what its holes are, and what it reads."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

import pgaudit_log
from pgaudit_log.values.sql_text import Template, template

PACKAGE = Path(pgaudit_log.__file__).parent

APART = {"pgaudit_log.sql", "pgaudit_log.migrations"}
"""What stands there has no holes: it is run as it is."""

FILES = [
    (room, file.name)
    for file in sorted(PACKAGE.rglob("*.sql"))
    if (room := ".".join(("pgaudit_log", *file.parent.relative_to(PACKAGE).parts))) not in APART
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


def test_the_files_of_each_room_are_found() -> None:
    rooms = {room.removeprefix("pgaudit_log.") for room, _ in FILES}
    assert rooms == {"backfill", "importing", "operating", "reading"}
