"""Django's hooks for the database: the classes that ours take the place of.

* ``MigrationAutodetector`` of ``makemigrations`` and ``migrate``, and ``Command.autodetector`` (since
  Django 5.2), which django-pgtrigger replaces too: :mod:`autodetector`;
* ``DatabaseWrapper.SchemaEditorClass`` of each PostgreSQL backend of the project (since Django 1.7),
  which django-pgtrigger replaces for the time of a migration: :mod:`schema_editor`;
* ``DatabaseOperations.sql_flush()`` of a connection of a test, with the keywords ``reset_sequences``
  and ``allow_cascade`` (since Django 3.1): :mod:`flush`;
* ``Migration.apply()`` and ``unapply()`` (since Django 1.7): :mod:`followed_migrations`;
* ``Apps.get_swappable_settings_name()`` of the project's models (since Django 3.2): see below.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from types import MethodType
from typing import Any

from django.apps import apps
from django.apps.registry import Apps
from django.conf import settings
from django.core.management.commands import makemigrations, migrate
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.migrations.migration import Migration
from django.db.utils import load_backend

from pgaudit_log.contexts.connection_hooks import mix_into_operations
from pgaudit_log.database.autodetector import TriggersInOrder
from pgaudit_log.database.flush import EmptiesEventTable, in_test_environment
from pgaudit_log.database.schema_editor import FollowsColumns


def install() -> None:
    """Let migrations be made and carried out by our classes, under django-pgtrigger's or over them."""
    _install_autodetector()
    for name in ("apply", "unapply"):
        run = getattr(Migration, name)
        # Whoever wraps ours hands the mark on, and others may have wrapped Django's before.
        if not hasattr(run, "is_followed"):
            setattr(Migration, name, _following(run))
    _keep_swappable_names()
    for database in settings.DATABASES.values():
        _install_schema_editor(load_backend(str(database["ENGINE"])).DatabaseWrapper)


def _keep_swappable_names() -> None:
    """Let the registry of models keep what it found to be swappable until it changes itself.

    Django's cache is the class's: each model that a migration makes in a registry of its own empties it,
    whereupon each foreign key that is deconstructed goes through all models of the project, and through
    as many of typed events. That was a quarter of a fresh ``migrate`` of 300 tracked models.
    """
    method: Any = Apps.get_swappable_settings_name
    if "get_swappable_settings_name" not in vars(apps) and hasattr(method, "__wrapped__"):
        # Apps.clear_cache() empties it by this name.
        kept = cache(MethodType(method.__wrapped__, apps))
        apps.get_swappable_settings_name = kept  # type: ignore[method-assign]


def _following(run: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``Migration.apply`` or ``Migration.unapply``, so that triggers follow its operations."""

    @wraps(run)
    def run_and_follow(*args: Any, **kwargs: Any) -> Any:
        # Only now: few processes migrate.
        from pgaudit_log.database import followed_migrations

        return followed_migrations.run_and_follow(run, *args, **kwargs)

    run_and_follow.is_followed = True  # type: ignore[attr-defined]
    return run_and_follow


def _install_autodetector() -> None:
    detector = makemigrations.MigrationAutodetector  # type: ignore[attr-defined]
    if issubclass(detector, TriggersInOrder):
        return
    combined = type("MigrationAutodetector", (TriggersInOrder, detector), {})
    for module in (makemigrations, migrate):
        module.MigrationAutodetector = combined  # type: ignore[attr-defined]
        module.Command.autodetector = combined


def _install_schema_editor(wrapper: type[BaseDatabaseWrapper]) -> None:
    editor = wrapper.SchemaEditorClass
    if not editor or not issubclass(editor, DatabaseSchemaEditor):
        return
    if not issubclass(editor, FollowsColumns):
        wrapper.SchemaEditorClass = type("DatabaseSchemaEditor", (FollowsColumns, editor), {})


def let_flush(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Make the flush of a PostgreSQL connection empty the event table; receives ``connection_created``."""
    if connection.vendor == "postgresql" and in_test_environment():
        mix_into_operations(connection, EmptiesEventTable)
