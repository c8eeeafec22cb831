"""What the screens are made of: stored values, texts and documents that differ, names of objects."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.postgres.fields import ArrayField
from django.db import models

from pgaudit_log.presentation import json_paths, stored_values, text_diffs
from pgaudit_log.presentation.shown import apart
from pgaudit_log.values.json_numbers import Number
from pgaudit_log.values.row_json import ERASED, JSON_NULL, MASKED
from tests.shop.models import Order

UTC = timezone.utc


@pytest.mark.parametrize(
    ("field", "stored", "value"),
    [
        (models.DecimalField(), Number("1.50"), Decimal("1.50")),
        (models.DecimalField(), 7, Decimal(7)),
        (models.DecimalField(), "NaN", "NaN"),
        (models.IntegerField(), 7, 7),
        (models.BooleanField(), True, True),
        (models.DateField(), "2026-03-01", date(2026, 3, 1)),
        (models.DateField(), "2026-02-31", "2026-02-31"),
        (models.DateField(), "infinity", "infinity"),
        (models.DateTimeField(), "2026-03-01T12:00:00+00:00", datetime(2026, 3, 1, 12, tzinfo=UTC)),
        (models.DateTimeField(), "-infinity", "-infinity"),
        (models.TimeField(), "12:30:00", time(12, 30)),
        (models.DurationField(), "P3DT4H", timedelta(days=3, hours=4)),
        (models.DurationField(), "P1Y", "P1Y"),
        (models.UUIDField(), "00000000-0000-0000-0000-000000000001", uuid.UUID(int=1)),
        (models.UUIDField(), "odd", "odd"),
        (models.BinaryField(), "\\x616263", b"abc"),
        (models.BinaryField(), "\\xzz", "\\xzz"),
        (ArrayField(models.DateField()), ["2026-03-01", None], [date(2026, 3, 1), None]),
        (models.JSONField(), {"pgaudit_log.json": None}, JSON_NULL),
        (models.JSONField(), {"a": 1}, {"a": 1}),
        (models.CharField(), {"pgaudit_log.masked": "x"}, MASKED),
        (models.CharField(), {"pgaudit_log.erased": True}, ERASED),
        (models.CharField(), None, None),
        (Order._meta.get_field("customer"), 5, 5),
        (None, {"a": 1}, {"a": 1}),
    ],
)
def test_a_stored_value_is_read_as_its_field_has_it(field: Any, stored: Any, value: Any) -> None:
    assert stored_values.read(field, stored) == value


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("leave it with the neighbour", "leave it in the garage"),
        ("", "x"),
        ("x", ""),
        ("same", "same"),
        ("a\nb\nc\n" * 2000, "a\nx\nc\n" * 2000),
        ("word " * 3000, "other " * 3000),
        ("ab" * 900, "ba" * 900),
    ],
)
def test_the_pieces_of_two_texts_make_both(old: str, new: str) -> None:
    pieces = text_diffs.compared(old, new)
    assert "".join(text for kind, text in pieces if kind in "=-") == old
    assert "".join(text for kind, text in pieces if kind in "=+") == new


def test_words_are_compared_and_in_long_texts_lines() -> None:
    assert text_diffs.compared("a b c", "a x c") == [
        ("=", "a "),
        ("-", "b"),
        ("+", "x"),
        ("=", " c"),
    ]
    old = "one two\n" * 1000
    pieces = text_diffs.compared(old, old + "three four\n")
    assert pieces[-1] == ("+", "three four\n")


def test_what_both_texts_share_is_shortened() -> None:
    pieces = text_diffs.in_context([("=", "x" * 1000), ("-", "a"), ("=", "y" * 1000)])
    assert [kind for kind, _text in pieces] == ["…", "=", "-", "=", "…"]
    assert sum(len(text) for _kind, text in pieces) < 200


@pytest.mark.parametrize(
    ("old", "new", "paths"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": {"b c": 1}}, {"a": {"b c": 2}}, ['a["b c"]']),
        ({"a": [1, 2]}, {"a": [1, 3, 4]}, ["a[1]", "a[2]"]),
        ({"a": 1}, {"b": 1}, ["a", "b"]),
        ([{"id": 1, "x": 1}], [{"id": 1, "x": 2}], ["[id=1].x"]),
        ([{"id": 1}, {"id": 1}], [{"id": 1}], ["[1]"]),
        ([{"id": 1}], [{"id": "1"}], ["[id=1]", '[id="1"]']),
        ({"a": 1}, [1], ["$"]),
        (1, True, ["$"]),
    ],
)
def test_documents_differ_at_paths(old: Any, new: Any, paths: list[str]) -> None:
    assert [found.path for found in json_paths.differing(old, new, most=10)] == paths


def test_no_more_paths_are_looked_for_than_are_wanted() -> None:
    assert len(json_paths.differing([*range(1000)], [0] * 1000, most=5)) == 5


def test_a_document_has_lines() -> None:
    assert json_paths.lines({"a": [1, {}], "b": None}) == [
        "{",
        '  "a": [',
        "    1,",
        "    {}",
        "  ],",
        '  "b": null',
        "}",
    ]
    assert len(json_paths.lines([*range(5000)])) == json_paths.MOST_LINES + 1


@pytest.mark.parametrize(
    ("kind", "text", "shown"),
    [
        ("order", "order 17", ""),
        ("order", "Order #17", ""),
        ("order", "order", ""),
        ("order", "orderly Anna", "order"),
        ("order", "Anna’s order", "order"),
        ("order line", "order 17", "order line"),
        ("Bestellung", "Bestellung 17", ""),
        ("order", "", "order"),
    ],
)
def test_what_an_object_is_is_said_where_its_name_does_not(
    kind: str, text: str, shown: str
) -> None:
    assert apart(kind, text) == shown
