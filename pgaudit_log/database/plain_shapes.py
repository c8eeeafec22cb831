"""Plain shapes: those whose events have values of columns that are masked now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connections, models, router

from pgaudit_log.capture_v1.columns import Mask
from pgaudit_log.constants import EVENT_TABLE, MASKED_KEY
from pgaudit_log.declaring import former_names, model_labels
from pgaudit_log.declaring.masks import masks_of
from pgaudit_log.values.sql_text import Sql
from pgaudit_log.values.tables import concrete


@dataclass(frozen=True, kw_only=True)
class PlainShape:
    """A shape whose events may have values that are to be masked."""

    model: type[models.Model]
    id: int
    """Its number; 0 stands for events of which it is not known."""
    table_id: int
    columns: Mapping[str, int]
    """The number of the column behind each key."""
    masked: frozenset[int]
    """The columns that are masked in it, and those that are to be."""
    masks: Mapping[str, Mask]
    """What is to be in the place of values, by the key that they have in it."""
    names: Mapping[str, str]
    """The keys of columns that are there today, with what those are called now."""
    writers: tuple[str, ...]
    """The triggers that still write events of it."""


def plain_shapes(using: str) -> list[PlainShape]:
    """Return the plain shapes of all models with masks in a database."""
    return [
        shape
        for model in model_labels.tracked_models()
        if masks_of(model) and router.allow_migrate_model(using, model)
        for shape in _of_model(concrete(model), using)
    ]


def _of_model(model: type[models.Model], using: str) -> list[PlainShape]:
    masks = masks_of(model)
    table_id = former_names.of(model, using).table_id
    if table_id is None:
        return []
    with connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT number, name FROM pgaudit_log_column WHERE table_id = %s AND attnum IS NOT NULL
            """,
            [table_id],
        )
        today = dict(cursor.fetchall())
        cursor.execute(
            """
            SELECT id, columns, masked, ARRAY(
                SELECT tgname::text
                FROM pg_trigger
                JOIN pg_proc ON pg_proc.oid = tgfoid
                WHERE tgparentid = 0
                    AND position('shape CONSTANT integer := ' || shape.id || ';' IN prosrc) > 0
                ORDER BY tgname
            )
            FROM pgaudit_log_shape AS shape
            WHERE table_id = %s
            ORDER BY id
            """,
            [table_id],
        )
        rows = cursor.fetchall()
    hidden = {number for number, name in today.items() if name in masks}
    own = {name: number for number, name in today.items()}
    former = {
        key: own[column]
        for key, column in former_names.declared_columns(model).items()
        if column in own
    }
    found: list[tuple[int, dict[str, int], list[int], list[str]]] = [(0, {**former, **own}, [], [])]
    found += [
        # Some drivers leave JSON to be read.
        (id, json.loads(columns) if isinstance(columns, str) else columns, masked, writers)
        for id, columns, masked, writers in rows
    ]
    return [
        PlainShape(
            model=model,
            id=id,
            table_id=table_id,
            columns=columns,
            masked=frozenset({*masked, *(hidden & {*columns.values()})}),
            masks=plain,
            names={key: today[number] for key, number in columns.items() if number in today},
            writers=tuple(writers),
        )
        for id, columns, masked, writers in found
        if (
            plain := {
                key: masks[today[number]]
                for key, number in columns.items()
                if number in hidden and number not in masked
            }
        )
    ]


def has_events(shape: PlainShape, using: str) -> bool:
    """Return whether there are events of a shape; it looks no further than the first."""
    sql = f"SELECT EXISTS (SELECT FROM {EVENT_TABLE} AS event WHERE " + belongs(shape, using) + ")"
    with connections[using].cursor() as cursor:
        cursor.execute(sql.text, sql.params)
        found: bool = cursor.fetchone()[0]
    return found


def belongs(shape: PlainShape, using: str) -> Sql:
    """Return the test whether ``event`` is of a plain shape; of what has none, what it has is asked."""
    found = (
        "event.model = ANY ("
        + Sql.param(former_names.labels_of(shape.model, using))
        + "::text[]) AND event.shape = "
        + Sql.param(shape.id)
        + "::integer"
    )
    if shape.id:
        return found
    return (
        found
        + " AND EXISTS (SELECT FROM unnest("
        + Sql.param(list(shape.masks))
        + "::text[]) AS masked (key) WHERE event.snapshot -> masked.key IS NOT NULL"
        + f" AND event.snapshot -> masked.key -> '{MASKED_KEY}' IS NULL)"
    )
