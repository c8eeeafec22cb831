"""System checks: what is declared or set wrongly is found before the first write."""

from __future__ import annotations

from django.core import checks

from pgaudit_log.checks.databases import check_databases
from pgaudit_log.checks.declarations import check_models, check_parts
from pgaudit_log.checks.middleware import check_middleware
from pgaudit_log.checks.settings import check_installed_apps, check_settings
from pgaudit_log.database import routing


def register() -> None:
    """Register the checks of this room with Django."""
    checks.register(check_settings, checks.Tags.compatibility)
    checks.register(check_installed_apps, checks.Tags.compatibility)
    checks.register(check_middleware, checks.Tags.compatibility)
    checks.register(check_models, checks.Tags.models)
    checks.register(check_parts, checks.Tags.models)
    checks.register(routing.check_routers, checks.Tags.models)
    checks.register(check_databases, checks.Tags.database)
