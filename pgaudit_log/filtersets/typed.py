"""The filter sets of typed events: one for each class of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _lazy
from django_filters import FilterSet
from django_filters.filters import ChoiceFilter

from pgaudit_log.declaring import declarations
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.filtersets.base import EventFilterSet
from pgaudit_log.reading.event_model import Event
from pgaudit_log.values.tables import concrete


class _TypedFilterSet(EventFilterSet):
    def ask_object(self, cleaned: Mapping[str, Any], queryset: Any) -> Any:
        key = cleaned.get("object")
        return queryset.filter(pgh_obj_key=key) if key else queryset

    def tracked_models(self, cleaned: Mapping[str, Any]) -> list[type[models.Model]]:
        return [concrete(self._meta.model.pgh_tracked_model)]


def filterset_for(
    event_model: type[Event], fields: Sequence[str] | Mapping[str, Sequence[str]] = ()
) -> type[FilterSet]:
    """Return a filter set for a class of typed events.

    Args:
        event_model: such as ``Order.pgh_event_model``, or a proxy of it.
        fields: fields of its own to filter by too, as django-filter's ``Meta.fields``.

    Raises:
        DeclarationError: for what is no class of typed events.
    """
    declaration = getattr(event_model, "pgh_declaration", None)
    if declaration is None:
        raise DeclarationError(
            f"filterset_for() was given {event_model!r}. Give a class of typed events, such as"
            " Order.pgh_event_model; EventsFilterSet is for the trail."
        )
    known = declarations.event_labels(declaration)
    labels = [(label, label) for label in sorted(known)]
    meta = type("Meta", (EventFilterSet.Meta,), {"model": event_model, "fields": fields})
    attributes = {
        "__doc__": f"The filters of {event_model.__name__}.",
        "Meta": meta,
        "label": ChoiceFilter(field_name="pgh_label", choices=labels, label=_lazy("Tracker")),
    }
    return type(f"{event_model.__name__}FilterSet", (_TypedFilterSet,), attributes)
