"""Constraints: has one look at a row, without running any code of the model's own."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from django.db import models

from pgaudit_log.values.keys import joined_key, key_fields
from pgaudit_log.values.row_json import JSON_NULL, MISSING
from pgaudit_log.values.tables import column_of


class Row:
    """A row with what a constraint asks an instance for.

    An instance would run the model's ``__init__``, its descriptors and what listens to
    ``post_init``: one refuses to be set, another opens a file that may be gone.
    """

    _get_expr_references = models.Model._get_expr_references  # type: ignore[attr-defined]
    _get_field_expression_map = models.Model._get_field_expression_map  # type: ignore[attr-defined]
    unique_error_message = models.Model.unique_error_message

    def __init__(
        self, model: type[models.Model], values: Mapping[str, Any], *, is_new: bool
    ) -> None:
        self._meta = model._meta
        self._state = SimpleNamespace(adding=is_new)
        known = {column: value for column, value in values.items() if value is not MISSING}
        self._unknown_fields: set[str] = set()
        """The fields without a value; what the database gives them is not known yet."""
        for own in model._meta.local_concrete_fields:
            if isinstance(own, models.GeneratedField):
                continue  # Django computes it out of the others
            value = known.get(column_of(own))
            if column_of(own) not in known:
                self._unknown_fields.add(own.name)
            elif value is JSON_NULL:
                value = models.Value(None, models.JSONField())
            setattr(self, own.attname, value)
            # A relation over several columns names the fields that it is made of.
            setattr(self, own.name, value)

    @property
    def pk(self) -> Any:
        """The primary key's value, or values."""
        return self._get_pk_val()

    def _get_pk_val(self, meta: Any = None) -> Any:
        fields = key_fields(self._meta.model)
        parts = tuple(getattr(self, own.attname, None) for own in fields)
        return joined_key(parts)

    def _is_pk_set(self, meta: Any = None) -> bool:
        pk = self._get_pk_val()
        return None not in pk if isinstance(pk, tuple) else pk is not None


def validate(
    constraint: models.BaseConstraint, model: type[models.Model], row: Row, using: str
) -> None:
    """Have a constraint look at a row, among all rows of the model.

    Raises:
        ValidationError: when it does not hold.
    """
    table: Any = SimpleNamespace(
        _meta=model._meta,
        # The model's own manager may hide rows.
        _default_manager=models.QuerySet(model),
        _get_expr_references=row._get_expr_references,
    )
    constraint.validate(table, row, exclude=row._unknown_fields, using=using)  # type: ignore[arg-type]
