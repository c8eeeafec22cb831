"""Typed tables: the rows that were rebuilt from a peer's records, in a table that is made for the import."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, islice
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.constants import (
    BASELINE,
    CONTEXT_MAX_BYTES,
    DELETE,
    IMPORT_TABLES,
    INSERT,
    MANUAL,
    UPDATE,
)
from pgaudit_log.contexts.salvage import cut
from pgaudit_log.declaring import declarations
from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.declaring.masks import masks_of
from pgaudit_log.importing import replays, told_values
from pgaudit_log.importing.labels import kind_for
from pgaudit_log.importing.replays import Record, Row
from pgaudit_log.importing.sources import Kind, Source, Unkept, value_columns
from pgaudit_log.triggers.captured_columns import stored_columns
from pgaudit_log.values.column_json import cast_sql, sql_type
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.sql_text import Sql
from pgaudit_log.values.tables import Field, column_of, concrete

TABLE = f"{IMPORT_TABLES}_rows"
"""The table, which is there while it is imported."""

MANY_TO_MANY, ACCESS = "many-to-many change", "access"
"""Kinds of records that tell nothing of the columns of a row."""

_PORTION = 1_000
"""Rows that are written at a time."""

_LONGEST_TEXT = 1_000
"""Bytes of a text that are kept of a value that cannot be read."""

_ABOUT_RECORDS = (
    "place bigint",
    "record_id text",
    "created_at timestamptz",
    "kind text",
    "unknown text[]",
    "context_id uuid",
    "context jsonb",
)


def source_of(
    declaration: Declaration,
    connection: BaseDatabaseWrapper,
    *,
    peer: str,
    name: str,
    unkept: Sequence[Unkept],
    left_out: Sequence[str],
    rounded: Sequence[str] = (),
    tells_changes: bool = False,
    records_sql: str,
    fill: Callable[[BaseDatabaseWrapper, Sequence[Field]], Iterable[tuple[str, Record]]],
) -> Source:
    """Return the source of a model's records.

    Args:
        peer: the name of the package.
        name: its table.
        unkept: what does not come over, or less exactly.
        left_out: the columns of which nothing comes over.
        rounded: those that are less exact there.
        tells_changes: whether a record tells of an update only what it has changed.
        records_sql: the SELECT of what a plan has to know: ``place``, ``record_id``, ``created_at``,
            ``kind`` and the key, as :func:`key_sql` has it.
        fill: yields the records with the texts of their keys, object by object.
    """
    model = concrete(declaration.tracked_model)
    fields = [
        field
        for field in stored_columns(model, declaration.columns, connection)
        if column_of(field) not in left_out
    ]
    planned = Source(
        peer=peer,
        declaration=declaration,
        table=TABLE,
        name=name,
        id="source.place",
        order=("source.created_at", "source.place"),
        created_at="source.created_at",
        kind="source.kind",
        kinds=_kinds(declaration),
        key=[f"source.key_{n}" for n in range(len(key_fields(model)))],
        columns={name: f"source.{value}" for name, value in value_columns(fields).items()},
        unkept=tuple(unkept),
        rounded=tuple(rounded),
        tells_changes=tells_changes,
        record_id="source.record_id",
        made_by=Sql.plain(records_sql),
        is_of_application=True,
    )

    def make(to: BaseDatabaseWrapper) -> None:
        with transaction.atomic(using=to.alias):
            _make(to, model, fields, fill(to, fields))

    filled = replace(
        planned,
        context="source.context",
        context_id="source.context_id",
        unknown="source.unknown",
        fill=make,
    )
    return replace(planned, filled=filled)


def _kinds(declaration: Declaration) -> Mapping[str, Kind]:
    baseline = declarations.baseline_label(declaration)
    return {
        replays.CREATE: kind_for(declaration, INSERT, "insert"),
        replays.UPDATE: kind_for(declaration, UPDATE, "update"),
        replays.DELETE: kind_for(declaration, DELETE, "delete"),
        replays.FOUND: Kind(operation=BASELINE, label=baseline),
        replays.PARTIAL: Kind(operation=MANUAL, label="partial_update"),
        MANY_TO_MANY: Kind(operation=MANUAL, label="many_to_many"),
        ACCESS: Kind(operation=MANUAL, label="access"),
    }


def key_sql(text: str, declaration: Declaration, connection: BaseDatabaseWrapper) -> str:
    """Return the columns of the key of a record, out of the SQL of its text."""
    [field, *others] = key_fields(concrete(declaration.tracked_model))
    if others:
        # It has the text of a tuple there, which says no types.
        return ", ".join(f"NULL::text AS key_{n}" for n in range(len(others) + 1))
    return f"{cast_sql(text, sql_type(field, connection), connection)} AS key_0"


def texts_of(told: Mapping[str, Any], declaration: Declaration) -> dict[str, Any]:
    """Return, of what was told of columns and cannot be read, the texts that a context may have."""
    masked = masks_of(concrete(declaration.tracked_model))
    shown = {column_of(field) for field in declaration.columns} - set(masked)
    return {name: _short(told[name]) for name in told if name in shown}


def only_texts(declaration: Declaration, fields: Sequence[Field]) -> dict[str, str]:
    """Return the columns, by the names of their fields, of which nothing but texts can come over.

    Those are none that tell nothing: a time that is set after it was recorded, and bytes.
    """
    kept = {field.name for field in fields}
    return {
        field.name: column_of(field)
        for field in declaration.columns
        if field.name not in kept
        and not getattr(field, "auto_now", False)
        and not isinstance(field, models.BinaryField)
    }


def _short(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_short(item) for item in value]
    return value if value is None else cut(str(value), _LONGEST_TEXT)


def _make(
    connection: BaseDatabaseWrapper,
    model: Any,
    fields: Sequence[Field],
    records: Iterable[tuple[str, Record]],
) -> None:
    [key, *others] = key_fields(model)
    columns = [*_ABOUT_RECORDS, *(f"key_{n + 1} text" for n in range(len(others)))]
    columns += [f"key_0 {sql_type(key, connection)}"]
    types = {column_of(field): sql_type(field, connection) for field in fields}
    columns += [f"{value} {types[name]}" for name, value in value_columns(fields).items()]
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE UNLOGGED TABLE {TABLE} ({', '.join(columns)})")
        if not others:
            rows = _rows(records, key, list(types), connection)
            while portion := list(islice(rows, _PORTION)):
                _write(portion, types, connection)
        cursor.execute(f"CREATE UNIQUE INDEX ON {TABLE} (place)")
        cursor.execute(f"ANALYZE {TABLE}")


def _rows(
    records: Iterable[tuple[str, Record]],
    key: Field,
    columns: Sequence[str],
    connection: BaseDatabaseWrapper,
) -> Iterator[tuple[Any, Row]]:
    """Yield the rows of all objects, each with its key."""
    for text, told in groupby(records, key=lambda pair: pair[0]):
        found = told_values.of_text(key, text, connection)
        if found is told_values.UNREADABLE or found is None:
            continue
        if isinstance(key, models.IntegerField) and str(told_values.prepared(found)) != text:
            continue  # Python reads " 7", too, which is the key of no object.
        of_key = {column_of(key): found} if column_of(key) in columns else {}
        known = [
            replace(
                record,
                before={**record.before, **of_key},
                after={**record.after, **of_key} if record.kind != replays.DELETE else {},
            )
            for _, record in told
        ]
        for row in replays.replay(known, columns):
            unknown = [name for name in row.unknown if name not in of_key]
            whole = replace(row, values={**row.values, **of_key}, unknown=unknown)
            yield told_values.prepared(found), whole


def _write(
    rows: Sequence[tuple[Any, Row]], types: Mapping[str, str], connection: BaseDatabaseWrapper
) -> None:
    """Write rows; what PostgreSQL does not take for values of their columns is unknown."""
    names = ["place", "record_id", "created_at", "kind", "unknown", "context_id", "context"]
    names += ["key_0", *(f"value_{n}" for n in range(len(types)))]
    holes = ["%s"] * 4 + ["%s::text[]", "%s::uuid", "%s::jsonb", "%s"]
    holes += [f"%s::{name}" for name in types.values()]
    insert = Sql.plain(f"INSERT INTO {TABLE} ({', '.join(names)}) VALUES (").text
    insert += f"{', '.join(holes)})"
    given = [_given(key, row, list(types)) for key, row in rows]
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.executemany(insert, given)
    except DatabaseError:
        if len(rows) > 1:
            middle = len(rows) // 2
            _write(rows[:middle], types, connection)
            _write(rows[middle:], types, connection)
            return
        [(key, row)] = rows
        bad = [
            name for name in row.values if not _is_taken(row.values[name], types[name], connection)
        ]
        if bad:
            values = {name: row.values[name] for name in row.values if name not in bad}
            reduced = replace(row, values=values, unknown=[*row.unknown, *bad])
        elif row.record.context:
            reduced = replace(row, record=_without_context(row.record))
        else:
            raise
        _write([(key, reduced)], types, connection)


def _is_taken(value: Any, type_name: str, connection: BaseDatabaseWrapper) -> bool:
    """Return whether PostgreSQL reads a value, as its driver writes it."""
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(f"SELECT %s::{type_name}", [told_values.prepared(value)])
    except DatabaseError:
        return False
    return True


def _without_context(record: Record) -> Record:
    return replace(record, context={}, context_id=None)


def _given(key: Any, row: Row, columns: Sequence[str]) -> list[Any]:
    about = [row.place, row.record_id, row.record.created_at, row.kind, list(row.unknown)]
    context = dict(row.record.context) if row.kind != replays.FOUND else {}
    if row.unknown and row.kind in (replays.UPDATE, replays.PARTIAL):
        context["unknown"] = list(row.unknown)
    values = [told_values.prepared(row.values.get(name)) for name in columns]
    return [*about, row.record.context_id, _context(context), key, *values]


def _context(context: Mapping[str, Any]) -> str | None:
    """Return a context as JSON; of one that is too long, its beginning."""
    told = {name: value for name, value in context.items() if value not in (None, "", {}, [])}
    if not told:
        return None
    text = json.dumps(told, cls=DjangoJSONEncoder)
    if len(text) <= CONTEXT_MAX_BYTES:
        return text
    user = {"user": told["user"]} if "user" in told else {}
    return json.dumps({**user, "malformed": cut(text, _LONGEST_TEXT)})
