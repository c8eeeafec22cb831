"""Histories: what the events of a tracked table say about its rows at a moment."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Col, ColPairs, RawSQL
from django.db.models.lookups import Exact

from pgaudit_log.capture_v1.references import former_key, moved_marker, reference
from pgaudit_log.constants import INSERT, OF_ROWS, OLD
from pgaudit_log.declaring import conditions, declarations, former_names
from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.declaring.trackers import RowEvent
from pgaudit_log.exceptions import QueryError, UnknownPastError
from pgaudit_log.models import Events
from pgaudit_log.reading import declared_tables, moments
from pgaudit_log.reading.expressions import key_of
from pgaudit_log.reading.moments import Moment
from pgaudit_log.reading.snapshot_sql import Table
from pgaudit_log.timetravel import horizons, state_sql
from pgaudit_log.values import tables
from pgaudit_log.values.key_sql import are_equal_as_texts
from pgaudit_log.values.keys import (
    is_shortened,
    joined_key,
    key_fields,
    key_text,
    read_key,
)
from pgaudit_log.values.sql_text import Template
from pgaudit_log.values.tables import Field, concrete


class History:
    """What one declaration knows of the rows of its table."""

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        self.model = concrete(declaration.tracked_model)
        self.tracked = declaration.columns
        self.untracked = [
            field
            for field in self.model._meta.local_concrete_fields
            if field not in self.tracked and field.column is not None
        ]

    def table(self, using: str) -> Table:
        """Return its table with the names that it and its columns have had in a database."""
        return _table(self, former_names.of(self.model, using), using)

    @property
    def old_labels(self) -> list[str]:
        """The labels of trackers whose snapshot is the row as it was before an update."""
        return [
            tracker.label
            for tracker in self.declaration.trackers
            if isinstance(tracker, RowEvent)
            and tracker.row == OLD
            and tracker.operation_name == "UPDATE"
        ]

    @property
    def is_complete(self) -> bool:
        """Whether every update of a tracked column is captured."""
        return any(
            isinstance(tracker, RowEvent)
            and tracker.operation_name == "UPDATE"
            and (tracker.condition is None or tracker.condition == conditions.AnyChange())
            for tracker in self.declaration.trackers
        )

    def state(self, connection: BaseDatabaseWrapper) -> Template:
        """Return the SELECT of its rows as they were; see ``state_sql.state_sql``."""
        return _state(self, former_names.of(self.model, connection.alias), connection.alias)

    def state_of_key(self, connection: BaseDatabaseWrapper) -> Template:
        """Return the SELECT of the row that one key had; see ``state_sql.state_of_key_sql``."""
        return _state_of_key(self, former_names.of(self.model, connection.alias), connection.alias)

    def references(self, field: Field, values: Sequence[Any], using: str) -> list[str] | None:
        """Return what ``refs`` calls the objects that a foreign key with ``values`` points at.

        ``None`` where ``refs`` does not say it: for other fields, those not tracked, and
        where events have the references of the row before an update.
        """
        if not isinstance(field, models.ForeignKey) or field not in self.tracked:
            return None
        target = field.target_field
        if (
            not target.primary_key
            or not are_equal_as_texts(target, values, connections[DEFAULT_DB_ALIAS])
            or self.old_labels
        ):
            return None
        return [
            reference(label, key_text(value, [target]))
            for label in former_names.labels_of(field.remote_field.model, using)
            for value in values
        ]

    def events(self, using: str) -> models.QuerySet[Any, Any]:
        """Return the events that say how its rows are, of all keys."""
        labels = former_names.labels_of(self.model, using)
        return self.of_rows(Events.objects.using(using).filter(pgh_obj_model__in=labels))

    def of_rows(self, events: models.QuerySet[Any, Any]) -> models.QuerySet[Any, Any]:
        """Return those of ``events``, of its table, that say how its rows are."""
        return events.filter(
            ~models.Q(pgh_label__in=declarations.labels_of_others(self.declaration)),
            pgh_operation__in=OF_ROWS,
        )


@functools.lru_cache(maxsize=1024)
def _table(history: History, known: former_names.TableNames, alias: str) -> Table:
    return declared_tables.table(history.declaration, alias)


@functools.lru_cache(maxsize=1024)
def _state(history: History, known: former_names.TableNames, alias: str) -> Template:
    return state_sql.state_sql(history.table(alias), **_known(history, alias))


@functools.lru_cache(maxsize=1024)
def _state_of_key(history: History, known: former_names.TableNames, alias: str) -> Template:
    return state_sql.state_of_key_sql(history.table(alias), **_known(history, alias))


def _known(history: History, alias: str) -> dict[str, Any]:
    """Return what the SQL of a history's rows is made from, beside its table."""
    return {
        "old_labels": history.old_labels,
        "untracked": history.untracked,
        "keys": key_fields(history.model),
        "is_complete": history.is_complete,
        "connection": connections[alias],
    }


