"""The body of a capture function: the statements that write the events of one tracker.

Every expression reads the rows under the aliases ``old`` and ``new``, so that the
same text serves one row, many rows and row-level triggers. The columns are listed,
never ``*``: the text is static, blind to columns that are not tracked, and immune to
a column that is called like one of our names.
"""

from __future__ import annotations

from django.db import models
from pgtrigger.core import Condition

from pgaudit_log.constants import NEW
from pgaudit_log.triggers.column_sql import any_dialect
from pgaudit_log.triggers.condition_sql import where_sql
from pgaudit_log.triggers.diff import diff_sql
from pgaudit_log.triggers.event_insert import CAPTURED_INTO, insert_sql
from pgaudit_log.triggers.references import refs_sql, until_installed
from pgaudit_log.triggers.row_sources import row_source, statement_source
from pgaudit_log.triggers.snapshot import SNAPSHOT, large_sql, snapshot_source, stored_columns
from pgaudit_log.values.key_sql import row_key_sql
from pgaudit_log.values.quoting import quote_literal
from pgaudit_log.values.row_sql import Columns
from pgaudit_log.values.sql_layout import indented, listed
from pgaudit_log.values.tables import concrete

# Why the statements are as they are, for who reads them in the database or in a migration.
_TWO_PATHS = "-- Two paths, because the plan for many rows is slow for one."
_FULL_JOIN = """\
-- The position pairs the old and the new image of a row: PostgreSQL fills both transition
-- tables in step, and a key may change. FULL JOIN, because a plan is kept: a nested loop, made
-- for a few rows, would run through the square of many; a FULL JOIN is never planned as one."""
_COALESCE = "-- COALESCE, because a strict filter would make an inner join of it."


def capture_sql(
    *,
    model: type[models.Model],
    label: str,
    operation: str,
    row: str | None,
    condition: Condition | None,
    columns: Columns,
    statement_level: bool,
    created_at: str,
    function: str,
    large: Columns = (),
    period: str = "month",
) -> str:
    """Return the statements of a capture function, which write the events.

    At row level the trigger's WHEN clause has the condition. The context is read into the
    variable that the template declares, which is cheaper than its function in the FROM clause.

    Args:
        model: the tracked model.
        label: the tracker's label.
        operation: ``INSERT``, ``UPDATE``, ``DELETE`` or ``TRUNCATE``.
        row: the row that the snapshot has: ``OLD`` or ``NEW``.
        condition: the tracker's condition.
        columns: the tracked columns.
        statement_level: whether the trigger fires once a statement, or once a row.
        created_at: the SQL of the time of an event.
        function: the name of the function that a free condition becomes.
        large: those of ``columns`` whose values an event may refer to in an earlier event.
        period: how long a partition is; an event refers to one in its own.
    """
    captured = "new" if row == NEW else "old"
    read = "pgaudit_log_context" if statement_level else "pgaudit_log_context_once"
    context = f"context := @schema@.{read}();"
    values = _values(model, label, operation, captured, columns)
    if created_at != "now()":
        values["created_at"] = created_at
    if operation == "TRUNCATE":
        return f"{context}\n{insert_sql(values, '', into=CAPTURED_INTO)}"

    references_to_large = {}
    if operation != "INSERT":
        references_to_large = large_sql(
            captured, model, large, created_at=created_at, period=period
        )
    snapshot = snapshot_source(
        captured, stored_columns(model, columns), instead=references_to_large
    )
    source = statement_source(operation) if statement_level else row_source(operation)
    where = where_sql(condition, model, columns, label, function) if statement_level else None
    insert_of_one = insert_sql(values, f"{source.single}\n{snapshot}", where, into=CAPTURED_INTO)
    if source.many is None:
        return f"{context}\n{insert_of_one}"
    where_of_many = listed("COALESCE(", [where, "FALSE"], ")") if where else None
    reasons = [_FULL_JOIN, _COALESCE] if where else [_FULL_JOIN]
    insert_of_many = insert_sql(
        values, f"{source.many}\n{snapshot}", where_of_many, into=CAPTURED_INTO
    )
    path_of_many = "\n".join([*reasons, insert_of_many])
    return f"""{context}
{_TWO_PATHS}
PERFORM FROM new_values OFFSET 1;
IF NOT FOUND THEN
{indented(insert_of_one)}
ELSE
{indented(path_of_many)}
END IF;"""


def _values(
    model: type[models.Model], label: str, operation: str, captured: str, columns: Columns
) -> dict[str, str]:
    """Return the expressions of an event's columns; ``captured`` is the row that it is about."""
    is_update = operation == "UPDATE"
    has_row = operation != "TRUNCATE"
    moved = model if is_update else None
    refs = refs_sql(captured, columns, called=until_installed, moved=moved)
    return {
        "model": quote_literal(until_installed(concrete(model)._meta.label)),
        "obj_pk": row_key_sql(captured, model, any_dialect(None)) if has_row else "NULL",
        "label": quote_literal(label),
        "operation": quote_literal(operation[0]),
        "turn": "capture.turn",
        "shape": "capture.shape",
        "snapshot": SNAPSHOT if has_row else "NULL",
        "diff": diff_sql(columns) if is_update else "NULL",
        "refs": refs if has_row else "NULL",
        "context_id": "context.id",
        "context": "context.value",
        "role": "session_user",
        "session": "context.session",
    }
