"""How references are shown: by the name of what they point at, with a link to its timeline."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from pgaudit_log.diffs.display import exact
from pgaudit_log.presentation.renderers.base import Renderer
from pgaudit_log.presentation.renderers.registry import register_renderer


@register_renderer(models.ForeignKey)
class ReferenceRenderer(Renderer):
    """``Luís Gonçalves``, or ``customer 42 (deleted)``, each with its timeline behind it."""

    def value(self, value: Any) -> SafeString:
        """Return the name of the object of today, with its key as a tooltip."""
        label = None if self.field is None else self.surroundings.labels.of(self.field, value)
        if label is None:
            return self.whole(exact(value), value)
        url = self.surroundings.url_of(label.model, label.key)
        gone = (
            format_html(' <span class="pgh-delta">{}</span>', _("(deleted)"))
            if label.is_gone
            else SafeString("")
        )
        tooltip = f"{label.model._meta.verbose_name} {label.key}"[:200]
        if url:
            return format_html(
                '<a class="pgh-value" href="{}" title="{}">{}</a>{}',
                url,
                tooltip,
                label.text,
                gone,
            )
        return format_html(
            '<span class="pgh-value" title="{}">{}</span>{}', tooltip, label.text, gone
        )
