"""The order of capture, in which events come unless another was asked for, beside DISTINCT.

What is ordered by is among what ``SELECT DISTINCT`` tells apart: by ``pgh_id``, no two events
are the same. So distinct values come in no order unless one was asked for.
"""

from __future__ import annotations

from typing import Any


class InOrderOfCapture:
    """A mixin for querysets of events."""

    model: Any
    query: Any

    def distinct(self, *field_names: Any) -> Any:
        """Return the distinct events or values; with names, the first captured of each.

        Values come in no order, unless ``order_by()`` gives one.
        """
        return _disordered(super().distinct(*field_names))  # type: ignore[misc]

    def _values(self, *fields: Any, **expressions: Any) -> Any:
        return _disordered(super()._values(*fields, **expressions))  # type: ignore[misc]


def _disordered(queryset: Any) -> Any:
    """Return ``queryset``, made just now, without the order of capture where that cannot be."""
    query = queryset.query
    if not query.distinct or not _is_in_default_order(query):
        return queryset
    if query.distinct_fields:
        # What is told apart by has to be ordered by first.
        ordering = queryset.model._meta.ordering
        return queryset.order_by(*query.distinct_fields, *ordering)
    if not query.default_cols:
        query.default_ordering = False
    return queryset


def _is_in_default_order(query: Any) -> bool:
    return query.default_ordering and not query.order_by and not query.extra_order_by
