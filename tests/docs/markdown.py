"""Markdown: the fenced code blocks, headings and links of a page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}|~{3,})\s*(?P<info>.*)$")
_FILE = re.compile(r"^# (?P<path>[\w./-]+\.(?:py|ini|toml))(?P<now>, now)?$")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced code block."""

    page: Path
    line: int
    """The line of its first line of code, from 1."""
    language: str
    code: str

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> str | None:
        """The file that its first line names, such as ``# shop/models.py``."""
        match = _FILE.match(self.code.partition("\n")[0])
        return match["path"] if match else None

    @property
    def replaces(self) -> bool:
        """Whether the file has changed by now: ``# shop/models.py, now``."""
        match = _FILE.match(self.code.partition("\n")[0])
        return match is not None and match["now"] is not None


def pages() -> list[Path]:
    """Return every page: those of ``docs/``, and the README where there is one."""
    readme = ROOT / "README.md"
    return [*sorted(DOCS.rglob("*.md")), *([readme] if readme.exists() else [])]


def blocks(page: Path) -> list[Block]:
    """Return the code blocks of a page.

    Raises:
        AssertionError: for a block that is not closed.
    """
    found: list[Block] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        opening = _FENCE.match(lines[number])
        number += 1
        if opening is None:
            continue
        start = number
        while number < len(lines) and lines[number].strip() != opening["ticks"]:
            number += 1
        assert number < len(lines), f"{page}:{start}: this block is never closed"
        indent = len(opening["indent"])
        code = "\n".join(line[indent:] for line in lines[start:number])
        number += 1
        found.append(Block(page=page, line=start + 1, language=opening["info"].strip(), code=code))
    return found


def prose(page: Path) -> str:
    """Return a page without its code blocks."""
    kept: list[str] = []
    closing: str | None = None
    for line in page.read_text(encoding="utf-8").splitlines():
        fence = _FENCE.match(line)
        if closing is not None:
            closing = None if line.strip() == closing else closing
        elif fence is not None:
            closing = fence["ticks"]
        else:
            kept.append(line)
    return "\n".join(kept)


def headings(page: Path) -> list[str]:
    """Return the texts of a page's headings."""
    return re.findall(r"^#{1,6} (.+)$", prose(page), re.M)


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in headings(page)
    }


def links(page: Path) -> list[str]:
    """Return the targets of a page's relative links."""
    return [
        match["target"]
        for match in _LINK.finditer(prose(page))
        if not re.match(r"[a-z]+:", match["target"])
    ]
