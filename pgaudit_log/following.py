"""Following: where a row has gone whose key was changed later."""

from __future__ import annotations

from typing import Any

from django.db import models

from pgaudit_log import names
from pgaudit_log.constants import DELETE
from pgaudit_log.identifiers import former_key
from pgaudit_log.models import Events


def current_key(model: type[Any], key: str, after: int, using: str) -> str | None:
    """Return the key that a row has got since the event ``after``, under which it had ``key``.

    ``None`` if nothing says that its key was changed, or it was deleted then.
    """
    labels = names.labels_of(model, using)
    events = Events.objects.using(using).filter(pgh_obj_model__in=labels)
    found: str | None = None
    while True:
        former = [former_key(label, key) for label in labels]
        end = (
            events.filter(
                models.Q(pgh_obj_id=key, pgh_operation=DELETE) | models.Q(pgh_refs__overlap=former),
                pgh_id__gt=after,
            )
            .order_by("pgh_id")
            .first()
        )
        if end is None:
            return found
        if end.pgh_operation == DELETE:
            return None
        assert end.pgh_obj_id is not None
        found = key = end.pgh_obj_id
        after = end.pgh_id
