"""The ways of the packages: how each is asked what it has recorded, and to do what it offers."""

from __future__ import annotations

from importlib import import_module

from benchmarks.comparison.ways.base import Way


def way_of(name: str) -> Way:
    """Return the way of a package; it must be the one that this process has installed."""
    way: Way = import_module(f"benchmarks.comparison.ways.{name}").WAY
    return way
