"""Reads the examples of a page: files in Markdown with what django-pghistory's documentation prints.

They end in ``.txt`` because formatters change the code in ``.md`` files.
Each heading is an example, the text below it says where it differs from what is printed,
and its blocks are, by their info string:

* ``python models``: the text of an app's ``models`` module.
* ``python usage``: what runs after ``migrate``; lines that start with ``>`` are what it prints.
* ``python console``: the same, but lines that start with ``>`` are what runs.
* ``python fill``: what ``...`` stands for in the block before.
* ``python stand-in``: what Django lacks, defined in front of the models.

The only change to a block is that ``import pghistory`` reads ``import pgaudit_log as pghistory``.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "examples"

_HEADING = re.compile(r"^## (\w+)$", re.M)
_BLOCK = re.compile(r"^```python ([\w-]+)\n(.*?)^```$", re.M | re.S)
_IMPORT = re.compile(r"^import pghistory$", re.M)
_OUR_IMPORT = "import pgaudit_log as pghistory"


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What an example runs, and the expression of what it then prints, if it prints anything."""

    code: str
    output: str = ""


@dataclass(frozen=True, kw_only=True)
class Example:
    """One example: an app of its own, and what is done with it."""

    page: str
    name: str
    models: str
    usages: tuple[Usage, ...] = ()

    @property
    def app(self) -> str:
        """The label of its app."""
        return f"{self.page}_{self.name}"

    @property
    def user_accessors(self) -> frozenset[str]:
        """The models that Django gives an accessor on the user, which two apps cannot share."""
        if 'ForeignKey("auth.User"' not in self.models:
            return frozenset()
        return frozenset(re.findall(r"^class (\w+)", self.models, re.M))


def read(page: str) -> list[Example]:
    """Return the examples of a page, in their order."""
    text = (FOLDER / f"{page}.txt").read_text()
    _, *parts = _HEADING.split(text)
    return [
        _example(page, name, _filled(_BLOCK.findall(body)))
        for name, body in zip(parts[::2], parts[1::2], strict=True)
    ]


def find(page: str, name: str) -> Example:
    """Return an example by its name."""
    (found,) = [example for example in read(page) if example.name == name]
    return found


def read_all() -> list[Example]:
    """Return the examples of all pages."""
    return [example for path in sorted(FOLDER.glob("*.txt")) for example in read(path.stem)]


def _filled(blocks: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return ``blocks`` with what ``...`` stands for written in."""
    filled: list[tuple[str, str]] = []
    for kind, text in blocks:
        if kind == "fill":
            kind_before, before = filled.pop()
            filled.append((kind_before, _fill(before, text.rstrip("\n"))))
        else:
            filled.append((kind, text))
    return filled


def _fill(text: str, fill: str) -> str:
    indent = re.search(r"^( *)\.\.\.$", text, re.M)
    if indent:
        return text.replace(indent[0], textwrap.indent(fill, indent[1]))
    return text.replace("...", fill)


def _example(page: str, name: str, blocks: list[tuple[str, str]]) -> Example:
    models = [text for kind, text in blocks if kind in ("stand-in", "models")]
    text = _IMPORT.sub(_OUR_IMPORT, "\n".join(models))
    imports = ["from django.db import models"]
    if _OUR_IMPORT not in text:
        imports.append(_OUR_IMPORT)
    return Example(
        page=page,
        name=name,
        models="\n".join([*imports, "", text]),
        usages=tuple(_usages(blocks)),
    )


def _usages(blocks: list[tuple[str, str]]) -> Iterator[Usage]:
    for kind, text in blocks:
        if kind not in ("usage", "console"):
            continue
        marked = "".join(re.findall(r"^> ?(.*\n)", text, re.M))
        rest = "".join(re.findall(r"^(?![>#]).*\n", text, re.M))
        if kind == "usage":
            yield Usage(code=re.sub(r"^>.*\n", "", text, flags=re.M), output=marked.strip())
        else:
            yield Usage(code=marked, output=rest.strip())
