"""The SQL of a capture: static, quoted, and the same whenever it is rendered."""

from __future__ import annotations

import re
from typing import Any

import pgtrigger
import pytest
from django.contrib.auth.models import Group
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField
from django.db import models
from django.test.utils import isolate_apps

import pgaudit_log
from pgaudit_log.capture_v1.compiled import CompiledTrigger
from pgaudit_log.capture_v1.references import refs_sql
from pgaudit_log.capture_v1.snapshot import snapshot_source
from pgaudit_log.database.written_schema import functions, template
from pgaudit_log.triggers.captured_columns import captured
from pgaudit_log.triggers.pins import needed_pins
from pgaudit_log.triggers.references import references
from pgaudit_log.triggers.trigger import CaptureTrigger
from pgaudit_log.values.pinned_settings import PINNED
from tests.shop.models import Order


def compiled(model: Any, tracker: Any = None, **options: Any) -> CompiledTrigger:
    """Return the compiled trigger of a tracker of all columns of ``model``."""
    return CaptureTrigger(
        tracker=tracker or pgaudit_log.UpdateEvent(),
        **{
            "fields": None,
            "exclude": (),
            "level": pgtrigger.Statement,
            "created_at": "now()",
            **options,
        },
    ).compile(model)


def body(model: Any, tracker: Any = None, **options: Any) -> str:
    """Return the statements of its capture function."""
    return compiled(model, tracker, **options).sql.statements


@isolate_apps("tests.shop")
def test_odd_names_are_quoted() -> None:
    class Odd(models.Model):
        field = models.IntegerField(db_column='we"ird')
        other = models.IntegerField(db_column="it's")

        class Meta:
            app_label = "shop"

    sql = body(Odd)
    assert 'new."we""ird"' in sql
    assert "jsonb_build_object('it''s'" in sql


@isolate_apps("tests.shop")
@pytest.mark.parametrize(
    ("field", "pinned"),
    [
        (models.CharField(max_length=5), set()),
        (models.DateField(), set()),
        (models.DateTimeField(), {"TimeZone"}),
        (models.DurationField(), {"IntervalStyle"}),
        (models.BinaryField(), {"bytea_output"}),
        (models.FloatField(), {"extra_float_digits"}),
        (ArrayField(models.DateTimeField()), {"TimeZone"}),
        (DateTimeRangeField(), set(PINNED)),
    ],
    ids=lambda given: type(given).__name__,
)
def test_a_setting_is_pinned_where_a_column_depends_on_it(field: Any, pinned: set[str]) -> None:
    class Pinned(models.Model):
        class Meta:
            app_label = "shop"

    Pinned.add_to_class("column", field.clone())
    assert set(needed_pins(Pinned, Pinned._meta.local_fields)) == pinned


def test_the_snapshots_of_other_events_are_made_under_the_same_settings() -> None:
    written = functions(template())["pgaudit_log_snapshot"].settings
    assert {f"{name}={value}" for name, value in PINNED.items()} <= written


def test_all_settings_are_pinned_for_a_condition_of_free_sql() -> None:
    condition = pgaudit_log.Condition("NEW.name::text > ''")
    assert compiled(Group, pgaudit_log.UpdateEvent(condition=condition)).sql.pins == PINNED
    assert not compiled(Group).sql.pins


@isolate_apps("tests.shop")
def test_a_foreign_key_to_another_field_names_the_field() -> None:
    class Country(models.Model):
        code = models.CharField(max_length=2, unique=True)

        class Meta:
            app_label = "shop"

    class City(models.Model):
        country = models.ForeignKey(Country, on_delete=models.CASCADE, to_field="code")

        class Meta:
            app_label = "shop"

    refs = refs_sql("new", references(City._meta.local_fields), called=str)
    assert "'shop.Country.code:' || (new.\"country_id\"::text)" in refs


def test_the_snapshot_has_its_columns_in_the_order_of_jsonb() -> None:
    source = snapshot_source("new", captured(Order._meta.local_fields))
    names = re.findall(r' AS "(\w+)"', source)
    assert names == sorted(names, key=lambda name: (len(name), name))
    assert {field.column for field in Order._meta.local_fields} == set(names)


def test_only_an_update_says_that_its_key_changed() -> None:
    assert "moved @shop.Order@" in body(Order)
    assert "moved @shop.Order@" not in body(Order, pgaudit_log.InsertEvent())
    assert "moved @shop.Order@" not in body(Order, pgaudit_log.DeleteEvent())


def test_columns_that_are_not_tracked_are_not_named() -> None:
    assert "note" not in body(Order, fields=("status",))


def test_the_setting_for_created_at_reaches_the_insert() -> None:
    assert "created_at" not in body(Order)
    assert "clock_timestamp()" in body(Order, created_at="clock_timestamp()")


def test_a_row_level_trigger_has_its_condition_in_when() -> None:
    tracker = pgaudit_log.UpdateEvent(condition=pgaudit_log.AnyChange("status"))
    sql = compiled(Order, tracker, level=pgtrigger.Row).install_sql
    condition = 'pg_catalog.record_image_ne(ROW(old."status"), ROW(new."status"))'
    assert f"FOR EACH ROW WHEN (({condition})" in sql


def test_a_capture_function_says_why_it_is_as_it_is() -> None:
    [(_, trigger)] = pgtrigger.registered("shop.Order:audit_update")
    function = trigger.compile(Order).sql.body
    reasons = " ".join(line.strip().removeprefix("-- ") for line in function.splitlines())
    for reason in (
        "https://django-pgaudit-log.readthedocs.io/",
        "Two paths, because",
        "The position pairs",
        "FULL JOIN, because",
        "COALESCE, because",
    ):
        assert reason in reasons
    assert max(map(len, function.splitlines())) <= 120


def test_compiling_twice_gives_the_same_hash() -> None:
    triggers = [t for m, t in pgtrigger.registered("shop.Order:audit_update")]
    assert triggers[0].compile(Order).hash == triggers[0].compile(Order).hash


@pytest.mark.parametrize(
    ("condition", "fires_for"),
    [
        (pgaudit_log.AnyChange("name"), {"name"}),
        (pgaudit_log.AnyChange(exclude=["id"]), {"name"}),
        (~pgaudit_log.AnyChange("name"), {"NOT"}),
        (pgaudit_log.AnyChange(exclude=["id", "name"]), {"FALSE"}),
    ],
)
def test_conditions_on_changes(condition: Any, fires_for: set[str]) -> None:
    where = body(Group, pgaudit_log.UpdateEvent(condition=condition)).partition("WHERE")[2]
    assert all(name in where.partition(";")[0] for name in fires_for)
