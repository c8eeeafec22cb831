"""The INSERT into the event table."""

from __future__ import annotations

from collections.abc import Mapping

from pgaudit_log.capture_v1.layout import filled, indented
from pgaudit_log.constants import EVENT_TABLE

CAPTURED_INTO = f"@schema@.{EVENT_TABLE}"
"""The event table, as capture functions name it: with its schema, which installing fills in."""


def insert_sql(
    values: Mapping[str, str], source: str, where: str | None = None, *, into: str = EVENT_TABLE
) -> str:
    """Return the INSERT into the event table of ``values``, by column, for the rows of ``source``."""
    expressions = indented(",\n".join(values.values()))
    sql = f"{filled(f'INSERT INTO {into} (', values, ')')}\nSELECT\n{expressions}"
    if source:
        sql += f"\nFROM {source}"
    return f"{sql}\nWHERE {where};" if where else f"{sql};"
