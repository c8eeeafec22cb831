"""Rules: what is done with each code block of a page, by its language and its first line.

* ``# shop/models.py`` on top: the block is a file of the page's project. All of them
  are written before anything runs, several for one file one after the other. With
  ``# shop/models.py, now`` it replaces the file when the page gets there.
* ``python``: run in order in one namespace, as in ``manage.py shell``.
* ``sql``: run statement by statement, in a session of its own.
* ``console``: the lines that start with ``$ `` are run, the others are their output.
* ``bash``: every line is run.
* ``text``: the output of the block before it, with ``...`` for what differs each time.

A page that starts a project of its own, with ``django-admin startproject``, is tried in a bare one.

Anything else is an error. Migrations are made and applied before the first block that
runs, unless the page has a command that does.
"""

from __future__ import annotations

import doctest
import re
import shlex
from dataclasses import dataclass, field
from typing import Any

from tests.docs.markdown import ROOT, Block

FILE_LANGUAGES = {"python", "ini", "toml"}
COMMANDS = {"python", "pytest", "mypy", "pyright"}
STARTS = [
    ["django-admin", "startproject", "mysite", "."],
    ["python", "manage.py", "startapp", "shop"],
]
"""How a reader starts a project. A page that says so gets one that was started so."""
ALREADY_DONE = [*STARTS, ["createdb", "mysite"]]
"""What has been done for a page before its first step."""
REQUIREMENT = re.compile(r"^(?P<name>[\w-]+)(?:\[(?P<extras>[\w,-]+)\])?$")


class PageError(AssertionError):
    """A page says something that is not so; the message starts with where."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something to run, and what the page says of its output."""

    block: Block
    kind: str
    code: str
    expected: str | None = None
    is_quiet: bool = False
    """Whether the page need not show what it writes."""

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "code": self.code,
            "line": self.block.line,
            "page": str(self.block.page),
        }


@dataclass(kw_only=True)
class Session:
    """The files to write, then the steps to run in one process."""

    files: list[Block] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


def sessions(blocks: list[Block]) -> list[Session]:
    """Return what the blocks of a page come to.

    Raises:
        PageError: for a block that no rule runs.
    """
    found = [Session(files=[b for b in blocks if b.file and not b.replaces])]
    position = 0
    while position < len(blocks):
        block = blocks[position]
        follower = blocks[position + 1] if position + 1 < len(blocks) else None
        output = follower.code if follower is not None and follower.language == "text" else None
        position += 1 if output is None else 2
        if block.file is not None:
            if block.language not in FILE_LANGUAGES:
                raise PageError(f"{block.where}: a file in {block.language!r} is not known")
            if output is not None:
                raise PageError(f"{block.where}: a file has no output")
            if block.replaces:
                if found[-1].steps:
                    found.append(Session())
                found[-1].files.append(block)
            continue
        found[-1].steps += _steps(block, output)
    for session in found:
        if session.steps and not any(_migrates(step) for step in session.steps):
            migrate = Step(block=session.steps[0].block, kind="migrate", code="", is_quiet=True)
            session.steps.insert(0, migrate)
    return found


def roles(blocks: list[Block]) -> list[str]:
    """Return the names of the roles that a page makes; a server's databases share them."""
    return [
        name
        for block in blocks
        if block.language == "sql"
        for name in re.findall(r"CREATE ROLE (\w+)", block.code)
    ]


def starts_a_project(blocks: list[Block]) -> bool:
    """Return whether a page tells how to start a project."""
    told = {line for block in blocks for line in block.code.splitlines()}
    return all(f"$ {shlex.join(words)}" in told for words in STARTS)


def _migrates(step: Step) -> bool:
    return step.kind == "command" and "manage.py migrate" in step.code


def _steps(block: Block, output: str | None) -> list[Step]:
    if block.language == "python":
        return [Step(block=block, kind="python", code=block.code, expected=output)]
    if block.language == "sql":
        quiet = output is None
        return [Step(block=block, kind="sql", code=block.code, expected=output, is_quiet=quiet)]
    if block.language in ("console", "bash"):
        if output is not None:
            raise PageError(f"{block.where}: put the output of a command into its console block")
        return _commands(block)
    if block.language == "{eval-rst}":
        return []  # a directive of the site, whose building fails if it is wrong
    if block.language == "text":
        raise PageError(f"{block.where}: no block before this output has been run")
    raise PageError(f"{block.where}: no rule runs a block in {block.language!r}")


def _commands(block: Block) -> list[Step]:
    steps: list[Step] = []
    commands: list[tuple[str, list[str]]] = []
    for line in block.code.splitlines():
        if block.language == "bash":
            if line.strip():
                commands.append((line, []))
        elif line.startswith("$ "):
            commands.append((line[2:], []))
        elif commands:
            commands[-1][1].append(line)
        else:
            raise PageError(f"{block.where}: a console block starts with a command after '$ '")
    for command, lines in commands:
        words = shlex.split(command, comments=True)
        if words in ALREADY_DONE:
            continue
        if words[:2] == ["pip", "install"]:
            _check_distribution(block, words[2:])
            if re.search(r"(?<![\"'])django-pgaudit-log\[", command):
                raise PageError(f"{block.where}: zsh takes [ for a pattern; put it in quotes")
        elif words[0] in COMMANDS:
            expected = "\n".join(lines) if lines else None
            code = shlex.join(words)
            steps.append(
                Step(block=block, kind="command", code=code, expected=expected, is_quiet=not lines)
            )
        else:
            raise PageError(f"{block.where}: no rule runs the command {words[0]!r}")
    return steps


def _check_distribution(block: Block, requirements: list[str]) -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    # Python 3.10 has no tomllib.
    name = re.search(r'^\[project\]\nname = "(.+)"$', text, re.M)
    extras = re.search(r"^\[project\.optional-dependencies\]\n((?:.+\n)*)", text, re.M)
    assert name is not None
    assert extras is not None
    known = re.findall(r"^([\w-]+) =", extras[1], re.M)
    for requirement in requirements:
        match = REQUIREMENT.match(requirement)
        if match is None or match["name"] != name[1]:
            raise PageError(f"{block.where}: {requirement!r} is not {name[1]!r}")
        for extra in filter(None, (match["extras"] or "").split(",")):
            if extra not in known:
                raise PageError(f"{block.where}: there is no extra {extra!r}")


def judge(step: Step, result: dict[str, Any]) -> None:
    """Compare what a step wrote with what the page says.

    Raises:
        PageError: when they differ, or when it failed and the page does not show how.
    """
    if result["failed"] and step.expected is None:
        raise PageError(f"{step.block.where} failed:\n{result['failed']}")
    if step.is_quiet:
        return
    got, want = _tidy(result["output"]), _tidy(step.expected or "")
    if not doctest.OutputChecker().check_output(want, got, doctest.ELLIPSIS):
        told = f"\n--- and it failed:\n{result['failed']}" if result["failed"] else ""
        raise PageError(
            f"{step.block.where} wrote\n{got}--- where the page has\n{want or '(nothing)'}{told}"
        )


def _tidy(text: str) -> str:
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    return "\n".join(lines) + "\n" if lines else ""
