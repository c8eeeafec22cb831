"""Event methods: what events offer of going back, under the names that django-pghistory's have."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.db import models

from pgaudit_log.reading.event_model import ReadOnlyModel


def _revert(self: Any, using: str | None = None) -> models.Model:
    """Give the object the values that this event shows, and return it.

    Only tracked fields change. For the plan first, call ``reversal.revert(obj, to=event)``.
    An object that the model's own code keeps from being loaded comes back with its key only.

    Raises:
        QueryError: for an event without values, such as that of a truncate, or whose object's key
            can be none today.
        PlanError: when something stands in the way; nothing was changed.
    """
    # A tenth of what starting a project takes, for what few processes do.
    from pgaudit_log.reversal.by_event import revert_to

    return revert_to(self, using)


async def _arevert(self: Any, using: str | None = None) -> models.Model:
    """Do what ``revert()`` does, from a coroutine."""
    return await sync_to_async(_revert)(self, using)


def _can_revert(self: Any) -> bool:
    """Whether the event has values to go back to."""
    return self.pgh_data is not None


def install() -> None:
    """Give events their methods."""
    ReadOnlyModel.revert = _revert  # type: ignore[method-assign]
    ReadOnlyModel.arevert = _arevert  # type: ignore[method-assign]
    ReadOnlyModel.can_revert = property(_can_revert)  # type: ignore[assignment]
