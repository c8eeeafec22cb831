"""Obstacle texts: what stands in the way of a plan, in the words of the person who looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.diffs.display import safe
from pgaudit_log.reversal import Kind, Obstacle

TEXTS: Mapping[Kind, Any] = {
    Kind.CHANGED_LATER: gettext_lazy("%(field)s was changed again later."),
    Kind.COLUMN_GONE: gettext_lazy("%(field)s is no longer in the model."),
    Kind.DELETED: gettext_lazy("It was deleted since. Restore it first."),
    Kind.EXISTS: gettext_lazy("It is there again, with other values."),
    Kind.LEFT_OUT: gettext_lazy("It is left out."),
    Kind.MASKED: gettext_lazy("%(field)s is hidden in the log, so that it cannot be written."),
    Kind.MISSING_TARGET: gettext_lazy("%(field)s would point at what is not there."),
    Kind.REFERENCED: gettext_lazy("Other objects point at it."),
    Kind.REQUIRED: gettext_lazy("%(field)s must have a value, and the log has none."),
    Kind.TAKEN: gettext_lazy("A value that must be unique is another object’s by now."),
    Kind.UNREADABLE: gettext_lazy("The value of %(field)s then cannot be one today."),
    Kind.INVARIANT: gettext_lazy("Something that must hold among these objects would not."),
}
"""What an obstacle of each kind says."""

NAMING = frozenset({Kind.REFERENCED, Kind.TAKEN, Kind.UNREADABLE})
"""The kinds of which the plan itself says more, such as by which other row."""

ANOTHER_OBJECT = gettext_lazy("Another object has its place by now.")


def field_of(obstacle: Obstacle) -> models.Field[Any, Any] | None:
    """Return the field that an obstacle is about, ``None`` if its model has none such."""
    if obstacle.field is None:
        return None
    try:
        found = apps.get_model(obstacle.model)._meta.get_field(obstacle.field)
    except FieldDoesNotExist:
        return None
    return found if isinstance(found, models.Field) else None


def text_of_obstacle(obstacle: Obstacle, model: type[models.Model], access: AdminAccess) -> str:
    """Return what an obstacle says; of a field that is not to be seen, not which."""
    hidden = access.hidden_fields(model)
    if obstacle.field in hidden:
        return _("A field that you may not see stands in the way.")
    if obstacle.kind is Kind.CHANGED_LATER and obstacle.field is None:
        return str(ANOTHER_OBJECT)
    field = field_of(obstacle)
    verbose_name = None if field is None else field.verbose_name
    name = safe(obstacle.field or "") if verbose_name is None else str(verbose_name)
    return str(TEXTS[obstacle.kind]) % {"field": f"“{name}”"}


def detail_of(obstacle: Obstacle, model: type[models.Model], access: AdminAccess) -> str:
    """Return the words of the plan itself, where they say more; empty for those who may not see it.

    They name other rows, and values. What a project's own check says is for all who may see all fields.
    """
    if access.hidden_fields(model):
        return ""
    if obstacle.kind is Kind.INVARIANT or (obstacle.kind in NAMING and access.is_superuser):
        return safe(obstacle.message)[:1000]
    return ""
