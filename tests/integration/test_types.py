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
from pgaudit_log.values.columns import INTEGERS, read_sql, sql_type
from tests.support import execute
from tests.tables import SqlField, tracked_table

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    with isolated():
        yield


NULL = "NULL"

CASES: dict[str, list[str]] = {
    "smallint": ["0", "-32768", "32767"],
    "integer": ["0", "-2147483648", "2147483647"],
    "bigint": ["0", "-9223372036854775808", "9223372036854775807"],
    "boolean": ["true", "false"],
    "text": [
        "''",
        "'a'",
        "' ☃\U0001f600\t\n\\\\ '",
        "'null'",
        "'{}'",
        "'\"'",
        "repeat('x', 100000)",
    ],
    "varchar(16)": ["''", "'ä'", "'  '"],
    "char(5)": ["''", "'ab'", "'abcde'"],
    "bpchar": ["'ab '"],
    '"char"': ["'a'", "''"],
    "name": ["'n'"],
    "uuid": ["'018f0000-0000-7000-8000-000000000001'"],
    "numeric": [
        "0",
        "1.0",
        "1.00",
        "-0.000001",
        "'NaN'",
        "'Infinity'",
        "'-Infinity'",
        "123456789012345678901234567890.123456789012345678901234567890",
        "1e-200",
        "1e200",
    ],
    "numeric(10,2)": ["1.10", "0.00", "-99999999.99"],
    "double precision": [
        "0",
        "'-0'",
        "'NaN'",
        "'Infinity'",
        "'-Infinity'",
        "0.1",
        "0.1::float8 + 0.2",
        "5e-324",
        "1.7976931348623157e308",
        "1e22",
        "123456789.123456789",
    ],
    "real": ["'-0'", "0.1", "'NaN'", "3.4028235e38", "1e-45"],
    "money": ["'12.34'", "'-0.01'", "'92233720368547758.07'"],
    "date": [
        "'2024-02-29'",
        "'infinity'",
        "'-infinity'",
        "'0044-03-15 BC'",
        "'10000-01-01'",
        "'4713-01-01 BC'",
    ],
    "time": ["'00:00'", "'24:00'", "'12:34:56.789012'"],
    "time with time zone": ["'12:00+02'", "'23:59:59.999999-13:30'"],
    "timestamp": [
        "'2024-01-01'",
        "'infinity'",
        "'0044-03-15 01:02:03 BC'",
        "'12024-01-01 00:00:00.000001'",
    ],
    "timestamp with time zone": [
        "'2024-01-01 00:00+00'",
        "'2024-07-01 00:00:00.1+05:45'",
        "'-infinity'",
        "'0044-03-15 01:02:03+00 BC'",
        "'20240-01-01 00:00+00'",
    ],
    "interval": [
        "'1 day'",
        "'-1 day +2 hours'",
        "'1 year -3 mons 4 days -00:00:01.5'",
        "'0'",
        "'178000000 years'",
    ],
    "bytea": ["''", "'\\x00ff41'", "decode(repeat('ab', 5000), 'hex')"],
    "jsonb": [
        "'null'",
        "'{}'",
        "'[]'",
        "'\"null\"'",
        "'1.10'",
        "'{\"a\": null}'",
        "'[\"pgaudit_log.json\"]'",
        "'{\"pgaudit_log.json\": 1}'",
        "'\"pgaudit_log.json\"'",
        "'false'",
        "'12345678901234567890.10'",
    ],
    "json": ["'null'", '\'{"a":1,  "a":2}\'', "'\"\\u0000\"'", "'  [1]'", "'\"\\ud800\"'"],
    "xml": ["'<a b=\"1\">t</a>'", "''"],
    "inet": ["'10.0.0.1'", "'10.0.0.1/8'", "'::1'", "'::ffff:1.2.3.4/128'"],
    "cidr": ["'10.0.0.0/8'", "'::/0'"],
    "macaddr": ["'08:00:2b:01:02:03'"],
    "macaddr8": ["'08:00:2b:01:02:03:04:05'"],
    "bit(3)": ["B'101'"],
    "bit varying": ["B''", "B'1011'"],
    "point": ["'(1.5,-0)'", "'(NaN,Infinity)'"],
    "box": ["'(1,1),(0,0)'"],
    "polygon": ["'((0,0),(1,1),(2,0))'"],
    "path": ["'[(0,0),(1,1)]'", "'((0,0),(1,1))'"],
    "circle": ["'<(1,2),3>'"],
    "line": ["'{1,2,3}'"],
    "lseg": ["'[(0,0),(1,1)]'"],
    "tsvector": ["'a:1A fat:2'", "''"],
    "tsquery": ["'a & b'"],
    "int4range": ["'[1,5)'", "'empty'", "'(,5)'", "'(,)'"],
    "numrange": ["'(1.10,2.200]'"],
    "daterange": ["'[2024-01-01,2024-02-01)'", "'[0044-03-15 BC,)'"],
    "tstzrange": ["'[2024-01-01 00:00+00,2024-02-01 00:00+09)'", "'[-infinity,infinity]'"],
    "tsrange": ["'[2024-01-01,)'"],
    "int8multirange": ["'{}'", "'{[1,3),[5,9)}'"],
    "datemultirange": ["'{[2024-01-01,2024-02-01)}'"],
    "integer[]": ["'{}'", "'{1,NULL,3}'", "'{{1,2},{3,4}}'", "'[2:3]={7,8}'", "'[0:0][2:2]={{5}}'"],
    "text[]": ["'{}'", '\'{"",null,"null","NULL","a,b","{"}\'', '\'{"\\\\\\\\","\\""}\''],
    "numeric[]": ["'{1.0,1.00,NaN}'"],
    "timestamp with time zone[]": ["'{\"2024-01-01 00:00+09\",infinity}'"],
    "boolean[]": ["'{t,f,NULL}'"],
    "uuid[]": ["'{018f0000-0000-7000-8000-000000000001}'"],
    "date[]": ["'{2024-01-01,\"0044-03-15 BC\"}'"],
    "interval[]": ["'{\"-1 day +2 hours\"}'"],
    "double precision[]": ["'{-0,0,NaN,0.1}'"],
    "jsonb[]": ['\'{"null",NULL,"{}"}\''],
    "bytea[]": ["'{\"\\\\\\\\x00ff\"}'"],
    "int4range[]": ["'{\"[1,2)\"}'"],
    "shop_mood": ["'sad'", "'it''s \"ok\"'"],
    "shop_mood[]": ["'{sad,NULL}'"],
    "shop_pair": ["'(1,\"a b\")'", "'(,)'", "'(2,\"\")'"],
    "shop_pair[]": ["'{\"(1,x)\"}'"],
    "shop_posint": ["1"],
    "citext": ["'a'", "'A'", "''"],
    "hstore": ["''", "'a=>1, b=>NULL'", '\'""=>"NULL"\'', "'a=>\"{}\"'"],
    "ltree": ["'a.b'"],
    "cube": ["'(1,2),(3,4)'"],
}

