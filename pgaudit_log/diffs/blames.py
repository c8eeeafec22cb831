"""Blames: which event last set each field of an object."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import models, router

from pgaudit_log.constants import BASELINE, INSERT, UPDATE
from pgaudit_log.diffs import current_rows
from pgaudit_log.diffs.display import Wording
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.reading import moments, object_timeline, raw_events
from pgaudit_log.reading.raw_events import Record
from pgaudit_log.timetravel import recorded_past
from pgaudit_log.values import row_json, tables
from pgaudit_log.values.keys import key_fields, key_text
from pgaudit_log.values.row_json import MISSING
from pgaudit_log.values.tables import Field, column_of, concrete, parents_of


@dataclass(frozen=True, kw_only=True)
class Blame:
    """Who set a field last."""

    name: str
    verbose_name: str
    value: object
    """The value that the event set; ``MISSING`` where no event did."""
    text: str
    """The value for people."""
    event: Events | None
    """The event that set it; ``None`` where that was before the object was tracked."""


def blame(obj: models.Model, *, using: str | None = None) -> dict[str, Blame]:
    """Return, by field, the event that last set it, in the present life of the object.

    The fields that it inherits are among them.

    Raises:
        QueryError: for an object whose model is not tracked, or that was never saved.
    """
    if not isinstance(obj, models.Model):
        raise QueryError(f"{obj!r} is no object. Give an instance of a tracked model.")
    model = concrete(type(obj))
    # An object of the past has a database of the past.
    alias = str(using or router.db_for_read(model, instance=obj))
    recorded_past.of_model(model)
    if obj.pk is None:
        raise QueryError(f"Cannot say who set what of {obj!r}: it was never saved.")
    result: dict[str, Blame] = {}
    with moments.today():
        for table in [model, *parents_of(model)]:
            if recorded_past.is_tracked(table):
                key = key_text(obj.pk, key_fields(table))
                for name, found in _blame(table, key, alias).items():
                    result.setdefault(name, found)
    return result


def _blame(model: type[models.Model], key: str, using: str) -> dict[str, Blame]:
    found: dict[str, tuple[Record, str]] = {}
    for record in reversed(raw_events.read(object_timeline.of(model, key, using), using)):
        if record.operation == UPDATE:
            values = {column: new for column, _, new in row_json.changed(record.diff)}
        elif record.operation in (INSERT, BASELINE):
            values = record.values
        else:
            continue
        for column, value in values.items():
            found.setdefault(column, (record, value))
    events = Events.objects.using(using).in_bulk([record.id for record, _ in found.values()])
    state = {column: value for column, (_, value) in found.items()}
    [typed] = current_rows.typed(model, [state], using)
    for column, text in state.items():
        if (stands := row_json.absence(text)) is not None:
            typed[column] = stands
    wording = Wording(model, [typed], using)
    result = {}
    for own in _tracked(model):
        column = column_of(own)
        value = typed.get(column, MISSING)
        result[own.name] = Blame(
            name=own.name,
            verbose_name=str(own.verbose_name),
            value=value,
            text=wording.of(own, value),
            event=events[found[column][0].id] if column in found else None,
        )
    return result


def _tracked(model: type[models.Model]) -> list[Field]:
    tracked = {f for history in recorded_past.histories_of(model) for f in history.tracked}
    return [f for f in tables.own_columns(model) if f in tracked]
