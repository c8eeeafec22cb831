"""Installation: brings a database to what the declarations need, and may be run again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pgtrigger
from django.apps import apps
from django.db import connections, router, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from pgaudit_log import installed_views, names, sql, typed_events
from pgaudit_log.conf import settings
from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.identifiers import quote_literal, quote_name, shorten, table_of
from pgaudit_log.models import Events
from pgaudit_log.partitions import catalogue
from pgaudit_log.registry import concrete
from pgaudit_log.triggers.capture import CaptureTrigger
from pgaudit_log.triggers.rendering import targets

LEAF_PREFIX = "audit_leaf_"
"""What the triggers on partitions of tracked tables are called, before the trigger they repeat.

Not like django-pgtrigger's, which would take them for triggers that are no longer declared.
"""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an installation made."""

    triggers: Sequence[str] = ()
    """Triggers that were made anew, because columns of their tables are called otherwise by now."""
    leaf_triggers: Sequence[str] = ()
    """Partitions of tracked tables that got their triggers."""
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


def tracked_without_primary_key(using: str) -> list[str]:
    """Return the labels of tracked models whose tables have no primary key in the database."""
    tables = {
        concrete(model)._meta.db_table: concrete(model)._meta.label
        for model, trigger in capture_triggers()
        if trigger.allow_migrate(model, database=using)
    }
    with connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT relname FROM pg_class
            WHERE relname = ANY (%s) AND relkind IN ('r', 'p') AND pg_table_is_visible(oid)
                AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = pg_class.oid AND indisprimary)
            ORDER BY relname
            """,
            [list(tables)],
        )
        return [tables[name] for (name,) in cursor.fetchall()]


def install_schema(using: str) -> None:
    """Create or complete the event table and its functions, for projects that run without migrations."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(sql.in_schema(sql.template(), connections[using]))
        if settings.INDEX_REFERENCES:
            cursor.execute(sql.read("references_index.sql"))


def install_triggers_without_migrations(using: str) -> None:
    """Install the triggers that no migration makes.

    Those are the triggers of models in apps that run without migrations (django-pgtrigger
    sees to the tables that it sees being made, which leaves out those of proxies of other
    apps' models), and those of many-to-many tables that Django made by itself, which have
    no migration of their own.
    """
    _prune_automatic_tables(using)
    unmigrated = MigrationLoader(connections[using]).unmigrated_apps
    tables = set(connections[using].introspection.table_names())
    for model, trigger in capture_triggers():
        # Without --run-syncdb, migrate makes no tables for apps without migrations.
        if concrete(model)._meta.db_table not in tables:
            continue
        if model._meta.app_label in unmigrated or model._meta.auto_created:
            status, _ = trigger.get_installation_status(model, database=using)
            if status in ("UNINSTALLED", "OUTDATED"):
                trigger.install(model, database=using)


def _prune_automatic_tables(using: str) -> None:
    """Drop the triggers of many-to-many tables that are no longer declared; no migration does."""
    declared = [trigger.get_pgid(model) for model, trigger in capture_triggers()]
    tables = [
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.auto_created and model._meta.managed
    ]
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT tgname, tgrelid::regclass::text
            FROM pg_trigger
            JOIN pg_class ON pg_class.oid = tgrelid AND pg_table_is_visible(tgrelid)
            JOIN pg_proc ON pg_proc.oid = tgfoid
            WHERE relname = ANY (%s) AND tgname <> ALL (%s)
                AND tgname LIKE 'pgtrigger\\_%%' AND position(%s IN prosrc) > 0
            """,
            [tables, declared, f".{EVENT_TABLE} ("],
        )
        for name, table in cursor.fetchall():
            cursor.execute(f"DROP TRIGGER {quote_name(name)} ON {table}")


def leaves_without_triggers(using: str) -> list[tuple[str, str, str, str]]:
    """Return the partitions of tracked tables that lack a statement-level capture trigger.

    Each with the trigger of its table that it should repeat, the operation, and the
    REFERENCING clause. A statement that names a partition fires only the triggers of that
    partition; row-level triggers are copied to partitions by PostgreSQL.
    """
    names = [
        trigger.get_pgid(model)
        for model, trigger in capture_triggers()
        if trigger.is_statement_level
    ]
    with connections[using].cursor() as cursor:
        cursor.execute(sql.read("leaves_without_triggers.sql"), {"names": names})
        return list(cursor.fetchall())


def install_leaf_triggers(using: str) -> list[str]:
    """Repeat the statement-level triggers of partitioned tracked tables on their partitions."""
    missing = leaves_without_triggers(using)
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        for leaf, pgid, event, referencing in missing:
            name = quote_name(shorten(pgid.replace("pgtrigger_", LEAF_PREFIX, 1)))
            cursor.execute(
                f"CREATE TRIGGER {name} AFTER {event} ON {leaf} {referencing}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {pgid}({quote_literal(pgid)})"
            )
    return sorted({leaf for leaf, *_ in missing})


def install_shapes(using: str) -> list[str]:
    """Write down what the tables and columns of tracked models are called now.

    A capture function that was installed when a column of its table was called otherwise is
    made anew; the triggers that needed it are returned.
    """
    tables = set(connections[using].introspection.table_names())
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        for model in names.tracked_models():
            if model._meta.db_table in tables and router.allow_migrate_model(using, model):
                cursor.execute(
                    """
                    SELECT pgaudit_log_shape_of(
                        to_regclass(%s)::oid, %s::jsonb, current_setting('search_path')
                    )
                    """,
                    [table_of(model), json.dumps(targets(model))],
                )
        cursor.execute(sql.read("outdated_shapes.sql"))
        outdated = {name for (name,) in cursor.fetchall()}
        stale = [
            (model, trigger)
            for model, trigger in capture_triggers()
            if trigger.get_pgid(model) in outdated and concrete(model)._meta.db_table in tables
        ]
        for model, trigger in stale:
            trigger.install(model, database=using)
    names.forget()
    return [f"{model._meta.label}:{trigger.name}" for model, trigger in stale]


def install(using: str = "default") -> Report:
    """Make the partitions and views that are missing, and replace the views that are outdated.

    Triggers are repeated on the partitions of tracked tables.

    Raises:
        InstallationError: when something else in the database has the name of a view.
    """
    triggers = install_shapes(using)
    plan = catalogue.plan(using)
    if plan.create:
        plan.apply()
        # A partition is missing once another one is over.
        catalogue.finish_past(using)
    return Report(
        triggers=tuple(triggers),
        leaf_triggers=tuple(install_leaf_triggers(using)),
        partitions=tuple(period.table for period in plan.create),
        views=tuple(installed_views.install(typed_events.views_for(using), connections[using])),
        occupied=tuple(period.table for period in plan.occupied),
    )
