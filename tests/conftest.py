"""Fixtures of many tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.shop.models import Customer


TESTS_PER_SESSION = 50
_since_reconnecting: list[pytest.Item] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is long, unless ``-m`` speaks of it."""
    if "long" in config.option.markexpr.split():
        return
    chosen = [item for item in items if item.get_closest_marker("long") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Close the connections now and then.

    A session keeps the plans of all functions that it ever called, dropped ones too, and goes
    through them whenever a table changes: tests that make tables would take ever longer.
    """
    yield
    from django.db import connections

    _since_reconnecting.append(item)
    if len(_since_reconnecting) >= TESTS_PER_SESSION or (
        nextitem is not None and nextitem.path != item.path
    ):
        _since_reconnecting.clear()
        for connection in connections.all(initialized_only=True):
            if not connection.in_atomic_block:
                connection.close()


@pytest.fixture(scope="session", autouse=True)
def _quick_flush() -> None:
    from tests import emptying

    emptying.install()


@pytest.fixture
def counted_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Partitions count as small, whatever tests before have left in them of rows that are gone."""
    from pgaudit_log.database.partitions import sizes

    monkeypatch.setattr(sizes, "COUNTED_BYTES", 2**40)


@pytest.fixture
def customer(db: None) -> Customer:
    from tests.shop.models import Customer

    return Customer.objects.create(name="Ana")
