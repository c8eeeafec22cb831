"""The views of typed events that a database should have, by what is declared."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.conf import settings
from pgaudit_log.constants import DOCS
from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.reading import event_views
from pgaudit_log.reading.declared_tables import table
from pgaudit_log.reading.event_classes import event_models_for
from pgaudit_log.reading.shown_fields import inherited
from pgaudit_log.reading.snapshot_sql import Table
from pgaudit_log.values import column_json
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.tables import Field, column_of, concrete


class Views(NamedTuple):
    """The views that a database should have."""

    views: list[event_views.View]
    """In the order of declaration."""
    errors: list[str]
    """What is told of those that could not be made out."""


def views_for(using: str) -> Views:
    """Return the views that the database ``using`` should have.

    One model's trouble keeps none of the other views from being known.
    """
    found = Views([], [])
    for event_model in event_models_for(using):
        try:
            found.views.append(view_of(event_model, connections[using]))
        except Exception as error:
            declaration: Declaration = event_model.pgh_declaration  # type: ignore[attr-defined]
            found.errors.append(
                f"The view {event_model._meta.db_table} of the events of {declaration.label}"
                f" could not be made: {error}"
            )
    return found


def view_of(event_model: type[Any], connection: BaseDatabaseWrapper) -> event_views.View:
    """Return the view that should stand under a class of typed events, in a database."""
    declaration: Declaration = event_model.pgh_declaration
    tables = [
        _table(part, event_model, connection.alias)
        for part in (declaration, *inherited(declaration))
    ]
    obj_key = _key_columns(event_model)
    select = event_views.select_sql(tables=tables, obj_key=obj_key, connection=connection)
    fields = [column.field for table in tables for column in table.columns]
    fields += [field for _, field in obj_key]
    is_plain = all(
        column_json.is_plain(column_json.sql_type(field, connection)) for field in fields
    )
    is_barrier = declaration.security_barrier
    return event_views.View(
        event_model._meta.db_table,
        select,
        is_plain,
        settings.SECURITY_BARRIER if is_barrier is None else is_barrier,
        _description(declaration),
    )


def _description(declaration: Declaration) -> str:
    """Return what a view of typed events is, in one line, as its comment says it."""
    labels = ", ".join(declaration.tracker_labels)
    text = (
        f"the events of {declaration.label} in its own columns, one row an event; trackers: {labels};"
        f" only to be read, see {DOCS}"
    )
    return " ".join(text.split())


def _table(declaration: Declaration, event_model: type[Any], using: str) -> Table:
    """Return what the view of ``event_model`` reads of the declaration's table."""
    return table(
        declaration,
        using,
        lambda field: column_of(event_model._meta.get_field(field.name)),
    )


def _key_columns(event_model: type[Any]) -> list[tuple[str, Field]]:
    """Return the columns with the object's key, with the key's fields; none without ``pgh_obj``."""
    declaration: Declaration = event_model.pgh_declaration
    if declaration.obj_field is None:
        return []
    keys = key_fields(concrete(declaration.tracked_model))
    if len(keys) == 1:
        return [("pgh_obj_id", keys[0])]
    return [(event_model._meta.get_field(f"pgh_obj_{f.name}").column, f) for f in keys]
