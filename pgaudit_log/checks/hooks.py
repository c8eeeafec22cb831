"""Checks of the hooks in Django: whether the past is read and contexts are sent with this Django."""

from __future__ import annotations

from django import get_version
from django.core import checks

from pgaudit_log.checks import messages
from pgaudit_log.constants import APP_LABEL
from pgaudit_log.contexts.connection_hooks import carries_context
from pgaudit_log.timetravel.self_check import failures

Messages = list[checks.CheckMessage]

_HINT = (
    "Another version of Django or of its driver, or a library that replaces the same of Django, goes"
    " another way. Take versions that this pgaudit_log is made for, or that library out."
)


def check_past(alias: str) -> Messages:
    """Return an error where a query of the past would read the rows of today."""
    found = failures(alias)
    if not found:
        return []
    return [
        messages.Error(
            f'In the database "{alias}", with Django {get_version()}, as_of() does not read the event'
            f" table: {', '.join(found)}. What is asked for as of a moment would be today's rows.",
            hint=_HINT,
            obj=APP_LABEL,
            id="pgaudit_log.E011",
            on=found,
        )
    ]


def check_contexts(alias: str) -> Messages:
    """Return an error where a statement does not carry its context."""
    if carries_context(alias):
        return []
    return [
        messages.Error(
            f'A statement that was sent through "{alias}" in a context arrived without it. Events'
            " would not say who and why.",
            hint=f"{_HINT} Or a pooler takes comments out: then set PGAUDIT_LOG_CONTEXT_CARRIER.",
            obj=APP_LABEL,
            id="pgaudit_log.E012",
            on=[alias],
        )
    ]
