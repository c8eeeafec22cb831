"""By an event: gives an object the values that one of its events shows."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, models

from pgaudit_log.declaring import declarations, model_labels
from pgaudit_log.exceptions import QueryError
from pgaudit_log.reading import moments
from pgaudit_log.reading.objects import primary_key_of, unloaded
from pgaudit_log.reversal.api import revert
from pgaudit_log.reversal.requested_events import alias_of
from pgaudit_log.reversal.targets.at import key_of_event
from pgaudit_log.timetravel import recorded_past
from pgaudit_log.values.keys import is_shortened
from pgaudit_log.values.tables import concrete


def revert_to(event: Any, using: str | None = None) -> models.Model:
    """Give the object the values that an event shows, and return it.

    Only tracked fields change. For the plan first, call ``reversal.revert(obj, to=event)``.
    An object that the model's own code keeps from being loaded comes back with its key only.

    Raises:
        QueryError: for an event without values, such as that of a truncate, or whose object's key
            can be none today.
        PlanError: when something stands in the way; nothing was changed.
    """
    alias = alias_of(event, using)
    model = model_labels.model_of(event.pgh_obj_model, alias)
    declaration: declarations.Declaration | None = getattr(event, "pgh_declaration", None)
    if declaration is not None:
        model = concrete(declaration.tracked_model)
    if model is None:
        raise QueryError(
            f"Event {event.pgh_id} is of {event.pgh_obj_model}, which is no tracked model."
        )
    if key_of_event(event) is None:
        raise QueryError(f"Event {event.pgh_id} is of no single object, so that it has no values.")
    pk = primary_key_of(model, event)
    if pk is None:
        key = str(key_of_event(event))
        why = (
            "does not say the whole key of its object, which is too long"
            if is_shortened(key)
            else f"is of {model._meta.label} {key}, which can be no key of it today"
        )
        raise QueryError(
            f"Event {event.pgh_id} {why}. Call reversal.revert() with the object, to=event."
        )
    plan = revert(unloaded(model, pk), to=event, using=alias)
    plan.apply()
    with moments.today():
        rows: models.QuerySet[Any, Any] = models.QuerySet(model, using=alias).filter(pk=pk)
        last = plan.steps[-1] if plan.steps else None
        # Its key may have been changed since.
        if last is not None and last.model is model and last.whole_key is None:
            rows = recorded_past.rows_of(model, last.key, alias)
        try:
            found: models.Model = rows.get()
        except (DatabaseError, ObjectDoesNotExist):
            raise
        except Exception:
            # Code of the model's own, of which an image opens its file. What was asked for is done.
            found = unloaded(model, pk)
            found._state.db = alias
    return found
