"""Columns: what ``list_display`` names, as the cells of a list of events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.utils import display_for_field, display_for_value, label_for_field
from django.contrib.admin.utils import lookup_field as looked_up
from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from pgaudit_log.diffs.display import NOTHING, safe
from pgaudit_log.presentation import cards
from pgaudit_log.presentation.access import Access
from pgaudit_log.reading import actors
from pgaudit_log.reading.actors import Names

OF_CONTEXT = frozenset({"pgh_context", "pgh_session", "pgh_role", "pgh_origin"})
"""The fields that tell where an event came from."""

OF_VALUES = frozenset(
    {"pgh_data", "pgh_diff", "pgh_refs", "pgh_obj", "pgh_obj_id", "pgh_obj_key", "__str__"}
)
"""The fields that have values of the object."""


LABELS = {
    "pgh_id": _("Event"),
    "pgh_created_at": _("When"),
    "pgh_obj_model": _("Model"),
    "pgh_obj_id": _("Key"),
    "pgh_obj_key": _("Key"),
    "pgh_label": _("Tracker"),
    "pgh_operation": _("What happened"),
    "pgh_context": _("Context"),
    "pgh_txid": _("Transaction"),
    "pgh_role": _("Database role"),
}
"""What fields of events are called above a column."""

ANYBODYS = frozenset({"what_happened"})
"""The columns of the package that tell of no object."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a list: a field, a method of the admin or of the event, or a function."""

    name: Any
    label: str
    model_admin: ModelAdmin[Any]

    def of(self, event: Any, access: Access, names: Names) -> SafeString:
        """Return the cell of an event; empty where the person may not see what it has."""
        if self.name == "who":
            actor = actors.actor_of(event, names)
            return format_html("{}", cards.who(actor, may_view_context=access.may_view_context))
        if self.name == "pgh_id" and (url := access.links.event(event.pgh_id)):
            return format_html('<a href="{}">{}</a>', url, event.pgh_id)
        if not self._may_be_seen(event, access):
            return format_html('<span class="pgh-none">{}</span>', NOTHING)
        try:
            field, _attribute, value = looked_up(self.name, event, self.model_admin)
        except ObjectDoesNotExist:
            return format_html('<span class="pgh-none">{}</span>', NOTHING)
        empty = self.model_admin.get_empty_value_display()
        if isinstance(value, SafeString):
            return value
        if field is not None and not isinstance(field.remote_field, models.ManyToOneRel):
            value = display_for_field(value, field, empty)
        elif not isinstance(value, str):
            value = display_for_value(value, empty)
        return format_html("{}", value if isinstance(value, SafeString) else safe(value)[:500])

    def _may_be_seen(self, event: Any, access: Access) -> bool:
        name = str(self.name)
        if name.startswith("pgh_context") and not access.may_view_context:
            return False
        if name in OF_CONTEXT or _is_of_context(event, name):
            return access.may_view_context
        if name in ANYBODYS:
            return True
        if name.startswith("pgh_") and name not in OF_VALUES:
            return True
        model = getattr(event, "pgh_tracked_model", None) or getattr(event, "pgh_model", None)
        hidden = access.hidden_fields(model) if model is not None else frozenset()
        if name in OF_VALUES and hidden:
            return False
        return access.may_view(model) and name not in hidden


def _is_of_context(event: Any, name: str) -> bool:
    """Return whether a field of an event is a ``ProxyField`` of its context."""
    try:
        field = event._meta.get_field(name)
    except Exception:  # a method or a function has no field
        return False
    return str(getattr(field, "pgh_proxy", "")).startswith("pgh_context")


def columns_of(model_admin: ModelAdmin[Any], names: Any) -> list[Column]:
    """Return the columns that an admin names."""
    return [
        Column(
            name=name,
            label=str(LABELS.get(name) or label_for_field(name, model_admin.model, model_admin)),
            model_admin=model_admin,
        )
        for name in names
    ]
