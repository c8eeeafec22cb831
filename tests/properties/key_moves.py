"""Rules that change primary keys: one row's, every row's, and those of rows that swap them."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.properties import values as v
from tests.properties.machine import aliases, levels
from tests.properties.sql_writes import SqlWrites


class KeyMoves(SqlWrites):
    """Moves keys, alone and together with other columns."""

    @rule(
        alias=aliases,
        level=levels,
        to=st.sampled_from(["-key", "key + 100", "key - 100", "10 - key"]),
        picks=st.none() | v.picks,
    )
    def move_sheets(self, alias: str, level: str, to: str, picks: list[int] | None) -> None:
        """Renumber sheets; PostgreSQL renumbers their lines, and refuses those with notes."""
        self.execute(
            alias,
            f"UPDATE {self.name(level)} SET key = {to}, amount = amount + 1"
            " WHERE key = ANY (%s::integer[])",
            [self.keys(alias, level, picks or list(range(10)))],
        )

    @rule(
        alias=aliases,
        level=levels,
        to=st.sampled_from(["key || 'x'", "upper(key)", "'[' || key || ']'", "left(key, 1)"]),
    )
    def move_lines(self, alias: str, level: str, to: str) -> None:
        """Rename lines; two that would get the same name are refused."""
        self.execute(alias, f"UPDATE {self.name(level, 'line')} SET key = {to}")

    @rule(alias=aliases, level=levels, sum=st.integers(2, 12))
    def mirror_seats(self, alias: str, level: str, sum: int) -> None:
        """Swap the keys of all seats in one statement."""
        self.execute(alias, f"UPDATE {self.name(level, 'seat')} SET key = %s - key", [sum])

    @rule(alias=aliases, level=levels, picks=v.picks, words=v.values("words"))
    def rotate_seats(self, alias: str, level: str, picks: list[int], words: v.Values) -> None:
        """Pass keys on from seat to seat, and change another column of them."""
        keys = self.keys(alias, level, picks, "seat")
        if keys:
            cases = " ".join("WHEN %s THEN %s" for _ in keys)
            pairs = [part for pair in zip(keys, [*keys[1:], keys[0]], strict=True) for part in pair]
            self.execute(
                alias,
                f"UPDATE {self.name(level, 'seat')} SET key = CASE key {cases} END, words = %s"
                " WHERE key = ANY (%s::integer[])",
                [*pairs, words["words"], keys],
            )

    @rule(alias=aliases, level=levels)
    def swap_in_two_ctes(self, alias: str, level: str) -> None:
        """Mirror the low and the high seats in two updates of one statement."""
        seat = self.name(level, "seat")
        self.execute(
            alias,
            f"""
            WITH low AS (UPDATE {seat} SET key = 5 - key WHERE key BETWEEN 1 AND 4 RETURNING key)
            UPDATE {seat} SET key = 14 - key WHERE key BETWEEN 5 AND 9
            """,
        )
