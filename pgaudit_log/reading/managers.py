"""Managers: of typed events, of the trail, and those that managers of tracked models inherit.

``managers.pyi`` says of them what type checkers cannot see: which queryset their methods return.
"""

from __future__ import annotations

from typing import Any

from django.db import models

from pgaudit_log.constants import ACCESS
from pgaudit_log.reading.querysets import TypedEventQuerySet
from pgaudit_log.reading.trail_querysets import TrailQuerySet


class EventManager(models.Manager.from_queryset(TypedEventQuerySet)):
    """The manager of typed events: ``OrderEvent.objects``."""


class TrailManager(models.Manager.from_queryset(TrailQuerySet)):
    """The manager of the trail: ``Events.objects``."""


class AccessManager(TrailManager):
    """The manager of the events of access: ``AccessEvents.objects``."""

    def get_queryset(self) -> Any:
        """Return the logins, logouts, failed logins and page views."""
        return super().get_queryset().filter(pgh_obj_model=ACCESS)


class TrackedQuerySet(models.QuerySet):
    """A queryset of a tracked model, for a project's own to inherit.

    Each queryset of a tracked model has ``as_of()``. Type checkers know it of those that inherit
    this one.
    """


class TrackedManager(models.Manager.from_queryset(TrackedQuerySet)):
    """A manager of a tracked model, for a project's own to inherit, or to declare the default one as.

    Each manager of a tracked model has ``as_of()``. Type checkers know it of those that inherit, or
    are declared as, this one: ``objects: ClassVar[TrackedManager["Order"]]``.
    """


class TimelineMethod:
    """Says to type checkers what ``timeline()`` gives that a model with ``follow=`` has.

    It is an annotation only: ``timeline: TimelineMethod``. ``track()`` gives the method.
    """


class EventsOf:
    """Says to type checkers what an accessor of events gives: ``events: EventsOf["OrderEvent"]``.

    It is an annotation only; the accessor itself is made by ``track()``.
    """

    def __class_getitem__(cls, event_model: Any) -> type[EventsOf]:
        return cls
