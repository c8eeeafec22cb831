"""Installation: brings a database to what the declarations need, and may be run again."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import DatabaseError, connections

from pgaudit_log.database import (
    declared_labels,
    hardening,
    installed_captures,
    installed_triggers,
    installed_views,
    new_views,
    undeclared_views,
)
from pgaudit_log.database.event_table import (
    complete_schema,
    has_event_table,
    is_migrated,
    is_recorded,
    renew_numbers,
    unmigrated_apps,
)
from pgaudit_log.database.leaf_triggers import install_leaf_triggers
from pgaudit_log.database.partitions import catalogue
from pgaudit_log.database.privileges import lack_told
from pgaudit_log.database.shapes import has_columns, install_shapes
from pgaudit_log.database.turns import install_turns
from pgaudit_log.database.undeclared_triggers import drop_stray_triggers
from pgaudit_log.database.unmigrated_triggers import is_unmigrated
from pgaudit_log.exceptions import InstallationError
from pgaudit_log.reading import declared_views, event_classes

logger = logging.getLogger("pgaudit_log")


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
    rights: Sequence[str] = ()
    """What gave new tables, partitions and functions to the owner, and granted them, where the
    database was hardened."""


def missing_triggers(using: str) -> list[str]:
    """Return the names of the declared triggers that do not capture as they are declared, and why."""
    return [str(fault) for fault in installed_captures.faults(using)]


def mend_captures(using: str, *, all_of_them: bool = False) -> list[str]:
    """Install the capture triggers anew that were replaced, or write to another schema; return their names.

    Of those that no migration makes, also the missing and outdated. With ``all_of_them`` all that are
    missing or disabled; and those of another version, where no migration is waiting. Only on tables that
    have all columns of their model: other ones wait for a migration.
    """
    problems = {"replaced", "in another schema"}
    if all_of_them:
        problems |= {"missing", "disabled", "only for replicas"}
        problems |= {"outdated"} if is_migrated(using) else set()
    connection = connections[using]
    unmigrated = unmigrated_apps()
    faults = [
        fault
        for fault in installed_captures.faults(using)
        if (
            fault.problem in problems
            or (
                fault.problem in ("missing", "outdated")
                and is_unmigrated(fault.model, fault.trigger, unmigrated)
            )
        )
        and has_columns(connection, fault.model)
    ]
    return installed_captures.mend(using, faults)


def repair(using: str = "default") -> Report:
    """Do what :func:`install` does, and make what migrations have made already, if it is gone.

    That is the event table, and the triggers of models whose tables are there.

    Raises:
        InstallationError: when the migration of the event table is yet to be applied, or something
            that :func:`install` raises for.
    """
    if not has_event_table(using) and not is_recorded(using):
        raise InstallationError(
            f'The database "{using}" has no event table. Run migrate on it first.'
        )
    with lack_told(using):
        faults = complete_schema(using)
        triggers = mend_captures(using, all_of_them=True)
    report = install(using)
    return replace(
        report, schema=tuple(faults), triggers=tuple(dict.fromkeys([*triggers, *report.triggers]))
    )


def install_views(using: str) -> list[str]:
    """Create or replace the views that are missing or outdated, and return their names.

    Raises:
        InstallationError: names each view that could not be made, once all others are.
    """
    wanted, errors = declared_views.views_for(using)
    made = []
    stale = installed_views.outdated(wanted, connections[using])
    created = set(new_views.create(stale, connections[using]))
    for view in stale:
        if view.name in created:
            made.append(view.name)
            continue
        try:
            installed_views.replace(view, connections[using])
        except InstallationError as error:
            errors.append(str(error))
        except DatabaseError as error:
            errors.append(f"The view {view.name} could not be made: {str(error).strip()}")
        else:
            made.append(view.name)
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
    faults = complete_schema(using)
    incarnation, last_id = renew_numbers(using)
    triggers = [*mend_captures(using), *install_shapes(using)]
    dropped = installed_triggers.drop_broken(connections[using]) + drop_stray_triggers(using)
    plan = catalogue.plan(using)
    if plan.create:
        plan.apply()
        # A partition is missing once another one is over.
        catalogue.finish_past(using)
    leaf_triggers = install_leaf_triggers(using)
    undeclared = undeclared_views.find(
        [event_model._meta.db_table for event_model in event_classes.event_models_for(using)],
        connections[using],
    )
    kept = undeclared_views.drop(undeclared, connections[using])
    for view in kept:
        logger.warning("%s", view)
    begun = install_turns(using)
    declared_labels.install(using)
    try:
        # At the end, because something else may be in the way of one.
        views = install_views(using)
    finally:
        rights = hardening.mend(using)
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
        rights=tuple(rights),
    )
