"""Whatever happened before, a retention changes nothing of what is known behind its horizon."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction
from django.utils import timezone

from pgaudit_log.operating import hold, plan_retention, verify
from pgaudit_log.timetravel import as_of
from pgaudit_log.values.ages import Age
from tests.partitions import clean_log, happened, last_periods, make_partitions
from tests.shop.models import Customer, Order, Product
from tests.support import execute

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

MONTHS = last_periods(4)
HORIZON = MONTHS[3].start


@pytest.fixture(autouse=True)
def log() -> Iterator[None]:
    with clean_log():
        make_partitions(MONTHS)
        yield


def change(choice: random.Random) -> None:
    """Do something to some rows."""
    keys = [*Product.objects.values_list("pk", flat=True)]
    customers = [*Customer.objects.values_list("pk", flat=True)]
    what = choice.randrange(10)
    if what < 3 or not keys or not customers:
        Product.objects.create(
            sku=f"p{choice.randrange(10**6)}", name="n", price=choice.randrange(9)
        )
        Customer.objects.create(name=f"c{choice.randrange(9)}")
    elif what < 5:
        Product.objects.filter(pk=choice.choice(keys)).update(price=choice.randrange(99))
        Order.objects.create(customer_id=choice.choice(customers))
    elif what == 5:
        taken, free = choice.choice(keys), f"q{choice.randrange(12)}"
        if free not in keys:
            Product.objects.filter(pk=taken).update(sku=free)
    elif what == 6:
        # Keys that rows swap within a transaction.
        one, other = choice.choice(keys), choice.choice(keys)
        with transaction.atomic():
            for old, new in ((one, "~"), (other, one), ("~", other)):
                Product.objects.filter(pk=old).update(sku=new)
    elif what == 7:
        Product.objects.filter(pk=choice.choice(keys)).delete()
    elif what == 8:
        Customer.objects.filter(pk=choice.choice(customers)).delete()
    elif choice.random() < 0.2:
        execute("TRUNCATE shop_orderline, shop_product")


def known(moments: list[Any]) -> list[Any]:
    """Return all that is known of the moments: whole tables, and each object by its key."""
    found: list[Any] = []
    for moment in moments:
        with as_of(moment):
            for model in (Product, Customer, Order):
                rows = [*model.objects.order_by("pk").values_list()]  # type: ignore[attr-defined]
                found.append(rows)
        found += [
            Product.objects.as_of(moment).filter(pk=row[0]).values_list().get() for row in found[-3]
        ]
        events = apps.get_model("shop", "ProductEvent")._default_manager
        found.append(sorted(events.as_of(moment).values_list("pgh_id")))  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("seed", range(4))
def test_what_is_known_behind_the_horizon_stays_known(seed: int) -> None:
    choice = random.Random(seed)
    for n in range(24):
        month = MONTHS[n // 6]
        with happened(month.start + timedelta(days=4 * (n % 6), hours=1)):
            for _ in range(choice.randrange(1, 5)):
                change(choice)
    for _ in range(3):
        change(choice)
    if seed % 2:
        hold("shop.Product", since=MONTHS[1].start, until=MONTHS[2].start, reason="seed")
    moments = [HORIZON, HORIZON + timedelta(days=5), HORIZON + timedelta(days=13), timezone.now()]
    assert list(verify()) == []
    before = known(moments)
    for number in range(3):
        # A month more each time.
        days = (timezone.now() - MONTHS[number].end).days
        plan_retention(older_than=Age.of(f"{days}d"), trust_clock=True).apply()
        assert known(moments) == before
        assert list(verify()) == []
