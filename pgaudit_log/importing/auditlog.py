"""django-auditlog: its log entries, each of which has the texts of what was changed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.importing import all_models, replays, told_values
from pgaudit_log.importing.log_entries import OPTIONAL, EntryReader
from pgaudit_log.importing.peer_tables import given_tables, types_of
from pgaudit_log.importing.replays import Record
from pgaudit_log.importing.sources import Source, Unkept
from pgaudit_log.importing.typed_tables import (
    ACCESS,
    MANY_TO_MANY,
    key_sql,
    source_of,
)
from pgaudit_log.triggers.captured_columns import stored_columns
from pgaudit_log.values.quoting import quote_literal, quote_name
from pgaudit_log.values.tables import Field, column_of, concrete

NAME = "django-auditlog"

_TABLE = "auditlog_logentry"
_COLUMNS = ("id", "content_type_id", "object_pk", "action", "changes", "timestamp", "actor_id")

_SHOWN = {"remote_addr": "host(remote_addr)"}
"""What is read of a column, if not the column."""


def tables(
    given: Mapping[type[models.Model], list[str]],
) -> Iterator[tuple[type[models.Model] | None, str]]:
    """Yield the tables that are read, each with the model that it is of."""
    yield None, quote_name(_table())
    yield None, "django_content_type"
    yield from given_tables(given)


def sources(
    connection: BaseDatabaseWrapper, tables: Mapping[type[models.Model], list[str]]
) -> Iterator[Source | tuple[str, str]]:
    """Yield the sources of a database; of what cannot be one, the model's label and why.

    Args:
        connection: the database.
        tables: tables of log entries beside that of the installed peer, by the model.
    """
    for found in all_models.tracked(connection, NAME, _COLUMNS, _table(), tables):
        if len(found) == 2:
            yield found
            continue
        name, declaration, content_type = found
        theirs = types_of(quote_name(name), connection)
        if theirs["id"] not in ("bigint", "integer", "smallint"):
            label = declaration.tracked_model._meta.label
            yield label, f"The entries of {quote_name(name)} have ids that are no numbers."
            continue
        yield _source(connection, name, declaration, content_type, theirs)


def _table() -> str:
    """Return the table of log entries, which a project may have replaced by one of its own."""
    if not apps.is_installed("auditlog"):
        return _TABLE
    model = getattr(django_settings, "AUDITLOG_LOGENTRY_MODEL", "auditlog.LogEntry")
    return str(apps.get_model(model)._meta.db_table)


def _source(
    connection: BaseDatabaseWrapper,
    name: str,
    declaration: Declaration,
    content_type: int,
    theirs: Mapping[str, str],
) -> Source:
    model = concrete(declaration.tracked_model)
    columns = stored_columns(model, declaration.columns, connection)
    entries = _Entries(connection, name, declaration, content_type, theirs)
    reasons = {column_of(field): reason for field in columns if (reason := entries.against(field))}
    notes = {
        column_of(field): 'has "None" there for nothing and for that text: it is read as nothing'
        for field in columns
        if field.null
        and told_values.is_of_texts(field, connection)
        and column_of(field) not in reasons
    }
    told = {**reasons, **notes}
    return source_of(
        declaration,
        connection,
        peer=NAME,
        name=name,
        unkept=[
            Unkept(column=column_of(field), reason=told[column_of(field)])
            for field in columns
            if column_of(field) in told
        ],
        left_out=list(reasons),
        tells_changes=True,
        records_sql=entries.records_sql(),
        fill=entries.records,
    )


class _Entries:
    """The log entries of one model."""

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        name: str,
        declaration: Declaration,
        content_type: int,
        theirs: Mapping[str, str],
    ) -> None:
        self._connection = connection
        self._table = quote_name(name)
        self._declaration = declaration
        self._where = f"content_type_id = {int(content_type)}"
        self._theirs = theirs
        self._options = _options(declaration.tracked_model)
        self._told = None if self._options is not None else self._fields_told()

    def records_sql(self) -> str:
        """Return the SELECT of what a plan has to know of the entries."""
        is_m2m, has_base = "FALSE", "action IN (0, 2)"
        if self._theirs["changes"] == "jsonb":
            is_m2m = (
                "jsonb_typeof(changes) = 'object' AND EXISTS (SELECT FROM jsonb_each(CASE"
                " jsonb_typeof(changes) WHEN 'object' THEN changes END)"
                " WHERE value ->> 'type' = 'm2m')"
            )
        if "serialized_data" in self._theirs:
            has_base += " OR serialized_data IS NOT NULL"
        return f"""
            SELECT
                id::bigint * 2 + 1 AS place,
                id::text AS record_id,
                timestamp AS created_at,
                CASE
                    WHEN action = 0 THEN {quote_literal(replays.CREATE)}
                    WHEN action = 2 THEN {quote_literal(replays.DELETE)}
                    WHEN action = 3 THEN {quote_literal(ACCESS)}
                    WHEN {is_m2m} THEN {quote_literal(MANY_TO_MANY)}
                    WHEN bool_or({has_base}) OVER (PARTITION BY object_pk)
                        THEN {quote_literal(replays.UPDATE)}
                    ELSE {quote_literal(replays.PARTIAL)}
                END::text AS kind,
                {key_sql("object_pk::text", self._declaration, self._connection)}
            FROM {self._table}
            WHERE {self._where} AND action IN (0, 1, 2, 3)
        """

    def against(self, field: Field) -> str | None:
        """Return why nothing of a field comes over, or ``None``."""
        if isinstance(field, models.BinaryField):
            return "is not told there"
        if not told_values.is_of_django(field):
            return f"is a text there that only {type(field).__name__} can read"
        if isinstance(field, models.ForeignKey) and getattr(
            django_settings, "AUDITLOG_USE_FK_STRING_REPRESENTATION", False
        ):
            return "has the text of what it points at there"
        if self._options is not None:
            included, excluded, masked = self._options
            if field.name in masked:
                return "is masked there"
            if field.name in excluded or (included and field.name not in included):
                return "is excluded there"
        elif self._told is not None and not field.primary_key and field.name not in self._told:
            return "is never told there"
        return told_values.reason_against(field)

    def _fields_told(self) -> set[str] | None:
        """Return the names that any entry tells of, if the peer is not there to ask."""
        if self._theirs["changes"] != "jsonb":
            return None
        told = ["changes"]
        if self._theirs.get("serialized_data") == "jsonb":
            told.append("serialized_data -> 'fields'")
        selects = [
            f"SELECT jsonb_object_keys(CASE jsonb_typeof({one}) WHEN 'object' THEN {one} END)"
            f" FROM {self._table} WHERE {self._where}"
            for one in told
        ]
        with self._connection.cursor() as cursor:
            cursor.execute(" UNION ".join(selects))
            return {name for (name,) in cursor.fetchall()}

    def records(
        self, connection: BaseDatabaseWrapper, fields: Sequence[Field]
    ) -> Iterator[tuple[str, Record]]:
        """Yield the entries as records, object by object, with the texts of their keys."""
        read = EntryReader(connection, fields, self._declaration)
        optional = [
            f"{_SHOWN.get(name, name)}::text" if name in self._theirs else "NULL::text"
            for name in OPTIONAL
        ]
        select = f"""
            SELECT
                object_pk::text, id, "timestamp" AT TIME ZONE 'UTC', action, actor_id, changes::text,
                md5('django-auditlog ' || {optional[5]}), {", ".join(optional)}
            FROM {self._table}
            WHERE {self._where} AND action IN (0, 1, 2, 3)
            ORDER BY object_pk, timestamp, id
        """
        for key, *entry in all_models.read(connection, select):
            yield key, read.record(entry)


def _options(model: type[models.Model]) -> tuple[list[str], list[str], list[str]] | None:
    """Return the fields that the installed peer includes, excludes and masks, if it has the model."""
    registry: Any = getattr(sys.modules.get("auditlog.registry"), "auditlog", None)
    own = concrete(model)
    if registry is None or not registry.contains(own):
        return None
    found = registry.get_model_fields(own)
    return found["include_fields"], found["exclude_fields"], found.get("mask_fields", [])
