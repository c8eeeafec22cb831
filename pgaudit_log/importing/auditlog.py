"""django-auditlog: its log entries, each of which has the texts of what was changed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.importing import all_models, replays, told_values
from pgaudit_log.importing.peer_tables import types_of
from pgaudit_log.importing.replays import Record
from pgaudit_log.importing.sources import Source, Unkept
from pgaudit_log.importing.told_values import NONE, UNREADABLE
from pgaudit_log.importing.typed_tables import (
    ACCESS,
    MANY_TO_MANY,
    key_sql,
    only_texts,
    source_of,
    texts_of,
)
from pgaudit_log.triggers.captured_columns import stored_columns
from pgaudit_log.values.quoting import quote_literal, quote_name
from pgaudit_log.values.tables import Field, column_of, concrete, table_of

NAME = "django-auditlog"

_TABLE = "auditlog_logentry"
_COLUMNS = ("id", "content_type_id", "object_pk", "action", "changes", "timestamp", "actor_id")
_OPTIONAL = (
    *("serialized_data", "changes_text", "actor_email", "remote_addr", "remote_port", "cid"),
    "additional_data",
)

_SHOWN = {"remote_addr": "host(remote_addr)"}
"""What is read of a column, if not the column."""

_KINDS = {0: replays.CREATE, 1: replays.UPDATE, 2: replays.DELETE, 3: ACCESS}
"""The kinds of the numbers of actions."""

_SHOWS_MASK = 2
"""How long a text is of which masking leaves a star."""

Changes = Mapping[str, Any]
Read = Callable[..., Any]


def tables(
    given: Mapping[type[models.Model], list[str]],
) -> Iterator[tuple[type[models.Model] | None, str]]:
    """Yield the tables that are read, each with the model that it is of."""
    yield None, quote_name(_table())
    yield None, "django_content_type"
    for model, names in given.items():
        yield from ((model, quote_name(name)) for name in names)


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
        read = _Reader(connection, fields, self._declaration, self._table)
        optional = [
            f"{_SHOWN.get(name, name)}::text" if name in self._theirs else "NULL::text"
            for name in _OPTIONAL
        ]
        select = f"""
            SELECT
                object_pk::text, id, timestamp, action, actor_id, changes::text,
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


