"""The filter set of the trail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django_filters.filters import ChoiceFilter

from pgaudit_log.constants import OWN_MODELS
from pgaudit_log.declaring import declarations
from pgaudit_log.filtersets.base import EventFilterSet
from pgaudit_log.models import Events
from pgaudit_log.values.keys import short_key
from pgaudit_log.values.tables import concrete


def model_choices() -> list[tuple[str, str]]:
    """Return the labels of the tracked models with their names."""
    tracked = {d.label: concrete(d.tracked_model) for d in declarations.declarations()}
    return [(label, str(model._meta.verbose_name)) for label, model in sorted(tracked.items())]


class EventsFilterSet(EventFilterSet):
    """The filters of the trail."""

    model = ChoiceFilter(choices=model_choices, method="filter_model", label=_lazy("Model"))

    class Meta(EventFilterSet.Meta):
        model = Events

    def filter_model(self, queryset: Any, name: str, value: str) -> Any:
        """Return the events of a model, those under its former labels too."""
        if value in OWN_MODELS:
            # No model of that name is tracked, nor need there be an event yet.
            return queryset.filter(pgh_obj_model=value)
        return queryset.across(value)

    def ask_object(self, cleaned: Mapping[str, Any], queryset: Any) -> Any:
        """Return the events of the object whose key was given, together with its model."""
        if not (key := cleaned.get("object")):
            return queryset
        if not cleaned.get("model"):
            raise ValidationError({"object": _("Choose the object's model, too.")})
        # As the trail shows it, or as long as it is.
        keys = {key, short_key(key)}
        return queryset.filter(pgh_obj_id__in=keys)

    def tracked_models(self, cleaned: Mapping[str, Any]) -> list[type[models.Model]]:
        """Return the chosen model, or all that are tracked."""
        chosen = cleaned.get("model")
        found = (
            concrete(d.tracked_model)
            for d in declarations.declarations()
            if not chosen or d.label == chosen
        )
        return list(dict.fromkeys(found))

    def ask(self, cleaned: Mapping[str, Any], queryset: Any = None) -> Any:
        """Return ``queryset`` narrowed by what concerns several fields at once."""
        if queryset is None and cleaned.get("model"):
            queryset = self.filter_model(self.queryset, "model", cleaned["model"])
        return super().ask(cleaned, queryset)
