"""Time travel: querysets and objects as they were at a moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import models

from pgaudit_log.declaring.parts import lookups_of
from pgaudit_log.exceptions import QueryError
from pgaudit_log.reading import moments
from pgaudit_log.reading.databases import moved
from pgaudit_log.reading.moments import Moment
from pgaudit_log.timetravel import past_classes, recorded_past
from pgaudit_log.timetravel.past_classes import PastQuerySet

__all__ = ["PastQuerySet", "as_of", "events_as_of", "query"]

Q = TypeVar("Q", bound=models.QuerySet[Any, Any])


@contextmanager
def as_of(moment: Any) -> Iterator[Moment]:
    """Read all tracked tables as they were at ``moment``, in every query of the block.

    Queries of the ORM that are run in the block, related objects too, see the rows of
    tracked tables as they were; tables that are not tracked are seen as they are.
    Writing to a tracked table through the ORM is refused. SQL by hand is left as it is.

    Args:
        moment: an aware datetime, or an event for the state just after it.

    Raises:
        QueryError: for what is no moment, or is in the future.
    """
    with moments.at(Moment.of(moment)) as point:
        yield point


def query(queryset: Q, moment: Any, *, parts: bool = False) -> Q:
    """Return ``queryset``, of a tracked model, with its tables as they were at ``moment``.

    Filters, joins, aggregates and subqueries are carried out in the database, and see
    each tracked table as it was. Fields that are not tracked are NULL there, and raise when
    an object is asked for them.

    Args:
        queryset: the queryset.
        moment: an aware datetime, or an event for the state just after it.
        parts: whether the parts of the objects are loaded with them, as by ``prefetch_related()``:
            what ``track(follow=…)`` names, one query for each relation.

    Raises:
        QueryError: for what is no moment, or a model that is not tracked.
        DeclarationError: for a relation that cannot be followed.
    """
    queryset = _in_place_of(moment, queryset)
    point = Moment.of(moment, str(queryset.db))
    recorded_past.of_model(queryset.model)
    past: Q = past_classes.queryset_of(queryset, point)
    return past.prefetch_related(*lookups_of(queryset.model)) if parts else past


def _in_place_of(moment: Any, queryset: Any) -> Any:
    """Return ``queryset`` in the database of an event; a time is of all.

    Raises:
        QueryError: when ``using()`` said another one, where the event says nothing.
    """
    is_event = isinstance(moment, models.Model) and moment._state.db is not None
    return moved(queryset, [moment], "as_of") if is_event else queryset


def events_as_of(events: Any, moment: Any, *, parts: bool = False) -> Any:
    """Return the typed events in force at ``moment``: for each object that there was, its newest.

    Of the events of one object, ``order.events``, the object itself as it was, with ``parts``
    as :func:`query` loads them.

    Raises:
        QueryError: for parts of others than one object.
        UnknownPastError: when the object may have been there, but was not tracked yet.
        DoesNotExist: when the object was not there.
    """
    obj = events._hints.get("instance")
    if obj is not None and recorded_past.is_tracked(obj._meta.model):
        rows: models.QuerySet[Any, Any] = models.QuerySet(
            obj._meta.model, using=str(obj._state.db or events.db)
        )
        return query(rows, moment, parts=parts).get(pk=obj.pk)
    if parts:
        raise QueryError(
            "as_of() was given parts=True, but events have no parts. Ask the objects for them:"
            f" {events.model.pgh_tracked_model.__name__}.objects.as_of(moment, parts=True)."
        )
    events = _in_place_of(moment, events)
    return recorded_past.in_force(events, Moment.of(moment, str(events.db)))
