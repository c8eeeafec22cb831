"""Makes migrations with capture triggers depend on the migration that makes the event table.

Without it a fresh ``migrate`` could write to a tracked table before events can be stored.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

from django.core.management.commands import makemigrations, migrate
from pgtrigger.migrations import AddTrigger

from pgaudit_log.constants import APP_LABEL
from pgaudit_log.triggers.template import CaptureTriggerSql


class DependsOnEventTable:
    """A mixin for Django's ``MigrationAutodetector``."""

    def _build_migration_list(self, graph: Any = None) -> None:
        super()._build_migration_list(graph)  # type: ignore[misc]
        leaves = graph.leaf_nodes(APP_LABEL) if graph else []
        # "__first__" also resolves where this app runs without migrations.
        is_first = not leaves or leaves == graph.root_nodes(APP_LABEL)
        dependency = (APP_LABEL, "__first__") if is_first else leaves[0]
        for migration in chain.from_iterable(self.migrations.values()):  # type: ignore[attr-defined]
            if any(_captures(operation) for operation in migration.operations):
                migration.dependencies.append(dependency)


def _captures(operation: Any) -> bool:
    return isinstance(operation, AddTrigger) and isinstance(
        getattr(operation.trigger, "sql", None), CaptureTriggerSql
    )


def install() -> None:
    """Let ``makemigrations`` and ``migrate`` use the mixin, under django-pgtrigger's or over it."""
    detector = makemigrations.MigrationAutodetector  # type: ignore[attr-defined]
    if issubclass(detector, DependsOnEventTable):
        return
    combined = type("MigrationAutodetector", (DependsOnEventTable, detector), {})
    for module in (makemigrations, migrate):
        module.MigrationAutodetector = combined  # type: ignore[attr-defined]
        module.Command.autodetector = combined
