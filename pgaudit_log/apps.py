"""The app: connects what has to happen as models are declared, databases opened and migrated."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.migrations.loader import MigrationLoader
from django.db.models.signals import post_migrate, pre_migrate

from pgaudit_log import abstract_bases
from pgaudit_log.constants import APP_LABEL
from pgaudit_log.registry import Declaration, declarations, declared


def build_typed_event(sender: Declaration, **kwargs: Any) -> None:
    """Make the typed events of a new declaration; receives ``registry.declared``."""
    # Only now: the models may be imported once all apps are known.
    from pgaudit_log import typed_events

    typed_events.build(sender)


def install_unmigrated(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """Make the event table where migrations are switched off; receives ``pre_migrate``.

    Before anything else is made, because tables that are made without migrations get
    their triggers at once.
    """
    from pgaudit_log import installation

    if not installation.is_wanted(using):
        return
    unmigrated = MigrationLoader(connections[using]).unmigrated_apps
    tracked = {declaration.tracked_model._meta.app_label for declaration in declarations()}
    # Tables of apps without migrations are made, with their triggers, before anything is migrated.
    if unmigrated & {APP_LABEL, *tracked}:
        installation.install_schema(using)


def install_after_migrate(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """Make partitions, views, and triggers that no migration makes; receives ``post_migrate``."""
    from pgaudit_log import installation

    # The signal is also sent after each flush, which changes no schema and plans nothing.
    if "plan" not in kwargs or not installation.is_wanted(using):
        return
    if installation.has_event_table(using):
        installation.install_triggers_without_migrations(using)
        installation.install(using)


class PgauditLogConfig(AppConfig):
    """Tracks models; see :func:`pgaudit_log.track`."""

    name = "pgaudit_log"
    verbose_name = "Audit log"
    default_auto_field = "django.db.models.BigAutoField"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Here and not in ready(), because models are declared before.
        declared.connect(build_typed_event, dispatch_uid="pgaudit_log.build_typed_event")
        super().__init__(*args, **kwargs)

    def import_models(self) -> None:
        """Import the models, and those of the apps after it; then track children of abstract models.

        Before any app's ``ready()``, and as soon as nobody can declare a child's own ``track()``.
        """
        super().import_models()
        assert self.apps is not None
        for config in self.apps.app_configs.values():
            if config is not self:
                config.import_models()
        abstract_bases.track_children()

    def ready(self) -> None:
        """Connect the receivers and register the checks."""
        from pgaudit_log import (
            autodetector,
            checks,
            reversal,
            schema_editor,
            testing,
            timetravel,
        )
        from pgaudit_log.contexts import cursors

        checks.register()
        autodetector.install()
        schema_editor.install()
        timetravel.install()
        reversal.install()
        pre_migrate.connect(install_unmigrated, sender=self)
        post_migrate.connect(install_after_migrate, sender=self)
        for receiver in (cursors.install, testing.let_flush):
            connection_created.connect(receiver, dispatch_uid=receiver)
            for connection in connections.all(initialized_only=True):
                if connection.connection is not None:
                    receiver(connection=connection)
