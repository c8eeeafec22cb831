"""Starts a PostgreSQL of its own unless ``DATABASE_URL`` names one; fixtures of many tests."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.shop.models import Customer

_resources = contextlib.ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    # The settings read the URL, and with it workers of pytest-xdist find the same server.
    if "DATABASE_URL" not in os.environ:
        from example_project import embedded_postgres

        server = _resources.enter_context(embedded_postgres.temporary())
        os.environ["DATABASE_URL"] = server.url()


def pytest_unconfigure(config: pytest.Config) -> None:
    _resources.close()


@pytest.fixture
def customer(db: None) -> Customer:
    from tests.shop.models import Customer

    return Customer.objects.create(name="Ana")
