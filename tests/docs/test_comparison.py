"""The comparison of packages is what its stored result says, of all probes and packages."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.comparison import costs, page, probes
from benchmarks.comparison.packages import PACKAGES
from benchmarks.comparison.ways import base

WAYS = Path(base.__file__).parent


def test_the_page_is_made_of_the_stored_result_and_of_nothing_else() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(page.BEGIN)
    within, _, after = rest.partition(page.END)

    assert within.strip() == page.markdown(page.stored()).strip()
    assert "|" not in before + after, "a table beside those that are made"


def test_the_result_answers_each_probe_for_each_package() -> None:
    result = page.stored()
    names = {probe.name for probe in probes.all_probes()}

    assert set(result["packages"]) == {package.name for package in PACKAGES}
    for name, found in result["packages"].items():
        assert set(found["answers"]) == names, name
        for probe, answer in found["answers"].items():
            assert answer["verdict"] in page.SIGNS, (name, probe)
            assert answer["seen"] or answer["verdict"] == "yes", (name, probe)


def test_each_probe_stands_on_the_page_once_in_its_group() -> None:
    text = page.markdown(page.stored())
    for probe in probes.all_probes():
        section = text.split(f"## {probe.group}\n")[1].split("\n## ")[0]
        assert section.count(f"| {probe.title} |") == 1, probe.name


def test_what_each_misses_is_said_of_each_cell_that_is_not_yes() -> None:
    result = page.stored()
    text = page.markdown(result)
    for package in PACKAGES:
        own = text.split(f"### {package.distribution}\n")[1].split("\n### ")[0]
        answers = result["packages"][package.name]["answers"].values()
        missed = [answer for answer in answers if answer["verdict"] != "yes"]
        assert len(re.findall(r"^\* ", own, re.M)) == len(missed)


def test_the_versions_are_those_of_one_run() -> None:
    result = page.stored()
    for package in PACKAGES:
        version = result["packages"][package.name]["facts"]["version"]
        assert f"{package.distribution} {version}" in result["versions"]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_way_overrides_only_what_a_package_may_be_asked_for(package: object) -> None:
    name = package.name
    tree = ast.parse((WAYS / f"{name}.py").read_text(encoding="utf-8"))
    [way] = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "_Way"]
    methods = {n.name for n in way.body if isinstance(n, ast.FunctionDef)}

    assert methods <= set(vars(base.Way)), methods - set(vars(base.Way))


def test_each_capability_is_asked_for_by_a_probe() -> None:
    folder = Path(probes.__file__).parent
    asked = "".join(file.read_text(encoding="utf-8") for file in folder.glob("*.py"))
    offered = {name for name in vars(base.Way) if not name.startswith("_")}

    assert not [name for name in offered if f"way.{name}(" not in asked]


def test_the_costs_are_those_of_the_benchmarks_report() -> None:
    text = report.README.read_text(encoding="utf-8")

    assert page.stored()["costs"] == costs.costs(text)
    as_written_now = text.replace("Measured 2026-11-21 on", "Measured 2026-12-01 by `run.py` on", 1)
    assert costs.costs(as_written_now)["versions"] == costs.costs(text)["versions"]
