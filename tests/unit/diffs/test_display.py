"""Values are said to people in one way."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import pytest
from django.db import models
from django.test import override_settings
from django.utils.safestring import SafeString
from django.utils.timezone import override

from pgaudit_log.cli import terminal_text
from pgaudit_log.diffs.display import exact, moment, safe, words_for
from pgaudit_log.values.json_numbers import Number
from pgaudit_log.values.row_json import JSON_NULL, MASKED

NUMBER, TEXT, TRUTH = models.IntegerField(), models.TextField(), models.BooleanField()
STATUS = models.CharField(max_length=9, choices=[("new", "New"), ("", "None yet"), ("1", "One")])
BYTES = models.BinaryField()

MOMENT = datetime(2026, 1, 31, 18, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("field", "value", "words", "exactly"),
    [
        (NUMBER, None, "–", "–"),
        (NUMBER, 5, "5", "5"),
        (NUMBER, Decimal("1.50"), "1.50", "1.50"),
        (TEXT, "", '""', '""'),
        (TEXT, "a", "a", "a"),
        (TRUTH, True, "Yes", "True"),
        (STATUS, "new", "New", "new"),
        (STATUS, "", "None yet", '""'),
        (STATUS, "gone", "gone", "gone"),
        (NUMBER, MASKED, "hidden", "hidden"),
        (NUMBER, JSON_NULL, "null (JSON)", "null (JSON)"),
        (models.JSONField(), {"a": [1, None]}, '{"a": [1, null]}', '{"a": [1, null]}'),
        (
            models.JSONField(),
            {"é": (1.5, Decimal("1.50"), Number("2.0")), 7: [float("nan"), '"', True]},
            '{"é": [1.5, 1.50, 2.0], "7": ["nan", "\\"", true]}',
            '{"é": [1.5, 1.50, 2.0], "7": ["nan", "\\"", true]}',
        ),
        (models.JSONField(), {"é": [1.5, {}, '"']}, *2 * ('{"é": [1.5, {}, "\\""]}',)),
        (models.DateTimeField(), MOMENT, "2026-01-31 19:00:00+01:00", "2026-01-31 19:00:00+01:00"),
        (BYTES, b"\x01\xff", "2 bytes (SHA-256 4b3a43f5…)", "01ff"),
        (BYTES, bytes(40), "40 bytes (SHA-256 2c34ce1d…)", "40 bytes (SHA-256 2c34ce1d…)"),
        (None, ["a"], '["a"]', '["a"]'),
        (None, "", '""', '""'),
    ],
)
def test_a_value_is_said(field: Any, value: Any, words: str, exactly: str) -> None:
    with override_settings(TIME_ZONE="Europe/Berlin"):
        assert (words_for(field, value), exact(value)) == (words, exactly)


@pytest.mark.parametrize(
    ("value", "text", "shown"),
    [
        ("new", "New", "New"),
        ("a\x1b[2J", None, "a\\x1b[2J"),
        ("a", "a\x1b[2J", "a\\x1b[2J"),
        (b"\x01", "1 bytes (…)", "01"),
    ],
)
def test_a_value_on_a_terminal(value: Any, text: str | None, shown: str) -> None:
    assert terminal_text.of_value(value, text) == shown


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize(
    "edge", [datetime.max.replace(tzinfo=timezone.utc), datetime.min.replace(tzinfo=timezone.utc)]
)
def test_a_moment_at_the_edge_of_the_calendar_is_shown(edge: datetime, zone: str) -> None:
    with override(zone):
        assert moment(edge).startswith(f"{edge.year:04}-")


def test_what_steers_a_reader_is_written_as_an_escape_and_nothing_is_markup() -> None:
    assert safe("a\x1b\u202e\u2028\ud800\n") == r"a\x1b\u202e\u2028\ud800\n"
    assert safe("one\n\ttwo\x00", keep="\n\t") == "one\n\ttwo\\x00"
    for text in ("plain, ünïcode 😀", "one\ntwo", "no\u00a0break", "क्\u200dष"):
        assert safe(text, keep="\n") == text
    assert type(safe(SafeString("<b>"))) is str
