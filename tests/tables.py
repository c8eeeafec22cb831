"""Tracked tables that a test declares for itself, with triggers and views installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pgtrigger
from django.db import connection, models

import pgaudit_log
from pgaudit_log.database import installed_views, shapes
from pgaudit_log.declaring import declarations
from pgaudit_log.declaring.former_names import forget
from pgaudit_log.reading import declared_views, event_classes
from tests.support import execute

EVERYTHING = (
    pgaudit_log.InsertEvent(),
    pgaudit_log.UpdateEvent(),
    pgaudit_log.DeleteEvent(),
    pgaudit_log.TruncateEvent(),
)
"""The trackers of all that can happen to a table."""


class SqlField(models.Field):  # type: ignore[type-arg]
    """A column of any SQL type, read as the driver gives it."""

    def __init__(self, sql_type: str = "text", **kwargs: Any) -> None:
        self.sql_type = sql_type
        super().__init__(**kwargs)

    def db_type(self, connection: Any) -> str:
        return self.sql_type

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "sql_type": self.sql_type}


def make(model_name: str, /, bases: tuple[type, ...] = (models.Model,), **attributes: Any) -> Any:
    """Return a new model of the tests' app ``shop``."""
    meta = attributes.pop("Meta", {})
    meta = type("Meta", (), {"app_label": "shop", **meta})
    return type(model_name, bases, {"__module__": "tests.shop.models", "Meta": meta, **attributes})


def install(*tracked: Any, create: bool = True) -> None:
    """Create the tables of ``tracked`` with their triggers and the views of their events."""
    for model in tracked:
        if create:
            with connection.schema_editor() as editor:
                # Capture triggers are installed below; without them here, once is enough.
                model._meta.triggers, kept = [], getattr(model._meta, "triggers", [])
                editor.create_model(model)
            model._meta.triggers = kept
        for registered, trigger in pgtrigger.registered():
            if registered is model:
                trigger.install(model)
    install_views(*tracked)


def uninstall(*tracked: Any) -> None:
    """Drop the triggers of ``tracked``, as where a release of a project ends; their tables stay."""
    for registered, trigger in pgtrigger.registered():
        if registered in tracked:
            trigger.uninstall(registered)
    forget()


def install_views(*tracked: Any) -> None:
    """Create or replace the views of the events of ``tracked``."""
    shapes.install_shapes(connection.alias)
    wanted = [
        declared_views.view_of(event_classes.event_model_of(declaration), connection)
        for model in tracked
        for declaration in declarations.declarations_of(model)
    ]
    installed_views.install(wanted, connection)


def tracked_table(
    model_name: str, /, *trackers: Any, track: dict[str, Any] | None = None, **fields: Any
) -> Any:
    """Declare, track and create a table; call it inside :func:`pgaudit_log.testing.isolated`."""
    model = make(model_name, **fields)
    pgaudit_log.track(*trackers, **(track or {}))(model)
    install(model)
    return model


_RELATIONS = """
    SELECT CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, oid::regclass::text
    FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') AND NOT relispartition
        AND NOT starts_with(relname, 'pgaudit_log_')
    UNION ALL
    SELECT 'FUNCTION', oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""

_REGISTERS = {
    "pgaudit_log_shape": "table_id",
    "pgaudit_log_label": "table_id",
    "pgaudit_log_column": "table_id",
    "pgaudit_log_table": "id",
}
"""What knows tracked tables, and by which column."""


@contextmanager
def dropped_afterwards() -> Iterator[None]:
    """Drop what a block has made, and what is known of it, where no transaction is rolled back."""
    before = set(execute(_RELATIONS))
    [(last,)] = execute("SELECT COALESCE(max(id), 0) FROM pgaudit_log_table")
    try:
        yield
    finally:
        # Tables go before the functions that their triggers call.
        for kind, name in sorted({*execute(_RELATIONS)} - before, reverse=True):
            execute(f"DROP {kind} IF EXISTS {name} CASCADE")
        for register, column in _REGISTERS.items():
            guards = execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal",
                [register],
            )
            execute(f"ALTER TABLE {register} DISABLE TRIGGER USER")
            execute(f"DELETE FROM {register} WHERE {column} > %s", [last])
            for (guard,) in guards:
                execute(f"ALTER TABLE {register} ENABLE ALWAYS TRIGGER {guard}")
        forget()
