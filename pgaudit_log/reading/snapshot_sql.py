"""Snapshots as SQL: what an event of a tracked table has of its columns, under their names of today."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.constants import AT_KEY, EVENT_TABLE, MASKED_KEY
from pgaudit_log.declaring.former_names import ShapeNames
from pgaudit_log.values.column_json import integer_sql, is_valid_sql, read_sql, sql_type
from pgaudit_log.values.quoting import quote_literal
from pgaudit_log.values.tables import Field, column_of


class ReadColumn(NamedTuple):
    """One column that is read: its name, and the field whose values it has."""

    name: str
    field: Field
    is_masked: bool = False
    """Whether it is masked, so that nothing is read of it, also of older events that have values."""
    was_masked: bool = False
    """Whether events may have a mark in the place of a value."""


class Table(NamedTuple):
    """One tracked table that is read: a model's own, or one that it inherits."""

    labels: Sequence[str]
    """The model's label and those that it had before."""
    other_labels: Sequence[str]
    """The labels of the trackers of its other ``track()`` calls, whose events are not meant."""
    columns: Sequence[ReadColumn]
    renamed: Mapping[int, ShapeNames]
    """The shapes whose keys are not the columns of today; see ``former_names.TableNames``."""
    declared: Mapping[str, str]
    """What ``track(former_columns=…)`` says of other keys: what they are called today."""
    large: frozenset[str] = frozenset()
    """The columns of today for which an event may refer to another that has the value."""

    @property
    def is_renamed(self) -> bool:
        """Whether a column may stand under another key than its name."""
        return bool(self.renamed or self.declared)


def column_sql(
    snapshot: str,
    column: ReadColumn,
    connection: BaseDatabaseWrapper,
    large: Mapping[str, str],
) -> str:
    """Return the value of a column out of a snapshot that has today's names.

    ``large`` has what stands for those that may be in another event; see :func:`large_source`.
    """
    if column.is_masked:
        return f"NULL::{sql_type(column.field, connection)}"
    value = _value_sql(snapshot, column, connection, large)
    if not column.was_masked:
        return value
    # Or else a text would have the mark as its value.
    mark = f"{snapshot} -> {quote_literal(column_of(column.field))} -> '{MASKED_KEY}'"
    return f"CASE WHEN {mark} IS NULL THEN {value} END"


def _value_sql(
    snapshot: str,
    column: ReadColumn,
    connection: BaseDatabaseWrapper,
    large: Mapping[str, str],
) -> str:
    key = quote_literal(column_of(column.field))
    if (value := large.get(column_of(column.field))) is not None:
        return read_sql(value, sql_type(column.field, connection), connection)
    return read_sql(
        f"({snapshot} -> {key})",
        sql_type(column.field, connection),
        connection,
        text=f"({snapshot} ->> {key})",
    )


def large_values(table: Table, number: int = 0) -> dict[str, str]:
    """Return the columns of :func:`large_source`, by the column of the table."""
    read = [column_of(column.field) for column in table.columns]
    wanted = [column for column in read if column in table.large]
    return {column: f"large_{number}.value_{n}" for n, column in enumerate(wanted)}


def large_source(
    snapshot: str, table: Table, connection: BaseDatabaseWrapper, number: int = 0
) -> str:
    """Return the FROM item that fetches, once an event, what its snapshot has by reference.

    Empty for a table without large columns. What a query does not ask for is not fetched. It is no
    function, which would need the right to read the event table where the view is read.
    """
    values = []
    for column, name in large_values(table, number).items():
        place = f"{snapshot} #> ARRAY[{quote_literal(column)}, '{AT_KEY}']"
        id, created_at = "(place ->> 'id')", "(place ->> 'created_at')"
        is_moment = is_valid_sql(created_at, "timestamptz", connection)
        values.append(
            f"CASE WHEN {place} IS NULL THEN {snapshot} -> {quote_literal(column)} ELSE (\n"
            f"        SELECT holder.snapshot -> (place ->> 'key')\n"
            f"        FROM (SELECT {place} AS place) AS reference, {EVENT_TABLE} AS holder\n"
            f"        WHERE holder.id = {integer_sql(id, 'bigint', connection)}\n"
            f"            AND holder.created_at ="
            f" CASE WHEN {is_moment} THEN {created_at}::timestamptz END\n"
            f"    ) END AS {name.rpartition('.')[2]}"
        )
    if not values:
        return ""
    listed = ",\n    ".join(values)
    return f"\nCROSS JOIN LATERAL (\n    SELECT {listed}\n    OFFSET 0\n) AS large_{number}"


def today_sql(event: str, table: Table) -> str:
    """Return the snapshot of ``event`` with the names that its columns have today."""
    by_names: dict[str, list[str]] = {}
    for shape, names in sorted(table.renamed.items()):
        by_names.setdefault(_jsonb(names), []).append(str(shape))
    snapshot = f"{event}.snapshot"
    cases = " ".join(
        f"WHEN {event}.shape IN ({', '.join(shapes)}) THEN pgaudit_log_renamed({snapshot}, {names})"
        for names, shapes in by_names.items()
    )
    if table.declared:
        keys = text_array_sql(list(table.declared))
        declared = f"pgaudit_log_renamed({snapshot}, {_jsonb(table.declared)})"
        cases += f" WHEN {snapshot} ?| {keys} THEN {declared}"
    return f"CASE {cases} ELSE {snapshot} END" if cases else snapshot


def _jsonb(names: ShapeNames) -> str:
    return f"{quote_literal(json.dumps(names, ensure_ascii=False, sort_keys=True))}::jsonb"


def today_source(event: str, table: Table) -> str:
    """Return the FROM item that makes, once an event, the snapshot of today of ``event``."""
    return f"CROSS JOIN LATERAL (SELECT {today_sql(event, table)} AS document OFFSET 0) AS today"


def any_of_sql(column: str, values: Sequence[str]) -> str:
    """Return the test whether a column is one of some texts."""
    if len(values) == 1:
        return f"{column} = {quote_literal(values[0])}"
    return f"{column} IN ({', '.join(quote_literal(value) for value in values)})"


def belongs_sql(table: Table, alias: str = "") -> str:
    """Return the test whether an event, under the prefix ``alias``, is one of ``table`` that is meant."""
    test = any_of_sql(f"{alias}model", table.labels)
    if table.other_labels:
        test += f" AND NOT {any_of_sql(f'{alias}label', table.other_labels)}"
    return test


def text_array_sql(values: Sequence[str]) -> str:
    """Return texts as an array."""
    return f"ARRAY[{', '.join(quote_literal(value) for value in values)}]::text[]"
