"""Types modules: the generated module of an app that tells type checkers of its typed events.

The classes are made at run time, where no type checker sees them. ``manage.py pgaudit_log types``
writes what they are into ``audit_types.py`` beside the app's ``models``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from django.apps import AppConfig, apps

NAME = "audit_types"
"""The module's name in its app."""

MARK = "Made by `manage.py pgaudit_log types`"
"""What a generated module has in its docstring, and no other has."""


def path_of(config: AppConfig) -> Path:
    """Return where the types module of an app is, or would be."""
    return Path(config.path, f"{NAME}.py")


def is_generated(path: Path) -> bool:
    """Return whether a file is a types module, and not one of the project's own with its name."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return MARK in file.read(1000)


def name_of(app_label: str) -> str | None:
    """Return the full name of an app's types module; ``None`` where it has none."""
    config = apps.app_configs[app_label]
    return f"{config.name}.{NAME}" if _has_generated(path_of(config)) else None


@cache
def _has_generated(path: Path) -> bool:
    # Looked for once an app, not once a model.
    return path.exists() and is_generated(path)


def event_class(module: str, app_label: str, name: str) -> Any:
    """Return the class of typed events that a types module is asked for at run time.

    Raises:
        AttributeError: when the app has none of this name.
    """
    found = apps.all_models[app_label].get(name.lower())
    if found is None or found.__name__ != name or not hasattr(found, "pgh_declaration"):
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    return found
