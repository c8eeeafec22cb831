"""Protection: whatever collects events to delete them is told first that they cannot be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from django.db import models


class Protection(models.Field):  # type: ignore[type-arg]
    """A private field without a column, which Django asks for what a deletion takes along.

    Its answer is that of a protected foreign key. So the admin's page says that the event is
    protected and offers no button, where the deletion itself would end in an error. Django asks
    private fields since generic relations are such.
    """

    def __init__(self) -> None:
        super().__init__(editable=False, serialize=False)

    def contribute_to_class(
        self, cls: type[models.Model], name: str, private_only: bool = False
    ) -> None:
        """Become a field of a model and of those that inherit it; it has no value."""
        super().contribute_to_class(cls, name, private_only=True)

    def get_attname_column(self) -> Any:
        """Return that it has no column."""
        return self.get_attname(), None

    def bulk_related_objects(self, events: Iterable[Any], using: str) -> NoReturn:
        """Raise: events cannot be deleted.

        Raises:
            ProtectedError: always.
        """
        raise models.ProtectedError(
            f"{self.model._meta.label} cannot be deleted: events are append-only.", set(events)
        )
