"""Rules that write in SQL: COPY, MERGE, upserts, CTEs, DO blocks, TRUNCATE, many rows at once."""

from __future__ import annotations

import io
from typing import Any

from django.db import connections
from django.db.backends.postgresql.psycopg_any import is_psycopg3
from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.properties import values as v
from tests.properties.machine import Machine, aliases, levels
from tests.properties.tables import VALUES, Table
from tests.support import execute

MANY = 1000
"""Keys above are those of the many rows."""

ROUTINE = """
    DO $$ BEGIN
        UPDATE {sheet} SET amount = amount + 1 WHERE key < 5;
        BEGIN
            DELETE FROM {seat};
            RAISE EXCEPTION 'take the deletion back';
        EXCEPTION WHEN raise_exception THEN
            UPDATE {seat} SET words = words || '!';
        END;
        UPDATE {sheet} SET amount = amount * 1.0 WHERE key > 2;
        DELETE FROM {line} WHERE data IS NULL;
        INSERT INTO {seat} (key, words)
        SELECT 5, 'do' WHERE NOT EXISTS (SELECT FROM {seat} WHERE key = 5);
    END $$
"""
"""A procedure that writes some rows twice, and takes a part of its work back."""


def columns_of(table: Table) -> str:
    """Return the names of the columns that are given, the key in front."""
    return ", ".join(["key", *table.values])


def listed(table: Table, rows: dict[Any, v.Values]) -> tuple[str, list[Any]]:
    """Return ``rows`` as the list of a VALUES with those columns, and its parameters."""
    row = ", ".join(f"%s::{table.types[name]}" for name in ("key", *table.values))
    params = [value for given in given_of(table, rows) for value in given]
    return ", ".join([f"({row})"] * len(rows)), params


def given_of(table: Table, rows: dict[Any, v.Values]) -> list[list[Any]]:
    """Return the values of ``rows`` in the order of those columns."""
    return [[key, *(row[name] for name in table.values)] for key, row in rows.items()]


def assigned(changes: v.Values) -> tuple[str, list[Any]]:
    """Return ``changes`` as the list behind SET, and its parameters."""
    sql = ", ".join(f"{name} = %s::{VALUES[name]}" for name in changes)
    return sql, list(changes.values())


def copied(value: Any) -> str:
    """Return a value as COPY reads it."""
    if value is None:
        return r"\N"
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


