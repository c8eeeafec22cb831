"""Names: what a generated module calls the classes of other modules, and its imports for that."""

from __future__ import annotations

import sys
import types
import typing
from functools import reduce
from typing import Any


class Names:
    """The names of other modules' classes, each used once at least."""

    def __init__(self) -> None:
        self._modules: set[str] = set()
        self.taken: set[str] = set()
        """What the body of a class defines, and would be found there: a field may be called ``bytes``."""

    def of(self, cls: type[Any], otherwise: type[Any] | None = None) -> str:
        """Return the name of a class; of one that nobody can import, that of ``otherwise``, or ``Any``."""
        if not _can_be_imported(cls):
            return "Any" if otherwise is None else self.of(otherwise)
        if cls.__module__ == "builtins" and cls.__name__ not in self.taken:
            return cls.__qualname__
        self._modules.add(cls.__module__)
        return f"{_alias(cls.__module__)}.{cls.__qualname__}"

    def of_annotation(self, annotation: Any) -> str:
        """Return an annotation, evaluated, as it would be written here; ``Any`` for what is too special."""
        if annotation is Any:
            return "Any"
        if annotation is None or annotation is type(None):
            return "None"
        if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
            return " | ".join(self.of_annotation(part) for part in typing.get_args(annotation))
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if isinstance(origin, type) and not any(isinstance(part, list) for part in arguments):
            inner = ", ".join(self.of_annotation(part) for part in arguments)
            return f"{self.of(origin)}[{inner}]"
        return self.of(annotation) if isinstance(annotation, type) else "Any"

    def returned_by(self, function: Any) -> str:
        """Return what the annotations of a function say that it returns; ``Any`` where they say nothing."""
        try:
            return self.of_annotation(typing.get_type_hints(function).get("return", Any))
        except Exception:
            # What is only imported for type checkers cannot be evaluated.
            return "Any"

    def imports(self) -> list[str]:
        """Return the import of each module that was named.

        Under a name that no field of an event has: in the body of a class, a field ``datetime`` would
        be found where the module is meant.
        """
        return [f"import {module} as {_alias(module)}" for module in sorted(self._modules)]


def _alias(module: str) -> str:
    return "_" + module.replace("_", "__").replace(".", "_")


def _can_be_imported(cls: type[Any]) -> bool:
    found: Any = sys.modules.get(cls.__module__)
    try:
        return reduce(getattr, cls.__qualname__.split("."), found) is cls
    except AttributeError:
        return False
