"""Exported rows: events as a person may take them out: their JSON as text, without what is not to be seen."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from datetime import timezone
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, models, transaction
from django.db.models import F
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.constants import OPERATIONS
from pgaudit_log.declaring import former_names, model_labels
from pgaudit_log.values import row_json
from pgaudit_log.values.tables import column_of, own_columns

CHUNK = 200
"""How many events are fetched at once; each may be as large as its row."""

_OF_ALL = (
    "id",
    "time",
    "transaction",
    "operation",
    "model",
    "key",
    "tracker",
    "user",
    "user_name",
    "on_behalf_of",
    "on_behalf_of_name",
    "reason",
)
_OF_CONTEXT = ("context_id", "context", "role", "session", "origin")

JSON = frozenset({"context", "session", "origin", "changes", "row"})
"""The columns whose values are JSON."""


def columns(access: AdminAccess) -> tuple[str, ...]:
    """Return the names of the columns that a person may have."""
    return (*_OF_ALL, *(_OF_CONTEXT if access.may_view_context else ()), "changes", "row")


def viewable(events: Any, access: AdminAccess) -> Any:
    """Return those of ``events`` that are of what the person may view."""
    return events.filter(access.viewable_events())


def rows(events: Any, access: AdminAccess) -> Generator[dict[str, Any]]:
    """Yield events as rows by column, through a cursor of the server, in one transaction.

    Of JSON columns the values are JSON as text, as PostgreSQL wrote it; ``None`` is nothing. They are
    of one snapshot of the database: what is written meanwhile is not among them.
    """
    using = str(events.db)
    secrets = _Secrets(access, using)
    asked = _asked(events)
    try:
        sql, params = asked.query.get_compiler(using=using).as_sql()
    except EmptyResultSet:
        return
    connection: Any = connections[using]
    # In a transaction the cursor needs no copy of its rows, and a pooler keeps the connection.
    with transaction.atomic(using=using), connection.chunked_cursor() as cursor:
        cursor.execute(sql, params)
        while found := cursor.fetchmany(CHUNK):
            for values in found:
                yield _row(dict(zip(_ASKED, values, strict=True)), secrets)


def _document(name: str) -> Any:
    return Cast(name, models.TextField())


def _of_context(key: str) -> Any:
    return KeyTextTransform(key, "pgh_context")


_ASKED: Mapping[str, Any] = {
    "id": F("pgh_id"),
    "time": F("pgh_created_at"),
    "transaction": F("pgh_txid"),
    "operation": F("pgh_operation"),
    "model": F("pgh_obj_model"),
    "key": F("pgh_obj_id"),
    "tracker": F("pgh_label"),
    "user": _of_context("user"),
    "user_name": _of_context("user_name"),
    "on_behalf_of": _of_context("on_behalf_of"),
    "on_behalf_of_name": _of_context("on_behalf_of_name"),
    "reason": _of_context("reason"),
    "context_id": _document("pgh_context_id"),
    "context": _document("pgh_context"),
    "role": F("pgh_role"),
    "session": _document("pgh_session"),
    "origin": _document("pgh_origin"),
    "changes": _document("pgh_diff"),
    "row": _document("pgh_data"),
    "shape": F("pgh_shape"),
}


def _asked(events: Any) -> Any:
    """Return a queryset of what is exported of events, the newest first."""
    names = {field.name for field in events.model._meta.get_fields()}
    own = dict(_ASKED)
    if "pgh_obj_id" not in names:
        own["key"] = F("pgh_obj_key")
    return events.newest().values_list(*own.values())


class _Secrets:
    """What of each model is left out, and what is told without its value."""

    def __init__(self, access: AdminAccess, using: str) -> None:
        self._access = access
        self.using = using
        self._found: dict[type[models.Model], tuple[frozenset[str], frozenset[str]]] = {}
        self._models: dict[str, type[models.Model] | None] = {}

    def model_of(self, label: str) -> type[models.Model] | None:
        """Return the model of an event; what no model has is not looked for at each of its events."""
        if label not in self._models:
            self._models[label] = model_labels.model_of(label, self.using)
        return self._models[label]

    def of(self, model: type[models.Model]) -> tuple[frozenset[str], frozenset[str]]:
        """Return the columns that are left out, and those whose values are."""
        if model not in self._found:
            hidden = self._access.hidden_fields(model)
            fields = own_columns(model)
            left_out = hidden | {column_of(field) for field in fields if field.name in hidden}
            masked = {column_of(field) for field in fields if self._access.has_secrets(field)}
            self._found[model] = left_out, frozenset(masked)
        return self._found[model]


def _row(asked: dict[str, Any], secrets: _Secrets) -> dict[str, Any]:
    model = secrets.model_of(asked["model"])
    shape = asked.pop("shape")
    if model is not None:
        for name in ("row", "changes"):
            asked[name] = _told(asked[name], model, shape, secrets, is_diff=name == "changes")
    asked["time"] = asked["time"].astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    asked["operation"] = OPERATIONS.get(asked["operation"], asked["operation"])
    return asked


def _told(
    text: str | None, model: type[models.Model], shape: int, secrets: _Secrets, *, is_diff: bool
) -> str | None:
    """Return a snapshot or a diff, by the names of today, as far as it may be told."""
    if text is None or not text.startswith("{"):
        return text
    left_out, masked = secrets.of(model)
    values = former_names.today(model, row_json.split(text), shape, secrets.using)
    told = {}
    for column, value in values.items():
        if column in left_out:
            continue
        if column not in masked:
            told[column] = value
        elif is_diff:
            sides = ", ".join(map(row_json.hidden, row_json.split_array(value)))
            told[column] = f"[{sides}]"
        else:
            told[column] = row_json.hidden(value)
    pairs = (f"{json.dumps(key, ensure_ascii=False)}: {own}" for key, own in told.items())
    return "{" + ", ".join(pairs) + "}"
