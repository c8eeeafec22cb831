"""Checks of the databases: each is asked, in turn, whether all is in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.core import checks
from django.db import DatabaseError, connections, transaction

from pgaudit_log.checks import messages
from pgaudit_log.checks.captures import (
    check_captures,
    check_histories,
    check_tables,
    check_triggers,
    check_turns,
)
from pgaudit_log.checks.event_table import (
    check_default_partition,
    check_hardening,
    check_leftovers,
    check_locks,
    check_numbers,
    check_rights,
    check_schema,
    check_strangers,
)
from pgaudit_log.checks.hooks import check_contexts, check_past
from pgaudit_log.checks.masks import check_plain_events
from pgaudit_log.checks.views import check_views
from pgaudit_log.constants import APP_LABEL
from pgaudit_log.database import event_table

Messages = list[checks.CheckMessage]


def check_databases(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> Messages:
    """Return a warning for each database that lacks what the declarations need; runs with ``migrate``."""
    return [m for alias in databases or () for m in _asked(alias, _check_database)]


def _check_database(alias: str) -> Messages:
    # `migrate` runs the checks before it starts: what it is about to make is not missing.
    if not event_table.is_wanted(alias) or not event_table.is_migrated(alias):
        return []
    return _findings(alias)


def findings(alias: str) -> Messages:
    """Return what is not in place in a database that should have the event table.

    Beyond :func:`check_databases` it tells of migrations that wait to be applied.
    """
    return _asked(alias, _check_migrations, _findings)


def _check_migrations(alias: str) -> Messages:
    if event_table.is_migrated(alias):
        return []
    return [
        messages.Warning(
            f'Migrations wait to be applied to the database "{alias}". Until then what is captured is'
            " not what is declared.",
            hint="Run migrate.",
            obj=APP_LABEL,
            id="pgaudit_log.W024",
            on=[alias],
        )
    ]


def _findings(alias: str) -> Messages:
    faults = event_table.incomplete_schema(alias)
    found = check_schema(alias, faults)
    if not event_table.has_event_table(alias):
        return found
    found += _asked(alias, check_strangers, check_rights, check_default_partition)
    at_fault = {fault.name for fault in faults}
    if "function pgaudit_log_database" in at_fault:
        # Without it, the rest cannot be asked.
        return found
    if "function pgaudit_log_numbers" not in at_fault:
        found += _asked(alias, check_numbers)
    return found + _asked(
        alias,
        check_captures,
        check_triggers,
        check_histories,
        check_plain_events,
        check_tables,
        check_turns,
        check_hardening,
        check_leftovers,
        check_locks,
        check_views,
        check_past,
        check_contexts,
    )


def _asked(alias: str, *parts: Callable[[str], Messages]) -> Messages:
    """Return what ``parts`` find in a database, and an error for each that it refuses to answer.

    So what one of them may not ask, such as for lack of a privilege, hides nothing of the others.
    """
    # Without a server, the error is Django's.
    connections[alias].ensure_connection()
    found: Messages = []
    for part in parts:
        try:
            with transaction.atomic(using=alias):
                found += part(alias)
        except DatabaseError as error:
            found.append(refusal(alias, part.__name__.strip("_").removeprefix("check_"), error))
    return found


def refusal(alias: str, part: str, error: DatabaseError) -> checks.CheckMessage:
    """Return the error of a part of these questions that a database refuses to answer."""
    return messages.Error(
        f'The database "{alias}" was asked whether all is in place, and refused:'
        f" {str(error).strip()}",
        hint="Run the check as the role that migrates, or give this one what it lacks.",
        obj=APP_LABEL,
        id="pgaudit_log.E010",
        on=[part],
    )
