"""Checks of the databases: each is asked, in turn, whether all is in place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.core import checks
from django.db import DatabaseError, connections, transaction

from pgaudit_log.checks.captures import (
    check_captures,
    check_histories,
    check_tables,
    check_triggers,
    check_turns,
)
from pgaudit_log.checks.event_table import check_locks, check_numbers, check_schema, check_strangers
from pgaudit_log.checks.hooks import check_contexts, check_past
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
    faults = event_table.incomplete_schema(alias)
    messages = check_schema(alias, faults)
    if not event_table.has_event_table(alias):
        return messages
    messages += _asked(alias, check_strangers)
    at_fault = {fault.name for fault in faults}
    if "function pgaudit_log_database" in at_fault:
        # Without it, the rest cannot be asked.
        return messages
    if "function pgaudit_log_numbers" not in at_fault:
        messages += _asked(alias, check_numbers)
    return messages + _asked(
        alias,
        check_captures,
        check_triggers,
        check_histories,
        check_tables,
        check_turns,
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
