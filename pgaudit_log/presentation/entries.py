"""Entries: events as the screens show them, all that a page has at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.db import models
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from pgaudit_log.constants import ACCESS, BASELINE, DELETE, INSERT, MAINTENANCE, TRUNCATE, UPDATE
from pgaudit_log.declaring import former_names, model_labels
from pgaudit_log.declaring.conditions import is_automatic
from pgaudit_log.diffs.display import safe
from pgaudit_log.presentation import object_texts, stored_values
from pgaudit_log.presentation.access import UNDONE_BY, Access, Action
from pgaudit_log.presentation.labels import Labels
from pgaudit_log.presentation.links import Mode
from pgaudit_log.presentation.renderers import Renderer, Surroundings, renderer_for
from pgaudit_log.presentation.shown import SIGNS, WORDS, Entry, Shown
from pgaudit_log.reading.hidden_values import hidden_document
from pgaudit_log.values.json_fields import DocumentField
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.row_json import MISSING
from pgaudit_log.values.tables import Field, column_of, own_columns

OWN = {MAINTENANCE: _("maintenance of the log"), ACCESS: _("access")}
"""What events are called that are of no table."""


_USUAL = {
    INSERT: "insert",
    UPDATE: "update",
    DELETE: "delete",
    TRUNCATE: "truncate",
    BASELINE: "baseline",
}

_Values = Mapping[str, "tuple[Field | None, Any, Any]"]
"""Of each column its field, and the value before and after."""


class Entries:
    """Makes entries of events; asks the database once for each model that they point at."""

    def __init__(
        self, access: Access, using: str, *, subject: tuple[type[models.Model], str] | None = None
    ) -> None:
        self.subject = subject
        """The object that the page is about: that its parts point at it says nothing there."""
        self.access = access
        self.using = using
        self.links = access.links
        self.labels = Labels(using, access.may_view, access.hidden_fields)
        self.surroundings = Surroundings(labels=self.labels, url_of=self.url_of)
        self._models: dict[str, type[models.Model] | None] = {}
        self._fields: dict[type[models.Model], dict[str, Field]] = {}
        self._renderers: dict[Field, Renderer] = {}

    def url_of(self, model: type[models.Model], key: str) -> str:
        """Return where the timeline of an object is, empty where the person may not see it."""
        if model not in model_labels.tracked_models() or not self.access.may_view(model):
            return ""
        return self.links.timeline(model, key)

    def of(self, events: Iterable[Any]) -> list[Entry]:
        """Return the entries of events, in their order."""
        listed = list(events)
        found = []
        for event in listed:
            model = self.model_of(event)
            may_view = self._may_view(event, model)
            values = self.values_of(event, model) if may_view else {}
            for field, old, new in values.values():
                self.labels.want(field, old)
                self.labels.want(field, new)
            found.append((event, model, may_view, values))
        self.labels.load()
        return [self._entry(*one) for one in found]

    def model_of(self, event: Any) -> type[models.Model] | None:
        """Return the model of an event, ``None`` of one that is no more."""
        label = event.pgh_obj_model
        if label not in self._models:
            self._models[label] = model_labels.model_of(label, self.using)
        return self._models[label]

    def _may_view(self, event: Any, model: type[models.Model] | None) -> bool:
        if event.pgh_obj_model in OWN:
            return self.access.may_view_context
        return self.access.may_view(model)

    def fields_of(self, model: type[models.Model]) -> dict[str, Field]:
        """Return the fields of a model's own table by column."""
        if model not in self._fields:
            self._fields[model] = {column_of(field): field for field in own_columns(model)}
        return self._fields[model]

    def values_of(self, event: Any, model: type[models.Model] | None) -> _Values:
        """Return what an event tells by column, in the order of the model's fields.

        Of an update what it changed; of what else happened, the row.
        """
        diff = event.pgh_diff if isinstance(event.pgh_diff, dict) else None
        given = hidden_document(event, diff if diff is not None else event.pgh_data)
        if not isinstance(given, dict):
            return {}
        if model is None:
            pairs = {column: _pair(own, diff is not None) for column, own in given.items()}
            return {column: (None, *pair) for column, pair in pairs.items()}
        today = former_names.today(model, given, event.pgh_shape, self.using)
        fields = self.fields_of(model)
        hidden = self.access.hidden_fields(model)
        ordered = [*(c for c in fields if c in today), *(c for c in today if c not in fields)]
        found: dict[str, tuple[Field | None, Any, Any]] = {}
        for column in ordered:
            field = fields.get(column)
            if (field.name if field is not None else column) in hidden:
                continue
            old, new = _pair(today[column], diff is not None)
            found[column] = field, self._read(field, old), self._read(field, new)
        return found

    def row_of(self, event: Any) -> dict[str, tuple[Field | None, Any]]:
        """Return the row that an event left, as far as it has it: of each column field and value."""
        model = self.model_of(event)
        if not isinstance(event.pgh_data, dict):
            return {}
        if model is None:
            return {column: (None, self._read(None, own)) for column, own in event.pgh_data.items()}
        data = hidden_document(event, event.pgh_data)
        row = former_names.today(model, data, event.pgh_shape, self.using)
        if isinstance(event.pgh_diff, dict):
            changed = hidden_document(event, event.pgh_diff)
            diff = former_names.today(model, changed, event.pgh_shape, self.using)
            row = {**row, **{column: _pair(own, True)[1] for column, own in diff.items()}}
        fields = self.fields_of(model)
        hidden = self.access.hidden_fields(model)
        ordered = [*(c for c in fields if c in row), *(c for c in row if c not in fields)]
        found: dict[str, tuple[Field | None, Any]] = {}
        for column in ordered:
            field = fields.get(column)
            if (field.name if field is not None else column) not in hidden:
                found[column] = field, self._read(field, row[column])
        return found

    @staticmethod
    def _read(field: Field | None, value: Any) -> Any:
        return value if value is MISSING else stored_values.read(field, value)

    def renderer(self, field: Field | None) -> Renderer:
        """Return what shows a field's values on this page."""
        if field is None:
            return renderer_for(_DOCUMENT, self.surroundings)
        if field not in self._renderers:
            self._renderers[field] = renderer_for(field, self.surroundings)
        return self._renderers[field]

    def _entry(
        self, event: Any, model: type[models.Model] | None, may_view: bool, values: _Values
    ) -> Entry:
        shown, rest = self._shown(event, model, values)
        if event.pgh_obj_model in OWN:
            # It has never had a model.
            shown, rest = (
                [replace(own, is_unknown=False) for own in told] for told in (shown, rest)
            )
        return Entry(
            event=event,
            operation=event.pgh_operation,
            sign=SIGNS.get(event.pgh_operation, "?"),
            word=WORDS.get(event.pgh_operation, event.pgh_operation),
            model=model,
            kind=self.kind_of(event, model),
            text=self._text(event, model) if may_view else "",
            url=self.url_of(model, event.pgh_obj_id)
            if may_view and model is not None and event.pgh_obj_id is not None
            else "",
            event_url=self.links.event(event.pgh_id) if may_view else "",
            shown=shown,
            rest=rest,
            undo_url=self._reversal_url(event, model, UNDONE_BY.get(event.pgh_operation)),
            revert_url=self._reversal_url(event, model, "change", "revert")
            if event.pgh_operation in (INSERT, UPDATE, BASELINE)
            else "",
            is_restricted=not may_view,
            tracker=""
            if not may_view
            or event.pgh_obj_model in OWN  # its text says it
            or event.pgh_label == _USUAL.get(event.pgh_operation)
            else safe(event.pgh_label),
        )

    def _reversal_url(
        self,
        event: Any,
        model: type[models.Model] | None,
        needed: Action | None,
        mode: Mode | None = None,
    ) -> str:
        """Return where an object goes back by an event; empty where the person may not do that."""
        if (
            needed is None
            or model is None
            or event.pgh_obj_id is None
            or not self.access.may_revert
        ):
            return ""
        if not self.access.may_write(needed, model) or not self.url_of(model, event.pgh_obj_id):
            return ""
        url = self.links.timeline(model, event.pgh_obj_id)
        usual: Mode = "restore" if event.pgh_operation == DELETE else "undo"
        return self.links.reversal(url, mode or usual, event.pgh_id)

    def kind_of(self, event: Any, model: type[models.Model] | None) -> str:
        """Return what the object of an event is."""
        return self.kind_named(event.pgh_obj_model, model)

    @staticmethod
    def kind_named(label: str, model: type[models.Model] | None) -> str:
        """Return what the objects of a label are, whose model may be no more."""
        if model is not None:
            return str(model._meta.verbose_name)
        return str(OWN.get(label, safe(label)))

    def _text(self, event: Any, model: type[models.Model] | None) -> str:
        if event.pgh_operation == TRUNCATE and model is not None:
            return str(model._meta.verbose_name_plural)
        if model is not None:
            return object_texts.text_at(
                model,
                event,
                hidden=self.access.hidden_fields(model),
                related=self.labels.object_of,
            )
        if event.pgh_obj_model in OWN:
            return safe(f"{OWN[event.pgh_obj_model]}: {event.pgh_label}")
        return safe(f"{event.pgh_obj_model} {event.pgh_obj_id or ''}".strip())

    def _shown(
        self, event: Any, model: type[models.Model] | None, values: _Values
    ) -> tuple[list[Shown], list[Shown]]:
        """Return the fields of an event, and those that say little."""
        if event.pgh_diff is not None:
            changed = [self.change(column, *own) for column, own in values.items()]
            return _computed_last(changed)
        keys = set() if model is None else {column_of(f) for f in key_fields(model) if f.column}
        told: list[Shown] = []
        rest: list[Shown] = []
        for column, (field, old, _new) in values.items():
            if column in keys or self._is_subject(field, old):
                continue
            shown = self.value(column, field, old)
            (rest if says_little(field, old) else told).append(shown)
        return folded(told, rest)

    def _is_subject(self, field: Field | None, value: Any) -> bool:
        if field is None or self.subject is None:
            return False
        label = self.labels.of(field, value)
        return label is not None and (label.model, label.key) == self.subject

    def change(self, column: str, field: Field | None, old: Any, new: Any) -> Shown:
        """Return how a field changed."""
        renderer = self.renderer(field)
        html = renderer.change(old, new)
        return self._named(column, field, html, old, new)

    def value(self, column: str, field: Field | None, value: Any) -> Shown:
        """Return a value of a field."""
        return self._named(column, field, self.renderer(field).show(value), value)

    @staticmethod
    def _named(
        column: str, field: Field | None, html: SafeString, old: Any, new: Any = None
    ) -> Shown:
        return Shown(
            name=field.name if field is not None else safe(column),
            label=str(field.verbose_name) if field is not None else safe(column),
            column=safe(column),
            html=html,
            is_block=any(tag in html for tag in ("<div", "<ul")),
            is_unknown=field is None,
            is_generated=isinstance(field, models.GeneratedField),
            field=field,
            old=old,
            new=new,
        )


_DOCUMENT = DocumentField()
"""What shows a value of a column that is no more: it may be anything that JSON has."""


def _pair(own: Any, is_change: bool) -> tuple[Any, Any]:
    if not is_change:
        return own, MISSING
    return (own[0], own[1]) if isinstance(own, list) and len(own) == 2 else (own, MISSING)


def _computed_last(changed: list[Shown]) -> tuple[list[Shown], list[Shown]]:
    told = [shown for shown in changed if not shown.is_generated]
    rest = [shown for shown in changed if shown.is_generated]
    return folded(told, rest)


def folded(told: list[Shown], rest: list[Shown]) -> tuple[list[Shown], list[Shown]]:
    """Return what is told and what is folded away: nothing, where that would take as much room."""
    return (told, rest) if told and len(rest) > 1 else ([*told, *rest], [])


def says_little(field: Field | None, value: Any) -> bool:
    """Return whether a value of a new row is none, or what nobody had to say."""
    if value is None or value == "":
        return True
    if field is None:
        return False
    if isinstance(field, models.GeneratedField) or is_automatic(field):
        return True
    default = field.default
    # A function is the project's own, and could do anything: it is not called.
    return not callable(default) and bool(type(default) is type(value) and default == value)
