"""The event table of a database: whether it is there, how it is made, completed and numbered."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import NamedTuple

from django.db import IntegrityError, InternalError, connections, router, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from pgaudit_log import sql
from pgaudit_log.conf import settings
from pgaudit_log.constants import APP_LABEL, EVENT_TABLE
from pgaudit_log.database import installed_schema
from pgaudit_log.database.installed_schema import Fault
from pgaudit_log.database.partitions import catalogue
from pgaudit_log.exceptions import InstallationError
from pgaudit_log.models import Events
from pgaudit_log.triggers.capture_function import writes_events_into


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


def lacks_event_table(using: str) -> bool:
    """Return whether there is no event table, although its migration counts as applied."""
    return not has_event_table(using) and is_recorded(using)


def is_migrated(using: str) -> bool:
    """Return whether no migration is waiting to be applied."""
    executor = MigrationExecutor(connections[using])
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def install_schema(using: str) -> None:
    """Create or complete the event table and its functions, as the migration does."""
    schema = schema_of(using)
    is_new = not has_event_table(using)
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        if is_new:
            cursor.execute(sql.in_schema(sql.read("refuse_planted.sql"), schema))
        cursor.execute("SELECT current_setting('search_path')")
        [path] = cursor.fetchone()
        cursor.execute("SELECT set_config('search_path', %s, true)", [f"{schema}, {path}"])
        cursor.execute(sql.in_schema(sql.template(), schema))
        if settings.INDEX_REFERENCES:
            cursor.execute(sql.read("references_index.sql"))
        cursor.execute("SELECT set_config('search_path', %s, true)", [path])


def schema_of(using: str) -> str:
    """Return the schema of the event table, or the one that it would be made in; quoted if it must be."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT pg_catalog.quote_ident(COALESCE(
                (
                    SELECT nspname::text
                    FROM pg_class
                    JOIN pg_namespace ON pg_namespace.oid = relnamespace
                    WHERE pg_class.oid = to_regclass(%s)
                ),
                current_schema()::text
            ))
            """,
            [EVENT_TABLE],
        )
        return str(cursor.fetchone()[0])


def insert_into(using: str) -> str:
    """Return what the INSERT of a capture function begins with that writes into the event table."""
    return writes_events_into(schema_of(using))


def incomplete_schema(using: str) -> list[Fault]:
    """Return what the event table lacks of what the migration makes, and what is another version of it."""
    return installed_schema.faults(using, schema_of(using))


def strangers(using: str) -> list[str]:
    """Return what others have put on the tables of this package; see :mod:`installed_schema`."""
    return installed_schema.strangers(using, schema_of(using))


def complete_schema(using: str) -> list[str]:
    """Mend what :func:`incomplete_schema` finds, where that harms no events, and return it.

    Raises:
        InstallationError: when rows, or something of others that depends on it, stand in the way.
    """
    faults = [fault for fault in incomplete_schema(using) if fault.is_mendable]
    if faults:
        try:
            with transaction.atomic(using=using), connections[using].cursor() as cursor:
                for fault in faults:
                    for statement in fault.remedy:
                        cursor.execute(statement)
                install_schema(using)
        except (IntegrityError, InternalError) as error:
            # PostgreSQL's hint is to drop with CASCADE.
            reason = str(error).partition("HINT:")[0].strip()
            raise InstallationError(
                f"{', '.join(fault.name for fault in faults)} could not be mended:"
                f" {reason}. Put what stands in the way aside, and run this again."
            ) from error
    return [fault.name for fault in faults]


def numbers(using: str) -> Numbers:
    """Return whether ids and transactions still have numbers of their own; see ``sql/numbers.sql``."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"SELECT is_elsewhere OR is_behind OR is_unnumbered, is_repeating"
            f" FROM {schema_of(using)}.pgaudit_log_numbers()"
        )
        return Numbers(*cursor.fetchone())


class Numbers(NamedTuple):
    """What is wrong with the numbers that the server counts."""

    are_transactions_mixed: bool
    """Whether a transaction could get the number that another one of the log has."""
    are_ids_repeated: bool
    """Whether an event could get the id that another one has."""


def lacks_partition(using: str) -> bool:
    """Return whether there is no partition for the events of now, which the DEFAULT one takes then."""
    now = datetime.now(timezone.utc)
    return any(period.start <= now < period.end for period in catalogue.plan(using).create)


def lacks_next_partition(using: str) -> bool:
    """Return whether there is no partition for the time after that of now, although some are made ahead."""
    now = datetime.now(timezone.utc)
    have = catalogue.existing(using)
    current = next((period for period in have if period.start <= now < period.end), None)
    if current is None or not settings.PARTITIONS_AHEAD:
        return False
    return not any(period.start <= current.end < period.end for period in have)


def has_events_in_default(using: str) -> bool:
    """Return whether the DEFAULT partition has events that a partition should have.

    Events that are older than all partitions, such as imported ones, belong there.
    """
    oldest = min((period.start for period in catalogue.existing(using)), default=None)
    with connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT inhrelid::regclass::text
            FROM pg_inherits
            JOIN pg_class ON pg_class.oid = inhrelid
            WHERE inhparent = to_regclass(%s) AND pg_get_expr(relpartbound, inhrelid) = 'DEFAULT'
            """,
            [EVENT_TABLE],
        )
        row = cursor.fetchone()
        if row is None:
            return False
        cursor.execute(
            f"SELECT EXISTS (SELECT FROM {row[0]}"
            " WHERE created_at >= COALESCE(%s::timestamptz, '-infinity'))",
            [oldest],
        )
        return bool(cursor.fetchone()[0])


def is_recorded(using: str) -> bool:
    """Return whether this app's first migration counts as applied, or there are none of them."""
    loader = MigrationLoader(connections[using])
    applied = loader.applied_migrations
    return APP_LABEL in loader.unmigrated_apps or any(app == APP_LABEL for app, _ in applied)


def renew_numbers(using: str) -> tuple[int | None, int | None]:
    """Give transactions and ids numbers of their own; return what changed."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(f"SELECT * FROM {schema_of(using)}.pgaudit_log_renew_numbers()")
        incarnation, last_id = cursor.fetchone()
        return incarnation, last_id


def unmigrated_apps() -> set[str]:
    """Return the labels of the apps that run without migrations."""
    # Their files tell; what else a loader looks at takes longer the more migrations there are.
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    return loader.unmigrated_apps
