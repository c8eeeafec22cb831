"""Whether an installed capture function is the declared one, to the letter."""

from __future__ import annotations

from typing import Any

import pgtrigger
import pytest

from pgaudit_log.triggers.capture_function import InstalledFunction, is_declared


def declared() -> Any:
    """Return the SQL of a declared trigger, whose events refer to other models."""
    [(model, trigger)] = pgtrigger.registered("shop.OrderLine:audit_update")
    return trigger.compile(model).sql


def installed(**differences: Any) -> InstalledFunction:
    """Return the function as the catalogue has it once it is installed."""
    body = declared().body
    for place, text in {
        "@home@": "public",
        "@schema@": '"Audit"',
        "@shape@": "17",
        "@shop.OrderLine@": "shop.OrderLine#2.1",
        "@shop.Order@": "shop.Order",
        "@shop.Product@": "shop.Product#3",
        **differences.pop("places", {}),
    }.items():
        body = body.replace(place, text)
    function = InstalledFunction(
        home="public",
        audit='"Audit"',
        language="plpgsql",
        is_definer=True,
        is_public=False,
        settings=frozenset(f"{name}={value}" for name, value in declared().settings.items()),
        body=body,
    )
    return function._replace(**differences)


def test_what_was_installed_is_declared() -> None:
    assert is_declared(installed(), declared())


@pytest.mark.parametrize(
    "differences",
    [
        {"language": "sql"},
        {"is_definer": False},
        {"is_public": True},
        {"settings": frozenset()},
        {"audit": "public"},
        {"places": {"@shape@": ""}},
        {"places": {"@shape@": "17x"}},
        {"places": {"@shop.Order@": "shop.Order#"}},
        {"places": {"@shop.Order@": "shop.Other"}},
    ],
    ids=str,
)
def test_anything_else_is_not(differences: dict[str, Any]) -> None:
    assert not is_declared(installed(**differences), declared())


@pytest.mark.parametrize("end", [0, 100, -2, -1])
def test_nor_is_a_part_of_it(end: int) -> None:
    function = installed()
    assert not is_declared(function._replace(body=function.body[:end]), declared())


def test_nor_is_what_has_more() -> None:
    function = installed()
    assert not is_declared(function._replace(body=function.body + "\n"), declared())
    assert not is_declared(function._replace(body="\n" + function.body), declared())
