"""Wording: values as people read them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext

from pgaudit_log import rows
from pgaudit_log.identifiers import column_of
from pgaudit_log.registry import concrete
from pgaudit_log.states import Absence


class Wording:
    """The words for values of a model's fields; asks once for all objects that a field points at."""

    def __init__(
        self, model: type[models.Model], values: Iterable[Mapping[str, Any]], using: str
    ) -> None:
        self._objects: dict[tuple[models.Field[Any, Any], Any], Any] = {}
        listed = list(values)
        for own in rows.own_columns(model):
            if not isinstance(own, models.ForeignKey):
                continue
            given = (row.get(column_of(own)) for row in listed)
            target = own.target_field
            wanted = {value for value in given if _may_be(target, value)}
            if not wanted:
                continue
            manager: models.QuerySet[Any, Any] = models.QuerySet(
                concrete(target.model), using=using
            )
            for found in manager.filter(**{f"{target.attname}__in": wanted}):
                self._objects[own, getattr(found, target.attname)] = found

    def of(self, own: models.Field[Any, Any] | None, value: Any) -> str:
        """Return the words for a value of the field ``own``; ``None`` for one that is no more."""
        if value is None:
            return "–"
        if own is None or isinstance(value, Absence):
            return str(value)
        if isinstance(own, models.ForeignKey) and _may_be(own.target_field, value):
            found = self._objects.get((own, value))
            name = concrete(own.target_field.model)._meta.verbose_name
            return str(found) if found is not None else f"{name} {value} (deleted)"
        choices = getattr(own, "flatchoices", None)
        if choices:
            labels = {str(key): label for key, label in choices}
            return str(labels.get(str(value), value))
        return _plain(value)


def _may_be(field: models.Field[Any, Any], value: Any) -> bool:
    """Return whether a value can be one of the field; what a foreign key had may be of another type."""
    if value is None or isinstance(value, Absence):
        return False
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    try:
        hash(value)
        own = field.to_python(value)
    except (TypeError, ValueError, ArithmeticError, ValidationError):
        return False
    if type(own) is not type(value) or own != value:
        return False
    return not isinstance(own, int) or -(2**63) <= own < 2**63


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if isinstance(value, bytes | bytearray | memoryview):
        digest = hashlib.sha256(value).hexdigest()[:8]
        return f"{len(bytes(value))} bytes (SHA-256 {digest}…)"
    return '""' if value == "" else str(value)
