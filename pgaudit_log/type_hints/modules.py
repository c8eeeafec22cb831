"""Modules: the types modules that a project should have, beside those that it has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.apps import AppConfig, apps

from pgaudit_log.declaring import third_party_apps, types_modules
from pgaudit_log.declaring.declarations import Declaration, declarations
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.type_hints import event_classes, files
from pgaudit_log.type_hints.names import Names

_TEMPLATE = '''\
"""The typed events of the app "{label}", as type checkers know them.

{mark}: it writes this anew where models have changed.
"""

# Each line is one field, however long: formatters and linters have nothing to do here.
# fmt: off
# isort: skip_file
# ruff: noqa
from __future__ import annotations

from typing import {typing}

if TYPE_CHECKING:
{imports}

    from pgaudit_log.models import Event
    from pgaudit_log.reading.managers import EventField

{classes}

else:
    from functools import partial

    from pgaudit_log.declaring.types_modules import event_class

    # The classes are made as models are tracked.
    __getattr__ = partial(event_class, __name__, "{label}")
'''


@dataclass(frozen=True, kw_only=True)
class TypesModule:
    """The types module of an app: where it is, and what it should say."""

    path: Path
    wanted: str | None
    """Its source; ``None`` where the app has no typed events, and so needs no such module."""

    @property
    def present(self) -> str | None:
        """What is there; ``None`` where nothing is."""
        return self.path.read_text(encoding="utf-8") if self.path.exists() else None

    @property
    def is_current(self) -> bool:
        """Whether what is there is what should be."""
        return self.present == self.wanted

    def write(self) -> None:
        """Put what should be there in the place of what is, at once."""
        if self.wanted is None:
            self.path.unlink(missing_ok=True)
            return
        files.replace(self.path, self.wanted)


def modules() -> Iterator[TypesModule]:
    """Yield the types modules of the project's own apps: those that should be, or are, there.

    Raises:
        DeclarationError: where the project has a module of that name for something else.
    """
    by_app: dict[str, list[Declaration]] = {}
    for declaration in declarations():
        by_app.setdefault(declaration.app_label, []).append(declaration)
    for config in apps.get_app_configs():
        path = types_modules.path_of(config)
        own = by_app.get(config.label, [])
        if third_party_apps.is_installed(config.path) or not (own or path.exists()):
            continue
        if path.exists() and not types_modules.is_generated(path):
            if not own:
                continue
            raise DeclarationError(
                f"{path} is a module of yours, where that of the types of {config.label!r} would be"
                " written. Give it another name."
            )
        yield TypesModule(path=path, wanted=_source(config, own) if own else None)


def _source(config: AppConfig, own: list[Declaration]) -> str:
    names = Names()
    classes = [
        "\n".join(f"    {line}".rstrip() for line in event_classes.source(declaration, names))
        # Whatever the order in which a process imports its models.
        for declaration in sorted(own, key=lambda declaration: declaration.model_name)
    ]
    text = "\n\n".join(classes)
    return _TEMPLATE.format(
        label=config.label,
        mark=types_modules.MARK,
        # A type checker may mind what is imported and not used.
        typing=", ".join(
            ["TYPE_CHECKING", *(name for name in ("Any", "ClassVar") if name in text)]
        ),
        imports="\n".join(f"    {line}" for line in names.imports()),
        classes=text,
    )
