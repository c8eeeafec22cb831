"""Sides: the object as an event left it, or as it is now, read for a diff."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.db import models

from pgaudit_log.constants import DELETE, TRUNCATE, UPDATE
from pgaudit_log.declaring import declarations, former_names
from pgaudit_log.declaring.masks import masks_of
from pgaudit_log.diffs import current_rows
from pgaudit_log.diffs.comparison import Side
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.reading import object_timeline, raw_events
from pgaudit_log.reading.moments import Moment
from pgaudit_log.reading.raw_events import Record
from pgaudit_log.timetravel import horizons, recorded_past
from pgaudit_log.values import causal_order, row_json
from pgaudit_log.values.tables import column_of, concrete, parents_of


def records_of(events: Sequence[Any], using: str) -> list[Record]:
    """Return events with their JSON as text.

    Raises:
        QueryError: for what is no event, or none of this database.
    """
    ids = [raw_events.event_id(event) for event in events]
    found = raw_events.read(Events.objects.filter(pk__in=ids), using)
    known = {record.id for record in found}
    for id in ids:
        if id not in known:
            raise QueryError(f"There is no event {id} in the database {using!r}.")
    return found


def model_of(events: Sequence[Any], found: Sequence[Record]) -> type[models.Model]:
    """Return the model of the object that events are of: that which inherits the others' tables."""
    declared = [event.pgh_declaration for event in events if hasattr(event, "pgh_declaration")]
    of_typed = [concrete(declaration.tracked_model) for declaration in declared]
    candidates: list[type[models.Model]] = [*of_typed, *(record.model for record in found)]
    return max(candidates, key=lambda model: len(parents_of(model)))


def refuse_others(model: type[models.Model], found: Sequence[Record], using: str) -> None:
    """Raise unless events are of one object of ``model``.

    Raises:
        QueryError: names two that are not.
    """
    first, *others = found
    family = [model, *parents_of(model)]
    for record in found:
        if record.model not in family or not _is_same_object(record, first, using):
            other = first if record is not first else others[0]
            raise QueryError(
                f"Event {record.id} is of {record.label} {record.key}, and event {other.id} of"
                f" {other.label} {other.key}. Give two events of one object."
            )


def _is_same_object(one: Record, other: Record, using: str) -> bool:
    if one.key == other.key:
        return True
    earlier, later = sorted((one, other), key=lambda record: record.id)
    return any(
        stretch.key == earlier.key and stretch.has(earlier.id)
        for stretch in object_timeline.life(later.model, str(later.key), using)
    )


def side_of(record: Record | None, table: type[models.Model], key: str, using: str) -> Side:
    """Return a row of the object as an event left it, or as it is now."""
    if record is None:
        place = table, key
        return Side(state=current_rows.read([place], using).get(place))
    if record.model is table:
        return Side(state=record.after, known=frozenset(known_to(record)))
    found = _records_at(record, table, using)
    known = frozenset[str]().union(*map(known_to, found))
    if found and found[-1].operation == DELETE:
        return Side(state=None, known=known)
    state = {column: value for own in found for column, value in (own.after or {}).items()}
    return Side(state=state, known=known)


def side_at(moment: Moment | None, table: type[models.Model], key: str, using: str) -> Side:
    """Return a row of the object as of a moment, or as it is now.

    Raises:
        UnknownPastError: when it may have been there, but was not tracked yet.
    """
    if moment is None:
        return side_of(None, table, key, using)
    found = records_at(table, key, moment, using)
    if not found:
        return Side(state=None)
    state = {column: value for own in found for column, value in (own.after or {}).items()}
    return Side(state=state, known=frozenset[str]().union(*map(known_to, found)))


