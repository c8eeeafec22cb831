"""Querysets of events: they read; whatever would write raises."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models

from pgaudit_log.exceptions import ReadOnlyError


class EventQuerySet(models.QuerySet[Any, Any]):
    """A queryset that only reads.

    Raises:
        ReadOnlyError: from each method that would write.
    """

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ReadOnlyError(
            f"{self.model._meta.label} is append-only: triggers write its events. Call"
            " pgaudit_log.create_event() to add a manual event."
        )

    create = bulk_create = bulk_update = update = delete = _refuse
    get_or_create = update_or_create = _refuse
    acreate = abulk_create = abulk_update = aupdate = adelete = _refuse
    aget_or_create = aupdate_or_create = _refuse
    _raw_delete = _refuse
