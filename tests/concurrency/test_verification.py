"""A verification beside writers: each statement sees events and rows of one moment."""

from __future__ import annotations

import random
import time

import pytest
from django.db import IntegrityError, OperationalError, transaction

from pgaudit_log.operating import verify
from tests.meanwhile import Meanwhile
from tests.shop.models import Product

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

SKUS = [f"p{n}" for n in range(8)]


def write(seed: int, seconds: float) -> int:
    """Write at random for some seconds, and return how many transactions were committed."""
    dice, end, written = random.Random(seed), time.monotonic() + seconds, 0
    while time.monotonic() < end:
        try:
            with transaction.atomic():
                for _ in range(dice.randrange(1, 4)):
                    _write_once(dice)
                written += 1
        except (IntegrityError, OperationalError):
            continue  # the key is taken, or two wait for each other
    return written


def _write_once(dice: random.Random) -> None:
    sku = dice.choice(SKUS)
    there = Product.objects.filter(sku=sku)
    match dice.randrange(4):
        case 0:
            Product.objects.create(sku=sku, name="new", price=1)
        case 1:
            there.delete()
        case 2:
            there.update(sku=dice.choice(SKUS))
        case _:
            there.update(name=f"n{dice.random()}")


def test_nothing_is_told_of_writers_that_go_on_meanwhile() -> None:
    writers = [Meanwhile(lambda seed=seed: write(seed, 2)) for seed in range(3)]
    rounds = 0
    while any(writer.is_alive() for writer in writers):
        assert [str(finding) for finding in verify([Product], batch_size=3)] == []
        rounds += 1
    assert all(writer.done() for writer in writers)
    assert rounds > 3
    assert list(verify([Product])) == []
