"""The diff of an event: the expression of what an update changed."""

from __future__ import annotations

from collections.abc import Iterable

from pgaudit_log.capture_v1.columns import Column
from pgaudit_log.capture_v1.layout import case, listed
from pgaudit_log.capture_v1.quoting import quote_literal


def diff_sql(columns: Iterable[Column]) -> str:
    """Return the JSONB expression ``{"column": [old, new]}`` of the columns that differ.

    Static SQL a column: 1.3 microseconds a row for 12 columns, where a loop over
    ``jsonb_each`` takes 35.
    """
    diffs = []
    for column in columns:
        images = [column.value_sql(row) for row in ("old", "new")]
        name = quote_literal(column.name)
        # A column that is renamed is looked for as it stands here: see database/schema_editor.py.
        change = listed(f"jsonb_build_object({name}, jsonb_build_array(", images, "))")
        diffs.append(case(column.changed_sql(), change, "'{}'"))
    return "\n|| ".join(diffs)
