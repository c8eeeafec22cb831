"""Conditions on changes: which columns of a model they are about."""

from __future__ import annotations

from django.db import models

from pgaudit_log.capture_v1.conditions import Changes
from pgaudit_log.declaring import conditions
from pgaudit_log.values.row_sql import Columns
from pgaudit_log.values.tables import column_of, concrete

_KINDS = {
    ("df", False): "AnyChange",
    ("df", True): "AllChange",
    ("ndf", False): "AnyDontChange",
    ("ndf", True): "AllDontChange",
}
"""The kind of a condition, by django-pgtrigger's ``comparison`` and ``all``."""


def changes_of(
    condition: conditions.Change, model: type[models.Model], columns: Columns
) -> Changes:
    """Return a condition on changes. One that names no fields is about the tracked ``columns``."""
    meta = concrete(model)._meta
    names = {field.name for field in columns}
    if condition.fields:
        names = {meta.get_field(name).name for name in condition.fields}
    names -= {meta.get_field(name).name for name in condition.exclude or ()}
    compared = [
        column_of(field)
        for field in meta.local_fields
        if field.name in names and not (condition.exclude_auto and conditions.is_automatic(field))
    ]
    kind = _KINDS[condition.comparison, bool(condition.all)]
    return Changes(f"~{kind}" if condition._negated else kind, tuple(compared))
