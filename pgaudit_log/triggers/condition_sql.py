"""The conditions of trackers, as tests of the rows ``old`` and ``new``."""

from __future__ import annotations

from typing import Any

from django.db import models
from pgtrigger.core import Condition

from pgaudit_log.declaring import conditions
from pgaudit_log.triggers.column_sql import column_sql
from pgaudit_log.triggers.free_conditions import (
    bound_condition,
    is_free,
)
from pgaudit_log.values.layout import chained, filled, listed
from pgaudit_log.values.quoting import quote_name
from pgaudit_log.values.row_sql import Columns
from pgaudit_log.values.tables import concrete


def condition_sql(
    condition: Condition | None, model: type[models.Model], columns: Columns
) -> str | None:
    """Return a tracker's condition as SQL over ``OLD`` and ``NEW``, or ``None`` if it always fires.

    A condition on changes that names no fields is about the tracked ``columns``.
    """
    if condition is None:
        return None
    if isinstance(condition, conditions.Change):
        return changed_sql(condition, model, columns)
    return str(condition.resolve(model))  # type: ignore[no-untyped-call]


def changed_sql(condition: Any, model: type[models.Model], columns: Columns) -> str:
    """Return a condition on changes: ``all`` or any of the fields ``df`` or ``ndf``."""
    names = {f.name for f in columns}
    meta = concrete(model)._meta
    if condition.fields:
        names = {meta.get_field(name).name for name in condition.fields}
    names -= {meta.get_field(name).name for name in condition.exclude}
    chosen = [
        f
        for f in meta.local_fields
        if f.name in names and not (condition.exclude_auto and conditions.is_automatic(f))
    ]
    if not chosen:
        sql = "FALSE"
    elif condition.comparison == "df" and not condition.all:
        sql = any_change_sql(chosen)
    else:
        test = "NOT " * (condition.comparison == "ndf")
        joiner = "AND" if condition.all else "OR"
        sql = chained(joiner, [f"{test}{any_change_sql([f])}" for f in chosen])
    return f"NOT ({sql})" if condition._negated else f"({sql})"


def where_sql(
    condition: Condition | None,
    model: type[models.Model],
    columns: Columns,
    label: str,
    function: str,
) -> str | None:
    """Return a tracker's condition over the rows ``old`` and ``new`` of a statement."""
    if condition is None or not is_free(condition):
        return condition_sql(condition, model, columns)
    arguments = [
        f"{row}.{quote_name(column)}"
        for row, _, column in (
            name.partition(".") for name in bound_condition(condition, model, label).names
        )
    ]
    return f"@home@.{function}({', '.join(arguments)})"


def any_change_sql(columns: Columns) -> str:
    """Return the test whether any of ``columns`` differs, bit by bit, between ``old`` and ``new``."""
    images = [
        filled("ROW(", [column_sql(row, field) for field in columns], ")") for row in ("old", "new")
    ]
    return listed("pg_catalog.record_image_ne(", images, ")")
