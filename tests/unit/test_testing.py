"""What is declared in a block of ``isolated()`` is gone after it, and what was there stays as it was."""

from __future__ import annotations

from typing import Any

import pgtrigger
import pytest
from django.apps import apps
from django.db import models

import pgaudit_log
from pgaudit_log.declaring import abstract_bases, declarations
from pgaudit_log.testing import isolated
from tests.shop import models as shop
from tests.shop.models import Order, Untracked


def make(name: str = "Bale", bases: tuple[type, ...] = (models.Model,), **meta: Any) -> Any:
    meta = {"app_label": "shop", **meta}
    return type(name, bases, {"__module__": shop.__name__, "Meta": type("Meta", (), meta)})


def everything() -> Any:
    """Return what declaring changes, as values."""
    return (
        declarations.declarations(),
        sorted(uri for uri in pgtrigger.registry._registry.data),
        {label: dict(found) for label, found in apps.all_models.items() if found},
        set(vars(shop)),
        set(vars(Untracked)),
        getattr(Untracked._meta, "triggers", "none"),
        dict(Untracked._meta.original_attrs),
        [trigger.name for trigger in Order._meta.triggers],  # type: ignore[attr-defined]
        dict(abstract_bases._bases),
        set(abstract_bases._excepted),
    )


def track_another_time() -> None:
    pgaudit_log.track(pgaudit_log.UpdateEvent("again"), model_name="Again", obj_field=None)(Order)


def untrack_a_child() -> None:
    base = make("Bases", abstract=True)
    child = make("Bale", (base,))
    abstract_bases.declare(base, lambda model: None)
    pgaudit_log.untrack()(child)


DECLARING = {
    "a model of its own": lambda: pgaudit_log.track()(make()),
    "a model that was there": lambda: pgaudit_log.track()(Untracked),
    "a tracked model, again": track_another_time,
    "an abstract model": lambda: pgaudit_log.track()(make(abstract=True)),
    "a child that is not tracked": untrack_a_child,
    "another name for a model that was there": (
        lambda: apps.all_models["shop"].__setitem__("bale", Order)
    ),
    "nothing": lambda: None,
}


@pytest.mark.parametrize("way", DECLARING)
@pytest.mark.parametrize("ends", ["in peace", "by an exception"])
def test_all_is_as_before(way: str, ends: str) -> None:
    before = everything()
    with pytest.raises(ZeroDivisionError):
        with isolated():
            DECLARING[way]()
            assert way == "nothing" or everything() != before
            if ends == "by an exception":
                raise ZeroDivisionError
        raise ZeroDivisionError
    assert everything() == before


def test_blocks_nest() -> None:
    with isolated():
        pgaudit_log.track()(Untracked)
        inside = everything()
        with isolated():
            pgaudit_log.track()(make())
        assert everything() == inside
        assert Untracked.pgh_event_model.__name__ == "UntrackedEvent"  # type: ignore[attr-defined]


def test_what_was_declared_can_be_declared_again() -> None:
    for _ in range(2):
        with isolated():
            assert pgaudit_log.track()(make()).pgh_event_model is shop.BaleEvent  # type: ignore[attr-defined]
