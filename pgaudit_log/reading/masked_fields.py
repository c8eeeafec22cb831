"""Masked fields: for a masked field, one of a typed event, which says that, and cannot be filtered by."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models

from pgaudit_log.declaring.masks import masks_of
from pgaudit_log.exceptions import QueryError
from pgaudit_log.values.row_json import MASKED, Absence
from pgaudit_log.values.tables import Field, column_of, concrete


def masked_fields(model: type[models.Model]) -> list[Field]:
    """Return the masked fields of a model, those that it inherits too."""
    return [
        field
        for field in concrete(model)._meta.concrete_fields
        if field.column is not None and column_of(field) in masks_of(field.model)
    ]


def refuse_filter(field: Field) -> NoReturn:
    """Raise for a filter by the values of a masked field, which would find nothing.

    Raises:
        QueryError: always.
    """
    raise QueryError(
        f"{field.model._meta.label}.{field.name} is masked, so that its past cannot be filtered by."
        f' Ask for the events that changed it: changed("{field.name}").'
    )


class MaskedEventField(models.Field):  # type: ignore[type-arg]
    """A field of typed events whose value is always :data:`~pgaudit_log.values.row_json.MASKED`.

    Args:
        tracked: the masked field.
    """

    def __init__(self, tracked: Field, **options: Any) -> None:
        self.tracked = tracked
        super().__init__(
            null=True,
            verbose_name=tracked.verbose_name,
            db_column=column_of(tracked),
            editable=False,
            **options,
        )

    def deconstruct(self) -> Any:
        """Return what makes another of it."""
        name, path, _, _ = super().deconstruct()
        return name, path, [self.tracked], {}

    def db_type(self, connection: Any) -> str | None:
        """Return the type of the column, in which there is nothing."""
        return self.tracked.rel_db_type(connection) or self.tracked.db_type(connection)

    def contribute_to_class(self, cls: Any, name: str, private_only: bool = False) -> None:
        """Put it on a class of typed events, of a foreign key the name of its column's value, too."""
        super().contribute_to_class(cls, name, private_only)
        if self.tracked.attname != name:
            setattr(cls, self.tracked.attname, property(lambda event: MASKED))

    def from_db_value(self, value: object, expression: Any, connection: Any) -> Absence:
        """Return the mark."""
        return MASKED

    def get_lookup(self, lookup_name: str) -> NoReturn:
        """Raise, because no event has a value to be compared."""
        refuse_filter(self.tracked)

    get_transform = get_lookup
