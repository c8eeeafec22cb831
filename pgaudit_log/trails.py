"""The trail, a page at a time."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models
from django.db.models.manager import BaseManager

from pgaudit_log.exceptions import QueryError
from pgaudit_log.reading.pages import Page
from pgaudit_log.reading.querysets import EventQuerySet

__all__ = ["Page", "page"]

E = TypeVar("E", bound=models.Model)


def page(
    queryset: EventQuerySet[Any, E] | BaseManager[E],
    *,
    size: int = 50,
    before: Any = None,
    after: Any = None,
) -> Page[E]:
    """Return a page of ``queryset``, the newest event first; a manager will do too.

    ``EventQuerySet.page`` says what the arguments are.

    Raises:
        QueryError: for what is no queryset of events, both positions at once, or a size
            below 1.
    """
    events: Any = getattr(queryset, "all", lambda: None)()
    if not isinstance(events, EventQuerySet):
        raise QueryError(
            "page() was given no queryset of events. Give Events.objects, order.events or what"
            " filters them."
        )
    return events.page(size, before=before, after=after)
