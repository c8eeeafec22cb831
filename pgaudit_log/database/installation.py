"""Installation: brings a database to what the declarations need, and may be run again."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import NamedTuple

from django.apps import apps
from django.db import (
    DatabaseError,
    IntegrityError,
    InternalError,
    connections,
    models,
    router,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from pgaudit_log import sql
from pgaudit_log.conf import settings
from pgaudit_log.constants import APP_LABEL, EVENT_TABLE
from pgaudit_log.database import (
    installed_captures,
    installed_schema,
    installed_triggers,
    installed_views,
    undeclared_views,
)
from pgaudit_log.database.installed_schema import Fault
from pgaudit_log.database.partitions import catalogue
from pgaudit_log.database.privileges import lack_told
from pgaudit_log.declaring import former_names
from pgaudit_log.exceptions import InstallationError
from pgaudit_log.models import Events
from pgaudit_log.reading import typed_events
from pgaudit_log.triggers.body import targets
from pgaudit_log.values.quoting import quote_literal, quote_name, shorten
from pgaudit_log.values.tables import concrete, table_of

logger = logging.getLogger("pgaudit_log")

LEAF_PREFIX = "audit_leaf_"
"""What the triggers on partitions of tracked tables are called, before the trigger they repeat.

Not like django-pgtrigger's, which would take them for triggers that are no longer declared.
"""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an installation made."""

    schema: Sequence[str] = ()
    """Tables, indexes, functions and guards of the event table that were missing or outdated."""
    incarnation: int | None = None
    """The number of the incarnation that began, because transactions are counted anew."""
    last_id: int | None = None
    """The id that the sequence was set to, because it was behind it."""
    turns: Sequence[str] = ()
    """Tables that got the trigger which tells in what order their statements began."""
    triggers: Sequence[str] = ()
    """Capture triggers that were missing, or made when columns of their tables were called otherwise."""
    dropped_triggers: Sequence[str] = ()
    """Capture triggers that nothing declares any more, or that would have refused every write."""
    leaf_triggers: Sequence[str] = ()
    """Partitions of tracked tables that got their triggers."""
    partitions: Sequence[str] = ()
    views: Sequence[str] = ()
    dropped_views: Sequence[str] = ()
    """Views of typed events of what is no longer tracked."""
    kept_views: Sequence[str] = ()
    """What is told of such views that could not be dropped."""
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


def lacks_event_table(using: str) -> bool:
    """Return whether there is no event table, although its migration counts as applied."""
    return not has_event_table(using) and _is_recorded(using)


def is_migrated(using: str) -> bool:
    """Return whether no migration is waiting to be applied."""
    executor = MigrationExecutor(connections[using])
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def missing_triggers(using: str) -> list[str]:
    """Return the names of the declared triggers that do not capture as they are declared, and why."""
    return [str(fault) for fault in installed_captures.faults(using)]


