"""Event methods: what events offer of going back, under the names that django-pghistory's have."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, models

from pgaudit_log.declaring import declarations, model_labels
from pgaudit_log.exceptions import QueryError
from pgaudit_log.reading import moments
from pgaudit_log.reading.event_model import ReadOnlyModel
from pgaudit_log.reading.objects import primary_key_of, unloaded
from pgaudit_log.reversal.api import revert
from pgaudit_log.reversal.requested_events import alias_of
from pgaudit_log.reversal.targets.at import key_of_event
from pgaudit_log.timetravel import recorded_past
from pgaudit_log.values.keys import is_shortened
from pgaudit_log.values.tables import concrete


def _revert(self: Any, using: str | None = None) -> models.Model:
    """Give the object the values that this event shows, and return it.

    Only tracked fields change. For the plan first, call ``reversal.revert(obj, to=event)``.
    An object that the model's own code keeps from being loaded comes back with its key only.

    Raises:
        QueryError: for an event without values, such as that of a truncate, or whose object's key
            can be none today.
        PlanError: when something stands in the way; nothing was changed.
    """
    alias = alias_of(self, using)
    model = model_labels.model_of(self.pgh_obj_model, alias)
    declaration: declarations.Declaration | None = getattr(self, "pgh_declaration", None)
    if declaration is not None:
        model = concrete(declaration.tracked_model)
    if model is None:
        raise QueryError(
            f"Event {self.pgh_id} is of {self.pgh_obj_model}, which is no tracked model."
        )
    if key_of_event(self) is None:
        raise QueryError(f"Event {self.pgh_id} is of no single object, so that it has no values.")
    pk = primary_key_of(model, self)
    if pk is None:
        key = str(key_of_event(self))
        why = (
            "does not say the whole key of its object, which is too long"
            if is_shortened(key)
            else f"is of {model._meta.label} {key}, which can be no key of it today"
        )
        raise QueryError(
            f"Event {self.pgh_id} {why}. Call reversal.revert() with the object, to=event."
        )
    plan = revert(unloaded(model, pk), to=self, using=alias)
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


def _can_revert(self: Any) -> bool:
    """Whether the event has values to go back to."""
    return self.pgh_data is not None


async def _arevert(self: Any, using: str | None = None) -> models.Model:
    """Do what ``revert()`` does, from a coroutine."""
    return await sync_to_async(_revert)(self, using)


def install() -> None:
    """Give events their methods."""
    ReadOnlyModel.revert = _revert  # type: ignore[method-assign]
    ReadOnlyModel.arevert = _arevert  # type: ignore[method-assign]
    ReadOnlyModel.can_revert = property(_can_revert)  # type: ignore[assignment]
