"""Methods: what events offer of going back, under the names that django-pghistory's have."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.db import models

from pgaudit_log import histories, moments, names, registry
from pgaudit_log.exceptions import QueryError
from pgaudit_log.identifiers import is_shortened
from pgaudit_log.models import ReadOnlyModel
from pgaudit_log.objects import primary_key_of
from pgaudit_log.registry import concrete
from pgaudit_log.reversal.asking import alias_of, revert
from pgaudit_log.reversal.standing import key_of_event


def _revert(self: Any, using: str | None = None) -> models.Model:
    """Give the object the values that this event shows, and return it.

    Only tracked fields change. For the plan first, call ``reversal.revert(obj, to=event)``.

    Raises:
        QueryError: for an event without values, such as that of a truncate, or whose object's key
            can be none today.
        PlanError: when something stands in the way; nothing was changed.
    """
    alias = alias_of(self, using)
    model = names.model_of(self.pgh_obj_model, alias)
    declaration: registry.Declaration | None = getattr(self, "pgh_declaration", None)
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
    obj = model(pk=pk)
    plan = revert(obj, to=self, using=alias)
    plan.apply()
    with moments.today():
        rows: models.QuerySet[Any, Any] = models.QuerySet(model, using=alias).filter(pk=pk)
        if plan.steps and plan.steps[-1].model is model:
            rows = histories.rows_of(model, plan.steps[-1].key, alias)
        found: models.Model = rows.get()
    return found


def _can_revert(self: Any) -> bool:
    """Whether the event has values to go back to."""
    return self.pgh_data is not None


async def _arevert(self: Any, using: str | None = None) -> models.Model:
    """Do what ``revert()`` does, from a coroutine."""
    return await sync_to_async(_revert)(self, using)


def install() -> None:
    """Give events their methods."""
    ReadOnlyModel.revert = _revert  # type: ignore[attr-defined]
    ReadOnlyModel.arevert = _arevert  # type: ignore[attr-defined]
    ReadOnlyModel.can_revert = property(_can_revert)  # type: ignore[attr-defined]
