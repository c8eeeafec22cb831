"""Fixtures of many tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.shop.models import Customer


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is long, unless ``-m`` speaks of it."""
    if "long" in config.option.markexpr.split():
        return
    chosen = [item for item in items if item.get_closest_marker("long") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen


@pytest.fixture
def counted_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Partitions count as small, whatever tests before have left in them of rows that are gone."""
    from pgaudit_log.database.partitions import sizes

    monkeypatch.setattr(sizes, "COUNTED_BYTES", 2**40)


@pytest.fixture
def customer(db: None) -> Customer:
    from tests.shop.models import Customer

    return Customer.objects.create(name="Ana")
