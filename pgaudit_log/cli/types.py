"""``types``: writes what type checkers are told of typed events, or compares it with what is there."""

from __future__ import annotations

import difflib
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from pgaudit_log.cli import terminal_text
from pgaudit_log.cli.screen import Screen
from pgaudit_log.declaring import types_modules
from pgaudit_log.type_hints import model_lines, modules
from pgaudit_log.type_hints.modules import TypesModule

HELP = (
    f"Write {types_modules.NAME}.py into each app with typed events, for type checkers and editors."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Add what is to be done instead, or besides."""
    add = parser.add_argument
    add(
        "--check",
        action="store_true",
        help="Write nothing; show what would be written, and exit with 1 if that is anything.",
    )
    add(
        "--models",
        action="store_true",
        help="Also write the lines into models.py that say of a model what track() gives it.",
    )


def run(options: Any, screen: Screen) -> None:
    """Write the modules, or show how they differ from what is there.

    Raises:
        CommandError: when ``--check`` found a difference.
        DeclarationError: when the project has a module of its own where one would be written.
    """
    found = [module for module in modules.modules() if not module.is_current]
    if options.check:
        _refuse_outdated(found, screen)
        return
    for module in found:
        done = "Removed" if module.wanted is None else "Wrote"
        module.write()
        screen.line(f"{done} {terminal_text.safe(_shown(module.path))}.")
    if not found:
        screen.line("All types are up to date.")
    for missing in model_lines.missing():
        if options.models and missing.write():
            screen.line(f"Completed {terminal_text.safe(_shown(missing.path))}.")
            continue
        screen.line()
        screen.line(f"{terminal_text.safe(_shown(missing.path))} does not say yet:")
        for line in missing.lines:
            screen.line(f"  {line}".rstrip())


def _refuse_outdated(found: list[TypesModule], screen: Screen) -> None:
    for module in found:
        for line in _diff(module):
            screen.line(terminal_text.safe(line))
    if found:
        names = ", ".join(_shown(module.path) for module in found)
        raise CommandError(
            f"Not up to date: {names}. Run `manage.py pgaudit_log types` and commit what it writes.",
            returncode=1,
        )
    screen.line("All types are up to date.")


def _diff(module: TypesModule) -> Iterator[str]:
    name = _shown(module.path)
    yield from difflib.unified_diff(
        (module.present or "").splitlines(),
        (module.wanted or "").splitlines(),
        fromfile=name,
        tofile=name,
        lineterm="",
        n=1,
    )


def _shown(path: Path) -> str:
    """Return a path as it is from here, if it is below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