class _Reader:
    """Reads entries of one model."""

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        fields: Sequence[Field],
        declaration: Declaration,
        table: str,
    ) -> None:
        self._connection = connection
        self._fields = {field.name: field for field in fields}
        model = concrete(declaration.tracked_model)
        self._names = {field.name for field in model._meta.get_fields()}
        self._only_texts = only_texts(declaration, fields)
        self._declaration = declaration
        self._stores_json = bool(getattr(django_settings, "AUDITLOG_STORE_JSON_CHANGES", False))
        self._is_key = lru_cache(10_000)(self._asks_for_key)

    def record(self, entry: Sequence[Any]) -> Record:
        """Return what an entry tells."""
        id, created_at, action, actor, changes_text, context_id, serialized, older, *about = entry
        email, address, port, cid, more = about
        changes = _loaded(changes_text) or _loaded(older)
        kind = _KINDS[action]
        told = {
            "user": actor,
            "user_email": email,
            "ip": address,
            "remote_port": int(port) if port else None,
            "cid": cid,
            "additional_data": json.loads(more) if more else None,
        }
        parts = {
            name: {change.get("operation") or "change": change.get("objects")}
            for name, change in changes.items()
            if isinstance(change, dict) and change.get("type") == "m2m"
        }
        if parts:
            return Record(
                id=id,
                created_at=created_at,
                kind=MANY_TO_MANY if kind == replays.UPDATE else kind,
                context={**told, "many_to_many": parts},
                context_id=context_id,
            )
        before, after, doubtful, unread = self._values(kind, changes)
        whole = self._serialized(serialized)
        if kind == replays.DELETE:
            before = {**whole, **before}
        elif kind == replays.CREATE:
            after = {**{name: whole[name] for name in whole if name not in doubtful}, **after}
        absent = []
        if kind in (replays.CREATE, replays.DELETE):
            # What was nothing is not listed; where nothing cannot be, there was no such column. A name
            # that is gone may be that of any of them.
            full = after if kind == replays.CREATE else before
            is_of_today = changes.keys() <= self._names
            for field in self._fields.values():
                name = column_of(field)
                if name in full or name in doubtful or field.primary_key:
                    continue
                if field.null and is_of_today:
                    full[name] = None
                else:
                    absent.append(name)
        return Record(
            id=id,
            created_at=created_at,
            kind=kind,
            before=before,
            after=after,
            whole=whole,
            doubtful=doubtful,
            absent=absent,
            context={
                **told,
                "texts": texts_of(unread, self._declaration),
            },
            context_id=context_id,
        )

    def _values(
        self, kind: str, changes: Changes
    ) -> tuple[dict[str, Any], dict[str, Any], list[str], dict[str, Any]]:
        before: dict[str, Any] = {}
        after: dict[str, Any] = {}
        doubtful: list[str] = []
        unread: dict[str, Any] = {}
        is_json = any(
            not isinstance(side, str)
            for change in changes.values()
            if isinstance(change, list)
            for side in change
        )
        for name, change in changes.items():
            field = self._fields.get(name)
            if not isinstance(change, list) or len(change) != 2:
                continue
            if field is None:
                if name in self._only_texts and not {*map(str, change)} <= {"", NONE}:
                    unread[self._only_texts[name]] = change
                continue
            column = column_of(field)
            old, new = (
                self._read(field, side, is_json, is_new=number == 1 or kind != replays.UPDATE)
                for number, side in enumerate(change)
            )
            is_unread = False
            if kind != replays.CREATE:
                if old is UNREADABLE:
                    is_unread = True
                else:
                    before[column] = old
            if kind != replays.DELETE:
                if new is UNREADABLE:
                    is_unread = True
                    doubtful.append(column)
                else:
                    after[column] = new
            elif old is UNREADABLE:
                doubtful.append(column)
            if is_unread:
                unread[column] = change
        return before, after, doubtful, unread

    def _read(self, field: Field, side: Any, is_json: bool, *, is_new: bool) -> Any:
        is_text = told_values.is_of_texts(field, self._connection)
        if is_json and not (isinstance(side, str) and isinstance(field, models.DateTimeField)):
            found = told_values.of_json(field, side, self._connection, is_new=is_new)
        elif not isinstance(side, str):
            return UNREADABLE
        elif (
            self._stores_json
            and not is_json
            and ((is_text and field.null and side == NONE) or isinstance(field, models.JSONField))
        ):
            return UNREADABLE  # It may be the text of one, or the other.
        else:
            found = told_values.of_text(field, side, self._connection, is_new=is_new)
        if is_text and isinstance(side, str) and _is_masked(side):
            return UNREADABLE
        if is_text and isinstance(field, models.ForeignKey) and isinstance(side, str):
            # Older releases have the text of the object there.
            return found if found is None or self._is_key(field, side) else UNREADABLE
        return found

    def _serialized(self, text: str | None) -> dict[str, Any]:
        """Return what Django's serializer has written of a row, as far as it is exact."""
        fields = _loaded(text).get("fields")
        found: dict[str, Any] = {}
        for name, value in (fields if isinstance(fields, dict) else {}).items():
            field = self._fields.get(name)
            if field is None or (isinstance(value, str) and "." in value and _is_clock(field)):
                continue  # Of a fraction of a second it has the milliseconds.
            one = told_values.of_json(field, value, self._connection)
            if one is not UNREADABLE and not (isinstance(value, str) and _is_masked(value)):
                found[column_of(field)] = one
        return found

    def _asks_for_key(self, field: models.ForeignKey[Any, Any], text: str) -> bool:
        """Return whether an object has, or had, a key."""
        target = field.target_field
        with self._connection.cursor() as cursor:
            cursor.execute(
                f"SELECT EXISTS (SELECT FROM {table_of(target.model)}"
                f" WHERE {quote_name(column_of(target))} = %s) OR EXISTS (SELECT"
                " FROM pgaudit_log_event WHERE model = %s AND obj_pk = %s)",
                [text, concrete(target.model)._meta.label, text],
            )
            return bool(cursor.fetchone()[0])


def _is_clock(field: Field) -> bool:
    return isinstance(field, (models.DateTimeField, models.TimeField))


def _is_masked(text: str) -> bool:
    """Return whether a text looks as the peer masks one: stars in the place of its first half."""
    hidden = len(text) // 2
    return len(text) >= _SHOWS_MASK and text[:hidden] == "*" * hidden


def _loaded(text: str | None) -> Changes:
    """Return what a text has as JSON: an empty mapping for what is none."""
    try:
        found = json.loads(text) if text else None
        # Older releases have the JSON of a text.
        found = json.loads(found) if isinstance(found, str) else found
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
