"""Lines: events as people read them, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import models
from django.db.models.fields import NOT_PROVIDED
from django.utils import timezone

from pgaudit_log.cli import arguments, terminal_text, users
from pgaudit_log.cli.screen import Column, Screen
from pgaudit_log.constants import OPERATIONS
from pgaudit_log.declaring import former_names, model_labels
from pgaudit_log.declaring.conditions import is_automatic
from pgaudit_log.models import Events
from pgaudit_log.reading.hidden_values import hidden_document
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.tables import column_of, own_columns

_VALUE_LIMIT = 40


def write(events: Sequence[Events], screen: Screen) -> None:
    """Write a table of events: id, time, who, object, what was done, and what changed."""
    columns = [
        Column(name="event", is_number=True),
        time_column(screen),
        Column(name="who", limit=14 if screen.is_narrow else 24),
        Column(name="object", limit=(screen.width or 0) // 4),
        Column(name="what", limit=20),
        Column(name="changes", is_rest=True),
    ]
    names = users.names(events)
    fields = _Fields()
    rows = [
        (
            str(event.pgh_id),
            terminal_text.time(event.pgh_created_at, is_narrow=screen.is_narrow),
            users.who(event, names),
            _short_name(event) if screen.is_narrow else object_name(event),
            operation(event),
            ", ".join(_changes(event, fields)),
        )
        for event in events
    ]
    screen.table(columns, rows)


def time_column(screen: Screen) -> Column:
    """Return the column of the time, which says its zone where there is room."""
    zone = timezone.get_current_timezone_name()
    return Column(name="time" if screen.is_narrow else f"time ({zone})")


def object_name(event: Events) -> str:
    """Return the model and key of an event; only the model where it is of a whole table."""
    key = "" if event.pgh_obj_id is None else f" {event.pgh_obj_id}"
    return terminal_text.safe(f"{event.pgh_obj_model}{key}")


def _short_name(event: Events) -> str:
    """Return the model and key of an event, without the app where only one has such a model."""
    label = event.pgh_obj_model
    app, _, model = label.rpartition(".")
    meant = arguments.only_model(model)
    is_clear = meant is not None and meant is model_labels.model_named(label)
    return object_name(event).removeprefix(f"{app}." if is_clear else "")


def operation(event: Events) -> str:
    """Return what happened, with the tracker's label where that says more."""
    word = OPERATIONS.get(event.pgh_operation, event.pgh_operation)
    return word if event.pgh_label == word else terminal_text.safe(f"{event.pgh_label} ({word})")


def _changes(event: Events, fields: _Fields) -> Iterator[str]:
    """Yield what an update changed; of other events the values, without the key and what is empty.

    Automatic timestamps differ in each event and tell nothing, so that they are left out beside
    anything else; defaults come last, where a narrow terminal cuts.
    """

    def short(value: object) -> str:
        return terminal_text.cut(terminal_text.of_stored(value), _VALUE_LIMIT)

    if event.pgh_diff is not None:
        changed = fields.telling(event, fields.named(event, hidden_document(event, event.pgh_diff)))
        for name, (old, new) in changed.items():
            yield f"{terminal_text.safe(name)}: {short(old)} → {short(new)}"
        return
    keys = fields.keys(event)
    named = fields.named(event, hidden_document(event, event.pgh_data) or {}).items()
    values = {name: own for name, own in named if name not in keys and own not in (None, "")}
    told = fields.telling(event, values)
    for name in sorted(told, key=lambda name: fields.is_default(event, name, told[name])):
        yield f"{terminal_text.safe(name)}: {short(told[name])}"


class _Fields:
    """The names of fields by column; of what a model no longer has, the column."""

    def __init__(self) -> None:
        self._models: dict[str, Any] = {}

    def _model(self, event: Events) -> Any:
        label = event.pgh_obj_model
        if label not in self._models:
            self._models[label] = event.pgh_model
        return self._models[label]

    def named(self, event: Events, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values by the name of the field, in the order of the model's fields."""
        model = self._model(event)
        if model is None:
            return dict(values)
        today = former_names.today(model, values, event.pgh_shape, str(event._state.db))
        fields = {column_of(field): field.name for field in own_columns(model)}
        ordered = [column for column in fields if column in today]
        rest = [column for column in today if column not in fields]
        return {fields.get(column, column): today[column] for column in (*ordered, *rest)}

    def telling(self, event: Events, values: dict[str, Any]) -> dict[str, Any]:
        """Return values by the name of the field without automatic ones, if there are others."""
        automatic = {name for name, field in self._by_name(event).items() if is_automatic(field)}
        return {name: own for name, own in values.items() if name not in automatic} or values

    def is_default(self, event: Events, name: str, value: object) -> bool:
        """Return whether a value is what the model gives the field if nobody says otherwise.

        A date or time with a default that is a function, such as ``timezone.now``, counts as one.
        """
        field = self._by_name(event).get(name)
        default = getattr(field, "default", NOT_PROVIDED)
        if default in (dict, list):
            default = default()
        if callable(default):
            # The function is the project's own, and could do anything: it is not called.
            is_given = default is not NOT_PROVIDED
            return is_given and isinstance(field, models.DateField | models.TimeField)
        return bool(default == value)

    def _by_name(self, event: Events) -> dict[str, Any]:
        model = self._model(event)
        return {} if model is None else {field.name: field for field in own_columns(model)}

    def keys(self, event: Events) -> set[str]:
        """Return the names of the fields that make the key."""
        model = self._model(event)
        return set() if model is None else {field.name for field in key_fields(model)}
