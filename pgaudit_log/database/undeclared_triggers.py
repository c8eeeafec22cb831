"""Undeclared triggers: capture triggers and functions that nothing asks for any more."""

from __future__ import annotations

import logging

from django.apps import apps
from django.db import connections, transaction

from pgaudit_log import sql
from pgaudit_log.database import installed_captures, installed_triggers
from pgaudit_log.database.event_table import insert_into
from pgaudit_log.triggers.capture_function import WRITES_EVENTS
from pgaudit_log.values.quoting import quote_name
from pgaudit_log.values.tables import table_of

logger = logging.getLogger("pgaudit_log")


def drop_undeclared_of_automatic_tables(using: str) -> None:
    """Drop the triggers of many-to-many tables that are no longer declared; no migration does."""
    declared = [trigger.get_pgid(model) for model, trigger in installed_captures.declared()]
    tables = [
        table_of(model)
        for model in apps.get_models(include_auto_created=True)
        if model._meta.auto_created and model._meta.managed
    ]
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT tgname, tgrelid::regclass::text
            FROM pg_trigger
            JOIN pg_proc ON pg_proc.oid = tgfoid
            WHERE tgrelid IN (SELECT to_regclass(name) FROM pg_catalog.unnest(%s::text[]) AS name)
                AND tgname <> ALL (%s)
                AND starts_with(tgname::text, 'pgtrigger_') AND position(%s IN prosrc) > 0
            """,
            [tables, declared, WRITES_EVENTS],
        )
        for name, table in cursor.fetchall():
            cursor.execute(f"DROP TRIGGER {quote_name(name)} ON {table}")


def drop_functions_without_triggers(using: str) -> None:
    """Drop capture functions that no trigger calls, such as those of many-to-many tables that are gone."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(
            sql.read("functions_without_triggers.sql"),
            [insert_into(using)],
        )
        for (signature,) in cursor.fetchall():
            cursor.execute(f"DROP FUNCTION {signature}")


def stray_triggers(using: str) -> list[installed_triggers.InstalledTrigger]:
    """Return the capture triggers on the project's tables that neither declarations nor migrations know."""
    return installed_triggers.strays(
        connections[using],
        tables=[
            table_of(model)
            for model in apps.get_models(include_auto_created=True)
            if not hasattr(model, "pgh_declaration")
        ],
        declared={trigger.get_pgid(model) for model, trigger in installed_captures.declared()},
    )


def drop_stray_triggers(using: str) -> list[str]:
    """Drop the capture triggers that nothing accounts for, and return their names."""
    found = stray_triggers(using)
    for trigger in found:
        logger.warning(
            "The trigger %s of %s is removed: nothing declares it.",
            *(trigger.name, trigger.table),
        )
        installed_triggers.drop(trigger, connections[using])
    if found:
        drop_functions_without_triggers(using)
    return [f"{trigger.name} on {trigger.table}" for trigger in found]
