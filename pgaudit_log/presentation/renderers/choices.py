"""How closed sets are shown: yes and no, and choices by their labels."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from pgaudit_log.diffs.display import safe
from pgaudit_log.presentation.renderers.base import Renderer
from pgaudit_log.presentation.renderers.registry import register_renderer


@register_renderer(models.BooleanField)
class BooleanRenderer(Renderer):
    """``✓ Yes`` and ``✗ No``."""

    def value(self, value: Any) -> SafeString:
        """Return the sign with the word."""
        if not isinstance(value, bool):
            return super().value(value)
        sign, word = ("✓", _("Yes")) if value else ("✗", _("No"))
        return format_html(
            '<span class="pgh-value"><span aria-hidden="true">{}</span> {}</span>', sign, word
        )


class ChoiceRenderer(Renderer):
    """The label of a choice, with its code as a tooltip; of what is no choice today, the code."""

    def value(self, value: Any) -> SafeString:
        """Return the label."""
        labels = {str(key): label for key, label in getattr(self.field, "flatchoices", None) or ()}
        label = labels.get(str(value))
        code = safe(self.text(value))
        if label is None:
            return format_html(
                '<span class="pgh-value">{} <span class="pgh-delta">{}</span></span>',
                code[:200],
                _("unknown choice"),
            )
        return format_html('<span class="pgh-value" title="{}">{}</span>', code, safe(label))
