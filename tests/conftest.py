"""Fixtures of many tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.shop.models import Customer


@pytest.fixture
def customer(db: None) -> Customer:
    from tests.shop.models import Customer

    return Customer.objects.create(name="Ana")
