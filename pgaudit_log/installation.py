"""Installation: brings a database to what the declarations need, and may be run again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pgtrigger
from django.db import connections, router, transaction
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


def install_schema(using: str) -> None:
    """Create or complete the event table and its functions, for projects that run without migrations."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(sql.schema())
        if settings.INDEX_REFERENCES:
            cursor.execute(sql.read("references_index.sql"))


def install_unmigrated_triggers(using: str) -> None:
    """Install the triggers of tracked models whose app runs without migrations.

    django-pgtrigger does so for the tables it sees being made, which leaves out those
    of proxies of other apps' models.
    """
    unmigrated = MigrationLoader(connections[using]).unmigrated_apps
    for model, trigger in pgtrigger.registered():
        if isinstance(trigger, CaptureTrigger) and model._meta.app_label in unmigrated:
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
