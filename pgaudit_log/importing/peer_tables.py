"""The tables of peers as the catalogue has them, and which of their columns a model's events can have."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.declaring.masks import masks_of
from pgaudit_log.importing.sources import Unkept
from pgaudit_log.triggers.captured_columns import stored_columns
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.quoting import quote_name
from pgaudit_log.values.tables import column_of, concrete, own_columns, table_of

_INTEGERS = {"smallint", "integer", "bigint"}
_TEXTS = {"text", "character varying", "character"}


def given_tables(
    given: Mapping[type[models.Model], list[str]],
) -> Iterator[tuple[type[models.Model], str]]:
    """Yield the tables that a project names because no class of the peer's is there for them."""
    for model, names in given.items():
        yield from ((model, quote_name(name)) for name in names)


def types_of(table: str, connection: BaseDatabaseWrapper) -> dict[str, str]:
    """Return the types, without modifiers, of the columns of a table by name; empty if it is not there."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT attname, pg_catalog.format_type(atttypid, NULL)
            FROM pg_catalog.pg_attribute
            WHERE attrelid = pg_catalog.to_regclass(%s) AND attnum > 0 AND NOT attisdropped
            ORDER BY attnum
            """,
            [table],
        )
        return dict(cursor.fetchall())


def tables_with(columns: Collection[str], connection: BaseDatabaseWrapper) -> list[str]:
    """Return the tables, not views, of the current schema that have all of some columns."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT relname
            FROM pg_catalog.pg_class
            WHERE relnamespace = to_regnamespace(quote_ident(current_schema()))
                AND relkind IN ('r', 'p')
                AND NOT relispartition
                AND (
                    SELECT count(*) FROM pg_catalog.pg_attribute
                    WHERE attrelid = pg_class.oid AND attname = ANY(%s) AND NOT attisdropped
                ) = %s
            ORDER BY relname
            """,
            [list(columns), len(columns)],
        )
        return [name for (name,) in cursor.fetchall()]


def without_class(
    peer: str, found: Collection[str], known: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield each table of a peer's that no class of the project's is there for, and what to do."""
    for name in found:
        if name not in known:
            advice = f"Say of which model it is: --table app.Model={name}"
            yield name, f"It is a table of {peer} that has no class here any more. {advice}"


def is_readable(table: str, connection: BaseDatabaseWrapper) -> bool:
    """Return whether the role may read a table that is there."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege(to_regclass(%s), 'SELECT')", [table])
        return bool(cursor.fetchone()[0])


def shows_all(declaration: Declaration) -> bool:
    """Return whether events show each column of a table, so that a text may tell of any of them."""
    model = concrete(declaration.tracked_model)
    tracked = {field.name for field in declaration.columns}
    return not masks_of(model) and all(field.name in tracked for field in own_columns(model))


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What a peer's table has of the columns of a declaration."""

    key: Sequence[str] | None
    """The expressions of the key; ``None`` if the table does not have it."""
    key_types: str
    """What the table has of the key, as a sentence says it."""
    kept: Mapping[str, str]
    unkept: Sequence[Unkept]


def columns_of(
    declaration: Declaration,
    theirs: Mapping[str, str],
    connection: BaseDatabaseWrapper,
    *,
    key: str | None = None,
    about_records: Collection[str] = (),
    alias: str = "source",
) -> Columns:
    """Return which of the columns of a declaration a peer's table has, as typed here.

    Args:
        declaration: whose events the records become.
        theirs: the columns of the peer's table, with their types.
        key: the column of the table that has the key of the object, whatever the model calls it.
        about_records: the columns that tell of a record, not of the object.
    """
    model = concrete(declaration.tracked_model)
    ours = types_of(table_of(model), connection)
    tracked = [column_of(f) for f in stored_columns(model, declaration.columns, connection)]
    fields = [column_of(field) for field in key_fields(model)]
    kept: dict[str, str] = {}
    unkept: list[Unkept] = []
    for column in tracked:
        if column not in theirs:
            unkept.append(Unkept(column=column, reason="is not recorded there"))
        elif _is_kept(theirs[column], ours.get(column, "")):
            kept[column] = _typed(f"{alias}.{quote_name(column)}", theirs[column], ours[column])
        else:
            reason = f"is {theirs[column]} there and {ours.get(column, 'nothing')} here"
            unkept.append(Unkept(column=column, reason=reason))
    own = {column_of(field) for field in own_columns(model)}
    for column in theirs:
        if column in tracked or column in about_records or column == key:
            continue
        why = "is not tracked here" if column in own else f"is no column of {model._meta.label}"
        unkept.append(Unkept(column=column, reason=why))
    keys = [_key(column, key, theirs, ours, alias) for column in fields]
    found = [expression for expression in keys if expression is not None]
    stand_ins = [key] if key else fields
    return Columns(
        key=found if len(found) == len(fields) else None,
        key_types=", ".join(
            f"{name} is {theirs.get(name, 'not there')} there and {ours.get(column, 'nothing')} here"
            for name, column in zip(stand_ins, fields, strict=False)
        ),
        kept=kept,
        unkept=tuple(unkept),
    )


def _key(
    column: str,
    stands_in: str | None,
    theirs: Mapping[str, str],
    ours: Mapping[str, str],
    alias: str,
) -> str | None:
    for name in (column, stands_in or column):
        if name in theirs and _is_kept(theirs[name], ours.get(column, "")):
            return _typed(f"{alias}.{quote_name(name)}", theirs[name], ours[column])
    return None


def _is_kept(theirs: str, ours: str) -> bool:
    """Return whether each value of one type is the same value of another one."""
    return theirs == ours or any({theirs, ours} <= family for family in (_INTEGERS, _TEXTS))


def _typed(expression: str, theirs: str, ours: str) -> str:
    # As the catalogue shows it: `character` would be one of a single character.
    name = "bpchar" if ours == "character" else ours
    return expression if theirs == ours else f"{expression}::{name}"
