"""A tracked model, and a table in which a peer has recorded its history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import models

from pgaudit_log.testing import isolated
from tests.importing import peer_tables
from tests.tables import EVERYTHING, tracked_table


@pytest.fixture
def thing(db: None) -> Iterator[Any]:
    with isolated():
        made = tracked_table(
            "Thing", *EVERYTHING, n=models.IntegerField(), word=models.TextField(default="w")
        )
        peer_tables.make_table()
        yield made
