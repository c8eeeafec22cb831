"""What both kinds of events can be asked: the filters of the trail's set, and of typed events'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.fields.json import KeyTextTransform
from django.db.models.lookups import Exact
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django_filters import FilterSet
from django_filters.filters import (
    ChoiceFilter,
    MultipleChoiceFilter,
    UUIDFilter,
)

from pgaudit_log.constants import BASELINE, DELETE, INSERT, MANUAL, TRUNCATE, UPDATE
from pgaudit_log.declaring.masks import is_masked
from pgaudit_log.declaring.trackers import UNSET
from pgaudit_log.exceptions import QueryError
from pgaudit_log.filtersets.field_filters import MomentFilter, TextFilter, WholeNumberFilter
from pgaudit_log.filtersets.field_values import value_of
from pgaudit_log.reading import user_lookup
from pgaudit_log.reading.changed_fields import field_of
from pgaudit_log.reading.filters import known_labels, of_context, of_name

NONE = "none"
"""What is entered for events without a user."""

WORDS = {
    INSERT: _lazy("added"),
    UPDATE: _lazy("changed"),
    DELETE: _lazy("deleted"),
    TRUNCATE: _lazy("emptied"),
    MANUAL: _lazy("noted"),
    BASELINE: _lazy("baseline snapshot"),
}
"""What happened, as a word of forms and screens."""

_MOST_KEYS = 20
"""How deep a key of a context may be: each is an expression within the next one."""


def label_choices() -> list[tuple[str, str]]:
    """Return the labels of all trackers."""
    return [(label, label) for label in sorted(known_labels())]


class QuestionForm(forms.Form):
    """A form whose answers are tried as questions, so that what cannot be asked is an error of it."""

    filterset: EventFilterSet

    def clean(self) -> dict[str, Any]:
        """Return the cleaned data.

        Raises:
            ValidationError: never; each error is put beside its field.
        """
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.filterset.ask(cleaned)
            except ValidationError as error:
                self.add_error(None, error)
        return cleaned


class EventFilterSet(FilterSet):
    """What both kinds of events can be asked."""

    queryset: Any
    _meta: Any

    object = TextFilter(method="ignore", label=_lazy("Object (key)"))
    actor = TextFilter(method="ignore", label=_lazy("Who"))
    actor_name = TextFilter(method="filter_name", label=_lazy("Who (name at the time)"))
    token = TextFilter(method="filter_context", label=_lazy("API token"))
    service = TextFilter(method="filter_context", label=_lazy("Service"))
    operation = MultipleChoiceFilter(
        # No event comes twice, and DISTINCT would read them all.
        distinct=False,
        field_name="pgh_operation",
        choices=list(WORDS.items()),
        label=_lazy("What happened"),
    )
    label = ChoiceFilter(field_name="pgh_label", choices=label_choices, label=_lazy("Tracker"))
    changed = TextFilter(method="ignore", label=_lazy("Field changed"))
    changed_from = TextFilter(method="ignore", label=_lazy("From"), strip=False)
    changed_to = TextFilter(method="ignore", label=_lazy("To"), strip=False)
    since = MomentFilter(method="filter_since", label=_lazy("Since"))
    until = MomentFilter(method="filter_until", label=_lazy("Until"), is_end=True)
    context = TextFilter(method="ignore", label=_lazy("Context (key=value)"))
    context_id = UUIDFilter(method="filter_context_id", label=_lazy("Request or context"))
    transaction = WholeNumberFilter(
        method="filter_transaction", label=_lazy("Transaction"), min_value=0, max_value=2**63 - 1
    )

    class Meta:
        form = QuestionForm
        fields: Sequence[str] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user_keys: dict[str, list[str]] = {}
        """Whom the texts meant that were looked up."""

    @property
    def form(self) -> Any:
        """The form; it knows this filter set."""
        form: Any = super().form
        form.filterset = self
        return form

    def filter_queryset(self, queryset: Any) -> Any:
        """Return ``queryset`` narrowed by all that was asked."""
        return self.ask(self.form.cleaned_data, super().filter_queryset(queryset))

    def ask(self, cleaned: Mapping[str, Any], queryset: Any = None) -> Any:
        """Return ``queryset`` narrowed by what concerns several fields at once.

        Raises:
            ValidationError: for what cannot be asked, by the name of the field.
        """
        queryset = self.queryset.all() if queryset is None else queryset
        queryset = self.ask_object(cleaned, queryset)
        queryset = self.ask_actor(cleaned.get("actor"), queryset, "actor")
        queryset = self.ask_context(cleaned.get("context"), queryset)
        return self.ask_changed(cleaned, queryset)

    def ask_object(self, cleaned: Mapping[str, Any], queryset: Any) -> Any:
        """Return the events of the object whose key was given."""
        raise NotImplementedError

    def tracked_models(self, cleaned: Mapping[str, Any]) -> list[type[models.Model]]:
        """Return the models whose fields may be named."""
        raise NotImplementedError

    def ask_actor(self, text: str | None, queryset: Any, name: str) -> Any:
        """Return the events of a user, those on their behalf too; or those without one."""
        if not text:
            return queryset
        if text.lower() == NONE:
            return queryset.by(None)
        try:
            if text not in self._user_keys:
                self._user_keys[text] = user_lookup.keys(text, queryset.db)
            return queryset.by(self._user_keys[text])
        except QueryError as error:
            raise ValidationError({name: str(error)}) from error

    def ask_context(self, given: str | None, queryset: Any) -> Any:
        """Return the events whose context has a value, given as ``key=value``."""
        if not given:
            return queryset
        path, equals, value = given.partition("=")
        keys = [key.strip() for key in path.split("__")]
        if not equals or not all(keys) or len(keys) > _MOST_KEYS:
            raise ValidationError({"context": _("Write key=value, such as task=import.")})
        if keys == ["user"]:
            return self.ask_actor(value.strip(), queryset, "context")
        text: Any = "pgh_context"
        for key in keys[:-1]:
            text = models.fields.json.KeyTransform(key, text)
        return queryset.filter(Exact(KeyTextTransform(keys[-1], text), value.strip()))

    def ask_changed(self, cleaned: Mapping[str, Any], queryset: Any) -> Any:
        """Return the updates of a field, from and to a value."""
        name = cleaned.get("changed")
        texts = {side: cleaned.get(side) for side in ("changed_from", "changed_to")}
        if not name:
            for side, text in texts.items():
                if text:
                    raise ValidationError({side: _("Say which field changed.")})
            return queryset
        candidates = self.tracked_models(cleaned)
        by_name = bool(cleaned.get("model")) or len(candidates) == 1
        found = [field_of(model, name, field_names=by_name) for model in candidates]
        fields = [field for field in found if field is not None]
        if not fields:
            raise ValidationError({"changed": _("There is no field “%s”.") % name})
        values = {
            side: value_of(fields, text, side) if text else UNSET for side, text in texts.items()
        }
        if any(texts.values()) and all(map(is_masked, fields)):
            raise ValidationError(
                {
                    "changed": _("%s is masked: that it changed can be asked, not from or to what.")
                    % name
                }
            )
        try:
            return queryset.changed(name, old=values["changed_from"], new=values["changed_to"])
        except QueryError as error:
            told = _("Changes of “%s” are not in the events of these models.") % name
            raise ValidationError({"changed": told}) from error

    def ignore(self, queryset: Any, name: str, value: Any) -> Any:
        """Return ``queryset``: :meth:`ask` looks at these together."""
        return queryset

    def filter_name(self, queryset: Any, name: str, value: str) -> Any:
        """Return the events of users who were called so then."""
        return queryset.filter(of_name(value))

    def filter_context(self, queryset: Any, name: str, value: str) -> Any:
        """Return the events whose context has a text under the key of the filter's name."""
        return queryset.filter(of_context(name, value))

    def filter_since(self, queryset: Any, name: str, value: Any) -> Any:
        """Return the events from a moment on."""
        return queryset.between(value, None)

    def filter_until(self, queryset: Any, name: str, value: Any) -> Any:
        """Return the events before a moment."""
        return queryset.between(None, value)

    def filter_context_id(self, queryset: Any, name: str, value: UUID) -> Any:
        """Return the events of a context."""
        return queryset.in_context(value)

    def filter_transaction(self, queryset: Any, name: str, value: int) -> Any:
        """Return the events of a transaction."""
        return queryset.in_transaction(value)
