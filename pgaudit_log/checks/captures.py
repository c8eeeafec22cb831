"""Checks of the capture triggers of a database, and of the tables that they are on."""

from __future__ import annotations

from django.core import checks
from django.db import connections

from pgaudit_log.checks import messages
from pgaudit_log.checks.event_table import INSTALL
from pgaudit_log.constants import APP_LABEL
from pgaudit_log.database import (
    installed_captures,
    installed_triggers,
    leaf_triggers,
    turns,
    undeclared_triggers,
)

Messages = list[checks.CheckMessage]


def check_captures(alias: str) -> Messages:
    """Return warnings about triggers that do not capture as they are declared."""
    faults = installed_captures.faults(alias)
    replaced = [str(fault) for fault in faults if fault.problem == "replaced"]
    elsewhere = [str(fault) for fault in faults if fault.problem == "in another schema"]
    missing = [str(f) for f in faults if f.problem not in ("replaced", "in another schema")]
    told: Messages = []
    if missing:
        told.append(
            messages.Warning(
                f'The database "{alias}" does not have the triggers that are declared:'
                f" {', '.join(missing)}. Changes may go unrecorded.",
                hint="Run makemigrations and migrate. If a trigger was dropped or disabled by hand,"
                " run manage.py pgaudit_log install. For an app without migrations, run migrate"
                " --run-syncdb.",
                obj=APP_LABEL,
                id="pgaudit_log.W003",
                on=missing,
            )
        )
    if replaced:
        told.append(
            messages.Warning(
                f'In the database "{alias}" triggers, or what they call, were replaced by hand:'
                f" {', '.join(replaced)}. Changes may be recorded otherwise, or not at all.",
                hint=INSTALL,
                obj=APP_LABEL,
                id="pgaudit_log.W011",
                on=replaced,
            )
        )
    if elsewhere:
        told.append(
            messages.Warning(
                f'In the database "{alias}" triggers do not capture into the event table of their'
                f" own schema: {', '.join(elsewhere)}. The schema was renamed or copied. Writes are"
                " refused, or their events are taken for those of another table.",
                hint=INSTALL,
                obj=APP_LABEL,
                id="pgaudit_log.W013",
                on=elsewhere,
            )
        )
    return told


def check_histories(alias: str) -> Messages:
    """Return a warning about tables of several schemas, such as tenants', with one history."""
    return [
        messages.Warning(
            f'In the database "{alias}" tables of several schemas write into one event table,'
            f" {events}: {', '.join(tables)}. Whoever reads the events of one sees those of the"
            " others, and takes rows with the same key for one.",
            hint="Give each schema an event table of its own: see docs/howto/tenants.md.",
            obj=APP_LABEL,
            id="pgaudit_log.W014",
            on=tables,
        )
        for events, tables in installed_captures.shared_histories(alias).items()
    ]


def check_triggers(alias: str) -> Messages:
    """Return warnings about triggers that stand and should not, or not as they are."""
    told: Messages = []
    stray = [
        f"{trigger.name} on {trigger.table}"
        for trigger in undeclared_triggers.stray_triggers(alias)
    ]
    if stray:
        told.append(
            messages.Warning(
                f'The database "{alias}" has capture triggers that nothing declares:'
                f" {', '.join(stray)}. Changes are captured that should not be, or more than once.",
                hint="Run migrate, or manage.py pgaudit_log install, which drops them.",
                obj=APP_LABEL,
                id="pgaudit_log.W019",
                on=stray,
            )
        )
    broken = installed_triggers.broken(connections[alias])
    if broken:
        named = (f"{trigger.name} on {trigger.table} ({trigger.missing})" for trigger in broken)
        told.append(
            messages.Error(
                f'The database "{alias}" has capture triggers that miss something:'
                f" {', '.join(named)}. Every write of those tables is refused.",
                hint="Run manage.py pgaudit_log install, which makes them anew or drops them.",
                obj=APP_LABEL,
                id="pgaudit_log.E009",
                on=[f"{trigger.name} on {trigger.table}" for trigger in broken],
            )
        )
    return told


def check_turns(alias: str) -> Messages:
    """Return a warning about tables where triggers came after the last installation."""
    tables = [found.table for found in turns.turns(alias) if found.is_needed > found.is_there]
    if not tables:
        return []
    return [
        messages.Warning(
            f"Triggers of others fire at writes of the tracked {', '.join(tables)}. What they write to"
            " the same rows is captured first, so that the newest event may not be the last state.",
            hint="Run migrate, or manage.py pgaudit_log install, after such a trigger was added.",
            obj=APP_LABEL,
            id="pgaudit_log.W009",
            on=tables,
        )
    ]


def check_tables(alias: str) -> Messages:
    """Return messages about tracked tables whose rows cannot be told apart, or written around a trigger."""
    told: Messages = [
        messages.Error(
            f'{label} is tracked, but its table in the database "{alias}" has no primary key, so'
            " that its events could not be told apart by object.",
            hint="Add the primary key, or do not track the model.",
            obj=APP_LABEL,
            id="pgaudit_log.E005",
            on=[label],
        )
        for label in installed_captures.tracked_without_primary_key(alias)
    ]
    leaves = sorted({leaf for leaf, *_ in leaf_triggers.leaves_without_triggers(alias)})
    if leaves:
        told.append(
            messages.Warning(
                f"Partitions of tracked tables have no triggers of their own: {', '.join(leaves)}."
                " Writes that name the partition instead of its table go unrecorded.",
                hint="Run migrate, or manage.py pgaudit_log install, after adding partitions.",
                obj=APP_LABEL,
                id="pgaudit_log.W004",
                on=leaves,
            )
        )
    return told
