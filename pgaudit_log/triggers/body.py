"""The SQL of a capture: what one tracker writes into the event table, as text.

Every expression reads the rows under the aliases ``old`` and ``new``, so that the
same text serves one row, many rows and row-level triggers. The columns are listed,
never ``*``: the text is static, blind to columns that are not tracked, and immune to
a column that is called like one of our names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from pgtrigger.core import Condition

from pgaudit_log.constants import EVENT_TABLE, NEW
from pgaudit_log.declaring import conditions
from pgaudit_log.declaring.relations import objects_in_key_order
from pgaudit_log.triggers.free_conditions import FreeCondition, free_condition
from pgaudit_log.values import columns as columns_
from pgaudit_log.values.keys import (
    former_key,
    key_fields,
    key_sql,
    may_be_shortened,
    moved_marker,
    reference,
    row_key_sql,
)
from pgaudit_log.values.quoting import quote_literal, quote_name
from pgaudit_log.values.tables import column_of, concrete, table_of

Columns: TypeAlias = "Sequence[models.Field[Any, Any]]"


class Source(NamedTuple):
    """Where a statement's rows come from."""

    single: str
    """The FROM clause for one row."""
    many: str | None
    """The FROM clause for more, where it differs."""


def _types(connection: BaseDatabaseWrapper | None) -> BaseDatabaseWrapper:
    """Return the connection that names column types; only its dialect matters, it is not opened."""
    if connection is not None:
        return connection
    return next((c for c in connections.all() if c.vendor == "postgresql"), connections["default"])


def _column(alias: str, field: models.Field[Any, Any]) -> str:
    return f"{alias}.{quote_name(column_of(field))}"


def _value(alias: str, field: models.Field[Any, Any], connection: BaseDatabaseWrapper) -> str:
    return columns_.stored_sql(_column(alias, field), columns_.sql_type(field, connection))


def _differs(field: models.Field[Any, Any], connection: BaseDatabaseWrapper) -> str:
    return columns_.differs_sql(
        _column("old", field),
        _column("new", field),
        columns_.sql_type(field, connection),
        own_collation=bool(getattr(field, "db_collation", None)),
    )


def _image(alias: str, columns: Columns) -> str:
    return f"ROW({', '.join(_column(alias, f) for f in columns)})"


def any_change_sql(columns: Columns) -> str:
    """Return the test whether any of ``columns`` differs, bit by bit, between ``old`` and ``new``."""
    return f"pg_catalog.record_image_ne({_image('old', columns)}, {_image('new', columns)})"


SNAPSHOT = "to_jsonb(snapshot.*)"
"""The JSONB expression of the row that :func:`snapshot_source` adds to a FROM clause."""


LARGE = 2_000
"""How many bytes a value takes in its table before an event may refer to another that has it."""


def stored_columns(
    model: type[models.Model], columns: Columns, connection: BaseDatabaseWrapper | None = None
) -> Columns:
    """Return the columns that snapshots have: the tracked ``columns``, and a key that may be shortened.

    ``obj_pk`` has any key, tracked or not; what is too long for it stands there.
    """
    keys = key_fields(concrete(model))
    if not may_be_shortened(keys, _types(connection)):
        return columns
    names = {field.name for field in columns}
    return [*columns, *(field for field in keys if field.name not in names)]


def snapshot_source(
    alias: str,
    columns: Columns,
    connection: BaseDatabaseWrapper | None = None,
    *,
    instead: Mapping[str, str] | None = None,
) -> str:
    """Return the FROM item of the tracked columns of the row ``alias``, as they are stored.

    ``instead`` has other expressions for some of the columns.

    PostgreSQL flattens it; as a subquery in the SELECT list it would be a plan of its own, and
    make each execution look through the whole statement for what it has to lock. The columns
    stand in the order in which JSONB keeps keys, so that none has to be moved.
    """
    types = _types(connection)
    ordered = sorted(columns, key=lambda f: (len(column_of(f).encode()), column_of(f).encode()))
    instead = instead or {}
    values = ", ".join(
        f"{instead.get(column_of(f)) or _value(alias, f, types)} AS {quote_name(column_of(f))}"
        for f in ordered
    )
    return f"CROSS JOIN LATERAL (SELECT {values}) AS snapshot"


