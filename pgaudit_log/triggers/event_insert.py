"""The INSERT into the event table."""

from __future__ import annotations

from django.db import models

from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.values.quoting import quote_literal
from pgaudit_log.values.tables import concrete, table_of

CAPTURED_INTO = f"@schema@.{EVENT_TABLE}"
"""The event table, as capture functions name it: with its schema, which installing fills in."""


def insert_sql(
    values: dict[str, str], source: str, where: str | None = None, *, into: str = EVENT_TABLE
) -> str:
    """Return the INSERT into the event table of ``values``, by column, for the rows of ``source``."""
    columns = ", ".join(values)
    expressions = ",\n        ".join(values.values())
    sql = f"INSERT INTO {into} ({columns})\n    SELECT\n        {expressions}"
    if source:
        sql += f"\n    FROM {source}"
    return f"{sql}\n    WHERE {where};" if where else f"{sql};"


def current_shape_sql(model: type[models.Model]) -> str:
    """Return the shape that the table of ``model`` has now, for events that no trigger writes."""
    model = concrete(model)
    table = quote_literal(table_of(model))
    return f"pgaudit_log_current_shape({table}::regclass)"
