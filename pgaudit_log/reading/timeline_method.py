"""The method ``timeline()`` of objects whose model follows relations: their events and their parts'."""

from __future__ import annotations

from typing import Any

from django.db import models

from pgaudit_log.reading.trail_model import trail_model

NAME = "timeline"


def attach(model: type[models.Model]) -> None:
    """Give a model the method, unless it has something of that name."""
    if not hasattr(model, NAME):
        setattr(model, NAME, timeline)


def timeline(self: models.Model) -> Any:
    """Return the events of the object and of its parts, oldest first.

    They are those of ``Events.objects.timeline(obj, parts=True)``, each with ``pgh_part``.
    """
    trail: Any = trail_model()
    return trail._default_manager.timeline(self, parts=True)
