"""The long run: what takes minutes, and a summary of it for the documentation."""

from __future__ import annotations

import os
import platform
import re
import tempfile
from datetime import datetime, timezone
from pathlib import Path

import django
import pytest

from tests.durability import summary

PAGE = Path("docs/explanation/durability.md")
BEGIN, END = "<!-- summary: made by tests/run.py -->\n", "<!-- end of the summary -->"


def run(arguments: list[str], *, into_docs: bool) -> int:
    """Run the long tests, print their summary, and return pytest's exit status.

    A run in which something failed changes no page.
    """
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        noted = Path(folder) / "rows"
        patch.setenv(summary.FILE, str(noted))
        status = int(pytest.main(["-m", "long", *arguments]))
        if noted.exists():
            text = f"{_conditions()}\n\n{summary.table(noted)}"
            print(f"\n{text}")
            if into_docs and status == 0:
                PAGE.write_text(with_summary(PAGE.read_text(), text))
    return status


def with_summary(page: str, text: str) -> str:
    """Return a page with another summary between its two marks."""
    between = re.compile(f"(?<={re.escape(BEGIN)}).*?(?={re.escape(END)})", re.S)
    changed, count = between.subn(lambda _: f"\n{text}\n", page)
    if count != 1:
        raise ValueError(f"There is no place for the summary: {BEGIN!r} … {END!r}.")
    return changed


def _conditions() -> str:
    """Return when, and with what, a run was made."""
    return (
        f"On {datetime.now(timezone.utc):%Y-%m-%d}, with Python {platform.python_version()}, Django"
        f" {django.get_version()}, and {os.cpu_count()} cores on {platform.system()}:"
    )
