"""A key's text is read as it was written, and only as that."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import models

from pgaudit_log.values.keys import (
    joined_key,
    key_text_of_json,
    parse_key,
    read_key,
    split_key,
    whole_key_text,
)
from tests.shop.models import Customer

NUMBER, TEXT = models.IntegerField(), models.CharField(max_length=20)
PRICE, DAY = models.DecimalField(max_digits=9, decimal_places=2), models.DateField()


@pytest.mark.parametrize(
    ("fields", "key", "text"),
    [
        ([NUMBER], 5, "5"),
        ([TEXT], "a, b", "a, b"),
        ([TEXT], '"5"', '"5"'),
        ([PRICE], Decimal("1.50"), "1.50"),
        ([DAY], date(2026, 1, 31), "2026-01-31"),
        ([NUMBER, TEXT], (5, "5"), '[5, "5"]'),
        ([TEXT, NUMBER], ('ä"', -1), '["ä\\"", -1]'),
        ([DAY, NUMBER], (date(2026, 1, 31), 0), '["2026-01-31", 0]'),
    ],
)
def test_a_key_is_read_as_it_was_written(fields: list[Any], key: Any, text: str) -> None:
    assert (whole_key_text(key, fields), read_key(text, fields)) == (text, key)


@pytest.mark.parametrize("text", ["5", "[5]", "[5, 6, 7]", '{"a": 5}', "x", ""])
def test_a_composite_key_has_all_its_parts(text: str) -> None:
    with pytest.raises(ValueError, match="JSON array|Expecting value"):
        split_key(text, [NUMBER, TEXT])


@pytest.mark.parametrize(("parts", "key"), [([5], 5), ([5, "a"], (5, "a"))])
def test_only_several_parts_are_a_tuple(parts: list[Any], key: Any) -> None:
    assert joined_key(parts) == key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("7", 7),
        ("-7", -7),
        ("007", None),
        (" 7", None),
        ("7.0", None),
        ("x", None),
        ("", None),
        (str(2**63 - 1), 2**63 - 1),
        (str(2**63), None),
    ],
)
def test_a_key_of_another_type_or_form_is_none_of_the_model(text: str, key: Any) -> None:
    assert parse_key(Customer, text) == key


@pytest.mark.parametrize(
    ("text", "key"), [("5", "5"), ('"a\\"b"', 'a"b'), ('"5"', "5"), ("1.50", "1.50")]
)
def test_the_text_of_a_key_of_one_column(text: str, key: str) -> None:
    assert key_text_of_json(text) == key
