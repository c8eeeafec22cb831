"""Installation: brings a database to what the declarations need, and may be run again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pgtrigger
from django.db import connections, router, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from pgaudit_log import sql, typed_events, views
from pgaudit_log.conf import settings
from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.models import Events
from pgaudit_log.partitions import catalogue
from pgaudit_log.triggers.capture import CaptureTrigger


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an installation made."""

    partitions: Sequence[str] = ()
    views: Sequence[str] = ()
    occupied: Sequence[str] = ()
    """Partitions that could not be made, because the DEFAULT partition has events of their time."""


def is_wanted(using: str) -> bool:
    """Return whether the database ``using`` is PostgreSQL and the routers let events into it."""
    return connections[using].vendor == "postgresql" and bool(
        router.allow_migrate_model(using, Events)
    )


def has_event_table(using: str) -> bool:
    """Return whether the event table exists in the database ``using``."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [EVENT_TABLE])
        return bool(cursor.fetchone()[0])


def is_migrated(using: str) -> bool:
    """Return whether the event table exists and no migration is waiting to be applied."""
    if not has_event_table(using):
        return False
    executor = MigrationExecutor(connections[using])
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def missing_triggers(using: str) -> list[str]:
    """Return the names of the declared triggers that are not installed, outdated or disabled."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT tgname, obj_description(oid, 'pg_trigger')
            FROM pg_trigger
            WHERE tgname LIKE 'pgtrigger\\_%%' AND tgenabled <> 'D' AND tgparentid = 0
            """,
            [],
        )
        installed = set(cursor.fetchall())
    return [
        f"{model._meta.label}:{trigger.name}"
        for model, trigger in capture_triggers()
        if trigger.allow_migrate(model, database=using)
        and (trigger.get_pgid(model), trigger.compile(model).hash) not in installed
    ]


def capture_triggers() -> Iterator[tuple[Any, CaptureTrigger]]:
    """Yield each declared trigger of this package after the model that it is on."""
    for model, trigger in pgtrigger.registered():
        if isinstance(trigger, CaptureTrigger):
            yield model, trigger


def install_schema(using: str) -> None:
    """Create or complete the event table and its functions, for projects that run without migrations."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(sql.schema())
        if settings.INDEX_REFERENCES:
            cursor.execute(sql.read("references_index.sql"))


def install_triggers_without_migrations(using: str) -> None:
    """Install the triggers that no migration makes.

    Those are the triggers of models in apps that run without migrations (django-pgtrigger
    sees to the tables that it sees being made, which leaves out those of proxies of other
    apps' models), and those of many-to-many tables that Django made by itself, which have
    no migration of their own.
    """
    unmigrated = MigrationLoader(connections[using]).unmigrated_apps
    for model, trigger in capture_triggers():
        if model._meta.app_label in unmigrated or model._meta.auto_created:
            status, _ = trigger.get_installation_status(model, database=using)
            if status in ("UNINSTALLED", "OUTDATED"):
                trigger.install(model, database=using)


def install(using: str = "default") -> Report:
    """Make the partitions and views that are missing, and replace the views that are outdated.

    Raises:
        InstallationError: when something else in the database has the name of a view.
    """
    plan = catalogue.plan(using)
    if plan.create:
        plan.apply()
    return Report(
        partitions=tuple(period.table for period in plan.create),
        views=tuple(views.install(typed_events.views_for(using), connections[using])),
        occupied=tuple(period.table for period in plan.occupied),
    )
