"""Third-party apps: models whose triggers would be migrated into a package that pip installed.

A trigger's migration is written into the migrations of the model's app. In ``site-packages`` it is lost
with the next installation, and no other machine has it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.db import models

from pgaudit_log.constants import APP_LABEL
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.values.tables import owner_of, owning_field

_INSTALLED = {"site-packages", "dist-packages", "__pypackages__"}
"""Folders that installers write packages to: pip, Debian, and tools for folders of a project."""


def refuse(model: type[models.Model]) -> None:
    """Raise if the migrations of a model's triggers would be written into a third-party app.

    ``MIGRATION_MODULES`` says where else they go. A project, or an app that tracks its own models,
    may be installed as a package, too: then its migrations have the triggers already.

    Raises:
        DeclarationError: says how to track it.
    """
    config = apps.app_configs.get(model._meta.app_label)
    if config is None or not _is_third_party(config):
        return
    raise DeclarationError(
        f"{model._meta.label} cannot be tracked directly: its app {config.name} is installed in"
        f" {config.path}, and makemigrations would write the migration of its triggers there."
        f" Write, in the models of an app of yours:\n\n"
        f'    pgaudit_log.track_models("{model._meta.label}", into="…")\n\n'
        f"Or track a proxy of it there:\n\n{_proxy_of(model)}\n\n"
        f"Or say in MIGRATION_MODULES where the migrations of {config.label!r} are kept."
    )


@cache
def is_installed(path: str | Path) -> bool:
    """Return whether a file or folder, such as that of an app, was written by an installer."""
    return not _INSTALLED.isdisjoint(Path(path).parts)


def _is_third_party(config: AppConfig) -> bool:
    if config.label in settings.MIGRATION_MODULES:
        return False
    # Django itself may be a checkout.
    if not is_installed(config.path) and not config.name.startswith("django.contrib."):
        return False
    migrations = list(Path(config.path, "migrations").rglob("*.py*"))
    return bool(migrations) and not any(
        APP_LABEL.encode() in migration.read_bytes() for migration in migrations
    )


def _proxy_of(model: Any) -> str:
    base, name = model.__name__, f"Tracked{model.__name__}"
    if owner := owner_of(model):
        field = owning_field(model)
        base = f"{owner.__name__}.{field}.through"
        name = owner.__name__ + "".join(part.capitalize() for part in str(field).split("_"))
    return (
        f"    @pgaudit_log.track()\n    class {name}({base}):\n        class Meta:\n"
        "            proxy = True"
    )
