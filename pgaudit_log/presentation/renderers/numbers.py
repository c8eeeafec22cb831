"""How numbers are shown: with localized digits, and by how much they changed."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

from django.db import models
from django.utils import formats

from pgaudit_log.diffs.display import words_for
from pgaudit_log.presentation.renderers.base import Renderer
from pgaudit_log.presentation.renderers.registry import register_renderer

_MOST_DIGITS = 60
"""How many digits are localized and subtracted; of more, the text stands as it is."""


@register_renderer(models.DecimalField, models.FloatField, models.IntegerField)
class NumberRenderer(Renderer):
    """Numbers: ``1,234.50``, and ``+2.18 (+50 %)`` beside a change."""

    css = "pgh-num"

    def text(self, value: Any) -> str:
        """Return the number in the digits of the language; the label, where it is a choice."""
        if self._is_choice:
            return words_for(self.field, value)
        number = _number(value)
        return str(value) if number is None else _localized(number)

    def delta(self, old: Any, new: Any) -> str:
        """Return the difference, and how much that is of what was there."""
        before, after = _number(old), _number(new)
        if before is None or after is None or self._is_choice:
            return ""
        try:
            with localcontext() as context:
                context.prec = 2 * _MOST_DIGITS + 20
                difference = after - before
                share = difference / before * 100 if before else None
                percent = None if share is None else share.quantize(Decimal(1))
        except InvalidOperation:
            return ""
        said = _signed(difference)
        if percent and abs(percent) < 1000:
            # Without grouping, and as the language writes a number.
            said += f" ({_signed(percent)} %)"
        return said

    @property
    def _is_choice(self) -> bool:
        return bool(self.field is not None and getattr(self.field, "choices", None))


def _number(value: Any) -> Decimal | None:
    """Return a number exactly; ``None`` for what is none, or has too many digits to reckon with."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    except (InvalidOperation, ValueError):
        return None
    if not number.is_finite():
        return None
    digits = len(number.as_tuple().digits)
    return number if max(digits, abs(number.adjusted())) <= _MOST_DIGITS else None


def _localized(number: Decimal) -> str:
    return formats.number_format(format(number, "f"), use_l10n=True, force_grouping=True)


def _signed(number: Decimal) -> str:
    # A minus sign, which is as wide as the plus.
    sign = "−" if number < 0 else "+"
    return f"{sign}{_localized(abs(number))}"
