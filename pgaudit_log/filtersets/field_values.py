"""Field values: what a text of a form means as the value of a model's field."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _

from pgaudit_log.values.tables import Field

NULL = "null"
"""What is entered for the absence of a value, SQL ``NULL``."""

_MOST_DIGITS = 1000


def value_of(fields: Sequence[Field], text: str, side: str) -> Any:
    """Return the value that ``text`` is of the first of ``fields`` that can have it.

    Raises:
        ValidationError: when none can.
    """
    if text == NULL:
        return None
    for field in fields:
        try:
            return parsed(field, text)
        except (ArithmeticError, RecursionError, TypeError, ValueError, ValidationError):
            continue
    raise ValidationError({side: _("“%s” is no value of this field.") % text})


def parsed(field: Field, text: str) -> Any:
    """Return the value of a field that a text means: as it is stored, or the label of a choice.

    Raises:
        ArithmeticError, RecursionError, TypeError, ValueError, ValidationError: when it is none.
    """
    choices = {str(label).casefold(): code for code, label in getattr(field, "flatchoices", ())}
    if text not in map(str, choices.values()) and text.casefold() in choices:
        return choices[text.casefold()]
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    if isinstance(field, models.JSONField):
        return json.loads(text, parse_float=_finite, parse_constant=_finite)
    if isinstance(field, models.BooleanField):
        text = text.title()
    value = field.to_python(text)
    if isinstance(field, models.GenericIPAddressField):
        field.run_validators(value)
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) > _MOST_DIGITS:
        raise ValueError(text)
    if isinstance(field, models.DateTimeField) and timezone.is_naive(value):
        return timezone.make_aware(value)
    return value


def _finite(text: str) -> float:
    """Return a number of a document; what Python has for ``NaN`` and ``1e400`` is none of JSON.

    Raises:
        ValueError: for those.
    """
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