@functools.lru_cache(maxsize=1024)
def _history(declaration: Declaration) -> History:
    return History(declaration)


def histories_of(model: type[models.Model]) -> tuple[History, ...]:
    """Return the histories of a model's own table, that with the most columns first."""
    return _histories(declarations.declarations_of(model))


@functools.lru_cache(maxsize=1024)
def _histories(tracked: tuple[Declaration, ...]) -> tuple[History, ...]:
    found = [
        _history(declaration)
        for declaration in tracked
        if any(isinstance(tracker, RowEvent) for tracker in declaration.trackers)
    ]
    return tuple(sorted(found, key=lambda history: -len(history.tracked)))


def of_model(model: type[models.Model]) -> History:
    """Return the history of a model's own table: of several declarations, that with the most columns.

    Raises:
        QueryError: for a model that is not tracked.
    """
    found = histories_of(model)
    if not found:
        raise QueryError(
            f"{model._meta.label} is not tracked, so that its past is unknown. Decorate it with"
            " pgaudit_log.track()."
        )
    return found[0]


def is_tracked(model: type[models.Model]) -> bool:
    """Return whether changes of the model's own table are captured."""
    return bool(histories_of(model))


def of_table(name: str) -> History | None:
    """Return the history of the table ``name``, or ``None`` if it is not tracked."""
    found = _histories(declarations.declarations_of_table(name))
    return found[0] if found else None


def has_past(model: type[models.Model]) -> bool:
    """Return whether the model's own table or one that it inherits is tracked."""
    model = concrete(model)
    return any(is_tracked(table) for table in (model, *tables.parents_of(model)))


def untracked_fields(model: type[models.Model]) -> list[Field]:
    """Return the fields of a model whose past is not kept, those that it inherits too.

    The key is always kept: each event has it.
    """
    unknown: list[Field] = []
    for field in concrete(model)._meta.concrete_fields:
        owner = concrete(field.model)
        if (
            is_tracked(owner)
            and field in of_model(owner).untracked
            and field not in key_fields(owner)
        ):
            unknown.append(field)
    return unknown


def key_texts(model: type[models.Model], column: Any, values: Sequence[Any]) -> list[str] | None:
    """Return ``values`` of a column as keys of ``model``.

    ``None`` if that is not its key, or if equal keys may be different texts.
    """
    keys = key_fields(concrete(model))
    if isinstance(column, ColPairs):
        if list(column.targets) != list(keys):
            return None
        parts: list[Sequence[Any]] = list(zip(*values, strict=True)) or [()] * len(keys)
        values = [joined_key(value) for value in values]
    elif not isinstance(column, Col) or len(keys) > 1 or column.target is not keys[0]:
        return None
    else:
        parts = [values]
    connection = connections[DEFAULT_DB_ALIAS]
    if not all(are_equal_as_texts(*of_key, connection) for of_key in zip(keys, parts, strict=True)):
        return None
    return [key_text(value, keys) for value in values]


