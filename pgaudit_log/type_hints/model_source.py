"""The source of models: what a module says, and the same with lines of ours in it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path

_TYPING = ("ClassVar",)
_OURS = ("EventsOf", "TrackedManager")


def source_of(path: Path) -> ModelSource:
    """Return the source of a module as it is now."""
    return _read(path, path.stat().st_mtime_ns)


class ModelSource:
    """The source of a module of models."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text)

    @cached_property
    def names(self) -> set[str]:
        """The names that it imports, in whatever block, or defines at its top."""
        imported = {
            alias.asname or alias.name
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        return imported | {node.name for node in self._classes}

    def has_class(self, name: str) -> bool:
        """Return whether a class of this name is at its top, with a body in lines of its own."""
        return self._class(name) is not None

    def attributes_of(self, class_name: str) -> set[str]:
        """Return the names that the body of a class assigns or annotates."""
        node = self._class(class_name)
        found: set[str] = set()
        for statement in node.body if node else ():
            targets = statement.targets if isinstance(statement, ast.Assign) else ()
            if isinstance(statement, ast.AnnAssign):
                targets = [statement.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
        return found

    def quoted(self, annotation: str, name: str) -> str:
        """Return an annotation with a name that is known only later, as this module would write it."""
        for own in _OURS:
            if "pgaudit_log" in self.names:
                annotation = annotation.replace(own, f"pgaudit_log.{own}")
        is_lazy = "annotations" in self.names
        return annotation.format(name if is_lazy else f'"{name}"')

    def shown(self, imports: dict[str, list[str]], annotations: dict[str, list[str]]) -> list[str]:
        """Return lines of ours to be read: imports, then the annotations of each class."""
        lines = [] if not imports else ["if TYPE_CHECKING:"]
        lines += [f"    {line}" for line in _import_lines(imports)]
        for class_name, own in annotations.items():
            if own:
                lines += ["", f"class {class_name}:", *(f"    {line}" for line in own)]
        return lines

    def completed(
        self, imports: dict[str, list[str]], annotations: dict[str, list[str]]
    ) -> str | None:
        """Return the source with lines of ours in it; ``None`` where there is no place for one."""
        added: list[tuple[int, list[str]]] = []
        for class_name, own in annotations.items():
            node = self._class(class_name)
            if node is None:
                return None
            if own:
                added.append(_into_class(node, own))
        added += self._imports(
            imports, "\n".join(line for own in annotations.values() for line in own)
        )
        lines = self.text.splitlines()
        for position, new in sorted(added, key=lambda one: one[0], reverse=True):
            lines[position:position] = new
        text = "\n".join(lines) + "\n"
        try:
            ast.parse(text)
        except SyntaxError:
            return None
        return text

    def _imports(
        self, imports: dict[str, list[str]], annotations: str
    ) -> Iterator[tuple[int, list[str]]]:
        """Yield the imports to be added, each with the number of the line before it."""
        start, end, block = self._import_lines
        typing = ["TYPE_CHECKING"] if imports and block is None else []
        typing += [name for name in _TYPING if name in annotations]
        ours = [name for name in _OURS if name in annotations and f".{name}" not in annotations]
        for module, names in (("typing", typing), ("pgaudit_log", ours)):
            if new := [name for name in names if name not in self.names]:
                yield start, [f"from {module} import {', '.join(new)}", *self._gap_after(start)]
        if imports:
            lines = [f"    {line}" for line in _import_lines(imports)]
            yield (end, ["", "if TYPE_CHECKING:", *lines]) if block is None else (block, lines)

    def _gap_after(self, position: int) -> list[str]:
        """Return the empty line between an import of Python's own and those of others."""
        following = self.text.splitlines()[position : position + 1]
        names = [line.split()[1].partition(".")[0] for line in following if len(line.split()) > 1]
        return [""] if names and names[0] not in sys.stdlib_module_names else []

    @property
    def _import_lines(self) -> tuple[int, int, int | None]:
        """The lines after which imports begin, and end, and that in which a block for type checkers ends."""
        start = end = 0
        block = None
        for position, node in enumerate(self.tree.body):
            last = node.end_lineno or 0
            is_docstring = position == 0 and isinstance(node, ast.Expr)
            if is_docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
                start = end = last
            elif isinstance(node, ast.Import | ast.ImportFrom):
                end = last
            elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
                block = node.body[-1].end_lineno
            else:
                break
        return start, end, block

    @property
    def _classes(self) -> list[ast.ClassDef]:
        return [node for node in self.tree.body if isinstance(node, ast.ClassDef)]

    def _class(self, name: str) -> ast.ClassDef | None:
        for node in self._classes:
            if node.name == name and node.body[0].lineno > node.lineno:
                return node
        return None


@cache
def _read(path: Path, changed_at: int) -> ModelSource:
    return ModelSource(path)


def _import_lines(imports: dict[str, list[str]]) -> list[str]:
    # "as": so that others can import it from here, for type checkers.
    return [
        f"from {module} import {name} as {name}"
        for module, names in sorted(imports.items())
        for name in sorted(names)
    ]


def _into_class(node: ast.ClassDef, lines: list[str]) -> tuple[int, list[str]]:
    """Return lines for the body of a class, with the number of the line before them."""
    first = node.body[0]
    indent = " " * first.col_offset
    own = [indent + line for line in lines]
    if ast.get_docstring(node) is not None:
        return first.end_lineno or first.lineno, ["", *own]
    decorators = getattr(first, "decorator_list", [])
    return min([first.lineno, *(d.lineno for d in decorators)]) - 1, [*own, ""]
