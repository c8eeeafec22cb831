"""The body of a capture function: the statements that write the events of one tracker.

Every expression reads the rows under the aliases ``old`` and ``new``, so that the
same text serves one row, many rows and row-level triggers. The columns are listed,
never ``*``: the text is static, blind to columns that are not tracked, and immune to
a column that is called like one of our names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from pgtrigger.core import Condition

from pgaudit_log.constants import BASELINE, DELETE, EVENT_TABLE, INSERT, NEW, TRUNCATE, UPDATE
from pgaudit_log.triggers.column_sql import any_dialect, column_sql, value_sql
from pgaudit_log.triggers.condition_sql import where_sql
from pgaudit_log.triggers.diff import diff_sql
from pgaudit_log.triggers.event_insert import CAPTURED_INTO, current_shape_sql, insert_sql
from pgaudit_log.triggers.references import refs_sql, until_installed
from pgaudit_log.triggers.row_sources import row_source, statement_source
from pgaudit_log.triggers.snapshot import SNAPSHOT, large_sql, snapshot_source, stored_columns
from pgaudit_log.values.columns import column_type
from pgaudit_log.values.keys import (
    key_fields,
    row_key_sql,
)
from pgaudit_log.values.layout import indented, listed
from pgaudit_log.values.quoting import quote_literal, quote_name
from pgaudit_log.values.row_sql import Columns
from pgaudit_log.values.tables import column_of, concrete

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


def manual_event_sql(
    *,
    model: type[models.Model],
    label: str,
    operation: str,
    given: Columns,
    tracked: Columns,
    created_at: str,
    called: Callable[[str], str],
    connection: BaseDatabaseWrapper,
) -> str:
    """Return the INSERT of one event whose row is given as parameters, one for each of ``given``.

    The values are cast to their columns' types and rendered by ``pgaudit_log_snapshot``,
    so that they look as if a trigger had captured them.
    """
    row = ", ".join(
        f"%s::{column_type(field, connection)} AS {quote_name(column_of(field))}" for field in given
    )
    listed = ", ".join(
        f"{value_sql('new', field, connection)} AS {quote_name(column_of(field))}"
        for field in stored_columns(model, tracked, connection)
    )
    values = {
        "model": quote_literal(called(model._meta.label)),
        "obj_pk": row_key_sql("new", model, connection),
        "label": quote_literal(label),
        "operation": quote_literal(operation),
        "shape": current_shape_sql(model),
        "snapshot": f"(SELECT pgaudit_log_snapshot(tracked.*) FROM (SELECT {listed}) AS tracked)",
        "refs": refs_sql("new", tracked, connection, called=called),
        "context_id": "context.id",
        "context": "context.value",
        "role": "session_user",
        "session": "context.session",
        "created_at": created_at,
    }
    insert = insert_sql(
        {name: sql.replace("%", "%%") for name, sql in values.items()},
        f"(SELECT {row}) AS new CROSS JOIN pgaudit_log_context() AS context",
    )
    return insert.rstrip(";") + "\n    RETURNING id"


class BaselineSql(NamedTuple):
    """The statements of a backfill over the rows of one range of keys.

    The range's keys are their parameters, as text. A row is **unknown** when its newest
    event is a delete or older than a truncate, or when it has none but manual ones.
    """

    boundary: str
    """The number of the range's first rows and the last key of them; one more parameter: how many."""
    lock: str
    """Lock the unknown rows against writers; the number of them."""
    insert: str
    """Write a baseline event of each unknown row, and lock it."""
    unknown: str
    """The first key whose row is unknown."""


