"""The report: tables as Markdown, measurements as JSON, and both into the README."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks import bars
from benchmarks.findings import Findings, Value

README = Path(__file__).resolve().parent / "README.md"
BEGIN, END = "<!-- results: run.py --write-readme -->", "<!-- end of results -->"
PACKAGES = (
    "Django",
    "psycopg",
    "django-pgaudit-log",
    "django-pgtrigger",
    "django-pghistory",
    "django-auditlog",
    "django-simple-history",
    "django-reversion",
    "django-easy-audit",
)


def markdown(found: Sequence[Findings], values: Sequence[Value], *, command: str) -> str:
    """Return the whole report; ``command`` is what made it."""
    parts = [f"Measured {_circumstances(command)}."]
    parts.append(bars.table(values).markdown())
    for findings in found:
        parts.append(f"## {findings.title}")
        parts += [table.markdown() for table in findings.tables]
    return "\n\n".join(parts) + "\n"


def data(found: Sequence[Findings], values: Sequence[Value], *, command: str) -> dict[str, Any]:
    """Return everything that was measured, for a JSON file; ``command`` is what made it."""
    return {
        "circumstances": {
            "date": today(),
            "command": command,
            "machine": machine(),
            "versions": versions(),
        },
        "values": [
            {**asdict(v), "limit": bars.BARS[v.bar].limit, "unit": bars.BARS[v.bar].unit}
            for v in values
        ],
        "sections": {findings.title: findings.measurements for findings in found},
    }


def write_readme(text: str) -> None:
    """Put the report between the marks of the README."""
    before, _, rest = README.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


def _circumstances(command: str) -> str:
    used = ", ".join(f"{name} {version}" for name, version in versions().items())
    return f"{today()} by `{command}` on {machine()}, with {used}"


def today() -> str:
    return datetime.now(timezone.utc).date().isoformat()


def machine() -> str:
    processor = platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} × {processor}, {memory:.0f} GiB of memory, {platform.system()}"


def versions() -> dict[str, str]:
    found = {"Python": platform.python_version(), "PostgreSQL": "18"}
    return found | {name: importlib.metadata.version(name) for name in PACKAGES}
