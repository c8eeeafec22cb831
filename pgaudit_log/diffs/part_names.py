"""Part names: what the parts of an object were called at a moment, in a few queries for all of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import models

from pgaudit_log import timetravel
from pgaudit_log.diffs.display import name_of
from pgaudit_log.exceptions import UnknownPastError
from pgaudit_log.reading.moments import Moment
from pgaudit_log.timetravel import recorded_past
from pgaudit_log.values.keys import is_shortened, key_fields, key_text, parse_key, read_part
from pgaudit_log.values.tables import Field


def names(
    model: type[models.Model], keys: Collection[str], moment: Moment | None, using: str
) -> dict[str, str]:
    """Return the ``str()`` of objects as of a moment, ``None`` for now, by their keys.

    What their foreign keys point at is loaded for all of them together. An object that cannot
    be had, or cannot be said, has the name of its model with its key.
    """
    asked = [parse_key(model, key) for key in keys if not is_shortened(key)]
    rows = _rows(model, moment, using).filter(pk__in=[key for key in asked if key is not None])
    found = {key_text(obj.pk, key_fields(model)): name_of(obj) for obj in _loaded(rows)}
    return {key: found.get(key) or _unnamed(model, key) for key in keys}


def names_by(
    field: Field, texts: Collection[str], moment: Moment | None, using: str
) -> dict[str, str]:
    """Return the ``str()`` of objects, as :func:`names` does, by a unique field's value as text."""
    model: type[models.Model] = field.model
    values = [read_part(text, field) for text in texts]
    rows = _rows(model, moment, using).filter(**{f"{field.attname}__in": values})
    found = {key_text(getattr(obj, field.attname), [field]): name_of(obj) for obj in _loaded(rows)}
    return {text: found.get(text) or _unnamed(model, text) for text in texts}


def _rows(
    model: type[models.Model], moment: Moment | None, using: str
) -> models.QuerySet[Any, Any]:
    rows: models.QuerySet[Any, Any] = models.QuerySet(model, using=using)
    if moment is None or not recorded_past.is_tracked(model):
        return rows
    return timetravel.query(rows, moment)


def _loaded(rows: models.QuerySet[Any, Any]) -> list[Any]:
    """Return objects with what their foreign keys point at; none of which something is unknown."""
    targets = [f.name for f in rows.model._meta.concrete_fields if isinstance(f, models.ForeignKey)]
    try:
        return list(rows.prefetch_related(*targets))
    except UnknownPastError:
        return []


def _unnamed(model: type[models.Model], key: str) -> str:
    return f"{model._meta.verbose_name} {key}"
