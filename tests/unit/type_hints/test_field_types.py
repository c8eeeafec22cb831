"""What the values of each kind of field are said to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
from django.contrib.postgres.fields import ArrayField, HStoreField, IntegerRangeField
from django.db import models

from pgaudit_log.type_hints.field_types import type_of
from pgaudit_log.type_hints.names import Names


class Money:
    """What a field of a library gives."""


class MoneyField(models.DecimalField):
    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Money | None:
        return None if value is None else Money()


class DollarField(MoneyField):
    """Inherits what its values are."""


class SecretField(models.TextField):
    def from_db_value(self, value, expression, connection):  # type: ignore[no-untyped-def]
        return value


class LaterField(models.TextField):
    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Unknown:  # type: ignore[name-defined] # noqa: F821
        return value


class OddField(models.Field):  # type: ignore[type-arg]
    """Of no kind that Django has."""


class ShortTextField(models.CharField):
    """One of Django's, with other options."""


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (models.CharField(), "str | None"),
        (ShortTextField(), "str | None"),
        (models.EmailField(), "str | None"),
        (models.SlugField(), "str | None"),
        (models.BigAutoField(primary_key=True), "int | None"),
        (models.PositiveSmallIntegerField(), "int | None"),
        (models.BooleanField(), "bool | None"),
        (models.FloatField(null=True), "float | None"),
        (models.DateField(), "_datetime.date | None"),
        (models.DateTimeField(), "_datetime.datetime | None"),
        (models.DecimalField(), "_decimal.Decimal | None"),
        (models.UUIDField(), "_uuid.UUID | None"),
        (models.BinaryField(), "bytes | memoryview | None"),
        (models.JSONField(), "Any"),
        (models.FileField(), "_django_db_models_fields_files.FieldFile"),
        (models.ImageField(), "_django_db_models_fields_files.ImageFieldFile"),
        (ArrayField(models.IntegerField()), "list[int | None] | None"),
        (
            ArrayField(ArrayField(models.DateField())),
            "list[list[_datetime.date | None] | None] | None",
        ),
        (HStoreField(), "dict[str, str | None] | None"),
        (MoneyField(), "_tests_unit_type__hints_test__field__types.Money | None"),
        (DollarField(), "_tests_unit_type__hints_test__field__types.Money | None"),
        (SecretField(), "Any"),
        (LaterField(), "Any"),
        (OddField(), "Any"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, models.Field) else "",
)
def test_a_field_has_the_type_of_its_values(field: models.Field[Any, Any], expected: str) -> None:
    assert type_of(field, Names()) == expected


def test_a_range_says_what_it_is_of() -> None:
    # psycopg 2 has a class for each, psycopg 3 one that is generic.
    assert "Range" in type_of(IntegerRangeField(), Names())


def test_a_class_that_nobody_can_import_is_not_named() -> None:
    class Local:
        pass

    assert Names().of(Local) == "Any"
    assert Names().of(Local, otherwise=models.Model) == "_django_db_models_base.Model"


def test_a_field_that_is_called_like_a_type_does_not_hide_it() -> None:
    names = Names()
    names.taken = {"bytes"}
    assert type_of(models.BinaryField(), names) == "_builtins.bytes | memoryview | None"
    assert names.imports() == ["import builtins as _builtins"]


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (None, "None"),
        (Any, "Any"),
        (int | None, "int | None"),
        (list[int], "list[int]"),
        (dict[str, int], "dict[str, int]"),
        (list[Any], "list[Any]"),
        (list[dict[str, int] | None], "list[dict[str, int] | None]"),
        (Callable[[int], str], "Any"),
        (Literal["a"], "Any"),
        ("text", "Any"),
    ],
)
def test_annotations_are_written_as_they_were(annotation: Any, expected: str) -> None:
    assert Names().of_annotation(annotation) == expected
