"""Claims: what the pages promise, each with the tests that stand for it, as comments in the page.

A claim is a bullet or a paragraph that is followed by a comment, which a reader of the page does not see::

    **3. What is written after a block still has its context.** Leaving a block ends its comment.
    <!-- tests
    tests/integration/test_context.py::test_the_context_ends_with_its_block_inside_one_transaction
    -->

:mod:`tests.docs.evidence` makes a page for readers of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.docs import markdown

TRAPS = markdown.DOCS / "explanation" / "traps.md"
GUARANTEES = markdown.DOCS / "explanation" / "guarantees.md"

_TEST = re.compile(r"^tests/[\w/]+\.py::test_\w+$")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A bullet, or a paragraph with tests, of a page."""

    page: Path
    line: int
    """Its first line, from 1."""
    section: str
    """The heading of the second level that it stands under."""
    subsection: str
    text: str
    tests: tuple[str, ...]

    @property
    def number(self) -> int | None:
        """The number of a trap."""
        match = re.match(r"\*\*(\d+)\. ", self.text)
        return int(match[1]) if match else None

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(markdown.ROOT)}:{self.line}"


def claims(page: Path) -> list[Claim]:
    """Return the bullets, the numbered paragraphs and the paragraphs with tests of a page, in order.

    Raises:
        AssertionError: for a comment that names something else than tests.
    """
    found: list[Claim] = []
    section = subsection = ""
    for line, paragraph in _paragraphs(page):
        if paragraph.startswith("#"):
            level, _, title = paragraph.partition(" ")
            if level == "##":
                section, subsection = title, ""
            elif level == "###":
                subsection = title
            continue
        text, comment, tests = paragraph.partition("<!-- tests")
        if not (comment or text.startswith("* ") or re.match(r"\*\*\d+\. ", text)):
            continue
        named = tests.replace("-->", "").split()
        assert all(map(_TEST.match, named)), f"{page}:{line} names {named}"
        found.append(
            Claim(
                page=page,
                line=line,
                section=section,
                subsection=subsection,
                text=" ".join(text.removeprefix("* ").split()),
                tests=tuple(named),
            )
        )
    return found


def _paragraphs(page: Path) -> Iterator[tuple[int, str]]:
    """Yield the first line and the text of each heading, bullet and paragraph."""
    first, lines = 1, list[str]()
    for number, line in enumerate([*page.read_text(encoding="utf-8").splitlines(), ""], 1):
        if not line.strip() or line.startswith(("#", "* ")):
            if lines:
                yield first, "\n".join(lines)
            first, lines = number, [line] if line.strip() else []
        else:
            first = first if lines else number
            lines.append(line)
