"""The costs: what the section `writing` has measured, picked for the comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks import variants, writing
from benchmarks.comparison.packages import PACKAGES
from benchmarks.ratios import Measured

_SINGLE = ("create", "save", "saves_in_transaction")
_BULK = ("bulk_create", "delete")
_SIZES = ("insert, a context each", "update, a context each")


def costs(measured: Mapping[str, Any]) -> dict[str, Any]:
    """Return the costs of each package, out of the file that `--json` of `writing` has written."""
    found = measured["sections"]["Writing"]
    times = Measured([one for one in found if "task" in one])
    [sizes] = [one["sizes"] for one in found if "sizes" in one]
    by_variant = {variant.name: variant for variant in variants.WRITING}
    own = {p.name: by_variant[p.variant] for p in PACKAGES if p.variant in by_variant}
    works = {task: writing.TITLES[task] for task in (*_SINGLE, *_BULK)} | {
        kind: f"bytes of an event, with indexes: {kind}" for kind in _SIZES
    }
    values: dict[str, dict[str, Any]] = {name: {} for name in own}
    for name, variant in own.items():
        for task in (*_SINGLE, *_BULK):
            if task in variant.misses:
                continue
            ratio = times.ratio(task, "first", variant, variants.UNTRACKED)
            if ratio is not None:
                values[name][task] = {"value": ratio, "unit": " ×"}
        for kind in _SIZES:
            if kind in sizes.get(variant.name, {}):
                values[name][kind] = {"value": sizes[variant.name][kind], "unit": ""}
    circumstances = measured["circumstances"]
    return {
        "date": circumstances["date"],
        "machine": circumstances["machine"],
        "command": circumstances["command"],
        "works": works,
        "by package": values,
    }
