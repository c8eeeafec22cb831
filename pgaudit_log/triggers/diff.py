"""The diff of an event: the expression of what an update changed."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.triggers.column_sql import any_dialect, differs_sql, value_sql
from pgaudit_log.values.quoting import quote_literal
from pgaudit_log.values.row_sql import Columns
from pgaudit_log.values.tables import column_of


def diff_sql(columns: Columns, connection: BaseDatabaseWrapper | None = None) -> str:
    """Return the JSONB expression ``{"column": [old, new]}`` of the columns that differ.

    Static SQL a column: 1.3 microseconds a row for 12 columns, where a loop over
    ``jsonb_each`` takes 35.
    """
    types = any_dialect(connection)
    parts = [
        f"CASE WHEN {differs_sql(f, types)}"
        f" THEN jsonb_build_object({quote_literal(column_of(f))},"
        f" jsonb_build_array({value_sql('old', f, types)}, {value_sql('new', f, types)}))"
        f" ELSE '{{}}' END"
        for f in columns
    ]
    return "\n        || ".join(parts)
