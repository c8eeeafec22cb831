"""The filter bar: the trail's filter set with presets of time, for those who may see only some of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.lookups import IsNull
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django_filters.filters import CharFilter, ChoiceFilter, MultipleChoiceFilter

from pgaudit_log.conf import settings
from pgaudit_log.constants import BASELINE, MANUAL, OWN_MODELS
from pgaudit_log.diffs.display import safe
from pgaudit_log.filtersets import EventFilterSet, EventsFilterSet, filterset_for
from pgaudit_log.filtersets.base import WORDS
from pgaudit_log.filtersets.field_filters import MomentFilter, WholeNumberFilter
from pgaudit_log.presentation import search
from pgaudit_log.presentation.access import Access, is_password
from pgaudit_log.presentation.addresses import POSITIONS, address, kept
from pgaudit_log.presentation.bulk import MOST_EVENTS, in_bulk_transactions
from pgaudit_log.presentation.entries import OWN
from pgaudit_log.presentation.transaction_times import of_transaction
from pgaudit_log.reading.changed_fields import field_of
from pgaudit_log.reading.event_model import Event
from pgaudit_log.reading.expressions import UserText, of_any_model
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

APART = (search.NAME, "at")
"""What has a place of its own on the page: the search box, and the jump to a date."""

_NARROW = ("object", "transaction", "context_id")
"""What finds few events by itself, so that no period is needed."""

_BY_VALUE = ("object", "changed", "changed_from", "changed_to", "label")
"""What would tell of a value by what it finds."""

_OF_CONTEXT = ("token", "service", "context", "context_id", "source")
"""What tells where events came from."""


_HAS_USER = Q(IsNull(UserText("pgh_context"), False))
_HAS_NONE = Q(IsNull(UserText("pgh_context"), True))
_PROGRAM = Q(pgh_context__has_any_keys=["service", "token", "command", "task"])

ACTED = {
    "person": (_("A person"), _HAS_USER),
    "program": (_("A program"), _HAS_NONE & _PROGRAM),
    "unknown": (_("Nobody who is known"), _HAS_NONE & ~_PROGRAM),
    "none": (_("The database, without a context"), Q(pgh_context__isnull=True)),
}
"""Kinds of actors: what each is called, and which events it made."""

SOURCES = {
    "trigger": (
        _("A trigger"),
        Q(pgh_origin__isnull=True) & ~Q(pgh_operation__in=[MANUAL, BASELINE]),
    ),
    "manual": (_("A person or a program, by hand"), Q(pgh_operation=MANUAL)),
    "baseline": (_("A backfill"), Q(pgh_origin__isnull=True, pgh_operation=BASELINE)),
    "imported": (_("An import"), Q(pgh_origin__isnull=False)),
}
"""What writes events: what each is called, and which events it wrote."""


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
        distinct=False,
        field_name="pgh_operation",
        choices=list(WORDS.items()),
        label=_("What happened"),
        widget=forms.CheckboxSelectMultiple,
    )
    reason = CharFilter(method="filter_context", label=_("Reason"), max_length=5000)
    acted = ChoiceFilter(
        choices=[(name, label) for name, (label, _condition) in ACTED.items()],
        method="filter_acted",
        empty_label=_("Any"),
        label=_("Kind of actor"),
    )
    source = ChoiceFilter(
        choices=[(name, label) for name, (label, _condition) in SOURCES.items()],
        method="filter_source",
        empty_label=_("Any"),
        label=_("Source"),
    )
    bulk = WholeNumberFilter(
        method="ignore",
        label=_("Events of the transaction, at least"),
        min_value=2,
        max_value=MOST_EVENTS,
    )
    at = MomentFilter(
        method="ignore",
        label=_("Jump to"),
        is_end=True,
        widget=forms.DateTimeInput(attrs={"type": "date"}),
    )

    access: Access

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access = access
        if not access.may_view_context:
            for name in _OF_CONTEXT:
                del self.filters[name]

    @property
    def form(self) -> Any:
        """The form, whose choices are what the person may see."""
        form = super().form
        form.fields["actor"].widget.attrs["list"] = "pgh-users"
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
        if search.NAME in self.filters and search.is_exact(given.get(search.NAME) or ""):
            return False
        named = (*_NARROW, "at", "since", "until", "period")
        return not any(given.get(name) for name in named)

    def ask(self, cleaned: Mapping[str, Any], queryset: Any = None) -> Any:
        """Return ``queryset`` narrowed by what concerns several fields, and to a period."""
        asked = super().ask(cleaned, queryset)
        if (length := self._length(cleaned)) is not None:
            asked = asked.between(timezone.now() - length, None)
        return asked

    def filter_queryset(self, queryset: Any) -> Any:
        """Return ``queryset`` narrowed by all that was asked; large transactions among that."""
        found = super().filter_queryset(queryset)
        least = self.form.cleaned_data.get("bulk")
        return in_bulk_transactions(found, least) if least else found

    def filter_transaction(self, queryset: Any, name: str, value: int) -> Any:
        """Return the events of a transaction, however many they are."""
        return of_transaction(queryset, value)

    def filter_acted(self, queryset: Any, name: str, value: str) -> Any:
        """Return the events that a person, a program or nobody made who is known."""
        return queryset.filter(ACTED[value][1])

    def filter_source(self, queryset: Any, name: str, value: str) -> Any:
        """Return the events that a trigger wrote, or what else writes some."""
        return queryset.filter(SOURCES[value][1])

    def _length(self, cleaned: Mapping[str, Any]) -> timedelta | None:
        if name := cleaned.get("period"):
            length: timedelta | None = PERIODS[name][1]
            return length
        if self.has_period and settings.ADMIN_DAYS is not None:
            return timedelta(days=settings.ADMIN_DAYS)
        return None

    def ask_changed(self, cleaned: Mapping[str, Any], queryset: Any) -> Any:
        """Return the updates of a field; one whose values are hidden is unknown here.

        From what to what a password changed cannot be asked either.

        Raises:
            ValidationError: so, and for what cannot be asked.
        """
        name = cleaned.get("changed") or ""
        for model in self.tracked_models(cleaned) if name else ():
            field = field_of(model, name)
            if field is None:
                continue
            if field.name in self.access.hidden_fields(model):
                raise ValidationError({"changed": _("There is no field “%s”.") % name})
            if is_password(field) and (cleaned.get("changed_from") or cleaned.get("changed_to")):
                raise ValidationError({"changed": _("The values of passwords are never told.")})
        return super().ask_changed(cleaned, queryset)

    @property
    def is_search(self) -> bool:
        """Whether something is asked for that no index may have."""
        given = self.data or {}
        usual = {"period", "model", "layout", *POSITIONS[:3]}
        return any(value for name, value in given.items() if name not in usual)

    def chips(self, parameters: Any) -> list[Chip]:
        """Return what was asked for, each with the address of the page without it."""
        found = []
        form = self.form
        for name in self.filters:
            values = [value for value in parameters.getlist(name) if value]
            if not values or name not in form.fields or name == "at":
                continue
            widget = form.fields[name].widget
            choices = {str(key): label for key, label in getattr(widget, "choices", ())}
            shown = ", ".join(str(choices.get(value, value)) for value in values)
            found.append(
                Chip(
                    label=str(form.fields[name].label or name),
                    value=safe(shown[:80]),
                    without=address(kept(parameters, without=(name,))),
                )
            )
        return found


class TrailFilterSet(GuardedFilterSet, EventsFilterSet):
    """The filters of the trail in the admin."""

    q = CharFilter(
        method="ignore",
        max_length=search.MOST_CHARACTERS,
        label=_("Search"),
        widget=forms.TextInput(attrs={"type": "search", "aria-describedby": "pgh-search-hint"}),
    )

    class Meta(EventsFilterSet.Meta):
        pass

    @property
    def form(self) -> Any:
        """The form, whose choices are what the person may see."""
        form = super().form
        form.fields["model"].empty_label = _("Any")
        choices = [(model._meta.label, str(model._meta.verbose_name)) for model in self._models()]
        if self.access.may_view_context:
            choices += [(label, str(OWN[label])) for label in OWN_MODELS]
        form.fields["model"].choices = sorted(choices, key=lambda choice: choice[1].lower())
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
        if text := cleaned.get(search.NAME):
            viewable = self.tracked_models(cleaned)
            try:
                asked = asked.filter(search.condition(text, self.access, viewable, asked.db))
            except ValidationError as error:
                raise ValidationError({search.NAME: error.messages}) from error
        if any(cleaned.get(name) for name in _BY_VALUE):
            one = cleaned.get("model") and cleaned["model"] not in OWN_MODELS
            asked = asked.filter(
                of_any_model(self.tracked_models(cleaned)) if one else self.access.viewable_events()
            )
        return asked

    def tracked_models(self, cleaned: Mapping[str, Any]) -> list[type[models.Model]]:
        """Return the models whose fields may be named by this person."""
        return [m for m in super().tracked_models(cleaned) if self.access.may_view(m)]


def asked_of(filterset_class: type[Any], parameters: Any, queryset: Any, access: Access) -> Any:
    """Return a filter set that was asked; a ``GuardedFilterSet`` is told who asks."""
    options = {"access": access} if issubclass(filterset_class, GuardedFilterSet) else {}
    return filterset_class(parameters, queryset, request=access.request, **options)


def typed_filterset(event_model: type[Event]) -> type[Any]:
    """Return the filters of typed events in the admin."""
    plain: Any = filterset_for(event_model)
    meta = type("Meta", (plain.Meta,), {})
    return type(plain.__name__, (GuardedFilterSet, plain), {"Meta": meta, "__doc__": plain.__doc__})
