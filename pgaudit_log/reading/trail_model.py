"""The model of the trail, for this room: it has the querysets that are here, and so stands above."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import models

from pgaudit_log.constants import APP_LABEL


def trail_model() -> type[models.Model]:
    """Return the model of the trail, ``pgaudit_log.models.Events``."""
    return apps.get_model(APP_LABEL, "Events")


def all_events(using: str) -> models.QuerySet[Any, Any]:
    """Return all events of a database."""
    return trail_model()._base_manager.using(using)
