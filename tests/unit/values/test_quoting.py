"""Names and literals of SQL keep what they say, and long names stay apart."""

from __future__ import annotations

from pgaudit_log.values.quoting import quote_literal, quote_name, shorten


def test_a_literal_survives_quoting() -> None:
    assert quote_literal("it's") == "'it''s'"
    assert quote_literal("a\\b'") == "E'a\\\\b'''"
    assert quote_name('a"b') == '"a""b"'


def test_long_names_stay_different() -> None:
    one, two = shorten("x" * 70), shorten("x" * 71)
    assert one != two
    assert len(one) <= 63 and len(shorten("ä" * 40).encode()) <= 63
