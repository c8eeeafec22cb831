"""Field filters: what one field of a form takes, such as a line of text, or a moment."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django_filters.filters import CharFilter, Filter

from pgaudit_log.exceptions import QueryError
from pgaudit_log.values import moment_parser

MOST_CHARACTERS = 5000
"""How long a text may be that is asked for."""


class TextFilter(CharFilter):
    """A filter that takes a text of a line, not a document."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_length": MOST_CHARACTERS, **options})


class WholeNumberFilter(Filter):
    """A filter that takes an integer."""

    field_class = forms.IntegerField


class _MomentField(forms.DateTimeField):
    """A moment as command lines take it; a date alone is where the day begins, or ends."""

    def __init__(self, *, is_end: bool = False, **options: Any) -> None:
        self.is_end = is_end
        super().__init__(**options)

    def to_python(self, value: Any) -> Any:
        """Return the moment."""
        if not isinstance(value, str) or not value.strip():
            return super().to_python(value)
        try:
            return moment_parser.moment_of(value.strip(), is_end=self.is_end)
        except QueryError as error:
            raise ValidationError(str(error), code="invalid") from error


class MomentFilter(Filter):
    """A filter that takes a moment."""

    field_class = _MomentField
