"""Columns: what ``list_display`` names, as the cells of a list of events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.utils import display_for_field, display_for_value, label_for_field
from django.contrib.admin.utils import lookup_field as looked_up
from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist
from django.db import models
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from pgaudit_log.diffs.display import NOTHING, safe
from pgaudit_log.presentation import heads
from pgaudit_log.presentation.access import Access
from pgaudit_log.presentation.object_texts import as_seen, plain_text, text_of
from pgaudit_log.reading import actors
from pgaudit_log.reading.actors import Names
from pgaudit_log.values.keys import key_fields, key_text
from pgaudit_log.values.tables import concrete

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

OF_ALL_VALUES = frozenset({"pgh_data", "pgh_diff"})
"""The fields that have those of all columns as they are stored."""

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
            return format_html("{}", heads.who(actor, may_view_context=access.may_view_context))
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
        if isinstance(value, models.Model):
            value = _name(value, access)
        if field is not None and not isinstance(field.remote_field, models.ManyToOneRel):
            value = display_for_field(value, field, empty)
        elif not isinstance(value, str):
            value = display_for_value(value, empty)
        return format_html("{}", value if isinstance(value, SafeString) else safe(value)[:500])

    def _may_be_seen(self, event: Any, access: Access) -> bool:
        name = str(self.name)
        document, *keys = _path(event, name)
        if document in OF_CONTEXT or document.startswith("pgh_context"):
            return access.may_view_context
        if name in ANYBODYS:
            return True
        if document.startswith("pgh_") and document not in OF_VALUES:
            return True
        model = getattr(event, "pgh_tracked_model", None) or getattr(event, "pgh_model", None)
        if not access.may_view(model):
            return False
        if model is None:
            return True
        if document in OF_ALL_VALUES:
            secret = access.secret_keys(model, str(event._state.db))
            return keys[0] not in secret if keys else not secret
        hidden = access.hidden_fields(model)
        return name not in hidden and not (name in OF_VALUES and hidden)


def _path(event: Any, name: str) -> list[str]:
    """Return what a column reads: the name of a field, and of a ``ProxyField`` the keys in that."""
    try:
        field = event._meta.get_field(name)
    except FieldDoesNotExist:  # a method or a function
        return [name]
    return str(getattr(field, "pgh_proxy", name)).split("__")


def _name(obj: models.Model, access: Access) -> str:
    model = concrete(type(obj))
    key = key_text(obj.pk, key_fields(model))
    if not access.may_view(model):
        return plain_text(model, key)
    return text_of(as_seen(obj, access.may_view, access.hidden_fields), key)


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