def _large_sql(
    alias: str,
    model: type[models.Model],
    large: Columns,
    *,
    created_at: str,
    period: str,
) -> dict[str, str]:
    """Return the expressions of large columns of the row ``alias``, by column.

    What an earlier event of the object has to the last bit is not stored again. That is asked of
    the events, not of the row as it was before: some changes may not have been captured.
    """
    types = _types(None)
    label = quote_literal(until_installed(concrete(model)._meta.label))
    found = {}
    for field in large:
        column = _column(alias, field)
        value = f"to_jsonb({_value(alias, field, types)})"
        # A text is compared as it is, which takes a third of the time; char(n) has blanks as one.
        is_text = columns_.sql_type(field, types).lower() in columns_.TEXTS - {"bpchar"}
        given = f"NULL, {column}::text" if is_text else f"{value}, NULL"
        earlier = (
            f"@schema@.pgaudit_log_stored_at({label}, {row_key_sql('old', model, types)},"
            f" capture.shape, {quote_literal(column_of(field))}, {given},"
            f" {created_at}, {quote_literal(period)})"
        )
        found[column_of(field)] = (
            f"CASE WHEN pg_column_size({column}) >= {LARGE}"
            f" THEN COALESCE({earlier}, {value}) ELSE {value} END"
        )
    return found


def diff_sql(columns: Columns, connection: BaseDatabaseWrapper | None = None) -> str:
    """Return the JSONB expression ``{"column": [old, new]}`` of the columns that differ.

    Static SQL a column: 1.3 microseconds a row for 12 columns, where a loop over
    ``jsonb_each`` takes 35.
    """
    types = _types(connection)
    parts = [
        f"CASE WHEN {_differs(f, types)}"
        f" THEN jsonb_build_object({quote_literal(column_of(f))},"
        f" jsonb_build_array({_value('old', f, types)}, {_value('new', f, types)}))"
        f" ELSE '{{}}' END"
        for f in columns
    ]
    return "\n        || ".join(parts)


def refs_sql(
    alias: str,
    columns: Columns,
    connection: BaseDatabaseWrapper | None = None,
    *,
    called: Callable[[str], str],
    moved: type[models.Model] | None = None,
) -> str:
    """Return the ``text[]`` expression of what the row points at, or ``NULL``.

    ``called`` says what events call the table that a label means.

    In an update of the model ``moved`` whose key changes it also says so and has the former
    key, so that what became of a key can be found by the index.
    """
    types = _types(connection)
    pointing = []
    references = []
    for field in columns:
        if not isinstance(field, models.ForeignKey):
            continue
        label = called(_target_label(field))
        text = key_sql([_column(alias, field)], [field], types)
        pointing.append(f"{_column(alias, field)} IS NOT NULL")
        references.append(f"{quote_literal(reference(label, ''))} || ({text})")
    for target, fields in objects_in_key_order(columns):
        label = called(target._meta.label)
        parts = [_column(alias, field) for field in fields]
        text = key_sql(parts, fields, types)
        pointing.append(" AND ".join(f"{part} IS NOT NULL" for part in parts))
        # Other than a text, a JSON array with a null is not null.
        references.append(
            f"CASE WHEN {pointing[-1]} THEN {quote_literal(reference(label, ''))} || ({text}) END"
        )
    moved_sql = _moved_sql(moved, types, called) if moved is not None else ""
    if not references:
        return moved_sql or "NULL::text[]"
    if len(references) == 1:
        # The most frequent case, which needs no function of arrays.
        pointed_at = f"CASE WHEN {pointing[0]} THEN ARRAY[{references[0]}] END"
        return " || ".join(filter(None, [pointed_at, moved_sql]))
    pointed_at = f"array_remove(ARRAY[{', '.join(references)}], NULL)"
    return f"NULLIF({' || '.join(filter(None, [pointed_at, moved_sql]))}, '{{}}')"


def _target_label(field: models.ForeignKey[Any, Any]) -> str:
    """Return what ``refs`` calls the objects that a foreign key points at, in front of their keys."""
    label = concrete(field.remote_field.model)._meta.label
    if field.target_field.primary_key:
        return label
    return f"{label}.{field.target_field.column}"


