"""Strategies of rows: few keys, so that writes meet, and values that are easily confused."""

from __future__ import annotations

from typing import TypeAlias

from hypothesis import strategies as st

Values: TypeAlias = "dict[str, str | None]"
"""The values of some columns as PostgreSQL reads them."""

POOLS: dict[str, list[str | None]] = {
    "amount": [None, "0", "1", "1.0", "1.00", "-0.50", "NaN", "12345678901234567890.123456789"],
    "ratio": [None, "0", "-0", "1", "NaN", "-Infinity", "0.1", "0.30000000000000004", "5e-324"],
    "words": [None, "", "a", "A", "null", "☃ 'b' \"c\" \\ %s \t*/ /*pgaudit_log:{}*/"],
    "data": [
        None,
        "null",
        "{}",
        '"null"',
        "1.1",
        "1.10",
        '{"a": null}',
        '{"pgaudit_log.json": null}',
        '["pgaudit_log.json"]',
    ],
    "moment": [None, "2024-01-01 00:00+00", "2024-07-01 12:00:00.000001+05:45"],
    "numbers": [None, "{}", "{1,NULL,3}", "{{1,2},{3,4}}", "[2:3]={7,8}", "{7,8}"],
}

numbers = st.integers(1, 9)
"""Keys of sheets and seats."""

texts = st.sampled_from(["", "a", "A", "ä ☃", "5", "[1]", "null", "'\"\\", " b"])
"""Keys of lines."""

picks = st.lists(st.integers(0, 9), min_size=1, max_size=4)
"""Which of the rows there are; see :func:`picked`."""


def picked(keys: list[str], positions: list[int]) -> list[str]:
    """Return the keys at ``positions``, counted round, each once."""
    return list(dict.fromkeys(keys[position % len(keys)] for position in positions if keys))


def values(*columns: str) -> st.SearchStrategy[Values]:
    """Return the strategy of a value for each of ``columns``."""
    return st.fixed_dictionaries({column: st.sampled_from(POOLS[column]) for column in columns})


def changes(*columns: str) -> st.SearchStrategy[Values]:
    """Return the strategy of new values for some of ``columns``."""
    return st.sets(st.sampled_from(columns), min_size=1, max_size=3).flatmap(
        lambda some: values(*sorted(some))
    )


sheets = st.dictionaries(numbers, values(*POOLS), min_size=1, max_size=4)
"""The values of sheets by key."""

lines = st.dictionaries(texts, values("amount", "data"), min_size=1, max_size=3)
"""The values of lines by key."""

seats = st.dictionaries(numbers, values("amount", "words"), min_size=1, max_size=4)
"""The values of seats by key."""

metadata = st.dictionaries(
    st.sampled_from(["user", "url", "reason"]),
    st.sampled_from([None, 1, "it's", {"a": [1.5, "*/ -- ☃"]}, "' \\ %s */ /* \" E'"]),
    max_size=2,
)
"""What a context records."""
