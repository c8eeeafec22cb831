"""Querysets of events: they read; whatever would write raises."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models

from pgaudit_log.constants import INSERT, UPDATE
from pgaudit_log.exceptions import ReadOnlyError
from pgaudit_log.identifiers import column_of, key_fields, key_text


class EventQuerySet(models.QuerySet[Any, Any]):
    """A queryset that only reads.

    Raises:
        ReadOnlyError: from each method that would write.
    """

    def timeline(self, obj: models.Model) -> EventQuerySet:
        """Return the events of ``obj`` from the start of its present life, oldest first.

        Unlike ``obj.events``, it follows the object through changes of its primary key, and
        leaves out what another object with the same key did before this one was inserted.
        """
        keys = key_fields(type(obj)._meta.concrete_model or type(obj))
        columns = [column_of(field) for field in keys]
        key = key_text(obj.pk, keys)
        found = models.Q(pk__in=[])
        before: dict[str, int] = {}
        while True:
            stretch = self.filter(pgh_obj_key=key, **before).order_by("-pgh_id")
            start = stretch.filter(
                models.Q(pgh_operation=INSERT)
                | models.Q(pgh_operation=UPDATE, pgh_diff__has_any_keys=columns)
            ).first()
            since = {"pgh_id__gte": start.pgh_id} if start is not None else {}
            found |= models.Q(pgh_obj_key=key, **before, **since)
            if start is None or start.pgh_operation == INSERT:
                return self.filter(found).order_by("pgh_id")
            values = [
                start.pgh_diff[column][0] if column in start.pgh_diff else start.pgh_data[column]
                for column in columns
            ]
            key = key_text(values if len(keys) > 1 else values[0], keys)
            before = {"pgh_id__lt": start.pgh_id}

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
