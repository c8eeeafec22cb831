"""The page: the stored result of a run, as the tables and lists of the documentation."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.comparison.packages import PACKAGES, Package
from benchmarks.comparison.probes import Probe, all_probes
from benchmarks.findings import Table

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "explanation"
PAGE, RESULT = FOLDER / "comparison.md", FOLDER / "comparison.json"
BEGIN, END = "<!-- results: run.py --only comparison --write-docs -->", "<!-- end of results -->"

SIGNS = {"yes": "yes", "partly": "partly", "no": "–"}

OURS = "pgaudit_log"


def stored() -> dict[str, Any]:
    """Return the stored result of the last run."""
    found: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8"))
    return found


def write(result: Mapping[str, Any]) -> None:
    """Store a result, and put it between the marks of the page."""
    RESULT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{markdown(result)}\n{END}{after}", encoding="utf-8")


def markdown(result: Mapping[str, Any]) -> str:
    """Return what stands between the marks."""
    packages = [package for package in PACKAGES if package.name in result["packages"]]
    probes = all_probes()
    parts = [
        _wrapped(f"Run on {result['date']} by `{result['command']}`, with {result['versions']}."),
        _facts(result, packages),
    ]
    for group in dict.fromkeys(probe.group for probe in probes):
        own = [probe for probe in probes if probe.group == group]
        parts.append(_table(group, own, result, packages))
    parts += _costs(result, packages)
    parts.append("## What each misses, and what it does in part")
    parts += [_missing(package, probes, result) for package in packages]
    return "\n\n".join(parts) + "\n"


def _facts(result: Mapping[str, Any], packages: Iterable[Package]) -> str:
    own = list(packages)
    names = list(result["packages"][OURS]["facts"])
    rows = [(name, *(result["packages"][p.name]["facts"][name] for p in own)) for name in names]
    return _rendered("What its metadata say", own, rows)


def _table(
    group: str, probes: Iterable[Probe], result: Mapping[str, Any], packages: list[Package]
) -> str:
    rows = [
        (probe.title, *(SIGNS[_answer(result, p, probe)["verdict"]] for p in packages))
        for probe in probes
    ]
    return _rendered(group, packages, rows)


def _costs(result: Mapping[str, Any], packages: list[Package]) -> list[str]:
    """Return the tables of what was measured by the benchmarks, if that was given to the run."""
    costs = result.get("costs")
    if not costs:
        return []
    rows = [
        (title, *(costs["by package"][package.name][work] for package in packages))
        for work, title in costs["works"].items()
    ]
    note = (
        f"Measured on {costs['date']} on {costs['machine']}, with {costs['versions']}; how, stands in"
        " `benchmarks/README.md` of the repository. A number with × is the processor time of the Django"
        " process and of PostgreSQL, as a multiple of the same work without tracking; “–” is work of"
        " which the package records nothing."
    )
    return [_rendered("What it costs", packages, rows), _wrapped(note)]


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 160, break_long_words=False, break_on_hyphens=False)


def _missing(package: Package, probes: Iterable[Probe], result: Mapping[str, Any]) -> str:
    lines = [f"### {package.distribution}", ""]
    for probe in probes:
        answer = _answer(result, package, probe)
        if answer["verdict"] == "yes":
            continue
        word = "in part: " if answer["verdict"] == "partly" else ""
        lines.append(f"* {probe.group} – {probe.title}: {word}{_escaped(answer['seen'])}")
    return "\n".join(lines)


def _answer(result: Mapping[str, Any], package: Package, probe: Probe) -> Mapping[str, str]:
    found: Mapping[str, str] = result["packages"][package.name]["answers"][probe.name]
    return found


def _rendered(title: str, packages: list[Package], rows: Iterable[tuple[str, ...]]) -> str:
    columns = ("", *(package.distribution.removeprefix("django-") for package in packages))
    text = Table(title=title, columns=columns, rows=tuple(rows)).markdown()
    return text.replace("### ", "## ", 1)


def _escaped(text: str) -> str:
    return f"`{text}`" if any(sign in text for sign in "{[<_*") else text
