"""The conditions of trackers, as tests of the rows ``old`` and ``new``."""

from __future__ import annotations

from django.db import models
from pgtrigger.core import Condition

from pgaudit_log.declaring import conditions
from pgaudit_log.triggers.column_sql import column_sql
from pgaudit_log.triggers.free_conditions import (
    free_condition,
    is_free,
)
from pgaudit_log.values.quoting import quote_name
from pgaudit_log.values.row_sql import Columns
from pgaudit_log.values.sql_layout import chained, filled, listed
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
        return _change_sql(condition, model, columns)
    return str(condition.resolve(model))  # type: ignore[no-untyped-call]


def where_sql(
    condition: Condition | None,
    model: type[models.Model],
    columns: Columns,
    label: str,
    function: str,
) -> str | None:
    """Return a tracker's condition over the rows ``old`` and ``new`` of a statement.

    If it is a free one, that is a call of ``function``, which it becomes when it is installed.
    """
    if condition is None or not is_free(condition):
        return condition_sql(condition, model, columns)
    arguments = []
    for name in free_condition(condition, model, label).arguments:
        row, _, column = name.partition(".")
        arguments.append(f"{row}.{quote_name(column)}")
    return listed(f"@home@.{function}(", arguments, ")")


def _change_sql(condition: conditions.Change, model: type[models.Model], columns: Columns) -> str:
    """Return a condition on changes: whether ``all`` or any of its fields differ, or do not."""
    meta = concrete(model)._meta
    names = {field.name for field in columns}
    if condition.fields:
        names = {meta.get_field(name).name for name in condition.fields}
    names -= {meta.get_field(name).name for name in condition.exclude or ()}
    compared = [
        field
        for field in meta.local_fields
        if field.name in names and not (condition.exclude_auto and conditions.is_automatic(field))
    ]
    if not compared:
        sql = "FALSE"
    elif condition.comparison == "df" and not condition.all:
        sql = any_change_sql(compared)
    else:
        negation = "NOT " if condition.comparison == "ndf" else ""
        operator = "AND" if condition.all else "OR"
        sql = chained(operator, [f"{negation}{any_change_sql([field])}" for field in compared])
    return f"NOT ({sql})" if condition._negated else f"({sql})"


def any_change_sql(columns: Columns) -> str:
    """Return the test whether any of ``columns`` differs, bit by bit, between ``old`` and ``new``."""
    images = [
        filled("ROW(", [column_sql(row, field) for field in columns], ")") for row in ("old", "new")
    ]
    return listed("pg_catalog.record_image_ne(", images, ")")
