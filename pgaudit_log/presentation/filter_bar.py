"""The filter bar: the trail's filter set with presets of time, for those who may see only some of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django_filters.filters import CharFilter, ChoiceFilter, MultipleChoiceFilter

from pgaudit_log.conf import settings
from pgaudit_log.diffs.display import safe
from pgaudit_log.filtersets import EventFilterSet, EventsFilterSet, filterset_for
from pgaudit_log.presentation.access import Access
from pgaudit_log.presentation.shown import WORDS
from pgaudit_log.reading.changed_fields import field_of
from pgaudit_log.reading.event_model import Event
from pgaudit_log.reading.expressions import any_of, of_model
from pgaudit_log.values.tables import own_columns

PERIODS = {
    "hour": (_("Last hour"), timedelta(hours=1)),
    "day": (_("Last 24 hours"), timedelta(days=1)),
    "week": (_("Last 7 days"), timedelta(days=7)),
    "month": (_("Last 30 days"), timedelta(days=30)),
    "all": (_("All the time"), None),
}

SHORT = ("period", "actor", "model", "object", "changed", "changed_from", "changed_to", "operation")
"""The filters that stand in the bar; the others unfold."""

_NARROW = ("object", "transaction", "context_id")
"""What finds few events by itself, so that no period is needed."""

_BY_VALUE = ("object", "changed", "changed_from", "changed_to", "label")
"""What would tell of a value by what it finds."""

_OF_CONTEXT = ("token", "service", "context", "context_id")
"""What tells where events came from."""


@dataclass(frozen=True, kw_only=True)
class Chip:
    """One thing that was asked for, and where the page without it is."""

    label: str
    value: str
    without: str


class GuardedFilterSet(EventFilterSet):
    """The filters of events in the admin, as far as the person who asks may ask."""

    period = ChoiceFilter(
        choices=[(name, label) for name, (label, _length) in PERIODS.items()],
        method="ignore",
        label=_("When"),
    )
    operation = MultipleChoiceFilter(
        field_name="pgh_operation",
        choices=list(WORDS.items()),
        label=_("What happened"),
        widget=forms.CheckboxSelectMultiple,
    )
    reason = CharFilter(method="filter_context", label=_("Reason"))

    access: Access

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access = access
        if not access.may_view_context:
            for name in _OF_CONTEXT:
                del self.filters[name]
        for name, label in LABELS.items():
            if name in self.filters:
                self.filters[name].label = label

    @property
    def form(self) -> Any:
        """The form, whose choices are what the person may see."""
        form = super().form
        period = form.fields["period"]
        period.empty_label = self._usual_period
        period.choices = [(name, label) for name, (label, _length) in PERIODS.items()]
        return form

    @property
    def _usual_period(self) -> Any:
        """What the period is called that is taken where nobody says."""
        if not self.has_period or settings.ADMIN_DAYS is None:
            return PERIODS["all"][0]
        days = settings.ADMIN_DAYS
        return ngettext("Last %(days)d day", "Last %(days)d days", days) % {"days": days}

    @property
    def has_period(self) -> bool:
        """Whether a default period is needed: nothing else that was asked for finds few events."""
        given = self.data or {}
        return not any(given.get(name) for name in (*_NARROW, "since", "until", "period"))

    def ask(self, cleaned: Mapping[str, Any], queryset: Any = None) -> Any:
        """Return ``queryset`` narrowed by what concerns several fields, and to a period."""
        asked = super().ask(cleaned, queryset)
        if (length := self._length(cleaned)) is not None:
            asked = asked.between(timezone.now() - length, None)
        return asked

    def _length(self, cleaned: Mapping[str, Any]) -> timedelta | None:
        if name := cleaned.get("period"):
            length: timedelta | None = PERIODS[name][1]
            return length
        if self.has_period and settings.ADMIN_DAYS is not None:
            return timedelta(days=settings.ADMIN_DAYS)
        return None

    def ask_changed(self, cleaned: Mapping[str, Any], queryset: Any) -> Any:
        """Return the updates of a field; one whose values are hidden is unknown here.

        Raises:
            ValidationError: so, and for what cannot be asked.
        """
        name = cleaned.get("changed") or ""
        for model in self.tracked_models(cleaned) if name else ():
            field = field_of(model, name)
            if field is not None and field.name in self.access.hidden_fields(model):
                raise ValidationError({"changed": _("There is no field “%s”.") % name})
        return super().ask_changed(cleaned, queryset)

    @property
    def is_search(self) -> bool:
        """Whether something is asked for that no index may have."""
        given = self.data or {}
        usual = {"period", "model", "before", "after", "layout"}
        return any(value for name, value in given.items() if name not in usual)

    def chips(self, parameters: Any) -> list[Chip]:
        """Return what was asked for, each with the address of the page without it."""
        found = []
        form = self.form
        for name in self.filters:
            values = [value for value in parameters.getlist(name) if value]
            if not values or name not in form.fields:
                continue
            widget = form.fields[name].widget
            choices = {str(key): label for key, label in getattr(widget, "choices", ())}
            shown = ", ".join(str(choices.get(value, value)) for value in values)
            rest = [
                (key, value)
                for key, own in parameters.lists()
                if key not in (name, "before", "after")
                for value in own
                if value
            ]
            found.append(
                Chip(
                    label=str(form.fields[name].label or name),
                    value=safe(shown[:80]),
                    without=f"?{urlencode(rest)}",
                )
            )
        return found


class TrailFilterSet(GuardedFilterSet, EventsFilterSet):
    """The filters of the trail in the admin."""

    class Meta(EventsFilterSet.Meta):
        pass

    @property
    def form(self) -> Any:
        """The form, whose choices are what the person may see."""
        form = super().form
        form.fields["model"].empty_label = _("Any")
        form.fields["model"].choices = sorted(
            ((model._meta.label, str(model._meta.verbose_name)) for model in self._models()),
            key=lambda choice: choice[1].lower(),
        )
        self._offer_fields(form)
        return form

    def _models(self) -> list[type[models.Model]]:
        return self.access.viewable_models()

    def _offer_fields(self, form: Any) -> None:
        """Let a field be chosen from a list, once a model is."""
        label = form.data.get("model")
        model = next((m for m in self._models() if m._meta.label == label), None)
        if model is None:
            return
        hidden = self.access.hidden_fields(model)
        choices = [
            (field.name, str(field.verbose_name))
            for field in own_columns(model)
            if field.name not in hidden
        ]
        form.fields["changed"].widget = forms.Select(choices=[("", _("Any")), *choices])

    def ask(self, cleaned: Mapping[str, Any], queryset: Any = None) -> Any:
        """Return ``queryset`` narrowed by what was asked, and by values only to what may be seen."""
        asked = super().ask(cleaned, queryset)
        if any(cleaned.get(name) for name in _BY_VALUE) and not self.access.is_superuser:
            asked = asked.filter(any_of(of_model(model) for model in self._models()))
        return asked

    def tracked_models(self, cleaned: Mapping[str, Any]) -> list[type[models.Model]]:
        """Return the models whose fields may be named by this person."""
        return [m for m in super().tracked_models(cleaned) if self.access.may_view(m)]


def typed_filterset(event_model: type[Event]) -> type[Any]:
    """Return the filters of typed events in the admin."""
    plain: Any = filterset_for(event_model)
    meta = type("Meta", (plain.Meta,), {})
    return type(plain.__name__, (GuardedFilterSet, plain), {"Meta": meta, "__doc__": plain.__doc__})


LABELS = {
    "object": _("Object (key)"),
    "actor": _("Who"),
    "actor_name": _("Who (name at the time)"),
    "token": _("API token"),
    "service": _("Service"),
    "label": _("Tracker"),
    "changed": _("Field changed"),
    "changed_from": _("From"),
    "changed_to": _("To"),
    "since": _("Since"),
    "until": _("Until"),
    "context": _("Context (key=value)"),
    "context_id": _("Request or context"),
    "transaction": _("Transaction"),
    "model": _("Model"),
}
"""What the filters are called here."""
