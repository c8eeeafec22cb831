"""Values of every type that PostgreSQL has, and the session settings that change how they are written."""

from __future__ import annotations

import pytest

from tests.support import execute

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
