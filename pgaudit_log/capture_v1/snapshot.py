"""The snapshot of an event: the row that it keeps, as it is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pgaudit_log.capture_v1.columns import Column
from pgaudit_log.capture_v1.keys import Key
from pgaudit_log.capture_v1.layout import case, indented, listed, selected
from pgaudit_log.capture_v1.quoting import quote_literal, quote_name

SNAPSHOT = "to_jsonb(snapshot.*)"
"""The JSONB expression of the row that :func:`snapshot_source` adds to a FROM clause."""

LARGE = 2_000
"""How many bytes a value takes in its table before an event may refer to another that has it."""


def snapshot_source(
    row: str, columns: Iterable[Column], *, instead: Mapping[str, str] | None = None
) -> str:
    """Return the FROM item of the columns of the row ``old`` or ``new``, as they are stored.

    ``instead`` has other expressions for some of the columns, by name.

    PostgreSQL flattens it; as a subquery in the SELECT list it would be a plan of its own, and
    make each execution look through the whole statement for what it has to lock. The columns
    stand in the order in which JSONB keeps keys, so that none has to be moved.
    """
    instead = instead or {}
    ordered = sorted(columns, key=lambda column: (len(column.name.encode()), column.name.encode()))
    values = [
        f"{instead.get(column.name) or column.value_sql(row)} AS {quote_name(column.name)}"
        for column in ordered
    ]
    return f"CROSS JOIN LATERAL (\n{indented(selected(values))}\n) AS snapshot"


def large_sql(
    row: str,
    columns: Iterable[Column],
    large: Mapping[str, bool],
    *,
    model: str,
    key: Key,
    created_at: str,
    period: str,
) -> dict[str, str]:
    """Return the expressions of the large columns of the row ``old`` or ``new``, by name.

    What an earlier event of the object has to the last bit is not stored again. That is asked of
    the events, not of the row as it was before: some changes may not have been captured.

    Args:
        row: ``old`` or ``new``.
        columns: the tracked columns.
        large: which of them are large, and whether such a value is compared as a text.
        model: the SQL of what events call the table.
        key: the table's primary key.
        created_at: the SQL of the time of an event.
        period: how long a partition is; an event refers to one in its own.
    """
    expressions = {}
    for column in columns:
        if column.name not in large:
            continue
        value = f"to_jsonb({column.value_sql(row)})"
        # A text is compared as it is, which takes a third of the time; char(n) has blanks as one.
        compared = ["NULL", f"{column.sql(row)}::text"] if large[column.name] else [value, "NULL"]
        earlier = listed(
            "@schema@.pgaudit_log_stored_at(",
            [
                model,
                key.sql("old"),
                "capture.shape",
                quote_literal(column.name),
                *compared,
                created_at,
                quote_literal(period),
            ],
            ")",
        )
        expressions[column.name] = case(
            f"pg_column_size({column.sql(row)}) >= {LARGE}",
            listed("COALESCE(", [earlier, value], ")"),
            value,
        )
    return expressions
