"""A hold keeps what it was placed on, whatever its model is called by now, and whatever it inherits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test.utils import isolate_apps

from pgaudit_log.declaring import former_names, model_labels
from pgaudit_log.operating import hold, holds
from pgaudit_log.operating.holds import held_sql
from tests.partitions import clean_log, last_periods, make_partitions, write_events
from tests.shop.models import Customer, Product
from tests.support import execute
from tests.tables import make

pytestmark = pytest.mark.django_db(transaction=True)

[MONTH] = last_periods(1)


@pytest.fixture(autouse=True)
def log() -> Iterator[None]:
    with clean_log():
        make_partitions([MONTH])
        yield
    former_names.forget()


def event(label: str, key: str) -> None:
    at = MONTH.start + timedelta(days=1)
    write_events(label, [(at, key, "I", {"id": key})])


def held() -> list[str]:
    """Return the models of the events that some hold keeps."""
    rows = execute(
        "SELECT model FROM pgaudit_log_event AS event"
        f" WHERE operation = 'I' AND ({held_sql('event', holds())}) ORDER BY model"
    )
    return [model for (model,) in rows]


def test_a_hold_goes_with_its_model_when_another_one_takes_the_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event("shop.Customer", "1")
    hold("shop.Customer", key="1", reason="case")
    # What were customers are products by now, and other things are called customers.
    labels = {Product: ["shop.Product", "shop.Customer"], Customer: ["shop.Customer#9"]}
    labels_of = former_names.labels_of
    for module in ("declaring.former_names", "declaring.model_labels"):
        monkeypatch.setattr(
            f"pgaudit_log.{module}.labels_of",
            lambda model, using: labels.get(model) or labels_of(model, using),
        )
    former_names.forget()
    event("shop.Product", "1")
    event("shop.Product", "2")
    assert held() == ["shop.Customer", "shop.Product"]


@isolate_apps("tests.shop", "django.contrib.auth", "django.contrib.contenttypes")
def test_a_hold_on_an_object_keeps_the_rows_that_it_inherits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    regular = make("Regular", bases=(Customer,))
    monkeypatch.setattr(
        model_labels, "model_today", lambda label: regular if label == "shop.Regular" else None
    )
    for label, key in (("shop.Customer", "1"), ("shop.Customer", "2"), ("shop.Regular", "1")):
        event(label, key)
    hold(regular(pk=1), reason="case")
    assert held() == ["shop.Customer", "shop.Regular"]
