"""django-easy-audit: its CRUD events, each of which has an object as Django's serializers write it."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.importing import all_models, replays, told_values
from pgaudit_log.importing.peer_tables import given_tables
from pgaudit_log.importing.replays import Record
from pgaudit_log.importing.sources import Source, Unkept
from pgaudit_log.importing.told_values import UNREADABLE
from pgaudit_log.importing.typed_tables import (
    MANY_TO_MANY,
    key_sql,
    only_texts,
    source_of,
    texts_of,
)
from pgaudit_log.triggers.captured_columns import stored_columns
from pgaudit_log.values.quoting import quote_literal, quote_name
from pgaudit_log.values.tables import Field, column_of, concrete
from pgaudit_log.values.utc import utc

NAME = "django-easy-audit"

_TABLE = "easyaudit_crudevent"
_COLUMNS = ("id", "content_type_id", "object_id", "event_type", "object_json_repr", "datetime")

_KINDS = {1: replays.CREATE, 2: replays.UPDATE, 3: replays.DELETE}
"""The kinds of the numbers of types; the others are changes of many-to-many fields."""

_WRITTEN_OTHERWISE = (models.ForeignKey, models.JSONField, models.BinaryField)
"""Fields of which a list of changes has texts that say nothing exact of their values."""


def tables(
    given: Mapping[type[models.Model], list[str]],
) -> Iterator[tuple[type[models.Model] | None, str]]:
    """Yield the tables that are read, each with the model that it is of."""
    for name in (_TABLE, "easyaudit_loginevent", "easyaudit_requestevent", "django_content_type"):
        yield None, name
    yield from given_tables(given)


def sources(
    connection: BaseDatabaseWrapper, tables: Mapping[type[models.Model], list[str]]
) -> Iterator[Source | tuple[str, str]]:
    """Yield the sources of a database; of what cannot be one, the model's label and why.

    Args:
        connection: the database.
        tables: tables of CRUD events beside that of the peer, by the model.
    """
    for found in all_models.tracked(connection, NAME, _COLUMNS, _TABLE, tables):
        if len(found) == 2:
            yield found
        else:
            yield _source(connection, *found)


def _source(
    connection: BaseDatabaseWrapper, name: str, declaration: Declaration, content_type: int
) -> Source:
    model = concrete(declaration.tracked_model)
    columns = stored_columns(model, declaration.columns, connection)
    reasons = {
        column_of(field): reason
        for field in columns
        if (reason := told_values.reason_against(field)) is not None
    }
    clocks = {
        column_of(field): "has milliseconds there, not microseconds"
        for field in columns
        if isinstance(field, (models.DateTimeField, models.TimeField))
    }
    told = {**clocks, **reasons}
    where = f"content_type_id = {int(content_type)} AND event_type BETWEEN 1 AND 11"
    kinds = " ".join(f"WHEN {n} THEN {quote_literal(kind)}" for n, kind in _KINDS.items())
    records_sql = f"""
        SELECT
            id::bigint * 2 + 1 AS place,
            id::text AS record_id,
            datetime AS created_at,
            CASE event_type {kinds} ELSE {quote_literal(MANY_TO_MANY)} END::text AS kind,
            {key_sql("object_id::text", declaration, connection)}
        FROM {quote_name(name)}
        WHERE {where}
    """
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
        rounded=list(clocks),
        records_sql=records_sql,
        fill=lambda to, fields: _records(to, fields, declaration, quote_name(name), where),
    )


def _records(
    connection: BaseDatabaseWrapper,
    fields: Sequence[Field],
    declaration: Declaration,
    table: str,
    where: str,
) -> Iterator[tuple[str, Record]]:
    """Yield the CRUD events as records, object by object, with the texts of their keys."""
    read = _Reader(connection, fields, declaration)
    select = f"""
        SELECT
            object_id::text, id, datetime AT TIME ZONE 'UTC', event_type, object_json_repr, changed_fields,
            user_id::text, user_pk_as_string
        FROM {table}
        WHERE {where}
        ORDER BY object_id, datetime, id
    """
    for key, *event in all_models.read(connection, select):
        yield key, read.record(event)


class _Reader:
    """Reads CRUD events of one model."""

    def __init__(
        self, connection: BaseDatabaseWrapper, fields: Sequence[Field], declaration: Declaration
    ) -> None:
        self._connection = connection
        self._fields = {field.name: field for field in fields}
        self._only_texts = only_texts(declaration, fields)
        self._declaration = declaration

    def record(self, event: Sequence[Any]) -> Record:
        """Return what an event tells."""
        id, created_at, type_number, text, changed_text, user, user_text = event
        kind = _KINDS.get(type_number, MANY_TO_MANY)
        told = _object(text)
        row = told.get("fields")
        row = row if isinstance(row, dict) else {}
        changed = _changed(changed_text)
        context: dict[str, Any] = {"user": user_key(user, user_text)}
        if kind == MANY_TO_MANY:
            context["many_to_many"] = {
                **{name: value for name, value in row.items() if self._is_list(name, value)},
                **{name: told[name] for name in told if name.startswith("m2m_rev")},
            }
            return Record(id=id, created_at=utc(created_at), kind=kind, context=context)
        values = {
            column_of(field): told_values.of_json(
                field, row[name], self._connection, is_new=kind != replays.DELETE
            )
            for name, field in self._fields.items()
            if name in row
        }
        doubtful = [column for column, value in values.items() if value is UNREADABLE]
        if not row and kind == replays.UPDATE:
            doubtful = [column_of(self._fields[n]) for n in changed or () if n in self._fields]
        values = {column: values[column] for column in values if column not in doubtful}
        texts = {
            column_of(field): row[name]
            for name, field in self._fields.items()
            if column_of(field) in doubtful and name in row
        }
        told_of = row if kind != replays.UPDATE else changed or {}
        texts |= {
            column: row[name]
            for name, column in self._only_texts.items()
            if name in told_of and row.get(name)
        }
        context["texts"] = texts_of(texts, self._declaration)
        if row == {}:
            context["malformed"] = "The event has no object."
        absent = [column_of(f) for n, f in self._fields.items() if n not in row] if row else []
        is_update = kind == replays.UPDATE
        return Record(
            id=id,
            created_at=utc(created_at),
            kind=kind,
            before=self._before(values, changed) if is_update else values,
            after=values,
            doubtful=doubtful,
            absent=absent,
            context=context,
        )

    def _before(
        self, values: Mapping[str, Any], changed: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Return what an update has found: what it has not changed, and what it tells of the rest."""
        if changed is None:
            return {}
        before = {}
        for name, field in self._fields.items():
            column = column_of(field)
            if name not in changed:
                if column in values:
                    before[column] = values[column]
                continue
            pair = changed[name]
            if isinstance(field, _WRITTEN_OTHERWISE) or not _is_pair(pair):
                continue
            found = told_values.of_text(field, pair[0], self._connection)
            if found is not UNREADABLE:
                before[column] = told_values.to_milliseconds(found)
        return before

    def _is_list(self, name: str, value: Any) -> bool:
        return isinstance(value, list) and name not in self._fields


def user_key(key: str | None, text: str | None) -> int | str | None:
    """Return the key of a user, who may be gone, as a context has it."""
    found = key or text or None
    return int(found) if found is not None and found.isascii() and found.isdecimal() else found


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def _object(text: str | None) -> Mapping[str, Any]:
    """Return the one object of a text of Django's serializer; an empty mapping if it is none."""
    try:
        found = json.loads(text or "null")
    except ValueError:
        return {}
    one = found[0] if isinstance(found, list) and found else found
    return one if isinstance(one, dict) else {}


def _changed(text: str | None) -> Mapping[str, Any] | None:
    """Return what a list of changed fields has; ``None`` if there is none."""
    if not text:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return None
    if found is None:
        return {}
    return found if isinstance(found, dict) else None
