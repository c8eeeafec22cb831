"""Runs the benchmarks from nothing: `python3 benchmarks/run.py`.

Installs this package and its peers into an environment of their own, starts a temporary PostgreSQL
18, measures, and prints tables. `--short` takes two minutes; `--only writing` leaves out the other
sections; `--check` fails where a bar is missed by more than its margin.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # instead of this file's directory, so that modules have one name only

from example_project import bootstrap  # noqa: E402

if TYPE_CHECKING:
    from benchmarks.findings import Findings
    from example_project.embedded_postgres import Server

SECTIONS = ("writing", "growth", "reading")
ASKED_FOR = ("startup", "screens")
COMPARISON = "comparison"
"""Sections that run only where ``--only`` names them: they take long, or miss bars yet."""


def main() -> int:
    """Return the exit status: 1 where `--check` finds a bar missed."""
    # An environment of their own, so that the tests do not see the peers.
    os.environ.setdefault("PGAUDIT_LOG_VENV", str(ROOT / ".venv-benchmark"))
    options = arguments()
    bootstrap.enter("benchmark")
    # Not above: these need what the line before has installed.
    from benchmarks import bars, report
    from benchmarks.server import running

    started = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {what}", file=sys.stderr, flush=True)

    if options.only == COMPARISON:
        return compare(options, say)
    sections = [options.only] if options.only else list(SECTIONS)
    with running() as server:
        found = [section(name, server, options, say) for name in sections]
        for number, name in enumerate(sections):
            if options.check and bars.missed(found[number].values):
                say(f"{name}: again, because a bar was missed")
                found[number] = section(name, server, options, say)
    values = [value for findings in found for value in findings.values]
    say("done")
    text = report.markdown(found, values, command=command(options))
    print(text)
    if options.json:
        options.json.write_text(
            json.dumps(report.data(found, values, command=command(options)), indent=1)
        )
    if options.write_readme:
        report.write_readme(text)
    missed = bars.missed(values)
    for value in missed:
        print(f"Missed: {bars.BARS[value.bar].title}, {value.where}.", file=sys.stderr)
    return 1 if options.check and missed else 0


def compare(options: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Run the probes with each package, and write or print the page that is made of what they found."""
    from benchmarks import report
    from benchmarks.comparison import costs, page, runs
    from benchmarks.server import running

    with running() as server:
        packages = runs.run(server, say)
    result: dict[str, Any] = {
        "date": report.today(),
        "command": command(options),
        "versions": ", ".join(f"{name} {version}" for name, version in report.versions().items()),
        "packages": packages,
    }
    if options.costs:
        result["costs"] = costs.costs(options.costs.read_text(encoding="utf-8"))
    elif page.RESULT.exists() and "costs" in page.stored():
        result["costs"] = page.stored()["costs"]  # they are measured by themselves
    if options.write_docs:
        page.write(result)
    else:
        print(page.markdown(result))
    return 0


def section(
    name: str, server: Server, options: argparse.Namespace, say: Callable[[str], None]
) -> Findings:
    """Run one section and return its findings."""
    from benchmarks import growth, reading, screens, startup, writing

    if name == "writing":
        written = writing.SHORT if options.short else writing.FULL
        if options.sizes:
            written = replace(written, sized=writing.FULL.sized)
        return writing.run(server, written, say)
    if name == "growth":
        return growth.run(server, growth.SHORT if options.short else growth.FULL, say)
    if name == "startup":
        return startup.run(server, startup.SHORT if options.short else startup.FULL, say)
    if name == "screens":
        size = screens.SHORT if options.short else screens.FULL
        return screens.run(server, size.of(options.events), say)
    extent = reading.SHORT if options.short else reading.FULL
    return reading.run(server, extent.of(options.events), say)


def command(options: argparse.Namespace) -> str:
    """Return what to type to measure the same again."""
    parts = ["python3 benchmarks/run.py"]
    parts += ["--short"] if options.short else []
    parts += [f"--only {options.only}"] if options.only else []
    parts += ["--sizes"] if options.sizes else []
    parts += [f"--events {options.events}"] if options.events else []
    return " ".join(parts)


def arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__, allow_abbrev=False)
    parser.add_argument("--short", action="store_true", help="the version of two minutes")
    parser.add_argument("--only", choices=(*SECTIONS, *ASKED_FOR, COMPARISON), help="one section")
    parser.add_argument(
        "--sizes", action="store_true", help="weigh the events of all variants with --short, too"
    )
    parser.add_argument("--events", type=int, help="how many events reading has (1,000,000)")
    parser.add_argument("--json", type=Path, help="write all measurements to this file")
    parser.add_argument(
        "--check",
        action="store_true",
        help="measure a section in which a bar is missed once more, and fail where it is again",
    )
    parser.add_argument(
        "--write-readme", action="store_true", help="put the tables into benchmarks/README.md"
    )
    parser.add_argument(
        "--write-docs",
        action="store_true",
        help="put the comparison into docs/explanation/comparison.md, and its result beside it",
    )
    parser.add_argument(
        "--costs",
        type=Path,
        help="a report of writing, such as benchmarks/README.md, for the comparison",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
