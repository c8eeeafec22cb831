"""django-pgtrigger's registry, which knows its triggers by an index."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pgtrigger
import pytest
from pgtrigger import registry

from pgaudit_log.declaring import trigger_registry
from tests.shop.models import Customer


class Counted(pgtrigger.Protect):
    """A trigger that counts how often it is asked for the name of its function."""

    asked = 0

    def get_pgid(self, model: Any) -> str:
        Counted.asked += 1
        return str(super().get_pgid(model))


@pytest.fixture
def known() -> Iterator[registry._Registry]:
    """Give a registry of its own in place of the project's."""
    Counted.asked = 0
    before = registry._registry.data
    options = Customer._meta
    triggers, attrs = options.triggers, options.original_attrs["triggers"]
    registry._registry.data = {}
    options.triggers, options.original_attrs["triggers"] = [], []
    yield registry._registry
    registry._registry.data = before
    options.triggers, options.original_attrs["triggers"] = triggers, attrs


def counted(name: str) -> Counted:
    return Counted(name=name, operation=pgtrigger.Delete)


def test_a_trigger_that_is_registered_again_is_passed_over(known: registry._Registry) -> None:
    trigger = counted("once")
    pgtrigger.register(trigger)(Customer)
    asked = Counted.asked
    pgtrigger.register(trigger)(Customer)
    assert Counted.asked == asked
    assert Customer._meta.triggers == Customer._meta.original_attrs["triggers"] == [trigger]
    trigger.unregister(Customer)
    pgtrigger.register(trigger)(Customer)
    assert Customer._meta.triggers == [trigger]


def test_each_trigger_is_looked_at_once_or_twice(known: registry._Registry) -> None:
    for number in range(50):
        pgtrigger.register(counted(f"t{number}"))(Customer)
    assert len(known) == 50
    assert Counted.asked <= 2 * 50


def test_a_name_that_is_taken_is_refused(known: registry._Registry) -> None:
    pgtrigger.register(counted("once"))(Customer)
    with pytest.raises(KeyError, match="already used"):
        pgtrigger.register(
            counted("once"), pgtrigger.Protect(name="once", operation=pgtrigger.Insert)
        )(Customer)
    assert trigger_registry.has("shop_customer", "once")
    assert not trigger_registry.has("shop_customer", "other")


def test_a_name_of_a_function_that_is_taken_is_refused(known: registry._Registry) -> None:
    pgtrigger.register(counted("once"))(Customer)
    other = SimpleNamespace(_meta=SimpleNamespace(label="shop.Other", db_table="shop_other"))
    taken = counted("other")
    taken.get_pgid = lambda model: counted("once").get_pgid(Customer)  # type: ignore[method-assign]
    with pytest.raises(KeyError, match="function name"):
        registry.set("shop.Other:other", model=other, trigger=taken)


def test_what_was_taken_out_can_be_registered_again(known: registry._Registry) -> None:
    pgtrigger.register(counted("first"), counted("second"))(Customer)
    registry.delete("shop.Customer:first")
    assert not trigger_registry.has("shop_customer", "first")
    pgtrigger.register(counted("first"))(Customer)
    assert trigger_registry.has("shop_customer", "first")


def test_a_registry_that_was_changed_by_other_ways_is_known(known: registry._Registry) -> None:
    pgtrigger.register(counted("first"), counted("second"))(Customer)
    del known.data["shop.Customer:second"]
    assert not trigger_registry.has("shop_customer", "second")
    known.data = {}
    assert not trigger_registry.has("shop_customer", "first")
