"""System checks: what is declared or set wrongly is found before the first write.

The rest of this room is loaded when checks run: each start of a process would be the slower for it.
"""

from __future__ import annotations

from typing import Any

from django.core import checks


def register() -> None:
    """Register the checks of this room with Django."""
    checks.register(check_settings, checks.Tags.compatibility)
    checks.register(check_declarations, checks.Tags.models)
    checks.register(check_databases, checks.Tags.database)


def check_settings(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Return messages for what is set wrongly, or not at all."""
    from pgaudit_log.checks import project

    return project.messages(project.CHECKS_OF_SETTINGS)


def check_declarations(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Return messages for tracked models that could not be captured, or not be read."""
    from pgaudit_log.checks import project

    return project.messages(project.CHECKS_OF_DECLARATIONS)


def check_databases(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Return messages for databases that lack what the declarations need."""
    from pgaudit_log.checks import databases

    return databases.check_databases(app_configs, **kwargs)
