"""Light fields: as any of their class, with less of their own."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from django.db import models

from pgaudit_log.reading.light_fields import lightened
from tests.shop.models import OrderEvent

FIELDS: list[models.Field[Any, Any]] = [
    models.TextField(null=True),
    models.CharField(max_length=7, choices=[("a", "A")], help_text="Which?", db_column="c"),
    models.DecimalField(max_digits=4, decimal_places=2, default=0, validators=[print]),
    models.DateTimeField(auto_now=True),
    models.JSONField(default=dict),
    models.BigAutoField(primary_key=True),
    models.UUIDField(unique=True, editable=False),
    models.ForeignKey("shop.Order", models.CASCADE, related_name="+", verbose_name="what"),
]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: type(field).__name__)
def test_light_field_has_all_attributes_of_the_field_that_it_was(
    field: models.Field[Any, Any],
) -> None:
    expected = {name: value for name, value in vars(field).items() if name != "remote_field"}

    light = lightened(copy.deepcopy(field))

    assert isinstance(light, type(field))
    assert {name: getattr(light, name) for name in expected} == expected
    assert light.deconstruct() == field.deconstruct()
    assert len(vars(light)) < len(vars(field)) / 2


def test_reference_that_is_light_is_the_one_that_its_relation_knows() -> None:
    light = lightened(models.ForeignKey("shop.Order", models.CASCADE, related_name="+"))
    assert light.remote_field.field is light


def test_field_of_another_package_stays_as_it_is() -> None:
    class Field(models.TextField):  # type: ignore[type-arg]
        pass

    assert type(lightened(Field())) is Field


def test_field_that_lacks_an_attribute_goes_on_lacking_it() -> None:
    field = models.TextField()
    del field.help_text
    assert not hasattr(lightened(field), "help_text")


def test_setting_an_attribute_of_one_light_field_changes_no_other() -> None:
    one, other = lightened(models.TextField()), lightened(models.TextField())
    one.help_text = "one"
    assert other.help_text == ""


@pytest.mark.parametrize("field", OrderEvent._meta.local_fields, ids=str)
def test_fields_of_typed_events_are_light(field: models.Field[Any, Any]) -> None:
    assert "help_text" not in vars(field)
    assert field.model is OrderEvent