def tracked_without_primary_key(using: str) -> list[str]:
    """Return the labels of tracked models whose tables have no primary key in the database."""
    tables = {
        concrete(model)._meta.db_table: concrete(model)._meta.label
        for model, trigger in installed_captures.declared()
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
    """Create or complete the event table and its functions, as the migration does."""
    schema = _schema(using)
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("SELECT current_setting('search_path')")
        [path] = cursor.fetchone()
        cursor.execute("SELECT set_config('search_path', %s, true)", [f"{schema}, {path}"])
        cursor.execute(sql.in_schema(sql.template(), schema))
        if settings.INDEX_REFERENCES:
            cursor.execute(sql.read("references_index.sql"))
        cursor.execute("SELECT set_config('search_path', %s, true)", [path])


def _schema(using: str) -> str:
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


def _into(using: str) -> str:
    """Return what the INSERT of a capture function begins with that writes into the event table."""
    return f"INSERT INTO {_schema(using)}.{EVENT_TABLE} ("


def incomplete_schema(using: str) -> list[Fault]:
    """Return what the event table lacks of what the migration makes, and what is another version of it."""
    return installed_schema.faults(using, _schema(using))


def strangers(using: str) -> list[str]:
    """Return what others have put on the tables of this package; see :mod:`installed_schema`."""
    return installed_schema.strangers(using, _schema(using))


def _complete_schema(using: str) -> list[str]:
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
            f" FROM {_schema(using)}.pgaudit_log_numbers()"
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


def install_triggers_without_migrations(using: str) -> None:
    """Install the triggers that no migration makes.

    Those are the triggers of models in apps that run without migrations (django-pgtrigger
    sees to the tables that it sees being made, which leaves out those of proxies of other
    apps' models), and those of many-to-many tables that Django made by itself, which have
    no migration of their own.
    """
    _prune_automatic_tables(using)
    _drop_functions_without_triggers(using)
    unmigrated = MigrationLoader(connections[using]).unmigrated_apps
    tables = set(connections[using].introspection.table_names())
    for model, trigger in installed_captures.declared():
        # Without --run-syncdb, migrate makes no tables for apps without migrations.
        if concrete(model)._meta.db_table not in tables:
            continue
        if model._meta.app_label in unmigrated or model._meta.auto_created:
            status, _ = trigger.get_installation_status(model, database=using)
            if status in ("UNINSTALLED", "OUTDATED"):
                trigger.install(model, database=using)


def _prune_automatic_tables(using: str) -> None:
    """Drop the triggers of many-to-many tables that are no longer declared; no migration does."""
    declared = [trigger.get_pgid(model) for model, trigger in installed_captures.declared()]
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


def _drop_functions_without_triggers(using: str) -> None:
    """Drop capture functions that no trigger calls, such as those of many-to-many tables that are gone."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(
            sql.read("functions_without_triggers.sql"),
            [f"INSERT INTO {_schema(using)}.{EVENT_TABLE} "],
        )
        for (signature,) in cursor.fetchall():
            cursor.execute(f"DROP FUNCTION {signature}")


def stray_triggers(using: str) -> list[installed_triggers.InstalledTrigger]:
    """Return the capture triggers on tracked tables that neither declarations nor migrations know."""
    return installed_triggers.strays(
        connections[using],
        tables=[model._meta.db_table for model in former_names.tracked_models()],
        declared={trigger.get_pgid(model) for model, trigger in installed_captures.declared()},
    )


def drop_stray_triggers(using: str) -> list[str]:
    """Drop the capture triggers that nothing accounts for, and return their names."""
    found = stray_triggers(using)
    for trigger in found:
        logger.warning(
            "The trigger %s of %s is removed: nothing declares it, and other triggers capture %s.",
            *(trigger.name, trigger.table, trigger.table),
        )
        installed_triggers.drop(trigger, connections[using])
    if found:
        _drop_functions_without_triggers(using)
    return [f"{trigger.name} on {trigger.table}" for trigger in found]


def mend_captures(using: str, *, all_of_them: bool = False) -> list[str]:
    """Install the capture triggers anew that were replaced, or write to another schema; return their names.

    With ``all_of_them`` also those that are missing or disabled; and those of another version, where no
    migration is waiting. Only on tables that have all columns of their model: other ones wait for a
    migration.
    """
    problems = {"replaced", "in another schema"}
    if all_of_them:
        problems |= {"missing", "disabled", "only for replicas"}
        problems |= {"outdated"} if is_migrated(using) else set()
    connection = connections[using]
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        faults = [
            fault
            for fault in installed_captures.faults(using)
            if fault.problem in problems
            and concrete(fault.model)._meta.db_table in tables
            and _has_columns(connection, fault.model)
        ]
    return installed_captures.mend(using, faults)


def _has_columns(connection: BaseDatabaseWrapper, model: type[models.Model]) -> bool:
    """Return whether a table has all columns of its model."""
    meta = concrete(model)._meta
    with connection.cursor() as cursor:
        found = connection.introspection.get_table_description(cursor, meta.db_table)
    columns = {column.name for column in found}
    return all(field.column in columns for field in meta.local_concrete_fields)


def leaves_without_triggers(using: str) -> list[tuple[str, str, str, str, str]]:
    """Return the partitions of tracked tables that lack a statement-level capture trigger.

    Each with the trigger of its table that it should repeat, its function, the operation, and the
    REFERENCING clause. A statement that names a partition fires only the triggers of that
    partition; row-level triggers are copied to partitions by PostgreSQL.
    """
    names = [
        trigger.get_pgid(model)
        for model, trigger in installed_captures.declared()
        if trigger.is_statement_level
    ]
    with connections[using].cursor() as cursor:
        cursor.execute(
            sql.read("leaves_without_triggers.sql"), {"names": names, "into": _into(using)}
        )
        return list(cursor.fetchall())


def install_leaf_triggers(using: str) -> list[str]:
    """Repeat the statement-level triggers of partitioned tracked tables on their partitions."""
    missing = leaves_without_triggers(using)
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        for leaf, pgid, function, event, referencing in missing:
            name = quote_name(shorten(pgid.replace("pgtrigger_", LEAF_PREFIX, 1)))
            cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {leaf}")
            cursor.execute(
                f"CREATE TRIGGER {name} AFTER {event} ON {leaf} {referencing}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {function}({quote_literal(pgid)})"
            )
    return sorted({leaf for leaf, *_ in missing})


def install_shapes(using: str) -> list[str]:
    """Write down what the tables and columns of tracked models are called now.

    A capture function that was installed when a column of its table was called otherwise is
    made anew; the triggers that needed it are returned.
    """
    tables = set(connections[using].introspection.table_names())
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        for model in former_names.tracked_models():
            if model._meta.db_table in tables and router.allow_migrate_model(using, model):
                cursor.execute(
                    """
                    SELECT pgaudit_log_shape_of(
                        to_regclass(%s)::oid, %s::jsonb, current_setting('search_path')
                    )
                    """,
                    [table_of(model), json.dumps(targets(model))],
                )
        broken = {trigger.name for trigger in installed_triggers.broken(connections[using])}
        outdated = installed_captures.of_former_names(using) | broken
        stale = [
            (model, trigger)
            for model, trigger in installed_captures.declared()
            if trigger.get_pgid(model) in outdated
            and concrete(model)._meta.db_table in tables
            and _has_columns(connections[using], model)
        ]
        made = []
        for model, trigger in stale:
            try:
                trigger.install(model, database=using)
            except DatabaseError:
                # A broken one that cannot be made anew is dropped, and told.
                if trigger.get_pgid(model) not in broken:
                    raise
            else:
                made.append(f"{model._meta.label}:{trigger.name}")
    former_names.forget()
    return made


class Turns(NamedTuple):
    """A tracked table whose statements may be captured in another order than they began in."""

    table: str
    """Its name in SQL."""
    is_needed: bool
    """Whether its statements have to take turns, because triggers of others may write to it again."""
    is_there: bool
    """Whether they do."""


def turns(using: str) -> list[Turns]:
    """Return the tables whose statements have to take turns, or do; see ``causality``."""
    with connections[using].cursor() as cursor:
        taking = f"{_schema(using)}.pgaudit_log_take_turn()"
        cursor.execute(sql.read("tables_with_turns.sql"), {"into": _into(using), "taking": taking})
        return [Turns(*row) for row in cursor.fetchall()]


def install_turns(using: str) -> list[str]:
    """Let the statements on tables take turns that have to, and no others; return those that begin."""
    wrong = [found for found in turns(using) if found.is_needed != found.is_there]
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        for found in wrong:
            cursor.execute(f"DROP TRIGGER IF EXISTS pgaudit_log_turn ON {found.table}")
            if found.is_needed:
                cursor.execute(
                    f"CREATE TRIGGER pgaudit_log_turn"
                    f" BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {found.table}"
                    f" FOR EACH STATEMENT EXECUTE FUNCTION {_schema(using)}.pgaudit_log_take_turn()"
                )
    return [found.table for found in wrong if found.is_needed]


def repair(using: str = "default") -> Report:
    """Do what :func:`install` does, and make what migrations have made already, if it is gone.

    That is the event table, and the triggers of models whose tables are there.

    Raises:
        InstallationError: when the migration of the event table is yet to be applied, or something
            that :func:`install` raises for.
    """
    if not has_event_table(using) and not _is_recorded(using):
        raise InstallationError(
            f'The database "{using}" has no event table. Run migrate on it first.'
        )
    with lack_told(using):
        faults = _complete_schema(using)
        triggers = mend_captures(using, all_of_them=True)
    report = install(using)
    return replace(
        report, schema=tuple(faults), triggers=tuple(dict.fromkeys([*triggers, *report.triggers]))
    )


def _is_recorded(using: str) -> bool:
    """Return whether this app's first migration counts as applied, or there are none of them."""
    loader = MigrationLoader(connections[using])
    applied = loader.applied_migrations
    return APP_LABEL in loader.unmigrated_apps or any(app == APP_LABEL for app, _ in applied)


def _renew_numbers(using: str) -> tuple[int | None, int | None]:
    """Give transactions and ids numbers of their own; return what changed."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(f"SELECT * FROM {_schema(using)}.pgaudit_log_renew_numbers()")
        incarnation, last_id = cursor.fetchone()
        return incarnation, last_id


def install_views(using: str) -> list[str]:
    """Create or replace the views that are missing or outdated, and return their names.

    Raises:
        InstallationError: names each view that could not be made, once all others are.
    """
    wanted, errors = typed_events.views_for(using)
    made = []
    for view in installed_views.outdated(wanted, connections[using]):
        try:
            made += installed_views.install([view], connections[using])
        except InstallationError as error:
            errors.append(str(error))
        except DatabaseError as error:
            errors.append(f"The view {view.name} could not be made: {str(error).strip()}")
    if errors:
        raise InstallationError("\n".join(errors))
    return made


def install(using: str = "default") -> Report:
    """Make what is missing of the event table, its partitions and views, and replace what is outdated.

    Views of what is no longer tracked are dropped. Triggers are repeated on the partitions of tracked
    tables; where the server counts transactions or ids anew, they get numbers of their own again.

    Raises:
        InstallationError: when something else in the database has the name of a view, or the role may
            not do so.
    """
    with lack_told(using):
        return _install(using)


def _install(using: str) -> Report:
    faults = _complete_schema(using)
    incarnation, last_id = _renew_numbers(using)
    triggers = [*mend_captures(using), *install_shapes(using)]
    dropped = installed_triggers.drop_broken(connections[using]) + drop_stray_triggers(using)
    plan = catalogue.plan(using)
    if plan.create:
        plan.apply()
        # A partition is missing once another one is over.
        catalogue.finish_past(using)
    leaf_triggers = install_leaf_triggers(using)
    undeclared = undeclared_views.find(
        [event_model._meta.db_table for event_model in typed_events.event_models_for(using)],
        connections[using],
    )
    kept = undeclared_views.drop(undeclared, connections[using])
    for view in kept:
        logger.warning("%s", view)
    begun = install_turns(using)
    # At the end, because something else may be in the way of one.
    views = install_views(using)
    return Report(
        turns=tuple(begun),
        schema=tuple(faults),
        incarnation=incarnation,
        last_id=last_id,
        triggers=tuple(triggers),
        dropped_triggers=tuple(dropped),
        leaf_triggers=tuple(leaf_triggers),
        partitions=tuple(period.table for period in plan.create),
        views=tuple(views),
        dropped_views=tuple(name for name in undeclared if name not in {v.name for v in kept}),
        kept_views=tuple(map(str, kept)),
        occupied=tuple(period.table for period in plan.occupied),
    )