class SqlWrites(Machine):
    """Writes without the models."""

    def name(self, level: str, kind: str = "sheet") -> str:
        """Return what a table is called."""
        table: Table = getattr(self.families[level], kind)
        return table.name

    def keys(self, alias: str, level: str, picks: list[int], kind: str = "sheet") -> list[int]:
        """Return the numbers that ``picks`` mean of the rows which a session sees."""
        visible = self.visible[alias].keys(getattr(self.families[level], kind))
        return [int(key) for key in v.picked(visible, picks)]

    @rule(alias=aliases, level=levels, rows=v.sheets)
    def insert(self, alias: str, level: str, rows: dict[int, v.Values]) -> None:
        """Insert several sheets; if one key is taken, none is inserted."""
        sql, params = listed(self.families[level].sheet, rows)
        columns = columns_of(self.families[level].sheet)
        self.execute(alias, f"INSERT INTO {self.name(level)} ({columns}) VALUES {sql}", params)

    @rule(alias=aliases, level=levels, rows=v.seats)
    def insert_seats(self, alias: str, level: str, rows: dict[int, v.Values]) -> None:
        """Insert the seats whose keys are free."""
        table = self.families[level].seat
        taken = self.visible[alias].keys(table)
        rows = {key: row for key, row in rows.items() if str(key) not in taken}
        if rows:
            sql, params = listed(table, rows)
            columns = columns_of(table)
            self.execute(alias, f"INSERT INTO {table.name} ({columns}) VALUES {sql}", params)

    @rule(alias=aliases, level=levels, picks=v.picks, changes=v.changes(*VALUES))
    def update(self, alias: str, level: str, picks: list[int], changes: v.Values) -> None:
        """Update some sheets to the same values."""
        sql, params = assigned(changes)
        self.execute(
            alias,
            f"UPDATE {self.name(level)} SET {sql} WHERE key = ANY (%s::integer[])",
            [*params, self.keys(alias, level, picks)],
        )

    @rule(
        alias=aliases,
        level=levels,
        kind=st.sampled_from(["sheet", "note", "seat"]),
        picks=v.picks,
    )
    def delete_rows(self, alias: str, level: str, kind: str, picks: list[int]) -> None:
        """Delete rows; of sheets PostgreSQL deletes the lines, and refuses those with notes."""
        self.execute(
            alias,
            f"DELETE FROM {self.name(level, kind)} WHERE key = ANY (%s::bigint[])",
            [self.keys(alias, level, picks, kind)],
        )

    @rule(alias=aliases, level=levels, rows=v.sheets)
    def copy(self, alias: str, level: str, rows: dict[int, v.Values]) -> None:
        """Send sheets with COPY."""
        columns = columns_of(self.families[level].sheet)
        statement = f"COPY {self.name(level)} ({columns}) FROM STDIN"
        text = "".join(
            "\t".join(map(copied, given)) + "\n"
            for given in given_of(self.families[level].sheet, rows)
        )

        def work() -> None:
            with connections[alias].wrap_database_errors, connections[alias].cursor() as cursor:
                if is_psycopg3:
                    with cursor.copy(statement) as copy:
                        copy.write(text)
                else:
                    cursor.copy_expert(statement, io.StringIO(text))

        self.write(alias, work)

    @rule(
        alias=aliases,
        level=levels,
        rows=v.sheets,
        delete=st.booleans(),
        update=st.sampled_from(sorted(VALUES)),
    )
    def merge(
        self, alias: str, level: str, rows: dict[int, v.Values], delete: bool, update: str
    ) -> None:
        """Insert, update and maybe delete in one MERGE."""
        sql, params = listed(self.families[level].sheet, rows)
        columns = columns_of(self.families[level].sheet)
        given = ", ".join(f"given.{name}" for name in columns.split(", "))
        self.execute(
            alias,
            f"""
            MERGE INTO {self.name(level)} AS sheet
            USING (VALUES {sql}) AS given ({columns}) ON sheet.key = given.key
            WHEN MATCHED AND %s AND given.words IS NULL THEN DELETE
            WHEN MATCHED AND given.words = 'a' THEN DO NOTHING
            WHEN MATCHED THEN UPDATE SET {update} = given.{update}
            WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({given})
            """,
            [*params, delete],
        )

    @rule(
        alias=aliases,
        level=levels,
        rows=v.sheets,
        how=st.sampled_from(["NOTHING", "UPDATE SET", "UPDATE SET WHERE"]),
        updated=st.sampled_from(sorted(VALUES)),
    )
    def upsert(
        self, alias: str, level: str, rows: dict[int, v.Values], how: str, updated: str
    ) -> None:
        """Insert ON CONFLICT DO NOTHING, or UPDATE, maybe only some."""
        sql, params = listed(self.families[level].sheet, rows)
        columns = columns_of(self.families[level].sheet)
        action = how.replace("SET", f"SET {updated} = excluded.{updated}")
        if how.endswith("WHERE"):
            action += f" sheet.{updated} IS NOT NULL"
        self.execute(
            alias,
            f"INSERT INTO {self.name(level)} AS sheet ({columns}) VALUES {sql}"
            f" ON CONFLICT {'' if how == 'NOTHING' else '(key)'} DO {action}",
            params,
        )

    @rule(
        alias=aliases,
        level=levels,
        limit=v.numbers,
        low=v.changes(*VALUES),
        high=v.changes(*VALUES),
    )
    def update_twice_in_one_statement(
        self, alias: str, level: str, limit: int, low: v.Values, high: v.Values
    ) -> None:
        """Update two halves of a table, the one in a CTE of the other."""
        low_sql, low_params = assigned(low)
        high_sql, high_params = assigned(high)
        self.execute(
            alias,
            f"""
            WITH low AS (
                UPDATE {self.name(level)} SET {low_sql} WHERE key < %s RETURNING key
            )
            UPDATE {self.name(level)} SET {high_sql} WHERE key >= %s
            """,
            [*low_params, limit, *high_params, limit],
        )

    @rule(alias=aliases, level=levels, picks=v.picks, renumber=st.booleans())
    def reinsert(self, alias: str, level: str, picks: list[int], renumber: bool) -> None:
        """Delete seats and insert others in one statement, under the same keys or new ones."""
        seat = self.name(level, "seat")
        self.execute(
            alias,
            f"""
            WITH gone AS (DELETE FROM {seat} WHERE key = ANY (%s::integer[]) RETURNING *)
            INSERT INTO {seat} (key, amount, words) SELECT key + %s, amount, words FROM gone
            """,
            [self.keys(alias, level, picks, "seat"), 100 if renumber else 0],
        )

    @rule(alias=aliases, level=levels, rows=v.seats, change=v.values("amount", "words"))
    def write_several_tables(
        self, alias: str, level: str, rows: dict[int, v.Values], change: v.Values
    ) -> None:
        """Insert seats, update and delete others, and update sheets, all in one statement."""
        sql, params = listed(self.families[level].seat, rows)
        changed, change_params = assigned(change)
        keys = list(rows)
        seat, sheet = self.name(level, "seat"), self.name(level)
        self.execute(
            alias,
            f"""
            WITH deleted AS (
                DELETE FROM {seat} WHERE key > 100 RETURNING key
            ), updated AS (
                UPDATE {seat} SET {changed} WHERE key <> ALL (%s::integer[]) AND key <= 100
                RETURNING key
            ), inserted AS (
                INSERT INTO {seat} (key, amount, words) SELECT * FROM (VALUES {sql})
                    AS given (key, amount, words)
                WHERE NOT EXISTS (SELECT FROM {seat} AS seat WHERE seat.key = given.key)
                RETURNING key
            )
            UPDATE {sheet} SET words = words || '+' WHERE key IN (SELECT key FROM inserted)
            """,
            [*change_params, keys, *params],
        )

    @rule(alias=aliases, level=levels, picks=v.picks, changes=v.changes(*VALUES))
    def update_many_times(
        self, alias: str, level: str, picks: list[int], changes: v.Values
    ) -> None:
        """Send one statement with several sets of parameters."""
        sql, params = assigned(changes)
        statement = f"UPDATE {self.name(level)} SET {sql} WHERE key = %s"
        sets = [[*params, key] for key in self.keys(alias, level, picks)]

        def work() -> None:
            with connections[alias].cursor() as cursor:
                cursor.executemany(statement, sets)

        self.write(alias, work)

    @rule(alias=aliases, level=levels, count=st.sampled_from([2, 30]))
    def insert_many(self, alias: str, level: str, count: int) -> None:
        """Insert so many rows that the next statements are planned for many."""
        self.execute(
            alias,
            f"""
            INSERT INTO {self.name(level)} (key, amount, ratio, words)
            SELECT {MANY} + n, n, -0.0 * n, n FROM generate_series(1, %s) AS n
            ON CONFLICT DO NOTHING
            """,
            [count],
        )

    @rule(alias=aliases, level=levels, divisor=st.integers(1, 3))
    def update_many(self, alias: str, level: str, divisor: int) -> None:
        """Update every row, of which ``divisor`` leaves some as they are."""
        self.execute(
            alias,
            f"""
            UPDATE {self.name(level)}
            SET ratio = CASE WHEN key %% %s = 0 AND ratio <> 'NaN' THEN -ratio ELSE ratio END
            """,
            [divisor],
        )

    @rule(alias=aliases, level=levels, column=st.sampled_from(sorted(VALUES)))
    def update_to_itself(self, alias: str, level: str, column: str) -> None:
        """Update every row to what it is."""
        self.execute(alias, f"UPDATE {self.name(level)} SET {column} = {column}")

    @rule(alias=aliases, level=levels)
    def run_a_procedure(self, alias: str, level: str) -> None:
        """Write several times in one statement, and take a part of it back."""
        names = {kind: self.name(level, kind) for kind in ("sheet", "line", "seat")}
        # Without parameters, because DO takes none.
        self.write(alias, lambda: execute(ROUTINE.format(**names), using=alias), once=False)

    @rule(alias=aliases, level=levels, kind=st.sampled_from(["seat", "line", "sheet"]))
    def truncate(self, alias: str, level: str, kind: str) -> None:
        """Truncate a table; of sheets with what refers to them."""
        session = self.sessions[alias]

        def work() -> None:
            execute(f"TRUNCATE {self.name(level, kind)} CASCADE", using=alias)
            session.truncated = bool(session.blocks)

        self.write(alias, work)
