"""Table constraints: what must be unique among the rows of a model's own table, and what points at others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models

from pgaudit_log.values import tables
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.tables import Field, column_of


def unique_sets(model: type[models.Model]) -> list[tuple[Field, ...]]:
    """Return the fields of a model's own table that must be unique together, without condition."""
    own = {f.name: f for f in tables.own_columns(model)}
    named: list[tuple[str, ...]] = [(f.name,) for f in own.values() if f.unique]
    named += [tuple(names) for names in model._meta.unique_together]
    named += [
        tuple(constraint.fields)
        for constraint in model._meta.constraints
        if isinstance(constraint, models.UniqueConstraint)
        and constraint.condition is None
        and not constraint.expressions
    ]
    named.append(tuple(f.name for f in key_fields(model)))
    return [
        tuple(own[name] for name in names)
        for names in dict.fromkeys(named)
        if all(name in own for name in names)
    ]


def foreign_keys(model: type[models.Model]) -> list[models.ForeignKey[Any, Any]]:
    """Return the foreign keys in a model's own table."""
    return [f for f in tables.own_columns(model) if isinstance(f, models.ForeignKey)]


def columns_of(fields: Iterable[Field]) -> tuple[str, ...]:
    """Return the names of the columns of ``fields``."""
    return tuple(column_of(f) for f in fields)
