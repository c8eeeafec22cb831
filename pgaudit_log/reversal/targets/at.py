"""Targets of a moment: how a row stood at an event or a moment, as a target to go back to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db import models

from pgaudit_log.constants import DELETE, INSERT, LOWEST_ID
from pgaudit_log.declaring import former_names, model_labels
from pgaudit_log.diffs.sides import newest_ids, records_at
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.reading import object_timeline, raw_events
from pgaudit_log.reading.event_model import Event
from pgaudit_log.reading.moments import Moment
from pgaudit_log.reading.raw_events import Record
from pgaudit_log.reversal.targets import Target
from pgaudit_log.values.keys import key_fields, short_key
from pgaudit_log.values.tables import column_of, concrete, parents_of


class _DidNotExistError(QueryError):
    """There was no such row."""


def target_at(
    model: type[models.Model], whole_key: str, to: Any, moment: Moment, using: str
) -> Target:
    """Return the target of a row of ``model`` that goes back to ``to``.

    Of an event of the row itself it has the values that the event shows; otherwise those
    that all its trackers have for the moment. Without an event, ``to`` is ``None`` or a time.

    Raises:
        QueryError: when ``to`` is an event of another object, or the row was not there.
        UnknownPastError: when the row was not tracked yet.
    """
    target = _target_at(model, short_key(whole_key), to, moment, using)
    return replace(target, whole_key=whole_key)


def _target_at(model: type[models.Model], key: str, to: Any, moment: Moment, using: str) -> Target:
    is_event = to is not None and moment.after is not None
    if not is_event or to.pgh_obj_model not in former_names.labels_of(model, using):
        if is_event and not _is_of_family(to, model, using):
            raise QueryError(
                f"Event {moment.after} is of {to.pgh_obj_model}, not of {model._meta.label}."
            )
        if is_event:
            _refuse_other_object(model, key, to, using)
        return _target(model, key, _records_at(model, key, moment, using, to))
    record = _event_of(model, key, to, using)
    if record.snapshot is None:
        raise QueryError(f"Event {record.id} has no values to go back to.")
    target = _target(model, key, [])
    return replace(target, state=_without_key(model, record.values), order=record.id)


def key_of_event(event: Event) -> Any:
    """Return the key of an event of the trail, or of a typed one, as text."""
    return getattr(event, "pgh_obj_key", None) or getattr(event, "pgh_obj_id", None)


def _event_of(model: type[models.Model], key: str, to: Any, using: str) -> Record:
    # Another database may have an event of this id, too.
    same: Any = Events.objects.using(using).filter(pk=to.pgh_id, pgh_created_at=to.pgh_created_at)
    if not same.exists():
        raise no_such_event(to, using)
    # An event of an earlier object with the same key will do, too.
    if str(key_of_event(to)) != key:
        same = object_timeline.of(model, key, using).filter(pk=to.pgh_id)
    found = raw_events.read(same, using)
    if not found:
        raise _of_another(model, key, to)
    return found[0]


def no_such_event(event: Event, using: str) -> QueryError:
    """Return the error of an event that is not in the database that is written to."""
    return QueryError(
        f"There is no event {event.pgh_id} of its time in the log of the database {using!r}. If it"
        " is in another one, say which with using=."
    )


def _refuse_other_object(model: type[models.Model], key: str, to: Any, using: str) -> None:
    """Raise if an event of another table, of which an object has rows, too, is of another object."""
    other = model_labels.model_of(to.pgh_obj_model, using)
    if str(key_of_event(to)) != key and not (
        other is not None and object_timeline.of(other, key, using).filter(pk=to.pgh_id).exists()
    ):
        raise _of_another(model, key, to)


def _of_another(model: type[models.Model], key: str, to: Any) -> QueryError:
    return QueryError(
        f"Event {to.pgh_id} is of {to.pgh_obj_model} {key_of_event(to)}, not of"
        f" {model._meta.label} {key}."
    )


def _records_at(
    model: type[models.Model], key: str, moment: Moment, using: str, to: Any = None
) -> list[Record]:
    """Return what each declaration's newest event says of a row at ``moment``, oldest first.

    A row that came, or went, with the one that the event ``to`` is of, is taken as it was then: of
    an object's rows, those that it inherits come first, and go last.
    """
    try:
        return _records_just_at(model, key, moment, using)
    except _DidNotExistError:
        if to is None or moment.after is None or to.pgh_operation not in (INSERT, DELETE):
            raise
        with_it = object_timeline.of(model, key, using).filter(
            pgh_txid=to.pgh_txid, pgh_operation=to.pgh_operation
        )
        newest = newest_ids(model, with_it)
        found = raw_events.read(Events.objects.filter(pk__in=newest), using) if newest else []
        if not found:
            raise
        return found


def _records_just_at(
    model: type[models.Model], key: str, moment: Moment, using: str
) -> list[Record]:
    found = records_at(model, key, moment, using)
    if not found:
        raise _did_not_exist(model, key, moment)
    return found


def _did_not_exist(model: type[models.Model], key: str, moment: Moment) -> QueryError:
    return _DidNotExistError(f"{model._meta.label} {key} did not exist at {moment}.")


def _target(model: type[models.Model], key: str, found: list[Record]) -> Target:
    state: dict[str, str] = {}
    for record in found:
        state.update((record.values if record.operation == DELETE else record.after) or {})
    return Target(
        model=model,
        key=key,
        state=_without_key(model, state),
        expected={},
        order=max((record.id for record in found), default=LOWEST_ID),
        brings_back=True,
    )


def _without_key(model: type[models.Model], state: dict[str, str]) -> dict[str, str]:
    """Return a state without the key: the object keeps its own, by which others know it."""
    own = {column_of(f) for f in key_fields(model)}
    return {column: value for column, value in state.items() if column not in own}


def _is_of_family(event: Event, model: type[models.Model], using: str) -> bool:
    return model_labels.model_of(event.pgh_obj_model, using) in _family(model)


def _family(model: type[models.Model]) -> list[type[models.Model]]:
    """Return the models of the rows that one object may have."""
    related = [m for m in model_labels.tracked_models() if model in parents_of(concrete(m))]
    return [model, *parents_of(model), *related, *(p for m in related for p in parents_of(m))]
