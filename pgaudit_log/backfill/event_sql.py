"""The SQL of events that no trigger writes: baselines, and manual events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.capture_v1.body import masked_context_sql
from pgaudit_log.capture_v1.columns import MARK
from pgaudit_log.capture_v1.references import refs_sql
from pgaudit_log.capture_v1.snapshot import snapshot_source
from pgaudit_log.declaring.masks import masks_of
from pgaudit_log.triggers.captured_columns import (
    captured,
    current_shape_sql,
    outside_capture,
    shown,
    stored_columns,
)
from pgaudit_log.triggers.references import references
from pgaudit_log.values.column_json import column_type, sql_type, stored_sql
from pgaudit_log.values.key_sql import row_key_sql
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.quoting import quote_literal, quote_name
from pgaudit_log.values.row_sql import Columns
from pgaudit_log.values.sql_text import Sql, Template, template
from pgaudit_log.values.tables import Field, column_of, concrete

Key: TypeAlias = "Sequence[str]"
"""A primary key as the text of its parts."""


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """The statements of a backfill over the rows of one range of keys.

    A row is **unknown** when its newest event is a delete or older than a truncate, or when it
    has none but manual ones. Each statement stands in the ``.sql`` file of its name, and has the
    hole ``within`` for :meth:`within`.
    """

    boundary: Template
    """The number of the range's first rows and the last key of them; ``limit`` says how many."""
    lock_unknown: Template
    """Lock the unknown rows against writers; the number of them."""
    insert_baselines: Template
    """Write a baseline event of each unknown row, and lock it."""
    first_unknown: Template
    """The first key whose row is unknown."""
    key: Sequence[tuple[str, str]]
    """The columns of the key, as SQL, with their types."""

    def within(self, *, after: Key = (), up_to: Key = (), at: Key = ()) -> Sql:
        """Return the test whether a row is in the range of keys; without any, all rows are."""
        columns = ", ".join(column for column, _ in self.key)
        tests = []
        for operator, key in ((">", after), ("<=", up_to), ("=", at)):
            if key:
                parts = [
                    Sql.param(part) + f"::{type_name}"
                    for part, (_, type_name) in zip(key, self.key, strict=True)
                ]
                tests.append(f"({columns}) {operator} (" + Sql.plain(", ").join(parts) + ")")
        return Sql.plain(" AND ").join(tests or ["TRUE"])


def baselines(
    *,
    model: type[models.Model],
    model_labels: Sequence[str],
    event_labels: Sequence[str],
    label: str,
    columns: Columns,
    created_at: str,
    masked_context: Sequence[str] = (),
    called: Callable[[str], str],
    connection: BaseDatabaseWrapper,
) -> Baselines:
    """Return the statements that write baseline events with the label ``label``.

    ``model_labels`` and ``event_labels`` say whose events tell a row's state.
    """
    keys = key_fields(concrete(model))
    key = [f"new.{quote_name(column_of(field))}" for field in keys]
    obj_pk = row_key_sql("new", model, connection)
    masks = masks_of(model)
    shape = current_shape_sql(model)
    stored = stored_columns(model, columns, connection)
    snapshot = snapshot_source("new", captured(stored, connection, masks))
    is_known = _read("is_known").fill(
        labels=", ".join(map(quote_literal, model_labels)),
        obj_pk=obj_pk,
        event_labels=", ".join(map(quote_literal, event_labels)),
        # What a hash is of, the statement that inserts looks up once.
        snapshot=outside_capture(snapshot, f"({shape})"),
    )
    read = dict.fromkeys(column_of(field) for field in [*keys, *columns])
    fillings: dict[str, Template | Sql | str] = {
        "table": connection.ops.quote_name(concrete(model)._meta.db_table),
        "key": ", ".join(key),
        "key_texts": ", ".join(f"{column}::text" for column in key),
        "downwards": ", ".join(f"{column} DESC" for column in key),
        "is_known": is_known,
        "columns": ", ".join(f"new.{quote_name(name)}" for name in read),
        "model": quote_literal(called(concrete(model)._meta.label)),
        "obj_pk": obj_pk,
        "label": quote_literal(label),
        "shape": shape,
        "snapshot": outside_capture(snapshot),
        "refs": refs_sql("new", references(shown(columns, masks), connection), called=called),
        "context": outside_capture(masked_context_sql(masked_context)),
        "created_at": created_at,
    }
    return Baselines(
        **{
            name: _read(name).fill(**fillings)
            for name in ("boundary", "lock_unknown", "insert_baselines", "first_unknown")
        },
        key=list(zip(key, [column_type(field, connection) for field in keys], strict=True)),
    )


def manual_event_sql(
    *,
    model: type[models.Model],
    label: str,
    values: Sequence[tuple[Field, Any]],
    tracked: Columns,
    is_by_clock: bool,
    masked_context: Sequence[str] = (),
    called: Callable[[str], str],
    connection: BaseDatabaseWrapper,
) -> Sql:
    """Return the statement that writes one event of a row that is given as ``values``, by field."""
    masks = masks_of(model)
    row = [
        Sql.param(value) + f"::{column_type(field, connection)} AS {quote_name(column_of(field))}"
        for field, value in values
        if column_of(field) not in masks
    ]
    stored = [
        # No hash: who may write such events could try out values.
        (
            MARK
            if column_of(field) in masks
            else stored_sql(f"new.{quote_name(column_of(field))}", sql_type(field, connection))
        )
        + f" AS {quote_name(column_of(field))}"
        for field in stored_columns(model, tracked, connection)
    ]
    return _read("insert_manual_event").sql(
        row=Sql.plain(", ").join(row),
        stored=", ".join(stored),
        model=quote_literal(called(model._meta.label)),
        obj_pk=row_key_sql("new", model, connection),
        label=quote_literal(label),
        shape=current_shape_sql(model),
        refs=refs_sql("new", references(shown(tracked, masks), connection), called=called),
        is_by_clock=str(is_by_clock).lower(),
        masked_context=", ".join(map(quote_literal, masked_context)),
    )


def _read(name: str) -> Template:
    return template(__package__, f"{name}.sql")
