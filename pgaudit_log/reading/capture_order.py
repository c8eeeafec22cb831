"""The order of capture, in which events come unless another was asked for, beside DISTINCT.

What is ordered by is among what ``SELECT DISTINCT`` tells apart: by ``pgh_id``, no two events
are the same. So distinct values come in no order unless one was asked for.
"""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models
from django.db.models.sql.query import Query

E_co = TypeVar("E_co", bound=models.Model, covariant=True)
R_co = TypeVar("R_co", covariant=True)
InOrderT = TypeVar("InOrderT", bound="InOrderOfCapture[Any, Any]")


class InOrderOfCapture(models.QuerySet[E_co, R_co]):
    """A mixin for querysets of events."""

    def distinct(self: InOrderT, *field_names: Any) -> InOrderT:
        """Return the distinct events or values; with names, the first captured of each.

        Values come in no order, unless ``order_by()`` gives one.
        """
        return _disordered(super().distinct(*field_names))

    def first(self) -> R_co | None:
        """Return the first event or value in the order of capture, or ``None`` if there is none."""
        return super(InOrderOfCapture, _in_order_again(self)).first()

    def last(self) -> R_co | None:
        """Return the last event or value in the order of capture, or ``None`` if there is none."""
        return super(InOrderOfCapture, _in_order_again(self)).last()

    def _values(self, *fields: Any, **expressions: Any) -> Any:
        return _disordered(super()._values(*fields, **expressions))  # type: ignore[misc]


def _disordered(queryset: InOrderT) -> InOrderT:
    """Return ``queryset``, made just now, without the order of capture where that cannot be."""
    query: Any = queryset.query
    if not query.distinct or not _is_in_default_order(query):
        return queryset
    if query.distinct_fields:
        # What is told apart by has to be ordered by first.
        ordering = queryset.model._meta.ordering
        return queryset.order_by(*query.distinct_fields, *ordering)
    if not query.default_cols:
        query.default_ordering = False
        query.pgh_is_disordered = True
    return queryset


def _in_order_again(queryset: InOrderT) -> InOrderT:
    """Return a queryset from which :func:`_disordered` took the order with it, for one value of it.

    Django 6.1 takes any value where there is no order; before, it was that of the lowest key.
    """
    is_disordered = getattr(queryset.query, "pgh_is_disordered", False)
    return queryset.order_by("pk") if is_disordered and not queryset.ordered else queryset


def _is_in_default_order(query: Query) -> bool:
    return query.default_ordering and not query.order_by and not query.extra_order_by
