"""Log entries: what one of django-auditlog's tells of a row, by the types of its columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.conf import settings as django_settings
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.importing import replays, told_values
from pgaudit_log.importing.replays import Record
from pgaudit_log.importing.told_values import NONE, UNREADABLE
from pgaudit_log.importing.typed_tables import ACCESS, MANY_TO_MANY, only_texts, texts_of
from pgaudit_log.values.quoting import quote_name
from pgaudit_log.values.tables import Field, column_of, concrete, table_of
from pgaudit_log.values.utc import utc

OPTIONAL = (
    *("serialized_data", "changes_text", "actor_email", "remote_addr", "remote_port", "cid"),
    "additional_data",
)
"""The columns that not all releases of the package have had."""

_KINDS = {0: replays.CREATE, 1: replays.UPDATE, 2: replays.DELETE, 3: ACCESS}
"""The kinds of the numbers of actions."""

_SHOWS_MASK = 2
"""How long a text is of which masking leaves a star."""

Changes = Mapping[str, Any]


class EntryReader:
    """Reads entries of one model."""

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        fields: Sequence[Field],
        declaration: Declaration,
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
                created_at=utc(created_at),
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
            created_at=utc(created_at),
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
