"""Checks of the views of typed events of a database."""

from __future__ import annotations

from django.core import checks
from django.db import connections

from pgaudit_log.checks import messages
from pgaudit_log.constants import APP_LABEL
from pgaudit_log.database import installed_views
from pgaudit_log.reading import declared_views

Messages = list[checks.CheckMessage]


def check_views(alias: str) -> Messages:
    """Return warnings about views that are not as they should be, or show more than they should."""
    told: Messages = []
    views, errors = declared_views.views_for(alias)
    told += [
        messages.Warning(
            f'{error} (in the database "{alias}")',
            hint="Correct the model or its fields, then run migrate, or manage.py pgaudit_log install.",
            obj=APP_LABEL,
            id="pgaudit_log.W002",
            on=[error.partition(" of the events of ")[0]],
        )
        for error in errors
    ]
    stale = installed_views.outdated(views, connections[alias])
    if stale:
        told.append(
            messages.Warning(
                f'The database "{alias}" has no up-to-date view for'
                f" {', '.join(view.name for view in stale)}.",
                hint="Run migrate, or manage.py pgaudit_log install.",
                obj=APP_LABEL,
                id="pgaudit_log.W002",
                on=[view.name for view in stale],
            )
        )
    granted = installed_views.granted_without_barrier(views, connections[alias])
    if granted:
        listed = "; ".join(f"{view} to {', '.join(roles)}" for view, roles in granted.items())
        told.append(
            messages.Warning(
                f'In the database "{alias}" views are granted that have no security_barrier: {listed}.'
                " By the conditions of a query, those roles can see events of other models.",
                hint="Give track() security_barrier=True and run migrate, or take the privilege away.",
                obj=APP_LABEL,
                id="pgaudit_log.W010",
                on=granted,
            )
        )
    return told
