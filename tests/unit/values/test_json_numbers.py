"""A number out of an event's JSON is exact, and JSON again wherever it is put."""

from __future__ import annotations

import copy
import json
import math
import operator
import pickle
from decimal import ROUND_DOWN, Decimal
from typing import Any

import pytest
from django.template import Context, Template

from pgaudit_log.values.json_numbers import ExactEncoder, Number

TEXTS = ["10.50", "0.1", "-0.0", "12345678901234567890.123456789012345678", "1e-7", "0.00"]


@pytest.mark.parametrize("text", TEXTS)
def test_json_writes_the_digits(text: str) -> None:
    assert json.loads(json.dumps({"a": [Number(text)]})) == {"a": [text]}
    assert json.dumps({"a": [Number(text)]}, indent=1, sort_keys=True).count(f'"{text}"') == 1


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("kind", [Number, Decimal])
@pytest.mark.parametrize(
    "options", [{}, {"indent": 2}, {"ensure_ascii": False}, {"sort_keys": True}]
)
def test_our_encoder_writes_the_number(text: str, kind: Any, options: Any) -> None:
    for value in (kind(text), [kind(text)], {"é": (kind(text), "x", None, 1.5)}):
        written = json.dumps(value, cls=ExactEncoder, **options)
        plain = json.dumps(value, default=lambda v: "?", **options) if kind is Decimal else None
        assert plain is None or written.count('"') <= plain.count('"')
        read = json.loads(written, parse_float=Number, parse_int=Number)
        assert str(Decimal(text)) in repr(read) or text in repr(read)


def test_our_encoder_leaves_text_alone() -> None:
    value = {"a": '"1.5"', "b": ["x\\u0000number 5", "1.5"], "c": math.inf, "d": Decimal("NaN")}
    assert json.dumps(value, cls=ExactEncoder) == json.dumps({**value, "d": "NaN"})
    assert json.dumps("1.5", cls=ExactEncoder) == '"1.5"'


BINARY = [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
]


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("other", [3, Decimal("0.75"), Decimal("10.5")])
def test_it_counts_as_a_decimal_does(name: str, other: Any) -> None:
    operate = getattr(operator, name)
    number, decimal = Number("10.50"), Decimal("10.50")
    assert operate(number, other) == operate(decimal, other)
    assert operate(other, number) == operate(other, decimal)
    assert operate(number, Number("0.75")) == operate(decimal, Decimal("0.75"))


def test_it_equals_numbers_only() -> None:
    assert Number("10.50") == Number("10.5") == 10.5 == Decimal("10.500")
    assert hash(Number("10.50")) == hash(Decimal("10.5")) == hash(10.5)
    assert Number("10.50") != "10.50"
    assert Number("10.50") is not None and Number("10.50") != None  # noqa: E711
    assert "10.50" not in {Number("10.50")}
    with pytest.raises(TypeError):
        sorted([Number("10.50"), "11"])
    with pytest.raises(TypeError):
        sorted(["11", Number("10.50")])
    assert sorted([Number("10.5"), Number("9.5"), 10]) == [9.5, 10, 10.5]
    assert sum([Number("1.10"), Number("2.20")]) == Decimal("3.30")


def test_it_turns_into_whatever_is_wanted() -> None:
    number = Number("10.50")
    assert (int(number), float(number), Decimal(number), str(number)) == (
        10,
        10.5,
        Decimal("10.50"),
        "10.50",
    )
    assert (round(number, 1), -number, abs(Number("-1.5")), math.floor(number)) == (
        10.5,
        -10.5,
        1.5,
        10,
    )
    assert (f"{number}", f"{number:.1f}", format(number, ".1f"), repr(number)) == (
        "10.50",
        "10.5",
        "10.5",
        "Number('10.50')",
    )
    assert number.quantize(Decimal("1"), ROUND_DOWN) == 10
    assert not Number("0.00")
    assert type(str(number)) is str


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))]
)
def test_a_copy_is_a_number(copied: Any) -> None:
    assert type(copied(Number("10.50"))) is Number


def test_a_template_shows_it() -> None:
    template = Template("{{ n }} {{ n|floatformat:1 }}")
    assert template.render(Context({"n": Number("10.50")})) == "10.50 10.5"
