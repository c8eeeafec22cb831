"""Database checks: messages on what a database has otherwise than it would be installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.core import checks
from django.db import DatabaseError, connections, transaction

from pgaudit_log.constants import APP_LABEL
from pgaudit_log.database import installation, installed_captures, installed_views
from pgaudit_log.database.installed_schema import Fault
from pgaudit_log.reading import typed_events

Messages = list[checks.CheckMessage]

INSTALL = "Run manage.py pgaudit_log install."


def asked(alias: str, *parts: Callable[[str], Messages]) -> Messages:
    """Return what ``parts`` find in a database, and an error for each that it refuses to answer.

    So what one of them may not ask, such as for lack of a privilege, hides nothing of the others.
    """
    # Without a server, the error is Django's.
    connections[alias].ensure_connection()
    messages: Messages = []
    for part in parts:
        try:
            with transaction.atomic(using=alias):
                messages += part(alias)
        except DatabaseError as error:
            messages.append(
                checks.Error(
                    f'The database "{alias}" was asked whether all is in place, and refused:'
                    f" {str(error).strip()}",
                    hint="Run the check as the role that migrates, or give this one what it lacks.",
                    obj=APP_LABEL,
                    id="pgaudit_log.E010",
                )
            )
    return messages


def check_schema(alias: str, faults: Sequence[Fault]) -> Messages:
    """Return messages about the event table and what belongs to it."""
    messages: Messages = []
    mendable = [fault.name for fault in faults if fault.is_mendable]
    if mendable:
        messages.append(
            checks.Warning(
                f'The database "{alias}" lacks what the event table needs, or has another'
                f" version of it: {', '.join(mendable)}. Writes of tracked tables may fail, or"
                " events could be changed.",
                hint=INSTALL,
                obj=APP_LABEL,
                id="pgaudit_log.W005",
            )
        )
    others = [fault.name for fault in faults if not fault.is_mendable]
    if others:
        messages.append(
            checks.Error(
                f'In the database "{alias}" these are not as the event table needs them:'
                f" {', '.join(others)}. What is captured could be refused or lost.",
                hint="Compare with docs/reference/format.md, and alter them back by hand: events that"
                " are there may not allow it.",
                obj=APP_LABEL,
                id="pgaudit_log.E007",
            )
        )
    return messages


def check_strangers(alias: str) -> Messages:
    """Return a warning about what others have put on our tables."""
    found = installation.strangers(alias)
    if not found:
        return []
    return [
        checks.Warning(
            f'In the database "{alias}" others have put something on the tables of this package:'
            f" {', '.join(found)}. It could change, drop, copy or refuse events.",
            hint="See what each does, and drop it. If it is meant, add this id to"
            " SILENCED_SYSTEM_CHECKS.",
            obj=APP_LABEL,
            id="pgaudit_log.W012",
        )
    ]


def check_captures(alias: str) -> Messages:
    """Return warnings about triggers that do not capture as they are declared."""
    faults = installed_captures.faults(alias)
    replaced = [str(fault) for fault in faults if fault.problem == "replaced"]
    elsewhere = [str(fault) for fault in faults if fault.problem == "in another schema"]
    missing = [str(f) for f in faults if f.problem not in ("replaced", "in another schema")]
    messages: Messages = []
    if missing:
        messages.append(
            checks.Warning(
                f'The database "{alias}" does not have the triggers that are declared:'
                f" {', '.join(missing)}. Changes may go unrecorded.",
                hint="Run makemigrations and migrate. If a trigger was dropped or disabled by hand,"
                " run manage.py pgaudit_log install. For an app without migrations, run migrate"
                " --run-syncdb.",
                obj=APP_LABEL,
                id="pgaudit_log.W003",
            )
        )
    if replaced:
        messages.append(
            checks.Warning(
                f'In the database "{alias}" triggers, or what they call, were replaced by hand:'
                f" {', '.join(replaced)}. Changes may be recorded otherwise, or not at all.",
                hint=INSTALL,
                obj=APP_LABEL,
                id="pgaudit_log.W011",
            )
        )
    if elsewhere:
        messages.append(
            checks.Warning(
                f'In the database "{alias}" triggers do not capture into the event table of their'
                f" own schema: {', '.join(elsewhere)}. The schema was renamed or copied. Writes are"
                " refused, or their events are taken for those of another table.",
                hint=INSTALL,
                obj=APP_LABEL,
                id="pgaudit_log.W013",
            )
        )
    return messages


def check_histories(alias: str) -> Messages:
    """Return a warning about tables of several schemas, such as tenants', with one history."""
    return [
        checks.Warning(
            f'In the database "{alias}" tables of several schemas write into one event table,'
            f" {events}: {', '.join(tables)}. Whoever reads the events of one sees those of the"
            " others, and takes rows with the same key for one.",
            hint="Give each schema an event table of its own: see docs/howto/tenants.md.",
            obj=APP_LABEL,
            id="pgaudit_log.W014",
        )
        for events, tables in installed_captures.shared_histories(alias).items()
    ]


def check_views(alias: str) -> Messages:
    """Return warnings about views that are not as they should be, or show more than they should."""
    messages: Messages = []
    views, errors = typed_events.views_for(alias)
    messages += [
        checks.Warning(
            f'{error} (in the database "{alias}")',
            hint="Correct the model or its fields, then run migrate, or manage.py pgaudit_log install.",
            obj=APP_LABEL,
            id="pgaudit_log.W002",
        )
        for error in errors
    ]
    stale = installed_views.outdated(views, connections[alias])
    if stale:
        messages.append(
            checks.Warning(
                f'The database "{alias}" has no up-to-date view for'
                f" {', '.join(view.name for view in stale)}.",
                hint="Run migrate, or manage.py pgaudit_log install.",
                obj=APP_LABEL,
                id="pgaudit_log.W002",
            )
        )
    granted = installed_views.granted_without_barrier(views, connections[alias])
    if granted:
        listed = "; ".join(f"{view} to {', '.join(roles)}" for view, roles in granted.items())
        messages.append(
            checks.Warning(
                f'In the database "{alias}" views are granted that have no security_barrier: {listed}.'
                " By the conditions of a query, those roles can see events of other models.",
                hint="Give track() security_barrier=True and run migrate, or take the privilege away.",
                obj=APP_LABEL,
                id="pgaudit_log.W010",
            )
        )
    return messages
