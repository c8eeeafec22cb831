"""The tables that the properties are about: one family captured by statement, one by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pgtrigger
from django.contrib.postgres.functions import RandomUUID
from django.db import connection, models

import pgaudit_log
from pgaudit_log.testing import isolated
from tests.support import execute
from tests.tables import SqlField, install, make

VALUES = {
    "amount": "numeric",
    "ratio": "double precision",
    "words": "text",
    "data": "jsonb",
    "moment": "timestamp with time zone",
    "numbers": "integer[]",
}
"""The columns with values, and their types."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A tracked table. Its primary key is called ``key``; nothing ever updates its ``tag``."""

    model: Any
    values: tuple[str, ...]
    """Those of :data:`VALUES` that it has."""

    @property
    def name(self) -> str:
        """What it is called in the database."""
        return str(self.model._meta.db_table)

    @property
    def view(self) -> str:
        """What the view of its typed events is called."""
        return str(self.model.pgh_event_model._meta.db_table)

    @property
    def label(self) -> str:
        """What its events have as their model."""
        return str(self.model._meta.label)

    @property
    def types(self) -> dict[str, str]:
        """The types of all its columns."""
        fields = self.model._meta.local_fields
        return {field.column: field.rel_db_type(connection) for field in fields}


@dataclass(frozen=True, kw_only=True)
class Family:
    """The tables of one level of capture."""

    sheet: Table
    """Values of every type under a number that others refer to."""
    line: Table
    """Rows of a sheet under a text; PostgreSQL deletes and renumbers them with it."""
    note: Table
    """Rows of a sheet that Django deletes with it."""
    seat: Table
    """Numbers that can be swapped in one statement."""

    @property
    def tables(self) -> tuple[Table, ...]:
        """All four."""
        return (self.sheet, self.line, self.note, self.seat)


def all_tables(families: Mapping[str, Family]) -> list[Table]:
    """Return the tables of all ``families``."""
    return [table for family in families.values() for table in family.tables]


def _table(name: str, level: pgtrigger.Level, values: tuple[str, ...], **fields: Any) -> Table:
    model = make(
        name,
        **fields,
        tag=models.UUIDField(db_default=RandomUUID()),
        **{value: SqlField(VALUES[value], null=True) for value in values},
    )
    pgaudit_log.track(
        pgaudit_log.InsertEvent(),
        pgaudit_log.UpdateEvent(),
        pgaudit_log.DeleteEvent(),
        pgaudit_log.TruncateEvent(),
        level=level,
    )(model)
    install(model)
    return Table(model=model, values=values)


def _family(prefix: str, level: pgtrigger.Level, level_of_lines: pgtrigger.Level) -> Family:
    sheet = _table(
        f"{prefix}Sheet", level, tuple(VALUES), key=models.IntegerField(primary_key=True)
    )
    family = Family(
        sheet=sheet,
        line=_table(
            f"{prefix}Line",
            level_of_lines,
            ("amount", "data"),
            key=models.TextField(primary_key=True),
            sheet=models.ForeignKey(sheet.model, models.DO_NOTHING, db_constraint=False),
        ),
        note=_table(
            f"{prefix}Note",
            level,
            ("words",),
            key=models.BigAutoField(primary_key=True),
            sheet=models.ForeignKey(sheet.model, models.CASCADE),
        ),
        seat=_table(
            f"{prefix}Seat",
            level,
            ("amount", "words"),
            key=models.IntegerField(primary_key=True),
        ),
    )
    execute(
        f"ALTER TABLE {family.line.name} ADD FOREIGN KEY (sheet_id) REFERENCES {sheet.name}"
        " ON DELETE CASCADE ON UPDATE CASCADE"
    )
    execute(
        f"ALTER TABLE {family.seat.name} DROP CONSTRAINT {family.seat.name}_pkey,"
        " ADD PRIMARY KEY (key) DEFERRABLE INITIALLY IMMEDIATE"
    )
    return family


def stock(family: Family) -> None:
    """Insert a few rows into each table of ``family``."""
    execute(f"""
        INSERT INTO {family.sheet.name} (key, amount, ratio, words, data, numbers)
        VALUES (1, 1.0, '-0', 'a', 'null', '[2:3]={{7,8}}'), (2, 1, 0, '', '{{}}', '{{}}'),
            (3, 'NaN', 'NaN', NULL, NULL, NULL), (4, 0, 1, 'A', '1.10', '{{1,NULL}}'),
            (5, -0.50, 0.1, 'null', '[]', '{{1,2}}')
    """)
    execute(f"""
        INSERT INTO {family.line.name} (key, sheet_id, amount, data)
        VALUES ('a', 1, 1.00, 'null'), ('b', 1, 1.0, NULL), ('', 4, NULL, '{{}}')
    """)
    execute(f"INSERT INTO {family.note.name} (sheet_id, words) VALUES (2, 'a'), (2, ''), (5, NULL)")
    execute(f"""
        INSERT INTO {family.seat.name} (key, amount, words)
        VALUES (1, 1.0, 'a'), (2, 1.00, 'a'), (3, NULL, NULL), (4, 0, ''), (7, 'NaN', 'A')
    """)


@contextmanager
def families_installed() -> Iterator[dict[str, Family]]:
    """Create the tables, and drop them on leaving."""
    with isolated():
        families = {
            # Lines are of the other level, so that cascades go from each level to the other.
            "statement": _family("Statement", pgaudit_log.Statement, pgaudit_log.Row),
            "row": _family("Row", pgaudit_log.Row, pgaudit_log.Statement),
        }
        try:
            yield families
        finally:
            _drop(all_tables(families))


def _drop(tables: list[Table]) -> None:
    for table in reversed(tables):
        execute(f"DROP VIEW {table.view}")
        for model, trigger in pgtrigger.registered():
            if model is table.model:
                trigger.uninstall(model)
        execute(f"DROP TABLE {table.name}")
