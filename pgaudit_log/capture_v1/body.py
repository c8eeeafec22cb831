"""The body of a capture function: the statements that write the events of one tracker.

Every expression reads the rows under the aliases ``old`` and ``new``, so that the
same text serves one row, many rows and row-level triggers. The columns are listed,
never ``*``: the text is static, blind to columns that are not tracked, and immune to
a column that is called like one of our names.
"""

from __future__ import annotations

from collections.abc import Sequence

from pgaudit_log.capture_v1.conditions import free_condition_sql
from pgaudit_log.capture_v1.data import CaptureData, Table
from pgaudit_log.capture_v1.diff import diff_sql
from pgaudit_log.capture_v1.event_insert import CAPTURED_INTO, insert_sql
from pgaudit_log.capture_v1.layout import indented, listed
from pgaudit_log.capture_v1.quoting import quote_literal
from pgaudit_log.capture_v1.references import refs_sql
from pgaudit_log.capture_v1.row_sources import row_source, statement_source
from pgaudit_log.capture_v1.snapshot import SNAPSHOT, large_sql, snapshot_source

# Why the statements are as they are, for who reads them in the database.
_TWO_PATHS = "-- Two paths, because the plan for many rows is slow for one."
_FULL_JOIN = """\
-- The position pairs the old and the new image of a row: PostgreSQL fills both transition
-- tables in step, and a key may change. FULL JOIN, because a plan is kept: a nested loop, made
-- for a few rows, would run through the square of many; a FULL JOIN is never planned as one."""
_COALESCE = "-- COALESCE, because a strict filter would make an inner join of it."


def until_installed(label: str) -> str:
    """Return what stands for ``label`` in a capture function until it is installed.

    Which label that is, is known only then: see ``sql/label_of.sql``.
    """
    return f"@{label}@"


def capture_sql(table: Table, trigger: CaptureData, function: str) -> str:
    """Return the statements of a capture function, which write the events.

    At row level the trigger's WHEN clause has the condition; at statement level ``function`` is
    what a free one becomes. The context is read into the variable that the template declares,
    which is cheaper than its function in the FROM clause.
    """
    captured, operation = trigger.captured, trigger.operation
    read = "pgaudit_log_context" if trigger.is_statement_level else "pgaudit_log_context_once"
    context = f"context := @schema@.{read}();"
    values = _values(table, trigger)
    if table.created_at != "now()":
        values["created_at"] = table.created_at
    if operation == "TRUNCATE":
        return f"{context}\n{insert_sql(values, '', into=CAPTURED_INTO)}"

    references_to_large = {}
    if operation != "INSERT":
        references_to_large = large_sql(
            captured,
            table.columns,
            table.large,
            model=values["model"],
            key=table.key,
            created_at=table.created_at,
            period=table.period,
        )
    snapshot = snapshot_source(
        captured, [*table.columns, *table.also_stored], instead=references_to_large
    )
    source = statement_source(operation) if trigger.is_statement_level else row_source(operation)
    where = _where_sql(trigger, function) if trigger.is_statement_level else None
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


def masked_context_sql(paths: Sequence[str]) -> str:
    """Return the expression of the context of an event that masks what is at ``paths`` in it."""
    if not paths:
        return "context.value"
    listed_paths = ", ".join(map(quote_literal, paths))
    return f"@schema@.pgaudit_log_masked_context(context.value, ARRAY[{listed_paths}])"


def _where_sql(trigger: CaptureData, function: str) -> str | None:
    """Return the condition over the rows ``old`` and ``new`` of a statement."""
    if trigger.condition is not None:
        return free_condition_sql(function, trigger.condition_columns)
    return trigger.changes and trigger.changes.sql()


def _values(table: Table, trigger: CaptureData) -> dict[str, str]:
    """Return the expressions of an event's columns."""
    is_update = trigger.operation == "UPDATE"
    # Of an update whose event has the values before it, too: the key is the one that the row has.
    row = "old" if trigger.operation == "DELETE" else "new"
    has_row = trigger.operation != "TRUNCATE"
    moved = (table.model, table.key) if is_update else None
    refs = refs_sql(row, table.references, called=until_installed, moved=moved)
    return {
        "model": quote_literal(until_installed(table.model)),
        "obj_pk": table.key.sql(row) if has_row else "NULL",
        "label": quote_literal(trigger.label),
        "operation": quote_literal(trigger.operation[0]),
        "turn": "capture.turn",
        "shape": "capture.shape",
        "snapshot": SNAPSHOT if has_row else "NULL",
        "diff": diff_sql(table.columns) if is_update else "NULL",
        "refs": refs if has_row else "NULL",
        "context_id": "context.id",
        "context": masked_context_sql(table.masked_context),
        "role": "session_user",
        "session": "context.session",
    }
