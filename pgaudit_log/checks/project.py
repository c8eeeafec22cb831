"""The checks of a project: those that ask no database, and all of them with those of one database."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.core.checks import CheckMessage

from pgaudit_log.checks import databases
from pgaudit_log.checks.declarations import check_models, check_parts
from pgaudit_log.checks.middleware import check_middleware, check_page_views
from pgaudit_log.checks.settings import (
    check_installed_apps,
    check_settings,
    check_settings_of_peers,
)
from pgaudit_log.database.routing import check_routers

Check = Callable[[None], list[CheckMessage]]

CHECKS_OF_SETTINGS: tuple[Check, ...] = (
    check_settings,
    check_settings_of_peers,
    check_installed_apps,
    check_middleware,
    check_page_views,
)
CHECKS_OF_DECLARATIONS: tuple[Check, ...] = (check_models, check_parts, check_routers)


def messages(checks: Iterable[Check]) -> list[CheckMessage]:
    """Return what ``checks`` find in the project."""
    return [message for check in checks for message in check(None)]


def findings(alias: str) -> list[CheckMessage]:
    """Return what all checks of this room find in the project and in one database.

    Beyond what Django's ``check`` tells, it tells of a database with waiting migrations.
    """
    found = messages([*CHECKS_OF_SETTINGS, *CHECKS_OF_DECLARATIONS])
    return found + databases.findings(alias)
