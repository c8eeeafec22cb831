"""Migration plans: refuses one that would take the users' tables away together with the event table.

Migrations with triggers depend on the migration of the event table, and Django unapplies what
depends on a migration with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandError
from django.db.migrations.migration import Migration
from django.db.migrations.operations import CreateModel

from pgaudit_log.constants import APP_LABEL


def refuse_to_drop_tables(plan: Sequence[tuple[Migration, bool]] = (), **kwargs: Any) -> None:
    """Raise for a plan that unapplies this app and, for its sake, others; receives ``pre_migrate``.

    Nothing has been unapplied by then.

    Raises:
        CommandError: names those migrations, and the models whose tables they would drop.
    """
    unapplied = [migration for migration, backwards in plan if backwards]
    others = [migration for migration in unapplied if migration.app_label != APP_LABEL]
    if len(others) in (0, len(unapplied)):
        return
    models = sorted(
        f"{migration.app_label}.{operation.name}"
        for migration in others
        for operation in migration.operations
        if isinstance(operation, CreateModel) and not operation.options.get("proxy")
    )
    dropped = f", and drop the tables of {', '.join(models)}" if models else ""
    apps = list(dict.fromkeys(migration.app_label for migration in others))
    raise CommandError(
        f"To unapply the migrations of {APP_LABEL} would unapply those that depend on it, too:"
        f" {', '.join(f'{m.app_label}.{m.name}' for m in others)}{dropped}. Nothing was done.\n"
        f"To take out {APP_LABEL} and keep your tables: manage.py pgaudit_log uninstall --all\n"
        "If those are to go, unapply them by name first: "
        + ", ".join(f"manage.py migrate {app} zero" for app in apps)
    )
