"""The scan: finds the names of peers in a project's source, and says what to write instead.

    python -m pgaudit_log.importing.scan PATH …

It only reads the source; neither the project nor the peers are imported. Exit codes: 0 where nothing
was found, 1 where something was, 2 for a path that is not there.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pgaudit_log.importing import peer_names
from pgaudit_log.importing.peer_names import Instead

PEERS = ("auditlog", "easyaudit", "pghistory", "reversion", "simple_history")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A name of a peer's in a project."""

    path: Path
    line: int
    name: str
    instead: Instead

    def __str__(self) -> str:
        mark = " [silent]" if self.instead.is_silent else ""
        return f"{self.path}:{self.line}: {self.name}{mark}: {self.instead.advice}"


def scan(paths: Iterable[Path]) -> Iterator[Finding]:
    """Yield what is found in Python files, and in those of folders, in their order.

    Of a file that cannot be read as Python, that.
    """
    for path in paths:
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        for file in files:
            yield from _in_file(file)


def _in_file(path: Path) -> Iterator[Finding]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        advice = f"It is no Python that can be read: {error}. Look through it yourself."
        yield Finding(path=path, line=1, name=path.name, instead=Instead(advice=advice))
        return
    reader = _Reader(path)
    reader.visit(tree)
    if path.parent.name == "migrations":
        yield from _of_migration(path, reader.findings)
        return
    seen = set()
    for finding in sorted(reader.findings, key=lambda found: (found.line, found.name)):
        if (finding.line, finding.name) not in seen:
            seen.add((finding.line, finding.name))
            yield finding


def _of_migration(path: Path, findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield what is said of a migration, which is left as it is: that it needs a peer, if it does."""
    named = [finding for finding in findings if _is_of_peer(finding.name)]
    for finding in sorted(named, key=lambda found: found.line)[:1]:
        name = finding.name.partition(".")[0]
        yield Finding(path=path, line=finding.line, name=name, instead=peer_names.MIGRATION)


class _Reader(ast.NodeVisitor):
    """Looks through the source of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.findings: list[Finding] = []
        self.names: dict[str, str] = {}
        """What was imported: the paths of names."""

    def note(self, node: ast.AST, name: str, instead: Instead) -> None:
        line = getattr(node, "lineno", 1)
        self.findings.append(Finding(path=self.path, line=line, name=name, instead=instead))

    def visit_Import(self, node: ast.Import) -> None:
        for imported in node.names:
            if _is_of_peer(imported.name):
                own = imported.asname or imported.name.partition(".")[0]
                self.names[own] = imported.name if imported.asname else own
                self.note(node, imported.name, _of_path(imported.name))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for imported in node.names if node.module and not node.level else ():
            path = f"{node.module}.{imported.name}"
            if _is_of_peer(path):
                self.names[imported.asname or imported.name] = path
                self.note(node, path, _of_path(path))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._note_attribute(node)
        if (path := self._path(node)) is not None:
            instead = _of_path(path)
            is_known = instead is not peer_names.NO_COUNTERPART
            self.note(node, _known_part(path) if is_known else path, instead)
        else:
            self.generic_visit(node)

    def _note_attribute(self, node: ast.Attribute) -> None:
        value, name = node.value, node.attr
        is_context = isinstance(value, ast.Attribute) and value.attr == "pgh_context"
        is_trail = isinstance(value, ast.Attribute) and value.attr == "objects"
        is_of_events = {"metadata": is_context, "references": is_trail, "tracks": is_trail}
        if name in peer_names.ARGUMENTS:
            self.note(node, name, peer_names.ARGUMENTS[name])
        elif name in peer_names.ATTRIBUTES and is_of_events.get(name, True):
            self.note(node, name, peer_names.ATTRIBUTES[name])
        elif (
            name in peer_names.RECORDS
            and isinstance(value, ast.Attribute)
            and value.attr == "history"
        ):
            self.note(value, f"history.{name}", peer_names.HISTORY)

    def visit_Call(self, node: ast.Call) -> None:
        path = self._path(node.func)
        if path == "pghistory.track":
            if not node.args:
                self.note(node, "track() without trackers", peer_names.BARE_TRACK)
            for keyword in node.keywords:
                if keyword.arg in peer_names.OF_TRACK:
                    self.note(node, f"track({keyword.arg}=)", peer_names.OF_TRACK[keyword.arg])
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node.name in peer_names.METHODS:
            self.note(node, node.name, peer_names.METHODS[node.name])
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        self._note_field(node, node.arg or "")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if not isinstance(node.value, str):
            return
        if _is_of_peer(node.value) and all(map(str.isidentifier, node.value.split("."))):
            self.note(node, node.value, _of_path(node.value))
        else:
            self._note_field(node, node.value.removeprefix("-"))

    def _note_field(self, node: ast.AST, text: str) -> None:
        for name, instead in peer_names.ARGUMENTS.items():
            if text == name or text.startswith(f"{name}__"):
                self.note(node, name, instead)
                return

    def visit_Name(self, node: ast.Name) -> None:
        if (instead := peer_names.SETTINGS.get(node.id)) is not None:
            self.note(node, node.id, instead)
            return
        path = self.names.get(node.id)
        # Of a package alone, the line that imports it tells.
        if isinstance(node.ctx, ast.Load) and path in peer_names.DOTTED and path not in PEERS:
            self.note(node, path, peer_names.DOTTED[path])

    def _path(self, node: ast.AST) -> str | None:
        """Return the path that a chain of attributes names, if it begins with an import of a peer's."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute) and (before := self._path(node.value)) is not None:
            return f"{before}.{node.attr}"
        return None


def _is_of_peer(path: str) -> bool:
    return path.partition(".")[0] in PEERS


def _of_path(path: str) -> Instead:
    """Return what is said of a path, or of the longest beginning of it of which something is.

    What is said of a package is not said of all that is in it.
    """
    known = _known_part(path)
    if known in PEERS and known != path:
        return peer_names.NO_COUNTERPART
    return peer_names.DOTTED[known]


def _known_part(path: str) -> str:
    """Return the longest beginning of a path of which something is said."""
    # An older path of the same functions.
    path = path.replace("reversion.revisions.", "reversion.", 1)
    while path not in peer_names.DOTTED:
        path = path.rpartition(".")[0]
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Write what is found, a line each, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m pgaudit_log.importing.scan",
        description="Find names of packages that record history, with what to write instead.",
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="A file or a folder.")
    paths = parser.parse_args(arguments).paths
    for path in paths:
        if not path.exists():
            sys.stderr.write(f"There is no {path}.\n")
            return 2
    found = 0
    for finding in scan(paths):
        found += 1
        sys.stdout.write(f"{finding}\n")
    sys.stderr.write(
        f"{found} found; [silent] marks what would mean another thing without an error.\n"
        if found
        else "Nothing found.\n"
    )
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
