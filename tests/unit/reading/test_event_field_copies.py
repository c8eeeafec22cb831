"""Copies of Django's own fields: as they would be if they were made anew, but for their constraints."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import models
from django.db.models import functions

from pgaudit_log.reading.event_fields import event_field

CONSTRAINTS: dict[str, Any] = {
    "unique": True,
    "db_index": True,
    "db_column": "col",
    "db_default": functions.Now(),
    "unique_for_date": "other",
}

FIELDS: list[models.Field[Any, Any]] = [
    models.BinaryField(),
    models.BooleanField(default=True),
    models.CharField("name of it", max_length=7, choices=[("a", "A")], db_collation="C"),
    models.CharField(primary_key=True, max_length=3),
    models.CharField(**CONSTRAINTS),
    models.DateField(auto_now_add=True, help_text="Since when?"),
    models.DateTimeField(auto_now=True),
    models.DecimalField(max_digits=4, decimal_places=2, default=0, validators=[print]),
    models.DurationField(),
    models.EmailField(blank=True),
    models.FileField(upload_to="files"),
    models.FilePathField(path="/tmp", recursive=True),
    models.FloatField(),
    models.GenericIPAddressField(protocol="ipv4"),
    models.ImageField(upload_to="pictures"),
    models.IntegerField(null=True, editable=False),
    models.JSONField(default=dict),
    models.PositiveSmallIntegerField(),
    models.SlugField(db_index=False, allow_unicode=True),
    models.TextField(),
    models.TimeField(db_comment="when"),
    models.URLField(),
    models.UUIDField(),
]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: type(field).__name__)
def test_a_copy_is_as_a_field_that_is_made_anew(field: models.Field[Any, Any]) -> None:
    _, _, args, kwargs = field.deconstruct()
    plain = {name: value for name, value in kwargs.items() if name not in CONSTRAINTS}
    plain.pop("primary_key", None)
    made = type(field)(*args, **{**plain, "null": True})
    # As it is on a model, with what Django remembers of it there.
    placed: Any = field
    placed.set_attributes_from_name("thing")
    placed.model = models.Model
    _ = placed.validators, placed.error_messages, placed.get_default()

    copied = event_field(placed)

    made.db_index = False  # a SlugField has one if nothing is said
    assert copied.deconstruct()[1:] == made.deconstruct()[1:]
    assert vars(copied).keys() <= vars(made).keys() | {"pgh_own_attribute"}
    assert copied.name is None
    assert copied.creation_counter > made.creation_counter
    copied.set_attributes_from_name("thing")
    made.set_attributes_from_name("thing")
    assert (copied.verbose_name, copied.attname, copied.column) == (
        made.verbose_name,
        made.attname,
        made.column,
    )
