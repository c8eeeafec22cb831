"""django-pghistory: its event tables, each of which has the events of one model under their labels."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from django.apps import apps
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.constants import CONTEXT_MAX_BYTES, DELETE, INSERT, MANUAL, OLD, UPDATE
from pgaudit_log.importing.labels import declaration_for, kind_for
from pgaudit_log.importing.peer_tables import (
    columns_of,
    given_tables,
    is_readable,
    tables_with,
    types_of,
    without_class,
)
from pgaudit_log.importing.sources import Kind, Source
from pgaudit_log.values.quoting import quote_name
from pgaudit_log.values.tables import concrete

NAME = "django-pghistory"

_CONTEXTS = "pghistory_context"

_ABOUT_RECORDS = (
    "pgh_id",
    "pgh_created_at",
    "pgh_label",
    "pgh_obj_id",
    "pgh_context_id",
    "pgh_context",
)

_USUAL = {"insert": (INSERT, False), "update": (UPDATE, False), "delete": (DELETE, False)}
"""The operations of the labels that its own trackers have, and whether they keep the row before it."""

_SURELY_SHORT = 1_000
"""What takes no more bytes in its table is not compressed there, and so no longer as text than allowed."""


def event_models() -> Iterator[tuple[type[models.Model], Any]]:
    """Yield each model that the installed peer tracks, with the class of its events."""
    module = sys.modules.get("pghistory.models")
    base: Any = getattr(module, "Event", None)
    for model in apps.get_models() if base is not None else ():
        tracked = getattr(model, "pgh_tracked_model", None)
        if tracked is not None and issubclass(model, base) and not model._meta.proxy:
            yield concrete(tracked), model


def tables(
    given: Mapping[type[models.Model], list[str]],
) -> Iterator[tuple[type[models.Model] | None, str]]:
    """Yield the tables that are read, each with the model that it is of."""
    for model, events in event_models():
        yield model, quote_name(events._meta.db_table)
    yield from given_tables(given)
    yield None, _CONTEXTS


def sources(
    connection: BaseDatabaseWrapper, tables: Mapping[type[models.Model], list[str]]
) -> Iterator[Source | tuple[str, str]]:
    """Yield the sources of a database; of what cannot be one, the model's label and why.

    Args:
        connection: the database.
        tables: event tables that no class of the peer's is there for, by the model.
    """
    given = [(model, None, name) for model, names in tables.items() for name in names]
    known = [(model, events, events._meta.db_table) for model, events in event_models()]
    for model, events, name in [*known, *given]:
        yield _source(connection, model, events, name)
    theirs = tables_with(("pgh_id", "pgh_label", "pgh_created_at"), connection)
    yield from without_class(NAME, theirs, [name for _, _, name in [*known, *given]])


def _source(
    connection: BaseDatabaseWrapper, model: type[models.Model], events: Any, name: str
) -> Source | tuple[str, str]:
    label, table = model._meta.label, quote_name(name)
    theirs = types_of(table, connection)
    if "pgh_id" not in theirs or "pgh_label" not in theirs:
        return label, f"{table} is no event table of {NAME}."
    if not is_readable(table, connection):
        return label, f"The role may not read {table}. Grant it SELECT."
    trackers = _trackers(events) if events is not None else dict(_USUAL)
    declaration = declaration_for(model, trackers, getattr(events, "__name__", None))
    if declaration is None:
        return label, f"{label} is not tracked here. Decorate it with pgaudit_log.track()."
    columns = columns_of(
        declaration, theirs, connection, key="pgh_obj_id", about_records=_ABOUT_RECORDS
    )
    if columns.key is None:
        return label, f"{table} does not have the key of {label}: {columns.key_types}."
    context_id, context, joins = _context(theirs, connection)
    return Source(
        peer=NAME,
        declaration=declaration,
        table=table,
        name=name,
        id="source.pgh_id",
        order=("source.pgh_id",),
        created_at="source.pgh_created_at",
        kind="source.pgh_label",
        kinds={
            name: _kind(declaration, name, trackers.get(name))
            for name in [*trackers, *_labels_in(table, connection)]
        },
        key=columns.key,
        columns=columns.kept,
        unkept=columns.unkept,
        context_id=context_id,
        context=context,
        joins=joins,
    )


def _trackers(events: Any) -> dict[str, tuple[str, bool]]:
    """Return the operation of each label of an event class, and whether it has the row before it."""
    found = {}
    for tracker in events.pgh_trackers or ():
        operation = str(getattr(tracker, "operation", None) or "MANUAL")
        is_old = operation == "UPDATE" and getattr(tracker, "row", None) == OLD
        found[tracker.label] = (operation[0], is_old)
    return found


def _kind(declaration: Any, label: str, tracker: tuple[str, bool] | None) -> Kind:
    # A label that no tracker has any more, or that was given to create_event(): of what, is not known.
    operation, is_old = tracker or _USUAL.get(label, (MANUAL, False))
    return kind_for(declaration, operation, label, is_old=is_old)


def _labels_in(table: str, connection: BaseDatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT pgh_label FROM {table} ORDER BY 1")
        return [label for (label,) in cursor.fetchall()]


def _context(theirs: Mapping[str, str], connection: BaseDatabaseWrapper) -> tuple[str, str, str]:
    """Return the expressions of the id of a record's context, of its metadata, and what is joined."""
    if "pgh_context_id" not in theirs:
        return "NULL::uuid", "NULL::jsonb", ""
    if "pgh_context" in theirs:
        return "source.pgh_context_id", _short("source.pgh_context"), ""
    if not types_of(_CONTEXTS, connection):
        return "source.pgh_context_id", "NULL::jsonb", ""
    joins = f"LEFT JOIN {_CONTEXTS} AS told ON told.id = source.pgh_context_id"
    return "source.pgh_context_id", _short("told.metadata"), joins


def _short(metadata: str) -> str:
    """Return metadata as a context may be: an object, and not too long."""
    is_object = f"jsonb_typeof({metadata}) = 'object'"
    return (
        f"CASE WHEN {is_object} AND (pg_column_size({metadata}) <= {_SURELY_SHORT}"
        f" OR octet_length({metadata}::text) <= {CONTEXT_MAX_BYTES}) THEN {metadata}"
        f" WHEN {metadata} IS NOT NULL"
        f" THEN jsonb_build_object('malformed', left({metadata}::text, 1000)) END"
    )
