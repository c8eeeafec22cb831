"""Filter sets: the questions of the trail and of typed events as forms of django-filter."""

from __future__ import annotations

from pgaudit_log.filtersets.base import EventFilterSet
from pgaudit_log.filtersets.trail import EventsFilterSet
from pgaudit_log.filtersets.typed import filterset_for

__all__ = ["EventFilterSet", "EventsFilterSet", "filterset_for"]
