"""Unmigrated triggers: those of tables that no migration makes."""

from __future__ import annotations

from django.db import connections

from pgaudit_log.database import installed_captures
from pgaudit_log.database.event_table import unmigrated_apps
from pgaudit_log.database.undeclared_triggers import (
    drop_functions_without_triggers,
    drop_undeclared_of_automatic_tables,
)
from pgaudit_log.values.tables import concrete


def install_triggers_without_migrations(using: str) -> None:
    """Install the triggers that no migration makes.

    Those are the triggers of models in apps that run without migrations (django-pgtrigger
    sees to the tables that it sees being made, which leaves out those of proxies of other
    apps' models), and those of many-to-many tables that Django made by itself, which have
    no migration of their own.
    """
    drop_undeclared_of_automatic_tables(using)
    drop_functions_without_triggers(using)
    unmigrated = unmigrated_apps()
    tables = set(connections[using].introspection.table_names())
    for model, trigger in installed_captures.declared():
        # Without --run-syncdb, migrate makes no tables for apps without migrations.
        if concrete(model)._meta.db_table not in tables:
            continue
        if model._meta.app_label in unmigrated or model._meta.auto_created:
            status, _ = trigger.get_installation_status(model, database=using)
            if status in ("UNINSTALLED", "OUTDATED"):
                trigger.install(model, database=using)
