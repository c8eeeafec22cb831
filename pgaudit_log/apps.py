"""The app: connects what has to happen as models are declared, databases opened and migrated."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.migrations.loader import MigrationLoader
from django.db.models.signals import post_migrate, pre_migrate

from pgaudit_log.constants import APP_LABEL
from pgaudit_log.declaring import abstract_bases
from pgaudit_log.declaring.declarations import Declaration, declarations, declared


def build_typed_event(sender: Declaration, **kwargs: Any) -> None:
    """Make the typed events of a new declaration; receives ``registry.declared``."""
    # Only now: the models may be imported once all apps are known.
    from pgaudit_log.reading import typed_events

    typed_events.build(sender)


def install_before_migrate(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """Make the event table where no migration will; receives ``pre_migrate``.

    That is where migrations are switched off, and where the first one counts as applied,
    because the routers let the table into the database only later. Before anything else is
    made, because tables that are made without migrations get their triggers at once.

    Raises:
        InstallationError: when the routers keep tracked tables and the event table apart.
    """
    from pgaudit_log.database import event_table, routing

    routing.refuse_misplaced(using)
    if not event_table.is_wanted(using):
        return
    planned = {migration.app_label for migration, _ in kwargs.get("plan", ())}
    if APP_LABEL not in planned and event_table.lacks_event_table(using):
        event_table.install_schema(using)
    unmigrated = MigrationLoader(connections[using]).unmigrated_apps
    tracked = {declaration.tracked_model._meta.app_label for declaration in declarations()}
    # Tables of apps without migrations are made, with their triggers, before anything is migrated.
    if unmigrated & {APP_LABEL, *tracked}:
        event_table.install_schema(using)


def install_after_migrate(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """Make partitions, views, and triggers that no migration makes; receives ``post_migrate``."""
    from pgaudit_log.database import event_table, installation, unmigrated_triggers

    # The signal is also sent after each flush, which changes no schema and plans nothing.
    if "plan" not in kwargs or not event_table.is_wanted(using):
        return
    if event_table.has_event_table(using):
        unmigrated_triggers.install_triggers_without_migrations(using)
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
        from pgaudit_log import checks, reversal
        from pgaudit_log.contexts import django_hooks as of_contexts
        from pgaudit_log.database import django_hooks as of_database
        from pgaudit_log.database import migration_plans
        from pgaudit_log.timetravel import django_hooks as of_the_past

        checks.register()
        of_database.install()
        of_the_past.install()
        reversal.install()
        pre_migrate.connect(migration_plans.refuse_to_drop_tables, sender=self)
        pre_migrate.connect(install_before_migrate, sender=self)
        post_migrate.connect(install_after_migrate, sender=self)
        for receiver in (of_contexts.install, of_database.let_flush):
            connection_created.connect(receiver, dispatch_uid=receiver)
            for connection in connections.all(initialized_only=True):
                if connection.connection is not None:
                    receiver(connection=connection)
