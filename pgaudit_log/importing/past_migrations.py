"""Past migrations: takes the history models and triggers of a peer out of those that made and dropped them.

    python -m pgaudit_log.importing.past_migrations FOLDER …

A migration that creates a model of a peer's imports the peer, or depends on its migrations, for as
long as it is there; so the peer cannot be uninstalled, and squashing does not change that. What a
later migration has dropped is no part of the project any more, and can be taken out of both, applied
or not. The files are changed where they lie; neither the project nor the peers are imported. Exit
codes: 0 where no migration names a peer any more, 1 where one does, 2 for a folder that is not there.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

_PEERS = ("pghistory", "simple_history")
"""Those that have migrations of a project name them. The others have tables of their own only."""

_NAMED = re.compile(rf"\b({'|'.join(_PEERS)})\b")


def take_out(files: Sequence[Path]) -> Iterator[tuple[Path, int, list[int]]]:
    """Rewrite the migrations of an app without what they have of peers, and of which nothing is left.

    Yields each file that was changed, or that names a peer: with how many operations were taken out
    of it, and the lines that name one still.

    Raises:
        SyntaxError: when one is no Python that can be read; none is changed then.
    """
    trees = {file: ast.parse(file.read_bytes(), str(file)) for file in files}
    operations = [node for tree in trees.values() for node in _operations(tree)]
    gone_models = _gone_models(operations)
    gone_triggers = _gone_triggers(operations)
    # A program of a migration may ask for such a model, too.
    names = re.compile(rf"\b({'|'.join([*_PEERS, *sorted(gone_models)])})\b", re.IGNORECASE)
    for file, tree in trees.items():
        # As bytes, so that the ends of lines stay.
        text = file.read_bytes().decode()
        gone = [
            node
            for node in _operations(tree)
            if _model(node) in gone_models or _trigger(node) in gone_triggers
        ]
        # Python's lines, not those of splitlines(), which knows more ends.
        lines = re.findall(r"[^\n]*\n|[^\n]+", text)
        kept = _without(lines, gone)
        if not _named_elsewhere(kept, tree):
            kept = _without(lines, [*gone, *_needs(tree)])
        changed = "".join(kept)
        if changed != text:
            file.write_bytes(changed.encode())
        named = [n for n, line in enumerate(changed.split("\n"), 1) if names.search(line)]
        if named or changed != text:
            yield file, len(gone), named


def _operations(tree: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls that make operations of migrations, or may."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node


def _text(node: ast.Call, name: str) -> str | None:
    """Return the text that an operation has for an argument, in small letters."""
    for keyword in node.keywords:
        if keyword.arg == name and isinstance(keyword.value, ast.Constant):
            return str(keyword.value.value).lower()
    return None


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _model(node: ast.Call) -> str | None:
    """Return the model that an operation is of."""
    if ast.unparse(node.func).partition(".")[0] not in ("migrations", "pgtrigger"):
        return None
    if _called(node) == "RenameModel":
        return _text(node, "old_name")
    return _text(node, "model_name") or (_text(node, "name") if "Model" in _called(node) else None)


def _trigger(node: ast.Call) -> tuple[str | None, str | None] | None:
    """Return the model and the name of the trigger that an operation adds or removes."""
    if _called(node) == "RemoveTrigger":
        return _text(node, "model_name"), _text(node, "name")
    if _called(node) == "AddTrigger":
        for keyword in node.keywords:
            if keyword.arg == "trigger" and isinstance(keyword.value, ast.Call):
                return _text(node, "model_name"), _text(keyword.value, "name")
    return None


def _gone_models(operations: Sequence[ast.Call]) -> set[str]:
    """Return the peers' models, by all their names, that were dropped as often as they were made."""
    made: Counter[str] = Counter()
    former: dict[str, set[str]] = {}
    for node in operations:
        name = _model(node)
        if name is None:
            continue
        if _called(node) == "CreateModel" and _is_of_peer(node):
            made[name] += 1
            former.setdefault(name, {name})
        elif _called(node) == "RenameModel" and made[name]:
            new = _text(node, "new_name") or name
            made[new], made[name] = made[name], 0
            former[new] = {new, *former.pop(name)}
        elif _called(node) == "DeleteModel" and made[name]:
            made[name] -= 1
    return {name for last in former if not made[last] for name in former[last]} - set(
        made.elements()
    )


def _is_of_peer(node: ast.Call) -> bool:
    source = ast.unparse(node)
    return "simple_history." in source or ("'pgh_id'" in source and "'pgh_label'" in source)


def _gone_triggers(operations: Sequence[ast.Call]) -> set[tuple[str | None, str | None] | None]:
    """Return the triggers by which django-pghistory records, that were removed as often as added."""
    added: Counter[tuple[str | None, str | None]] = Counter()
    for node in operations:
        trigger = _trigger(node)
        if trigger is None:
            continue
        if _called(node) == "AddTrigger" and "pgh_created_at" in ast.unparse(node):
            added[trigger] += 1
        elif _called(node) == "RemoveTrigger" and trigger in added:
            added[trigger] -= 1
    return {trigger for trigger, count in added.items() if count == 0}


def _needs(tree: ast.AST) -> Iterator[ast.stmt | ast.expr]:
    """Yield the imports of peers, and the dependencies on their migrations."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            if node.names[0].name.partition(".")[0] in _PEERS:
                yield node
        elif isinstance(node, ast.ImportFrom):
            if (node.module or "").partition(".")[0] in _PEERS:
                yield node
        elif isinstance(node, ast.Tuple) and len(node.elts) == 2:
            app = node.elts[0]
            if isinstance(app, ast.Constant) and app.value in _PEERS:
                yield node


def _named_elsewhere(lines: Sequence[str], tree: ast.AST) -> bool:
    """Return whether something is left that needs a peer."""
    needs = {n for node in _needs(tree) for n in range(node.lineno, (node.end_lineno or 0) + 1)}
    return any(_NAMED.search(line) for n, line in enumerate(lines, 1) if n not in needs)


def _without(lines: Sequence[str], nodes: Sequence[ast.stmt | ast.expr]) -> list[str]:
    """Return lines without nodes that have theirs for themselves; what is taken out is empty."""
    kept = list(lines)
    for node in nodes:
        last = node.end_lineno or node.lineno
        before = lines[node.lineno - 1].encode()[: node.col_offset].strip()
        behind = lines[last - 1].encode()[node.end_col_offset :].strip()
        if not before and behind in (b"", b","):
            kept[node.lineno - 1 : last] = [""] * (last - node.lineno + 1)
    return kept


def main(arguments: Sequence[str] | None = None) -> int:
    """Take out what is gone, write what was done, a line a file, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m pgaudit_log.importing.past_migrations",
        description="Take dropped models of packages that recorded history out of migrations.",
    )
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="FOLDER", help="The migrations of an app."
    )
    code = 0
    for folder in parser.parse_args(arguments).folders:
        if not folder.is_dir():
            sys.stderr.write(f"There is no folder {folder}.\n")
            return 2
        try:
            found = list(take_out(sorted({*folder.glob("*.py")} - {folder / "__init__.py"})))
        except SyntaxError as error:
            sys.stderr.write(f"Nothing was changed in {folder}. {error}\n")
            return 2
        for file, count, named in found:
            told = f"{count} operations taken out"
            if named:
                code = 1
                lines = ", ".join(map(str, named))
                told += (
                    f". Still named in {lines}: what is there is not dropped by a migration, has no"
                )
                told += " line of its own, or is a program. Take it out by hand"
            sys.stdout.write(f"{file}: {told}.\n")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
