"""Checks of the event table of a database, and of what belongs to it."""

from __future__ import annotations

from collections.abc import Sequence

from django.core import checks

from pgaudit_log.checks import messages
from pgaudit_log.constants import APP_LABEL, DEFAULT_PARTITION, EVENT_TABLE
from pgaudit_log.database import event_rights, event_table, hardening, own_events
from pgaudit_log.database.installed_schema import Fault
from pgaudit_log.database.partitions.leaves import leftovers
from pgaudit_log.database.partitions.locks import locks
from pgaudit_log.exceptions import PlanError

Messages = list[checks.CheckMessage]

INSTALL = "Run manage.py pgaudit_log install."

_LISTED = 5
"""How many statements a message shows; `harden` shows all."""


def check_schema(alias: str, faults: Sequence[Fault]) -> Messages:
    """Return messages about the event table and what belongs to it."""
    told: Messages = []
    mendable = [fault.name for fault in faults if fault.is_mendable]
    if mendable:
        told.append(
            messages.Warning(
                f'The database "{alias}" lacks what the event table needs, or has another'
                f" version of it: {', '.join(mendable)}. Writes of tracked tables may fail, or"
                " events could be changed.",
                hint=INSTALL,
                obj=APP_LABEL,
                id="pgaudit_log.W005",
                on=mendable,
            )
        )
    others = [fault.name for fault in faults if not fault.is_mendable]
    if others:
        told.append(
            messages.Error(
                f'In the database "{alias}" these are not as the event table needs them:'
                f" {', '.join(others)}. What is captured could be refused or lost.",
                hint="Compare with docs/reference/format.md, and alter them back by hand: events that"
                " are there may not allow it.",
                obj=APP_LABEL,
                id="pgaudit_log.E007",
                on=others,
            )
        )
    return told


def check_strangers(alias: str) -> Messages:
    """Return a warning about what others have put on our tables."""
    found = event_table.strangers(alias)
    if not found:
        return []
    return [
        messages.Warning(
            f'In the database "{alias}" others have put something on the tables of this package:'
            f" {', '.join(found)}. It could change, drop, copy or refuse events.",
            hint="See what each does, and drop it. If it is meant, add this id to"
            " SILENCED_SYSTEM_CHECKS.",
            obj=APP_LABEL,
            id="pgaudit_log.W012",
            on=found,
        )
    ]


def check_numbers(alias: str) -> Messages:
    """Return warnings about numbers that would be given twice, and events without a partition."""
    wrong = event_table.numbers(alias)
    told: Messages = []
    if wrong.are_transactions_mixed:
        told.append(
            messages.Warning(
                f'The database "{alias}" counts transactions anew, as after a dump was restored, so'
                " that one could have the number that earlier events have. Undo of a transaction"
                " would take both back.",
                hint="Run migrate, or manage.py pgaudit_log install, before anything is written.",
                obj=APP_LABEL,
                id="pgaudit_log.W006",
                on=[EVENT_TABLE],
            )
        )
    if wrong.are_ids_repeated:
        told.append(
            messages.Warning(
                f'The sequence of event ids in the database "{alias}" is behind the ids that events'
                " have, so that ids would be given twice.",
                hint="Run migrate, or manage.py pgaudit_log install, before anything is written.",
                obj=APP_LABEL,
                id="pgaudit_log.W007",
                on=[EVENT_TABLE],
            )
        )
    if event_table.lacks_partition(alias):
        told.append(
            messages.Warning(
                f'The event table of the database "{alias}" has no partition for the events of now,'
                " which go to its DEFAULT partition.",
                hint="Run migrate, or manage.py pgaudit_log install, from time to time.",
                obj=APP_LABEL,
                id="pgaudit_log.W008",
                on=[EVENT_TABLE],
            )
        )
    elif event_table.lacks_next_partition(alias):
        told.append(
            messages.Warning(
                f'The event table of the database "{alias}" has no partition for the time after that'
                " of now. Once it begins, events go to its DEFAULT partition.",
                hint="Run migrate, or manage.py pgaudit_log install, from time to time.",
                obj=APP_LABEL,
                id="pgaudit_log.W021",
                on=[EVENT_TABLE],
            )
        )
    return told