def targets(model: type[models.Model]) -> dict[str, list[str]]:
    """Return the tables behind the labels of a model's events, for ``pgaudit_log_shape_of()``.

    All foreign keys count, tracked or not, and what else points at primary keys.
    """
    model = concrete(model)
    found = {model._meta.label: [table_of(model)]}
    for field in model._meta.local_fields:
        if isinstance(field, models.ForeignKey):
            target = [table_of(concrete(field.remote_field.model))]
            if not field.target_field.primary_key:
                target.append(column_of(field.target_field))
            found[_target_label(field)] = target
    local = [field for field in model._meta.local_fields if field.column is not None]
    for target_model, _ in objects_in_key_order(local):
        found[target_model._meta.label] = [table_of(target_model)]
    return found


def until_installed(label: str) -> str:
    """Return what stands for ``label`` in a capture function until it is installed.

    Which label that is, is known only then: see ``sql/label_of.sql``.
    """
    return f"@{label}@"


def _moved_sql(
    model: type[models.Model], connection: BaseDatabaseWrapper, called: Callable[[str], str]
) -> str:
    """Return the ``text[]`` expression of what ``refs`` says of a key that changed, or ``NULL``."""
    label = called(concrete(model)._meta.label)
    differs = " OR ".join(_differs(field, connection) for field in key_fields(concrete(model)))
    return (
        f"CASE WHEN {differs} THEN ARRAY[{quote_literal(moved_marker(label))},"
        f" {quote_literal(former_key(label, ''))} || ({row_key_sql('old', model, connection)})] END"
    )


def condition_sql(
    condition: Condition | None, model: type[models.Model], columns: Columns
) -> str | None:
    """Return a tracker's condition as SQL over ``OLD`` and ``NEW``, or ``None`` if it always fires.

    A condition on changes that names no fields is about the tracked ``columns``.
    """
    if condition is None:
        return None
    if isinstance(condition, conditions.Change):
        return _change_sql(condition, model, columns)
    return str(condition.resolve(model))  # type: ignore[no-untyped-call]


def is_free(condition: Condition | None) -> bool:
    """Return whether a condition is SQL of the project's own, which may call anything."""
    return condition is not None and not isinstance(condition, conditions.Change)


def bound_condition(condition: Condition, model: type[models.Model], label: str) -> FreeCondition:
    """Return a free condition of the tracker ``label`` as an expression of single columns."""
    sql = str(condition.resolve(model))  # type: ignore[no-untyped-call]
    concrete_model = concrete(model)
    names = [column_of(f) for f in concrete_model._meta.local_fields if f.column is not None]
    where = f'the tracker "{label}" of {concrete_model._meta.label}'
    return free_condition(sql, names, where)


def _change_sql(condition: Any, model: type[models.Model], columns: Columns) -> str:
    """Return a condition on changes: ``all`` or any of the fields ``df`` or ``ndf``."""
    names = {f.name for f in columns}
    meta = concrete(model)._meta
    if condition.fields:
        names = {meta.get_field(name).name for name in condition.fields}
    names -= {meta.get_field(name).name for name in condition.exclude}
    chosen = [
        f
        for f in meta.local_fields
        if f.name in names and not (condition.exclude_auto and conditions.is_automatic(f))
    ]
    if not chosen:
        sql = "FALSE"
    elif condition.comparison == "df" and not condition.all:
        sql = any_change_sql(chosen)
    else:
        test = "NOT " * (condition.comparison == "ndf")
        joiner = " AND " if condition.all else " OR "
        sql = joiner.join(f"{test}{any_change_sql([f])}" for f in chosen)
    return f"NOT ({sql})" if condition._negated else f"({sql})"


CAPTURED_INTO = f"@schema@.{EVENT_TABLE}"
"""The event table, as capture functions name it: with its schema, which installing fills in."""

POSITION = quote_name("pgaudit_log position")
"""The position of a row in its transition table: a name that no column has."""


def statement_source(operation: str) -> Source:
    """Return the rows of a statement-level trigger, from its transition tables.

    An update's old and new rows are paired by their position, because PostgreSQL fills
    both tables in step and a key may change. The FULL JOIN cannot be planned as a
    nested loop, which would make bulk updates quadratic after single ones; the single
    row has a path of its own because the plan for many is slow for one.
    """
    if operation == "INSERT":
        return Source("new_values AS new", None)
    if operation == "DELETE":
        return Source("old_values AS old", None)
    numbered = f"(SELECT row_number() OVER () AS {POSITION}, * FROM {{}}_values) AS {{}}"
    return Source(
        "old_values AS old CROSS JOIN new_values AS new",
        f"{numbered.format('old', 'old')}"
        f"\n    FULL JOIN {numbered.format('new', 'new')} ON old.{POSITION} = new.{POSITION}",
    )


