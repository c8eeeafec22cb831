"""Models with several ``track()`` calls, and models that are tracked no longer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import models

import pgaudit_log
from pgaudit_log.declaring import declarations
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.testing import isolated
from tests.shop.models import Customer, Stock, StockLevelHistory, Untracked  # type: ignore[attr-defined]
from tests.support import execute
from tests.tables import make, tracked_table, uninstall

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    with isolated():
        yield


def test_the_one_class_of_events_of_several_is_named_not_guessed() -> None:
    with pytest.raises(
        ValueError, match=r"StockRowEvent \('row_fell', 'counted'\) and Stock"
    ) as error:
        _ = Stock.pgh_event_model  # type: ignore[attr-defined]
    assert "Stock.pgh_event_models[label]" in str(error.value)
    assert Stock.pgh_event_models["fell"] is StockLevelHistory  # type: ignore[attr-defined]


def test_proxies_have_one_each_and_their_model_both() -> None:
    proxies = []
    for name in ("Big", "Small"):
        proxy: Any = make(name, (Untracked,), Meta={"proxy": True})
        pgaudit_log.track(
            pgaudit_log.InsertEvent(name.lower()),
            obj_field=pgaudit_log.ObjForeignKey(related_name=f"{name.lower()}_events"),
        )(proxy)
        proxies.append(proxy)
    assert [p.pgh_event_model.__name__ for p in proxies] == ["BigEvent", "SmallEvent"]
    with pytest.raises(ValueError, match=r"BigEvent \('big'\) and SmallEvent \('small'\)"):
        _ = Untracked.pgh_event_model  # type: ignore[attr-defined]


def test_a_child_has_its_own() -> None:
    child: Any = make("Client", (Customer,), size=models.IntegerField())
    assert child.pgh_event_model is Customer.pgh_event_model  # type: ignore[attr-defined]
    pgaudit_log.track()(child)
    assert child.pgh_event_model.__name__ == "ClientEvent"


def test_events_are_found_across_a_model_that_is_tracked_no_longer() -> None:
    with isolated():
        thing = tracked_table("Thing", n=models.IntegerField(default=0))
        thing.objects.create()
        execute("UPDATE shop_thing SET n = 1")
        uninstall(thing)
    with isolated():
        thing = make("Thing", n=models.IntegerField(default=0))
        assert not declarations.declarations_of(thing)
        for given in ("shop.Thing", thing, thing.objects.all()):
            found = Events.objects.across(given)
            assert list(found.values_list("pgh_operation", flat=True)) == ["I", "U"]
        with pytest.raises(QueryError, match="not tracked"):
            Events.objects.across(thing).changed("n")
    # There is no such model any more.
    assert Events.objects.across("shop.Thing").count() == 2
    assert Events.objects.across("shop.Thing", Customer).count() == 2


def test_what_was_never_tracked_has_no_events() -> None:
    with pytest.raises(
        QueryError, match=r"shop.Untracked, which is not tracked, so it has no events"
    ):
        Events.objects.across(Untracked)
    with pytest.raises(QueryError, match=r'"shop.Nothing", which is no model'):
        Events.objects.across("shop.Nothing")
