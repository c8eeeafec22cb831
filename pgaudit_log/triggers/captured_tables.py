"""Captured tables: what the captures of one declaration have to know of a model."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from django.db import models

from pgaudit_log.capture_v1.columns import Mask
from pgaudit_log.capture_v1.data import Table
from pgaudit_log.triggers.captured_columns import (
    any_dialect,
    captured,
    captured_key,
    is_compared_as_text,
    shown,
    stored_columns,
)
from pgaudit_log.triggers.pins import needed_pins
from pgaudit_log.triggers.references import pointed_at, references
from pgaudit_log.values.row_sql import Columns
from pgaudit_log.values.tables import column_of, concrete


def captured_table(
    model: type[models.Model],
    columns: Columns,
    *,
    large: tuple[str, ...],
    masks: Mapping[str, Mask],
    masked_context: tuple[str, ...],
    created_at: str,
    period: str,
) -> Table:
    """Return what the triggers of a declaration have in common.

    Args:
        model: the tracked model, or what it was at a migration.
        columns: its tracked columns.
        large: the names of those fields whose values an event may refer to instead of having them.
        masks: what events have instead of the values of columns, by column, tracked or not.
        masked_context: the paths in contexts of what events do not have.
        created_at: the SQL of the time of an event.
        period: how long a partition is; an event refers to one in its own.
    """
    # What is known of a field by the field alone: a test, or a library, may change one where it stands.
    dialect = any_dialect()
    names = tuple((column_of(field), field.db_type(dialect)) for field in columns)
    return _table(
        model=model,
        table=model._meta.db_table,
        columns=tuple(columns),
        names=names,
        large=large,
        masks=tuple(sorted(masks.items())),
        masked_context=masked_context,
        created_at=created_at,
        period=period,
    )


@functools.lru_cache(maxsize=1)  # The triggers of a declaration are compiled one after the other.
def _table(
    *,
    model: type[models.Model],
    table: str,
    columns: Columns,
    names: tuple[tuple[str, str | None], ...],
    large: tuple[str, ...],
    masks: tuple[tuple[str, Mask], ...],
    masked_context: tuple[str, ...],
    created_at: str,
    period: str,
) -> Table:
    dialect = any_dialect()
    fields = {field.name for field in columns}
    stored = stored_columns(model, columns, dialect)
    compared_as_text = {
        column_of(field): is_compared_as_text(field, dialect)
        for field in columns
        if field.name in large
    }
    return Table(
        name=table,
        model=concrete(model)._meta.label,
        declared_on=model._meta.label,
        key=captured_key(model, dialect),
        columns=captured(columns, dialect, dict(masks)),
        also_stored=captured((field for field in stored if field.name not in fields), dialect),
        references=references(shown(columns, dict(masks)), dialect),
        targets=pointed_at(model),
        large=compared_as_text,
        masks=dict(masks),
        masked_context=masked_context,
        pins=needed_pins(model, columns),
        key_pins=needed_pins(model, ()),
        created_at=created_at,
        period=period if compared_as_text else "month",
    )