def row_source(operation: str) -> Source:
    """Return the row of a row-level trigger, under the aliases that statement-level triggers use."""
    rows = {
        "INSERT": ("new",),
        "DELETE": ("old",),
        "UPDATE": ("old", "new"),
    }[operation]
    return Source(" CROSS JOIN ".join(f"(SELECT {row.upper()}.*) AS {row}" for row in rows), None)


def pins_sql(model: type[models.Model], condition: Condition | None, columns: Columns) -> str:
    """Return the SET clauses of a capture function: those of ``columns.PINS`` that its columns need.

    Each costs a microsecond and a half a statement.
    """
    types = _types(None)
    needed = {
        name
        for field in [*key_fields(concrete(model)), *columns]
        for name in columns_.settings_of(columns_.sql_type(field, types))
    }
    if is_free(condition):
        needed = set(columns_.PINS)  # its SQL may be anything
    return "\n".join(
        f"SET \"{name}\" = '{value}'" for name, value in columns_.PINS.items() if name in needed
    )


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
    """Return the body of a capture function: PL/pgSQL statements that write the events.

    ``row`` is ``OLD`` or ``NEW``; ``created_at`` the function that fills the column;
    ``function`` the name of the one that a free condition is bound into; ``large`` those of
    ``columns`` of which an event may refer to an earlier one of the same ``period``.
    At row level the trigger's WHEN clause has the condition. The context is read into the
    variable that the template declares, which is cheaper than its function in the FROM clause.
    """
    alias = "new" if row == NEW else "old"
    read = "pgaudit_log_context" if statement_level else "pgaudit_log_context_once"
    context = f"context := @schema@.{read}();\n"
    truncated = operation == "TRUNCATE"
    values = {
        "model": quote_literal(until_installed(concrete(model)._meta.label)),
        "obj_pk": "NULL" if truncated else row_key_sql(alias, model, _types(None)),
        "label": quote_literal(label),
        "operation": quote_literal(operation[0]),
        "turn": "capture.turn",
        "shape": "capture.shape",
        "snapshot": "NULL" if truncated else SNAPSHOT,
        "diff": diff_sql(columns) if operation == "UPDATE" else "NULL",
        "refs": "NULL"
        if truncated
        else refs_sql(
            alias,
            columns,
            called=until_installed,
            moved=model if operation == "UPDATE" else None,
        ),
        "context_id": "context.id",
        "context": "context.value",
        "role": "session_user",
        "session": "context.session",
    }
    if created_at != "now()":
        values["created_at"] = created_at

    if truncated:
        return context + insert_sql(values, "", into=CAPTURED_INTO)

    instead = {}
    if operation != "INSERT":
        instead = _large_sql(alias, model, large, created_at=created_at, period=period)
    snapshot = snapshot_source(alias, stored_columns(model, columns), instead=instead)
    source = statement_source(operation) if statement_level else row_source(operation)
    where = _where_sql(condition, model, columns, label, function) if statement_level else None
    single = insert_sql(values, f"{source.single}\n    {snapshot}", where, into=CAPTURED_INTO)
    if source.many is None:
        return context + single
    # A strict filter would let the planner make an inner join of the FULL JOIN.
    many_where = f"COALESCE({where}, FALSE)" if where else None
    many = insert_sql(values, f"{source.many}\n    {snapshot}", many_where, into=CAPTURED_INTO)
    return (
        f"{context}PERFORM FROM new_values OFFSET 1;\n"
        f"IF NOT FOUND THEN\n    {single}\nELSE\n    {many}\nEND IF;"
    )


def _where_sql(
    condition: Condition | None,
    model: type[models.Model],
    columns: Columns,
    label: str,
    function: str,
) -> str | None:
    """Return a tracker's condition over the rows ``old`` and ``new`` of a statement."""
    if condition is None or not is_free(condition):
        return condition_sql(condition, model, columns)
    arguments = [
        f"{row}.{quote_name(column)}"
        for row, _, column in (
            name.partition(".") for name in bound_condition(condition, model, label).names
        )
    ]
    return f"@home@.{function}({', '.join(arguments)})"