def check_default_partition(alias: str) -> Messages:
    """Return a warning about events that no partition of their time was there for."""
    if not event_table.has_events_in_default(alias):
        return []
    return [
        messages.Warning(
            f'The DEFAULT partition of the event table of the database "{alias}" has events. They are'
            " read as any, but it grows without end if they are of now.",
            hint="Run manage.py pgaudit_log partitions --apply, which moves them into partitions of their"
            " time, and makes those to come.",
            obj=APP_LABEL,
            id="pgaudit_log.W022",
            on=[DEFAULT_PARTITION],
        )
    ]


def check_rights(alias: str) -> Messages:
    """Return a warning about roles that may write to the log past the triggers."""
    writers = event_rights.writers(alias)
    if not writers:
        return []
    listed = [str(writer) for writer in writers]
    return [
        messages.Warning(
            f'In the database "{alias}" roles that do not own the log may write to it:'
            f" {', '.join(listed)}. They can forge events, or keep triggers from capturing.",
            hint="Take the privileges away with REVOKE: capture functions write as their owner, so that"
            " no other role needs them.",
            obj=APP_LABEL,
            id="pgaudit_log.W023",
            on=listed,
        )
    ]


def check_hardening(alias: str) -> Messages:
    """Return a warning where a hardened database is not as it was hardened."""
    try:
        found = hardening.drift(alias)
    except PlanError as error:
        differs, obstacles = [str(error)], [str(error)]
    else:
        if found is None or not (found.steps or found.obstacles):
            return []
        differs = [step.statement for step in found.steps]
        obstacles = list(found.obstacles)
    listed = [*(obstacle.rstrip(".") for obstacle in obstacles), *differs[:_LISTED]]
    more = f", and {len(differs) - _LISTED} more" if len(differs) > _LISTED else ""
    return [
        messages.Warning(
            f'The database "{alias}" was hardened, and is not as it was then. It lacks:'
            f" {'; '.join(dict.fromkeys(listed))}{more}. The application could forge or erase events.",
            hint="Find out who changed it, then run manage.py pgaudit_log harden --apply.",
            obj=APP_LABEL,
            id="pgaudit_log.W025",
            on=[*obstacles, *differs],
        )
    ]


def check_leftovers(alias: str) -> Messages:
    """Return a warning about tables that an interrupted rewrite of partitions has left."""
    found = leftovers(alias)
    # Whoever is at work just now has such tables, too.
    if not found or own_events.is_at_work(alias):
        return []
    aside = [one.name for one in found if one.was_partition]
    lost = f" Events of {', '.join(aside)} may be nowhere else, and are not read." if aside else ""
    return [
        messages.Warning(
            f'A change of the partitions of the database "{alias}" was interrupted, and has left'
            f" {', '.join(one.name for one in found)}.{lost}",
            hint="Run manage.py pgaudit_log partitions --apply, with the options that it had: it goes on,"
            " and leaves none. Do not drop them by hand.",
            obj=APP_LABEL,
            id="pgaudit_log.W029",
            on=[one.name for one in found],
        )
    ]


def check_locks(alias: str) -> Messages:
    """Return a warning where the event table has too many partitions for the server's locks."""
    found = locks(alias)
    if not found.are_scarce:
        return []
    return [
        messages.Warning(
            f'The event table of the database "{alias}" has {found.partitions:,} partitions of'
            f" {found.relations} relations each. A read without a time locks all of them,"
            f" {found.needed:,}; the server has room for {found.capacity:,} locks"
            " (max_locks_per_transaction * (max_connections + max_prepared_transactions)). A few such"
            ' reads at once fail with "out of shared memory".',
            hint="Put old partitions together: manage.py pgaudit_log partitions --merge --older-than 1y"
            " --into year --apply. Set a longer PGAUDIT_LOG_PARTITION_INTERVAL for those to come, or raise"
            " max_locks_per_transaction, for which the server has to be restarted.",
            obj=APP_LABEL,
            id="pgaudit_log.W017",
            on=[EVENT_TABLE],
        )
    ]