def baseline_sql(
    *,
    model: type[models.Model],
    model_labels: Sequence[str],
    event_labels: Sequence[str],
    label: str,
    columns: Columns,
    bounds: Sequence[str],
    created_at: str,
    called: Callable[[str], str],
    connection: BaseDatabaseWrapper,
) -> BaselineSql:
    """Return the statements that write baseline events with the label ``label``.

    ``model_labels`` and ``event_labels`` say whose events tell a row's state; ``bounds`` are
    the operators that a row's key is compared with, one parameter for each part of a key.
    A row that is asked for by ``=`` is waited for; of a range, rows that others have locked
    are left out, so that no writer ever waits for a backfill that waits for a writer.
    """
    keys = [column_sql("new", f).replace("%", "%%") for f in key_fields(concrete(model))]
    types = [column_type(f, connection) for f in key_fields(concrete(model))]
    key = ", ".join(keys)
    given = ", ".join(f"%s::{name}" for name in types)
    within = " AND ".join(f"({key}) {operator} ({given})" for operator in bounds) or "TRUE"
    table = connection.ops.quote_name(concrete(model)._meta.db_table).replace("%", "%%")
    known = _known_sql(model, model_labels, event_labels, connection).replace("%", "%%")
    rows = f"FROM {table} AS new\n        WHERE {within}"
    unknown = f"{rows}\n            AND NOT {known}\n        ORDER BY {key}"
    locked = f"{unknown}\n        FOR SHARE OF new" + " SKIP LOCKED" * ("=" not in bounds)

    texts = ", ".join(f"{column}::text" for column in keys)
    downwards = ", ".join(f"{column} DESC" for column in keys)
    needed = dict.fromkeys(column_of(f) for f in [*key_fields(concrete(model)), *columns])
    listed = ", ".join(f"new.{quote_name(name)}" for name in needed).replace("%", "%%")
    values = {
        "model": quote_literal(called(concrete(model)._meta.label)),
        "obj_pk": row_key_sql("new", model, connection),
        "label": quote_literal(label),
        "operation": quote_literal(BASELINE),
        # Looked up once a statement, not once a row.
        "shape": f"(SELECT {current_shape_sql(model)})",
        "snapshot": SNAPSHOT,
        "refs": refs_sql("new", columns, connection, called=called),
        "context_id": "context.id",
        "context": "context.value",
        "role": "session_user",
        "session": "context.session",
        "created_at": created_at,
    }
    stored = stored_columns(model, columns, connection)
    snapshot = snapshot_source("new", stored, connection).replace("%", "%%")
    return BaselineSql(
        boundary=f"SELECT count(*) OVER (), {texts}\n"
        f"    FROM (SELECT {key} {rows}\n        ORDER BY {key} LIMIT %s) AS new\n"
        f"    ORDER BY {downwards} LIMIT 1",
        lock=f"SELECT count(*) FROM (SELECT {locked}) AS locked",
        insert=insert_sql(
            {name: sql.replace("%", "%%") for name, sql in values.items()},
            f"(SELECT {listed} {locked}) AS new\n    {snapshot}"
            "\n    CROSS JOIN pgaudit_log_context() AS context",
        ),
        unknown=f"SELECT {texts} {unknown} LIMIT 1",
    )


def _known_sql(
    model: type[models.Model],
    model_labels: Sequence[str],
    event_labels: Sequence[str],
    connection: BaseDatabaseWrapper,
) -> str:
    """Return the test whether the newest event of the row ``new`` tells its present state."""
    of_model = f"model IN ({', '.join(map(quote_literal, model_labels))})"
    return f"""COALESCE((
                SELECT operation <> '{DELETE}' AND (id > (
                    SELECT max(id) FROM {EVENT_TABLE}
                    WHERE {of_model} AND obj_pk IS NULL AND operation = '{TRUNCATE}'
                )) IS NOT FALSE
                FROM {EVENT_TABLE}
                WHERE {of_model} AND obj_pk = {row_key_sql("new", model, connection)}
                    AND label IN ({", ".join(map(quote_literal, event_labels))})
                    AND operation IN ('{INSERT}', '{UPDATE}', '{DELETE}', '{BASELINE}')
                ORDER BY id DESC
                LIMIT 1
            ), FALSE)"""
