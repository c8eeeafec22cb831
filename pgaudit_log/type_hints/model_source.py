"""The source of models: what a module says, and the same with lines of ours in it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple


class _Edit(NamedTuple):
    """Lines that come in the place of others, from the first of those up to the one behind them."""

    start: int
    end: int
    lines: list[str]


_TYPING = ("ClassVar",)
_OURS = ("EventsOf", "TimelineMethod", "TrackedManager")


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

    def shown(self, imports: list[str], annotations: dict[str, list[str]]) -> list[str]:
        """Return lines of ours to be read: imports, then the annotations of each class."""
        lines = [] if not imports else ["if TYPE_CHECKING:"]
        lines += [f"    {line}" for line in _merged(imports)]
        for class_name, own in annotations.items():
            if own:
                lines += ["", f"class {class_name}:", *(f"    {line}" for line in own)]
        return lines

    def completed(self, imports: list[str], annotations: dict[str, list[str]]) -> str | None:
        """Return the source with lines of ours in it; ``None`` where there is no place for one."""
        edits: list[_Edit] = []
        for class_name, own in annotations.items():
            node = self._class(class_name)
            if node is None:
                return None
            if own:
                edits.append(_into_class(node, own))
        text = "\n".join(line for own in annotations.values() for line in own)
        edits += self._imports(_merged(imports), text)
        lines = self.text.splitlines()
        edits.sort(key=lambda edit: edit.start)
        # The last first, so that the numbers of the others stay.
        for edit in reversed(edits):
            lines[edit.start : edit.end] = edit.lines
        completed = "\n".join(lines) + "\n"
        try:
            ast.parse(completed)
        except SyntaxError:
            return None
        return completed

    def _imports(self, imports: list[str], annotations: str) -> Iterator[_Edit]:
        """Yield the imports to be added: what annotations need, and what is for type checkers only."""
        start, end, block = self._places
        typing = ["TYPE_CHECKING"] if imports and block is None else []
        typing += [name for name in _TYPING if name in annotations]
        ours = [name for name in _OURS if name in annotations and f".{name}" not in annotations]
        if new := [name for name in typing if name not in self.names]:
            yield self._import("typing", new, start)
        if new := [name for name in ours if name not in self.names]:
            yield self._import("pgaudit_log", new, end)
        if imports:
            own = [f"    {line}" for line in imports]
            at = end if block is None else block
            yield _Edit(at, at, ["", "if TYPE_CHECKING:", *own] if block is None else own)

    def _import(self, module: str, names: list[str], position: int) -> _Edit:
        """Return an import of names: one of that module, if it is in one line, with them; or a new one."""
        for node in self.tree.body:
            if (
                isinstance(node, ast.ImportFrom)
                and (node.module, node.level) == (module, 0)
                and node.lineno == node.end_lineno
                and all(alias.asname is None and alias.name != "*" for alias in node.names)
            ):
                # As isort has them: constants, classes, functions.
                every = sorted(
                    {*names, *(alias.name for alias in node.names)},
                    key=lambda name: (not name.isupper(), not name[0].isupper(), name),
                )
                line = f"from {module} import {', '.join(every)}"
                return _Edit(node.lineno - 1, node.lineno, [line])
        line = f"from {module} import {', '.join(names)}"
        return _Edit(position, position, [line, *self._gap_behind(module, position)])

    def _gap_behind(self, module: str, position: int) -> list[str]:
        """Return the empty line between an import of Python's own and those of others."""
        following = [line.split() for line in self.text.splitlines()[position : position + 1]]
        roots = [words[1].partition(".")[0] for words in following if len(words) > 1]
        is_own = module in sys.stdlib_module_names
        return [""] if is_own and roots and roots[0] not in sys.stdlib_module_names else []

    @property
    def _places(self) -> tuple[int, int, int | None]:
        """The lines before which imports begin, after which they end, and a block for type checkers does."""
        start = end = 0
        block = None
        has_begun = False
        for position, node in enumerate(self.tree.body):
            last = node.end_lineno or 0
            is_docstring = position == 0 and isinstance(node, ast.Expr)
            if is_docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
                start = end = last
            elif isinstance(node, ast.Import | ast.ImportFrom):
                start = start if has_begun else node.lineno - 1
                has_begun, end = True, last
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


def _merged(imports: list[str]) -> list[str]:
    """Return imports, sorted, with one for all names of a module that keep theirs."""
    plain: dict[str, list[str]] = {}
    for line in sorted(imports):
        module, _, name = line.rpartition(" import ")
        if " as " not in name:
            plain.setdefault(module, []).append(name)
    renaming = [line for line in imports if " as " in line]
    return sorted(
        [*renaming, *(f"{module} import {', '.join(own)}" for module, own in plain.items())]
    )


def _into_class(node: ast.ClassDef, lines: list[str]) -> _Edit:
    """Return lines for the body of a class: before its fields, behind its docstring."""
    first = node.body[0]
    indent = " " * first.col_offset
    own = [indent + line for line in lines]
    if ast.get_docstring(node) is not None:
        behind = first.end_lineno or first.lineno
        return _Edit(behind, behind, ["", *own])
    decorators = getattr(first, "decorator_list", [])
    before = min([first.lineno, *(decorator.lineno for decorator in decorators)]) - 1
    return _Edit(before, before, [*own, ""])
