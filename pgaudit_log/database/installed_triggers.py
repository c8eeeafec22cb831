"""Installed triggers: those capture triggers of a database that should not stand as they are.

Declarations and migrations say which should. A **stray** trigger is on a table of the project's, but is
none of those: a model that was moved to another app in the state alone leaves its triggers behind, and
so does one that ``track_models()`` no longer means. A **broken** one would refuse every write of its table.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import NamedTuple

from django.db import ProgrammingError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from pgaudit_log import sql
from pgaudit_log.database.privileges import sqlstate
from pgaudit_log.triggers.capture_function import WRITES_EVENTS
from pgaudit_log.values.quoting import quote_name

logger = logging.getLogger("pgaudit_log")


class InstalledTrigger(NamedTuple):
    """A capture trigger of a database."""

    name: str
    table: str
    """The name of its table in SQL."""
    function: str
    """The signature of its function."""
    missing: str = ""
    """What a broken one misses."""


def strays(
    connection: BaseDatabaseWrapper, *, tables: Collection[str], declared: Collection[str]
) -> list[InstalledTrigger]:
    """Return the triggers on ``tables`` that neither declarations nor migrations account for.

    While a migration is waiting there are none: it may be the one that removes them.

    Args:
        tables: the names of the project's tables in SQL.
        declared: the names that the triggers of the declarations have in the database.
    """
    with connection.cursor() as cursor:
        cursor.execute(sql.read("captures_of_tables.sql"), [list(tables), WRITES_EVENTS])
        found = [InstalledTrigger(*row) for row in cursor.fetchall()]
    undeclared = [trigger for trigger in found if trigger.name not in declared]
    if not undeclared:
        return []
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return []
    migrated = {
        trigger.sql.pgid
        for state in executor.loader.project_state().models.values()
        for trigger in state.options.get("triggers", ())
        if hasattr(trigger, "sql")
    }
    return [trigger for trigger in undeclared if trigger.name not in migrated]


def broken(connection: BaseDatabaseWrapper) -> list[InstalledTrigger]:
    """Return the triggers that refuse every write, or judge by a cast, each once for all it misses."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('pgaudit_log_shape') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return []
        cursor.execute(sql.read("broken_captures.sql"), [WRITES_EVENTS])
        found: dict[tuple[str, str, str], list[str]] = {}
        for *trigger, missing in cursor.fetchall():
            found.setdefault(tuple(trigger), []).append(missing)
        cursor.execute(sql.read("condition_calls.sql"), [WRITES_EVENTS])
        for *trigger, call in cursor.fetchall():
            if not _is_resolved(connection, call):
                missing = "a condition for columns of these types"
                found.setdefault(tuple(trigger), []).append(missing)
    return [InstalledTrigger(*key, ", ".join(missing)) for key, missing in found.items()]


def _is_resolved(connection: BaseDatabaseWrapper, call: str) -> bool:
    """Return whether the database knows which function a call means, without carrying anything out."""
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(f"PREPARE pgaudit_log_call AS SELECT {call}")
            cursor.execute("DEALLOCATE pgaudit_log_call")
    except ProgrammingError as error:
        return sqlstate(error) != "42883"
    return True


def drop(trigger: InstalledTrigger, connection: BaseDatabaseWrapper) -> None:
    """Drop a trigger and its function, and what repeats it on the partitions of its table."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT tgname, tgrelid::regclass::text
            FROM pg_trigger
            WHERE tgfoid = %s::regprocedure AND tgparentid = 0
            """,
            [trigger.function],
        )
        for name, table in cursor.fetchall():
            cursor.execute(f"DROP TRIGGER {quote_name(name)} ON {table}")
        cursor.execute(f"DROP FUNCTION {trigger.function}")


def drop_broken(connection: BaseDatabaseWrapper) -> list[str]:
    """Drop the broken triggers and say so, because a write counts more than its event.

    Returns:
        Their names.
    """
    found = broken(connection)
    for trigger in found:
        logger.warning(
            "The trigger %s of %s is removed: it misses %s, so that every write would be refused."
            " Changes of %s go unrecorded until a migration adds it anew: correct its condition if"
            " that is what misses something, and run makemigrations and migrate.",
            trigger.name,
            trigger.table,
            trigger.missing,
            trigger.table,
        )
        drop(trigger, connection)
    return [f"{trigger.name} on {trigger.table}" for trigger in found]
