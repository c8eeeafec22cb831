"""What is installed before ``migrate`` and after it: its signals' receivers."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps.registry import Apps

from pgaudit_log.constants import APP_LABEL
from pgaudit_log.database import (
    event_table,
    installation,
    past_names,
    routing,
    undeclared_triggers,
    unmigrated_triggers,
)
from pgaudit_log.database.partitions import catalogue
from pgaudit_log.declaring.declarations import declarations


def install_before_migrate(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """Make the event table where no migration will; receives ``pre_migrate``.

    That is where migrations are switched off, and where the first one counts as applied,
    because the routers let the table into the database only later. Before anything else is
    made, because tables that are made without migrations get their triggers at once.

    Raises:
        InstallationError: when the routers keep tracked tables and the event table apart.
    """
    past_names.forget()
    routing.refuse_misplaced(using)
    if not event_table.is_wanted(using):
        return
    planned = {migration.app_label for migration, _ in kwargs.get("plan", ())}
    if APP_LABEL not in planned and event_table.lacks_event_table(using):
        event_table.install_schema(using)
    unmigrated = event_table.unmigrated_apps()
    tracked = {declaration.tracked_model._meta.app_label for declaration in declarations()}
    # Tables of apps without migrations are made, with their triggers, before anything is migrated.
    # So are rows of migrations whose tables are followed: from the first one they are captured.
    if unmigrated & {APP_LABEL, *tracked} or unmigrated_triggers.followed(using):
        event_table.install_schema(using)
        # Else events of this migrate would be in the DEFAULT partition, in the way of those to come.
        catalogue.plan(using).apply()


def install_after_migrate(
    sender: AppConfig, using: str, apps: Apps | None = None, **kwargs: Any
) -> None:
    """Make partitions, views, and triggers that no migration makes; receives ``post_migrate``.

    ``apps`` has the models as the migrations that are applied say.
    """
    # The signal is also sent after each flush, which changes no schema and plans nothing.
    if "plan" not in kwargs or not event_table.is_wanted(using):
        return
    try:
        if event_table.has_event_table(using):
            undeclared_triggers.drop_undeclared_of_automatic_tables(using)
            undeclared_triggers.drop_functions_without_triggers(using)
            if apps is not None:
                unmigrated_triggers.install_where_models_are_ahead(using, apps)
            installation.install(using)
    finally:
        unmigrated_triggers.forget_installed()
