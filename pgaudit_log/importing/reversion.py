"""django-reversion: its versions, each of which has an object as Django's serializers write it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core import serializers
from django.db import DatabaseError, DataError, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.constants import IMPORT_TABLES, UPDATE
from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.importing.all_models import of_no_model
from pgaudit_log.importing.labels import declaration_for, kind_for
from pgaudit_log.importing.peer_tables import is_readable, shows_all, types_of
from pgaudit_log.importing.sources import Kind, Source, Unkept, value_columns
from pgaudit_log.importing.told_values import with_zone
from pgaudit_log.triggers.captured_columns import stored_columns
from pgaudit_log.values.column_json import cast_sql, column_type, sql_type
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.quoting import quote_literal
from pgaudit_log.values.sql_text import Sql
from pgaudit_log.values.tables import Field, column_of, concrete

NAME = "django-reversion"

_TABLE = "reversion_version"

_VERSIONS = f"{IMPORT_TABLES}_versions"
"""The table of the versions of one model, with typed columns, which is made for the import."""

_PORTION = 1_000
"""Versions that are read and written at a time."""

_KEPT = "version"
_UNREADABLE = "unreadable"


def tables(
    given: Mapping[type[models.Model], list[str]],
) -> Iterator[tuple[type[models.Model] | None, str]]:
    """Yield the tables that are read, each with the model that it is of."""
    yield None, _TABLE
    yield None, "reversion_revision"
    yield None, "django_content_type"


def sources(
    connection: BaseDatabaseWrapper, tables: Mapping[type[models.Model], list[str]]
) -> Iterator[Source | tuple[str, str]]:
    """Yield the sources of a database; of what cannot be one, the model's label and why.

    Args:
        connection: the database.
        tables: not used: all versions are in one table.
    """
    if not types_of(_TABLE, connection):
        return
    if not is_readable(_TABLE, connection):
        yield NAME, f"The role may not read {_TABLE}. Grant it SELECT."
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT content_type_id FROM {_TABLE} WHERE db = %s ORDER BY 1",
            [connection.alias],
        )
        found = [id for (id,) in cursor.fetchall()]
    yield from of_no_model(connection, _TABLE, found)
    for content_type in ContentType.objects.db_manager(connection.alias).filter(id__in=found):
        model = content_type.model_class()
        if model is None:
            label = f"{content_type.app_label}.{content_type.model}"
            yield label, "The project has no such model any more."
            continue
        declaration = declaration_for(model, ["update"])
        if declaration is None:
            label = model._meta.label
            yield label, f"{label} is not tracked here. Decorate it with pgaudit_log.track()."
            continue
        yield _source(connection, declaration, content_type.pk)


def _source(connection: BaseDatabaseWrapper, declaration: Declaration, content_type: int) -> Source:
    model = concrete(declaration.tracked_model)
    fields = stored_columns(model, declaration.columns, connection)
    clocks = [
        column_of(field)
        for field in fields
        if isinstance(field, (models.DateTimeField, models.TimeField))
    ]
    versions = f"""
        SELECT
            version.id AS version_id, revision.date_created, revision.id AS revision_id,
            revision.user_id, revision.comment, {_key(model, connection)}
        FROM {_TABLE} AS version
        JOIN reversion_revision AS revision ON revision.id = version.revision_id
        WHERE content_type_id = {content_type} AND db = {quote_literal(connection.alias)}
    """
    source = Source(
        peer=NAME,
        declaration=declaration,
        table=_VERSIONS,
        name=_TABLE,
        id="source.version_id",
        order=("source.version_id",),
        created_at="source.date_created",
        kind=f"{quote_literal(_KEPT)}::text",
        kinds={
            _KEPT: kind_for(declaration, UPDATE, "update"),
            _UNREADABLE: Kind(operation="M", label=_UNREADABLE),
        },
        key=[f"source.key_{n}" for n in range(len(key_fields(model)))],
        columns={name: f"source.{value}" for name, value in value_columns(fields).items()},
        unkept=tuple(
            Unkept(column=column, reason="has milliseconds there, not microseconds")
            for column in clocks
        ),
        rounded=clocks,
        context_id="md5('django-reversion ' || source.revision_id)::uuid",
        context="NULLIF(jsonb_strip_nulls(jsonb_build_object("
        "'user', source.user_id, 'comment', NULLIF(source.comment, ''))), '{}')",
        made_by=Sql.plain(versions),
        is_of_application=True,
    )

    def fill(to: BaseDatabaseWrapper) -> None:
        _fill(to, model, fields, versions)

    # The text of what cannot be read may have what events are not to have.
    unreadable = "source.unreadable" if shows_all(declaration) else "NULL::text"

    filled = replace(
        source,
        kind="source.kind",
        context="NULLIF(jsonb_strip_nulls(jsonb_build_object('user', source.user_id,"
        " 'comment', NULLIF(source.comment, ''), 'many_to_many', source.many_to_many,"
        f" 'unreadable', {unreadable})), '{{}}')",
        unknown="source.unknown",
        fill=fill,
    )
    return replace(source, filled=filled)


def _key(model: type[models.Model], connection: BaseDatabaseWrapper) -> str:
    """Return the columns of the key of a version, out of its text."""
    [field, *others] = key_fields(model)
    if others:
        # It has the text of a tuple there, which says no types.
        return ", ".join(f"NULL::text AS key_{n}" for n in range(len(others) + 1))
    return f"{cast_sql('version.object_id', sql_type(field, connection), connection)} AS key_0"


def _fill(
    connection: BaseDatabaseWrapper,
    model: type[models.Model],
    fields: Sequence[Field],
    versions: str,
) -> None:
    """Make the table of the versions of a model, read by Django's own deserializers."""
    names = value_columns(fields)
    columns = ", ".join(
        f"ADD COLUMN {names[column_of(field)]} {column_type(field, connection)}" for field in fields
    )
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE UNLOGGED TABLE {_VERSIONS} AS SELECT * FROM ({versions}) AS found")
        cursor.execute(f"CREATE UNIQUE INDEX ON {_VERSIONS} (version_id)")
        cursor.execute(
            f"ALTER TABLE {_VERSIONS} ADD COLUMN kind text, ADD COLUMN unknown text[],"
            f" ADD COLUMN many_to_many jsonb, ADD COLUMN unreadable text, {columns}"
        )
        assigned = ["kind", "unknown", "many_to_many", "unreadable"]
        assigned += names.values()
        assignments = Sql.plain(", ").join(f"{name} = " + Sql.param(None) for name in assigned)
        update = f"UPDATE {_VERSIONS} SET " + assignments + " WHERE version_id = " + Sql.param(None)
        last = 0
        while rows := _portion(connection, last):
            _assign(
                connection,
                update.text,
                [
                    ([*_values(model, fields, format, text, connection), id], text)
                    for id, format, text in rows
                ],
                fields,
            )
            last = rows[-1][0]
        cursor.execute(f"ANALYZE {_VERSIONS}")


