"""Protection: whatever collects events to delete them is told first that they cannot be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from django.db import models
from django.db.models.fields.mixins import FieldCacheMixin


class Protection(FieldCacheMixin):
    """A private field without a column, which Django asks for what a deletion takes along.

    Its answer is that of a protected foreign key. So the admin's page says that the event is
    protected and offers no button, where the deletion itself would end in an error. Django asks
    private fields since generic relations are such. To everything else it looks like a generic
    foreign key: no field that has a value, so that forms, filter sets and serializers leave it out.
    """

    name: str
    attname: str
    model: type[models.Model]
    column = remote_field = related_model = None
    is_relation = many_to_one = hidden = True
    many_to_many = one_to_many = one_to_one = False
    auto_created = concrete = editable = unique = False

    @property
    def cache_name(self) -> str:
        """Where objects would keep what it refers to; they never do."""
        return self.name

    def contribute_to_class(self, cls: type[models.Model], name: str) -> None:
        """Become a field of a model; those that inherit it get one of their own."""
        self.name = self.attname = name
        self.model = cls
        cls._meta.add_field(self, private=True)  # type: ignore[arg-type]

    def bulk_related_objects(self, events: Iterable[Any], using: str) -> NoReturn:
        """Raise: events cannot be deleted.

        Raises:
            ProtectedError: always.
        """
        raise models.ProtectedError(
            f"{self.model._meta.label} cannot be deleted: events are append-only.", set(events)
        )
