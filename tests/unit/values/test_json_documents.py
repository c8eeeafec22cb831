"""The JSON columns of events: read as Django's field reads them, by a decoder that is made once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import models
from django.db.models.fields.json import KeyTransform

from pgaudit_log.models import Events, ExactDecoder

FIELDS: tuple[Any, ...] = tuple(
    Events._meta.get_field(name) for name in ("pgh_data", "pgh_diff", "pgh_context")
)
VALUES = (
    None,
    "null",
    "{}",
    '{"a": [1.0, 1.00, 12345678901234567890.123456789, -0.0, 1e300], "é": "\\u00e9"}',
    " [1, 2]\n",
    "not JSON",
    "1 2",
    "",
    {"decoded": "already"},
    5,
)


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
@pytest.mark.parametrize("expression", [None, KeyTransform("a", "pgh_data")], ids=["whole", "key"])
def test_a_document_is_what_json_fields_read(field: Any, value: Any, expression: Any) -> None:
    def read(by: Any) -> str:
        try:
            return repr(by(value, expression, None))
        except (TypeError, ValueError) as error:
            return repr(error)

    plain = models.JSONField(null=True, decoder=field.decoder)
    assert read(field.from_db_value) == read(plain.from_db_value)


def test_a_number_that_json_fields_read_as_infinite_is_exact() -> None:
    number = "9" * 400 + ".5"
    for field in FIELDS:
        assert field.from_db_value(f"[{number}]", None, None) == [Decimal(number)]


def test_one_decoder_reads_all_documents(monkeypatch: Any) -> None:
    made: list[Any] = []
    field = FIELDS[0]
    field.from_db_value("{}", None, None)
    monkeypatch.setattr(ExactDecoder, "__init__", lambda self, **kwargs: made.append(self))
    assert [field.from_db_value(text, None, None) for text in ("1", "{}")] == [1, {}]
    assert made == []


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_migrations_know_documents_as_plain_json(field: Any) -> None:
    assert field.deconstruct()[1] == "django.db.models.JSONField"
    assert field.clone().from_db_value("1.10", None, None) == field.from_db_value(
        "1.10", None, None
    )