def _assign(
    connection: BaseDatabaseWrapper,
    update: str,
    rows: Sequence[tuple[list[Any], str]],
    fields: Sequence[Field],
) -> None:
    """Write the values of versions; what the columns of today do not take cannot be read any more."""
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.executemany(update, [values for values, _ in rows])
        return
    except (DataError, ValueError):  # psycopg2 takes no NUL, and raises the latter
        if len(rows) == 1 and rows[0][0][0] == _UNREADABLE:
            raise
    if len(rows) > 1:
        middle = len(rows) // 2
        _assign(connection, update, rows[:middle], fields)
        _assign(connection, update, rows[middle:], fields)
        return
    [(values, text)] = rows
    _assign(connection, update, [([*_unreadable(fields, text), values[-1]], text)], fields)


def _portion(connection: BaseDatabaseWrapper, last: int) -> list[tuple[int, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT version.id, format, serialized_data
            FROM {_TABLE} AS version
            JOIN {_VERSIONS} AS made ON made.version_id = version.id
            WHERE version.id > %s
            ORDER BY version.id
            LIMIT %s
            """,
            [last, _PORTION],
        )
        return list(cursor.fetchall())


def _values(
    model: type[models.Model],
    fields: Sequence[Field],
    format: str,
    text: str,
    connection: BaseDatabaseWrapper,
) -> list[Any]:
    """Return what is assigned of a version: its kind, what it does not know, and its values."""
    try:
        [found] = serializers.deserialize(
            format, text, ignorenonexistent=True, using=connection.alias
        )
        if not isinstance(found.object, model):
            return _unreadable(fields, text)
        there = set(json.loads(text)[0]["fields"]) if format == "json" else None
        values = [
            field.get_db_prep_save(with_zone(getattr(found.object, field.attname)), connection)
            for field in fields
        ]
    except DatabaseError:
        raise
    except Exception:
        # Whatever Django's deserializers, or somebody else's, make of a text that is none of theirs.
        return _unreadable(fields, text)
    unknown = [
        column_of(field)
        for field in fields
        if there is not None and field.name not in there and not field.primary_key
    ]
    parts = {name: list(keys) for name, keys in (found.m2m_data or {}).items()}
    listed = json.dumps(parts, default=str) if parts else None
    return [_KEPT, unknown, listed, None, *values]


def _unreadable(fields: Sequence[Field], text: str) -> list[Any]:
    return [_UNREADABLE, [column_of(f) for f in fields], None, text, *(None for _ in fields)]
