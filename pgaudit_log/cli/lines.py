"""Lines: events as people read them, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils import timezone

from pgaudit_log import names
from pgaudit_log.cli import people, texts
from pgaudit_log.cli.screen import Column, Screen
from pgaudit_log.constants import OPERATIONS
from pgaudit_log.identifiers import column_of, key_fields
from pgaudit_log.models import Events
from pgaudit_log.rows import own_columns

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
    names = people.names(events)
    fields = _Fields()
    rows = [
        (
            str(event.pgh_id),
            texts.time(event.pgh_created_at, is_narrow=screen.is_narrow),
            people.who(event, names),
            object_name(event),
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
    return texts.safe(f"{event.pgh_obj_model}{key}")


def operation(event: Events) -> str:
    """Return what happened, with the tracker's label where that says more."""
    word = OPERATIONS[event.pgh_operation]
    return word if event.pgh_label == word else texts.safe(f"{event.pgh_label} ({word})")


def _changes(event: Events, fields: _Fields) -> Iterator[str]:
    """Yield what an update changed; of other events the values, without the key and what is empty."""

    def short(value: Any) -> str:
        return texts.cut(texts.of_stored(value), _VALUE_LIMIT)

    if event.pgh_diff is not None:
        for name, (old, new) in fields.named(event, event.pgh_diff).items():
            yield f"{texts.safe(name)}: {short(old)} → {short(new)}"
        return
    keys = fields.keys(event)
    for name, value in fields.named(event, event.pgh_data or {}).items():
        if name not in keys and value not in (None, ""):
            yield f"{texts.safe(name)}: {short(value)}"


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
        today = names.today(model, values, event.pgh_shape, str(event._state.db))
        fields = {column_of(field): field.name for field in own_columns(model)}
        ordered = [column for column in fields if column in today]
        rest = [column for column in today if column not in fields]
        return {fields.get(column, column): today[column] for column in (*ordered, *rest)}

    def keys(self, event: Events) -> set[str]:
        """Return the names of the fields that make the key."""
        model = self._model(event)
        return set() if model is None else {field.name for field in key_fields(model)}
