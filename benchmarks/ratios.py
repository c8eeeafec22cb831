"""Ratios of measurements that were taken in turn: computed within a turn, then the median of all."""

from __future__ import annotations

from typing import Any

from benchmarks import variants
from benchmarks.findings import median
from benchmarks.variants import Variant

Measurement = dict[str, Any]
"""The times of a task in a variant, with the order and the sample that they were taken in."""


class Measured:
    """The measurements, and what is computed from them: a ratio in each turn, then the median."""

    def __init__(self, measurements: list[Measurement]) -> None:
        self._found = {(m["task"], m["order"], m["variant"], m["sample"]): m for m in measurements}
        self._samples = sorted({m["sample"] for m in measurements})

    def _each(self, task: str, order: str, *names: str) -> list[list[Measurement]]:
        """Return, for each turn in which all of the variants took part, their measurements."""
        turns = [[self._found.get((task, order, n, s)) for n in names] for s in self._samples]
        return [[m for m in found if m] for found in turns if all(found)]

    def median(self, task: str, order: str, variant: Variant, what: str) -> float | None:
        """Return one of the times of a variant, or "total"."""
        found = [m for [m] in self._each(task, order, variant.name)]
        return median(_time(m, what) for m in found if what == "total" or what in m)

    def ratio(self, task: str, order: str, variant: Variant, to: Variant) -> float | None:
        """Return the total processor time as a multiple of another variant's."""
        return median(
            _time(one, "total") / _time(other, "total")
            for one, other in self._each(task, order, variant.name, to.name)
        )

    def added(self, task: str, order: str, variant: Variant) -> float | None:
        """Return the backend's processor time added to that of the untracked work."""
        names = (variant.name, variants.UNTRACKED.name)
        return median(
            _time(one, "server") - _time(other, "server")
            for one, other in self._each(task, order, *names)
        )

    def added_ratio(self, task: str, order: str, variant: Variant, to: Variant) -> float | None:
        """Return the added time of the backend as a multiple of another variant's."""
        names = (variant.name, to.name, variants.UNTRACKED.name)
        return median(
            (_time(one, "server") - _time(none, "server"))
            / (_time(other, "server") - _time(none, "server"))
            for one, other, none in self._each(task, order, *names)
        )


def _time(measurement: Measurement, what: str) -> float:
    if what == "total":
        return float(measurement["client"] + measurement["server"])
    return float(measurement[what])