def in_force(events: models.QuerySet[Any, Any], moment: Moment) -> models.QuerySet[Any, Any]:
    """Return those of ``events``, typed ones, that say how the objects were at ``moment``.

    For each object that was there it is the newest event of the moment's past.
    """
    event_model: Any = events.model
    history = _history(event_model.pgh_declaration)
    table = history.table(str(events.db))
    in_force = state_sql.events_in_force_sql(
        table, old_labels=history.old_labels, is_complete=history.is_complete
    )
    known = state_sql.known_sql(table, moment.at, moment.after)
    sql = in_force.sql(past=moment.sql, restriction="", known=known)
    ids = RawSQL(sql.text, sql.params)
    # The time for itself leaves later partitions out.
    return events.filter(moment.past if moment.at is not None else models.Q(), pgh_id__in=ids)


def refuse_unknown(
    model: type[models.Model], moment: Moment, keys: Sequence[str] | None, *, using: str
) -> None:
    """Raise if objects that were not found at ``moment`` may have been there.

    ``keys`` are those that were asked for; ``None`` means any.

    Raises:
        UnknownPastError: when the first that is known of an object is later than the
            moment, and is not that it was inserted; or a retention has removed what was before.
    """
    what = model._meta.label if keys is None else f"{model._meta.label} {', '.join(keys)}"
    horizons.refuse_hidden(model, moment, what, using=using)
    events = of_model(model).events(using)
    with moments.today():
        if keys is None:
            _refuse(model._meta.label, events, models.QuerySet(model, using=using), moment)
            return
        for key in keys:
            own = events.filter(_touches(model, key, using))
            rows: models.QuerySet[Any, Any] = models.QuerySet(concrete(model), using=using)
            found = rows_of(model, key, using) if not own.exists() else rows.none()
            _refuse(f"{model._meta.label} {key}", own, found, moment, key)


def _touches(model: type[models.Model], key: str, using: str) -> models.Q:
    """Return the filter of events of the rows that had ``key`` before or after them."""
    former = [former_key(label, key) for label in former_names.labels_of(model, using)]
    return models.Q(pgh_obj_id=key) | models.Q(pgh_refs__overlap=former)


def rows_of(model: type[models.Model], key: str, using: str) -> models.QuerySet[Any, Any]:
    """Return the rows of the table of ``model`` whose key's text is ``key``: one, or none.

    Of a key that is shortened each row's has to be looked at.
    """
    model = concrete(model)
    # Not the model's own manager, which may hide rows.
    rows: models.QuerySet[Any, Any] = models.QuerySet(model, using=using)
    if is_shortened(key):
        return rows.filter(Exact(key_of(model), key))
    return rows.filter(pk=read_key(key, key_fields(model)))


def _refuse(
    what: str,
    events: models.QuerySet[Any, Any],
    rows: models.QuerySet[Any, Any],
    moment: Moment,
    key: str | None = None,
) -> None:
    first = events.order_by("pgh_id").first()
    if first is None:
        if rows.exists():
            raise UnknownPastError(
                f"{what} is unknown before now: it has no events, because it is older than its"
                " tracking. Run pgaudit_log backfill, so that its past is known from then on."
            )
        return
    # An update that brought a row under this key says that it was another one's before, or free.
    has_come = key is not None and first.pgh_obj_id == key and _is_move(first)
    if first.pgh_operation == INSERT or has_come or events.filter(moment.past).exists():
        return
    raise UnknownPastError(
        f"{what} is unknown before {first.pgh_created_at.isoformat()}, its first event"
        f" ({first.pgh_id}), which is not that it was inserted: it is older than its tracking."
    )


def _is_move(event: Events) -> bool:
    """Return whether an event is an update that changed the key."""
    return moved_marker(event.pgh_obj_model) in (event.pgh_refs or ())