EXTENSIONS = {"citext", "hstore", "ltree", "cube"}

SESSIONS = {
    "plain": {
        "TimeZone": "UTC",
        "DateStyle": "ISO, MDY",
        "IntervalStyle": "postgres",
        "bytea_output": "hex",
        "extra_float_digits": "1",
    },
    "odd": {
        "TimeZone": "Asia/Tokyo",
        "DateStyle": "German",
        "IntervalStyle": "sql_standard",
        "bytea_output": "escape",
        "extra_float_digits": "-15",
    },
}


@pytest.fixture(params=SESSIONS)
def session(request: pytest.FixtureRequest, db: None) -> str:
    """Write in a session with plain settings, and in one with odd settings."""
    execute("CREATE TYPE shop_mood AS ENUM ('sad', 'it''s \"ok\"')")
    execute("CREATE TYPE shop_pair AS (number integer, word text)")
    execute("CREATE DOMAIN shop_posint AS integer CHECK (VALUE > 0)")
    return str(request.param)


def configure(session: str) -> None:
    """Give the database session the settings of that name."""
    for name, value in SESSIONS[session].items():
        execute("SELECT set_config(%s, %s, true)", [name, value])


def skip_what_the_server_lacks(type_name: str) -> None:
    """Skip a type of an extension that is not there; the run on Debian's server has them all."""
    if type_name in EXTENSIONS:
        if not execute("SELECT 1 FROM pg_available_extensions WHERE name = %s", [type_name]):
            pytest.skip(f"the server has no {type_name}")
        execute(f"CREATE EXTENSION IF NOT EXISTS {type_name}")
    if type_name == "xml" and not execute(
        "SELECT 1 FROM pg_config() WHERE name = 'CONFIGURE' AND setting LIKE '%%libxml%%'", []
    ):
        pytest.skip("the server was built without libxml")


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