def records_at(model: type[models.Model], key: str, moment: Moment, using: str) -> list[Record]:
    """Return what each declaration's newest event says of a row at a moment, oldest first.

    There are none where the row was not there.

    Raises:
        UnknownPastError: when it may have been there, but was not tracked yet, or a retention has
            removed what was before.
    """
    horizons.refuse_hidden(model, moment, f"{model._meta.label} {key}", using=using)
    past: Any = object_timeline.of(model, key, using).filter(moment.past)
    newest = newest_ids(model, past)
    labels = former_names.labels_of(model, using)
    if not newest:
        # Before it was deleted and brought back, it was another object with the same key.
        past = Events.objects.using(using).filter(
            moment.past, pgh_obj_model__in=labels, pgh_obj_id=key
        )
        deletion = past.filter(pgh_operation=DELETE).order_by("-pgh_id").first()
        if deletion is not None:
            past = past.filter(pgh_id__gt=deletion.pgh_id)
        newest = newest_ids(model, past)
        if not newest and deletion is not None:
            return []
    if not newest:
        recorded_past.refuse_unknown(model, moment, [key], using=using)
        return []
    found = raw_events.read(Events.objects.filter(pk__in=newest), using)
    last = found[-1]
    truncated = (
        Events.objects.using(using)
        .filter(moment.past, pgh_obj_model__in=labels, pgh_obj_id=None, pgh_operation=TRUNCATE)
        .exclude(causal_order.up_to(last.id, last.txid, last.turn))
    )
    return [] if last.operation == DELETE or truncated.exists() else found


def _records_at(record: Record, table: type[models.Model], using: str) -> list[Record]:
    """Return what says how the row in another table of the object was at an event, oldest first."""
    moment = causal_order.up_to(record.id, record.txid, record.turn)
    past = object_timeline.of(table, str(record.key), using).filter(moment)
    return raw_events.read(Events.objects.filter(pk__in=newest_ids(table, past)), using)


def newest_ids(model: type[models.Model], past: models.QuerySet[Any, Any]) -> set[int]:
    """Return the ids of the newest events of a row, one for each of its model's declarations."""
    newest = (causal_order.newest(h.of_rows(past)) for h in recorded_past.histories_of(model))
    return {event.pk for event in newest if event is not None}


def masked_changes(
    table: type[models.Model], key: str, pasts: Sequence[models.Q], using: str
) -> frozenset[str]:
    """Return the masked columns of a row that were changed between two pasts, be it there and back.

    Two marks do not say whether what they hide is the same; the events between them do.
    """
    if not masks_of(table):
        return frozenset()
    found = _masked_changes(table, object_timeline.of(table, key, using), pasts, using)
    return frozenset().union(*found.values())


def masked_changes_of(
    table: type[models.Model], keys: Collection[str], pasts: Sequence[models.Q], using: str
) -> dict[str, frozenset[str]]:
    """Return the same of many rows, by the key of the time; one query for all."""
    if not (keys and masks_of(table)):
        return {}
    labels = former_names.labels_of(table, using)
    events = Events.objects.filter(pgh_obj_model__in=labels, pgh_obj_id__in=keys)
    return _masked_changes(table, events, pasts, using)


def _masked_changes(
    table: type[models.Model],
    events: models.QuerySet[Any, Any],
    pasts: Sequence[models.Q],
    using: str,
) -> dict[str, frozenset[str]]:
    masks = masks_of(table).keys()
    old, new = pasts
    between = events.filter((old & ~new) | (new & ~old), pgh_operation=UPDATE)
    changed: dict[str, frozenset[str]] = {}
    for record in raw_events.read(between, using):
        columns = {column for column, _, _ in row_json.changed(record.diff)}
        key = str(record.key)
        changed[key] = changed.get(key, frozenset()) | (columns & masks)
    return changed


def known_to(record: Record) -> set[str]:
    """Return the columns that an event can tell of: what its tracker tracks, and what it has."""
    tracked = {
        column_of(own)
        for history in recorded_past.histories_of(record.model)
        if record.tracker not in declarations.labels_of_others(history.declaration)
        for own in history.tracked
    }
    return tracked | set(record.values)
