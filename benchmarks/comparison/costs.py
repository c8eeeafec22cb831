"""The costs: what the section `writing` has measured, picked for the comparison out of its report."""

from __future__ import annotations

import re
from typing import Any

from benchmarks import variants, writing
from benchmarks.comparison.packages import PACKAGES

_WORKS = ("create", "save", "saves_in_transaction", "bulk_create")
_SIZES = ("insert, a context each", "update, a context each")
_RATIOS = "### Processor time, as a multiple of the untracked work"
_BYTES = "### Bytes per event, with all indexes"
MISSES, NOT_MEASURED = "–", "not measured"


def costs(report: str) -> dict[str, Any]:
    """Return the costs of each package, out of a report of the benchmarks, such as their README."""
    ratios = {(row[0], row[1]): row for row in _rows(report, _RATIOS)}
    titles = ratios["work", "on a connection"]
    weights = {row[0]: row for row in _rows(report, _BYTES)}
    works: dict[str, str] = {task: writing.TITLES[task] for task in _WORKS}
    works |= {kind: f"bytes of an event, with indexes: {kind}" for kind in _SIZES}
    found: dict[str, dict[str, str]] = {}
    for package in PACKAGES:
        variant = variants.BY_NAME[str(package.variant)]
        own = found[package.name] = {}
        for task in _WORKS:
            row = ratios[writing.TITLES[task], writing.ORDERS["first"]]
            told = row[titles.index(variant.title)] if variant.title in titles else NOT_MEASURED
            own[task] = MISSES if task in variant.misses or told == "misses" else told
        for kind in _SIZES:
            row = weights.get(variant.title)
            own[kind] = row[weights["variant"].index(kind)] if row else NOT_MEASURED
    measured = re.search(
        r"^Measured (\S+)(?: by `[^`]+`)? on ([^\n]+?), with (.+?)\.(?=\s)", report, re.MULTILINE
    )
    assert measured is not None, "the report does not say when it was measured"
    return {
        "date": measured[1],
        "machine": measured[2],
        "versions": measured[3],
        "works": works,
        "by package": found,
    }


def _rows(report: str, heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading, that of its columns first."""
    _, _, rest = report.partition(f"{heading}\n")
    lines = rest.strip().splitlines()
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return [row for row in rows if not set("".join(row)) <= {"-"}]
