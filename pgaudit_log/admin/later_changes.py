"""Later changes: who changed a field once more, after what is to be taken back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q

from pgaudit_log.models import Events
from pgaudit_log.reading.expressions import any_of

MOST_OBJECTS = 20
"""Of how many objects it is looked for."""

MOST_EVENTS = 100

FieldPlace = tuple[str, str, str]
"""The label of a model, the key of an object, and a column."""


def last_changes(fields: Iterable[FieldPlace], using: str) -> Mapping[FieldPlace, Any]:
    """Return the newest event that changed each of the fields, as far as it is near; one query."""
    wanted = {*fields}
    objects = dict.fromkeys((label, key) for label, key, _column in sorted(wanted))
    if not objects:
        return {}
    columns = sorted({column for _label, _key, column in wanted})
    of_objects = any_of(
        Q(pgh_obj_model=label, pgh_obj_id=key) for label, key in [*objects][:MOST_OBJECTS]
    )
    events = Events.objects.using(using).filter(of_objects, pgh_diff__has_any_keys=columns)
    found: dict[FieldPlace, Any] = {}
    for event in events.order_by("-pgh_id")[:MOST_EVENTS]:
        for column in event.pgh_diff or {}:
            place = event.pgh_obj_model, str(event.pgh_obj_id), column
            if place in wanted:
                found.setdefault(place, event)
    return found
