"""django-simple-history: its tables of historical records, and those of many-to-many fields beside them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from django.apps import apps
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.constants import DELETE, IMPORT_TABLES, INSERT, UPDATE
from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.importing.labels import declaration_for, kind_for
from pgaudit_log.importing.peer_tables import (
    Columns,
    columns_of,
    given_tables,
    is_readable,
    tables_with,
    types_of,
    without_class,
)
from pgaudit_log.importing.sources import Source
from pgaudit_log.values.quoting import quote_literal, quote_name
from pgaudit_log.values.sql_text import template
from pgaudit_log.values.tables import column_of, concrete

NAME = "django-simple-history"

_ABOUT_RECORDS = (
    "history_id",
    "history_date",
    "history_type",
    "history_user_id",
    "history_change_reason",
    "history_relation_id",
    "m2m_history_id",
)

_OPERATIONS = {"+": (INSERT, "insert"), "~": (UPDATE, "update"), "-": (DELETE, "delete")}

CHANGES = f"{IMPORT_TABLES}_parts"
"""The table of the changes of one many-to-many field, which is made for the import."""


def tables(
    given: Mapping[type[models.Model], list[str]],
) -> Iterator[tuple[type[models.Model] | None, str]]:
    """Yield the tables that are read, each with the model that it is of."""
    for model, records in _classes("history_type"):
        yield model, quote_name(records._meta.db_table)
    for through, parts in _classes("m2m_history_id"):
        yield through, quote_name(parts._meta.db_table)
        # What an object had is read beside its own records.
        records = parts._meta.get_field("history").related_model
        yield through, quote_name(records._meta.db_table)
    yield from given_tables(given)


def sources(
    connection: BaseDatabaseWrapper, tables: Mapping[type[models.Model], list[str]]
) -> Iterator[Source | tuple[str, str]]:
    """Yield the sources of a database; of what cannot be one, the model's label and why.

    Args:
        connection: the database.
        tables: tables of historical records that no class of the peer's is there for, by the model.
    """
    records = [(model, of_model._meta.db_table) for model, of_model in _classes("history_type")]
    given = [(model, name) for model, names in tables.items() for name in names]
    for model, name in [*records, *given]:
        yield _of_model(connection, model, name)
    theirs = tables_with(("history_id", "history_date", "history_type"), connection)
    yield from without_class(NAME, theirs, [name for _, name in [*records, *given]])
    for through, of_parts in _classes("m2m_history_id"):
        yield _of_parts(connection, through, of_parts)


def _classes(field: str) -> Iterator[tuple[type[models.Model], Any]]:
    """Yield each model of which the installed peer has a class with a field, and that class."""
    for model in apps.get_models():
        tracked = getattr(model, "instance_type", None)
        if tracked is not None and any(own.name == field for own in model._meta.local_fields):
            yield concrete(tracked), model


def _of_model(
    connection: BaseDatabaseWrapper, model: type[models.Model], name: str
) -> Source | tuple[str, str]:
    table = quote_name(name)
    found = _columns(connection, model, table, "history_id", _ABOUT_RECORDS)
    if isinstance(found, str):
        return model._meta.label, found
    declaration, theirs, columns = found
    others = [unkept.column for unkept in columns.unkept if unkept.column in theirs]
    about = [name for name in others if not _is_of(model, name)]
    return _source(
        declaration=declaration,
        columns=columns,
        table=table,
        name=name,
        id="source.history_id",
        order=("source.history_date", "source.history_id"),
        context=_context("source", theirs, about),
    )


def _of_parts(
    connection: BaseDatabaseWrapper, through: type[models.Model], parts: Any
) -> Source | tuple[str, str]:
    """Return the source of a many-to-many field: each record of an object lists all that it has."""
    label = through._meta.label
    table = quote_name(parts._meta.db_table)
    found = _columns(connection, through, table, "m2m_history_id", (*_ABOUT_RECORDS, "history_id"))
    if isinstance(found, str):
        return label, found
    declaration, theirs, columns = found
    history = parts._meta.get_field("history").related_model
    records = quote_name(history._meta.db_table)
    owner = quote_name(column_of(history.instance_type._meta.pk))
    names = [column_of(field) for field in concrete(through)._meta.local_concrete_fields]
    there = [quote_name(name) for name in names if name in theirs]
    of_records = types_of(records, connection)
    about = [name for name in _ABOUT_RECORDS if name in of_records]
    changes = template(__package__, "part_changes.sql").sql(
        records=records,
        owner=owner,
        parts=table,
        key=quote_name(column_of(through._meta.pk)),
        columns=", ".join(f"part.{name}" for name in there),
        compared=f"ROW({', '.join(f'part.{name}' for name in there)})",
        compared_before=f"ROW({', '.join(f'before.{name}' for name in there)})",
        about=", ".join(f"record.{name}" for name in about),
        context=_context("record", about, ()),
    )
    return _source(
        declaration=declaration,
        columns=columns,
        table=CHANGES,
        id='source."pgaudit_log change"',
        order=('source."pgaudit_log change"',),
        context='source."pgaudit_log context"',
        name=parts._meta.db_table,
        record_id='source."pgaudit_log record"',
        made_by=changes,
    )


def _columns(
    connection: BaseDatabaseWrapper,
    model: type[models.Model],
    table: str,
    id: str,
    about_records: Sequence[str],
) -> tuple[Declaration, dict[str, str], Columns] | str:
    """Return what a table has of a model and its declaration; or why nothing can be read of it."""
    label = model._meta.label
    theirs = types_of(table, connection)
    if id not in theirs:
        return f"{table} is no table of {NAME}."
    if not is_readable(table, connection):
        return f"The role may not read {table}. Grant it SELECT."
    declaration = declaration_for(model, [label for _, label in _OPERATIONS.values()])
    if declaration is None:
        return f"{label} is not tracked here. Decorate it with pgaudit_log.track()."
    columns = columns_of(declaration, theirs, connection, about_records=about_records)
    if columns.key is None:
        return f"{table} does not have the key of {label}: {columns.key_types}."
    return declaration, theirs, columns


def _source(*, declaration: Declaration, columns: Columns, **about: Any) -> Source:
    return Source(
        peer=NAME,
        declaration=declaration,
        created_at="source.history_date",
        kind="source.history_type",
        kinds={
            sign: kind_for(declaration, operation, label)
            for sign, (operation, label) in _OPERATIONS.items()
        },
        key=columns.key or (),
        columns=columns.kept,
        unkept=columns.unkept,
        is_of_application=True,
        **about,
    )


def _is_of(model: type[models.Model], column: str) -> bool:
    """Return whether a column is one of a model's, or of one that it inherits."""
    return any(field.column == column for field in model._meta.concrete_fields)


def _context(alias: str, theirs: Collection[str], others: Sequence[str]) -> str:
    """Return the expression of who and why, and what else the project had the peer record."""
    told = {"user": "history_user_id", "reason": "history_change_reason"}
    told |= {name: name for name in others}
    pairs = ", ".join(
        f"{quote_literal(key)}, {alias}.{quote_name(column)}"
        for key, column in told.items()
        if column in theirs
    )
    return f"NULLIF(jsonb_strip_nulls(jsonb_build_object({pairs})), '{{}}')"
