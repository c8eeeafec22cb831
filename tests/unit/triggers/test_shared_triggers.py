"""Triggers of one tracker on many models, and SQL that is made once: neither knows of another model."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import pgtrigger
import pytest
from django.db import models
from pgtrigger import registry

import pgaudit_log
from pgaudit_log import AnyChange, Condition
from pgaudit_log.capture_v1.compiled import CompiledTrigger
from pgaudit_log.testing import isolated
from pgaudit_log.triggers.trigger import CaptureTrigger
from tests.tables import make


@pytest.fixture(autouse=True)
def forget_declarations() -> Iterator[None]:
    with isolated():
        yield


def thing(model_name: str, **attributes: Any) -> Any:
    return make(
        model_name, name=models.TextField(), total=models.IntegerField(default=1), **attributes
    )


def trigger_of(model: Any, name: str = "audit_update") -> CaptureTrigger:
    [(_, trigger)] = pgtrigger.registered(f"{model._meta.label}:{name}")
    return trigger


def compiled(model: Any, name: str = "audit_update") -> CompiledTrigger:
    return trigger_of(model, name).compile(model)


def test_models_that_are_tracked_alike_share_triggers_which_write_of_each_what_it_is() -> None:
    one, other = thing("One"), thing("Other", more=models.TextField())
    for model in (one, other):
        pgaudit_log.track(exclude=["total"])(model)
    assert trigger_of(one) is trigger_of(other)
    assert (compiled(one).table.name, compiled(other).table.name) == ("shop_one", "shop_other")
    assert (compiled(one).table.model, compiled(other).table.model) == ("shop.One", "shop.Other")
    assert compiled(one).table.column_names == ("id", "name")
    assert compiled(other).table.column_names == ("id", "more", "name")
    assert compiled(one).data.pgid != compiled(other).data.pgid
    assert "shop_other" not in compiled(one).install_sql
    # The other stays when one is no longer tracked, and so does each's list for migrations.
    before = compiled(other).install_sql
    registry.delete("shop.One:audit_update")
    assert compiled(other).install_sql == before
    assert "audit_update" not in {trigger.name for trigger in one._meta.triggers}
    assert "audit_update" in {trigger.name for trigger in other._meta.triggers}


@pytest.mark.parametrize(
    "options",
    [
        {"exclude": ["total"]},
        {"fields": ["name"]},
        {"mask": ["name"]},
        {"mask_hash": ["name"]},
        {"mask_context": ["ip"]},
        {"large": ["name"]},
        {"level": pgaudit_log.Row},
        {"in_migrations": False},
        {"exclude": ["name"], "exclude_auto": True},
    ],
    ids="-".join,
)
def test_what_one_model_is_tracked_with_is_not_for_the_next(options: dict[str, Any]) -> None:
    one, other, third = thing("Aaaa"), thing("Bbbb"), thing("Cccc")
    for model, given in ((one, {}), (other, options), (third, {})):
        pgaudit_log.track(**given)(model)
    assert trigger_of(one) is trigger_of(third)
    assert trigger_of(other) is not trigger_of(one)
    in_migrations = [hasattr(model._meta, "triggers") for model in (one, other, third)]
    assert in_migrations == [True, options.get("in_migrations", True), True]

    def without_names(model: Any) -> str:
        made = compiled(model)
        text = made.install_sql.replace(made.data.pgid, "pgid").replace(made.hash, "hash")
        return re.sub(model.__name__, "Model", text, flags=re.I)

    assert without_names(third) == without_names(one)
    if options.keys() != {"in_migrations"}:
        assert without_names(other) != without_names(one)


def test_settings_that_change_are_for_what_is_declared_then(settings: Any) -> None:
    tracker = pgaudit_log.UpdateEvent()
    made = [thing("One"), thing("Other"), thing("Third")]
    for model, level in zip(made, ("STATEMENT", "ROW", "STATEMENT"), strict=True):
        settings.PGAUDIT_LOG_LEVEL = level
        pgaudit_log.track(tracker)(model)
    assert [str(trigger_of(model).level) for model in made] == ["STATEMENT", "ROW", "STATEMENT"]
    settings.PGAUDIT_LOG_CREATED_AT_FUNCTION = "clock_timestamp()"
    late = thing("Late")
    pgaudit_log.track(tracker)(late)
    assert "clock_timestamp()" in compiled(late).install_sql
    assert "clock_timestamp()" not in compiled(made[0]).install_sql


def test_a_condition_is_its_trackers_and_looks_at_each_models_own_columns() -> None:
    of_names = pgaudit_log.UpdateEvent(condition=AnyChange("name"))
    free = pgaudit_log.UpdateEvent("free", condition=Condition("OLD.* IS DISTINCT FROM NEW.*"))
    one = thing("One")
    other = make("Other", name=models.TextField(db_column="label"), n=models.IntegerField())
    third = thing("Third")
    pgaudit_log.track(of_names, free)(one)
    pgaudit_log.track(of_names, free)(other)
    pgaudit_log.track(pgaudit_log.UpdateEvent())(third)
    changes = [compiled(model).data.changes for model in (one, other, third)]
    assert [found and found.columns for found in changes] == [
        ("name",),
        ("label",),
        ("id", "name", "total"),
    ]
    arguments = [compiled(model, "audit_free").data.condition_columns for model in (one, other)]
    assert arguments[0][:3] == ("old.id", "old.name", "old.total")
    assert arguments[1][:3] == ("old.id", "old.label", "old.n")


def test_sql_that_was_made_is_taken_again_only_where_nothing_has_changed() -> None:
    one, other = thing("One"), thing("Other")
    for model in (one, other):
        pgaudit_log.track()(model)
    first, of_other = compiled(one), compiled(other)
    assert compiled(one) is not first
    assert first.sql is compiled(one).sql
    assert first.sql is not of_other.sql

    models.IntegerField(default=0).contribute_to_class(one, "late")
    assert '"late"' in compiled(one).install_sql
    assert '"late"' not in first.install_sql + compiled(other).install_sql

    one._meta.db_table = "shop_renamed"
    assert "shop_renamed" in compiled(one).install_sql
    assert compiled(one).data.pgid == first.data.pgid
    assert "shop_renamed" not in first.install_sql + compiled(other).install_sql

    # As migrations have the model before and after: neither is told what is made of the other.
    assert copy.copy(first).install_sql == first.install_sql != compiled(one).install_sql
    assert compiled(other).install_sql == of_other.install_sql
