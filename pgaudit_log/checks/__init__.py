"""System checks: what is declared or set wrongly is found before the first write."""

from __future__ import annotations

from django.core import checks

from pgaudit_log.checks import databases
from pgaudit_log.checks.databases import check_databases
from pgaudit_log.checks.declarations import check_models, check_parts
from pgaudit_log.checks.middleware import check_middleware, check_page_views
from pgaudit_log.checks.settings import (
    check_installed_apps,
    check_settings,
    check_settings_of_peers,
)
from pgaudit_log.database import routing

CHECKS = (
    (check_settings, checks.Tags.compatibility),
    (check_settings_of_peers, checks.Tags.compatibility),
    (check_installed_apps, checks.Tags.compatibility),
    (check_middleware, checks.Tags.compatibility),
    (check_page_views, checks.Tags.compatibility),
    (check_models, checks.Tags.models),
    (check_parts, checks.Tags.models),
    (routing.check_routers, checks.Tags.models),
)
"""The checks that ask no database, with their tags."""


def register() -> None:
    """Register the checks of this room with Django."""
    for check, tag in CHECKS:
        checks.register(check, tag)
    checks.register(check_databases, checks.Tags.database)


def findings(alias: str) -> list[checks.CheckMessage]:
    """Return what all checks of this room find in the project and in one database.

    Beyond what Django's ``check`` tells, it tells of a database with waiting migrations.
    """
    found = [message for check, _ in CHECKS for message in check(None)]
    return found + databases.findings(alias)
