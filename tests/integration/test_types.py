"""Every type comes back bit by bit, from the snapshot and from both sides of a diff.

The oracle is PostgreSQL: ``record_image_eq`` of the value in the table and the value that
is read from the event, so that 1.10 is not 1.1 and -0 is not 0.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection

from pgaudit_log.testing import isolated
from pgaudit_log.values.column_json import INTEGERS, read_sql, sql_type
from tests.support import execute
from tests.tables import SqlField, tracked_table
from tests.type_cases import CASES, configure, skip_what_the_server_lacks

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    with isolated():
        yield


NULL = "NULL"


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("level", ["STATEMENT", "ROW"])
@pytest.mark.parametrize("type_name", CASES)
def test_a_value_comes_back_to_the_last_bit(
    type_name: str, level: str, session: str, settings: Any
) -> None:
    skip_what_the_server_lacks(type_name)
    settings.PGAUDIT_LOG_LEVEL = level
    table = tracked_table("Zoo", v=SqlField(type_name, null=True))
    bare = sql_type(table._meta.get_field("v"), connection)
    before, after = (read_sql(f"(pgh_diff -> 'v' -> {side})", bare, connection) for side in (0, 1))
    literals = [NULL, *CASES[type_name], NULL]
    execute("INSERT INTO shop_zoo (id, v) VALUES (1, NULL)")
    for old, new in pairwise(literals):
        configure(session)
        execute(f"UPDATE shop_zoo SET v = ({new})::{type_name}")
        # What was stored must not need the session that stored it.
        configure("plain")
        [same] = execute(
            f"""
            SELECT record_image_eq(ROW(t.v), ROW(e.v::{type_name})),
                record_image_eq(ROW(({old})::{type_name}), ROW(({before})::{type_name})),
                record_image_eq(ROW(t.v), ROW(({after})::{type_name}))
            FROM shop_zoo AS t, (SELECT * FROM shop_zooevent ORDER BY pgh_id DESC LIMIT 1) AS e
            """
        )
        assert same == (True, True, True), (old, new)


NUMBERS = (
    *(
        "0",
        "-0",
        "7",
        "007",
        "-12",
        "32767",
        "32768",
        "-32768",
        "-32769",
        "2147483647",
        "2147483648",
    ),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809"),
    *(
        "",
        "-",
        "--1",
        "1-",
        "1-2",
        "+1",
        " 1",
        "1 ",
        "1\n",
        "1.0",
        "1e3",
        "0x1F",
        "1_000",
        "٣",
        "x",
    ),
    "9" * 200_000,
)


@pytest.mark.parametrize("type_name", INTEGERS)
def test_a_text_reads_as_an_integer_only_if_it_is_one(type_name: str) -> None:
    bound = INTEGERS[type_name]
    expected = [
        int(text) if re.fullmatch("-?[0-9]{1,19}", text) and -bound <= int(text) < bound else None
        for text in NUMBERS
    ]
    assert read_as(type_name, NUMBERS) == expected


ID = "018f0000-0000-7000-8000-00000000000a"
IDS = (
    *(ID, ID.upper(), ID.replace("-", ""), "{" + ID + "}", ID + "0", ID[:-1], f" {ID}", f"{ID}\n"),
    *(ID.replace("a", "g"), ID.replace("a", "-"), ID.replace("0-7", "-07"), ID.replace("-", "_")),
    *("-" * 36, "", "0" * 36, ID.replace("a", "é")),
)


def test_a_text_reads_as_a_uuid_only_if_it_is_written_as_postgresql_writes_it() -> None:
    shape = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    expected = [uuid.UUID(text) if re.fullmatch(shape, text) else None for text in IDS]
    assert read_as("uuid", IDS) == expected


def read_as(type_name: str, texts: Sequence[str]) -> list[Any]:
    """Return what stored texts read as."""
    value = read_sql("to_jsonb(given)", type_name, connection)
    rows = execute(
        f"SELECT {value} FROM unnest(%s::text[]) WITH ORDINALITY AS g (given, position)"
        " ORDER BY position".replace("%", "%%").replace("%%s", "%s"),
        [list(texts)],
    )
    return [found for (found,) in rows]
