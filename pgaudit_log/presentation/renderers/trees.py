"""How documents are shown: JSON, arrays and hstore by the paths at which they differ."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField, HStoreField
from django.db import models
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from pgaudit_log.diffs.display import as_json, safe
from pgaudit_log.presentation import json_paths
from pgaudit_log.presentation.renderers.base import Renderer
from pgaudit_log.presentation.renderers.registry import register_renderer
from pgaudit_log.presentation.renderers.texts import LONGEST, SHORT, TextRenderer

MOST_PATHS = 50
"""How many differing paths are shown."""


@register_renderer(models.JSONField, ArrayField, HStoreField)
class TreeRenderer(Renderer):
    """A document as JSON; of a change, ``items[2].qty: 3 → 5``."""

    def value(self, value: Any) -> SafeString:
        """Return a short document in a line, a long one folded."""
        text = self.text(value)
        if len(text) <= SHORT:
            return format_html('<code class="pgh-value">{}</code>', safe(text))
        if len(text) > LONGEST:
            return TextRenderer.too_large(text)
        return format_html(
            '<details class="pgh-long"><summary><code>{}…</code></summary>'
            '<pre class="pgh-block">{}</pre></details>',
            safe(text[:80]),
            safe("\n".join(json_paths.lines(value)), keep="\n"),
        )

    def text(self, value: Any) -> str:
        """Return a document as JSON on one line; one that is too deep to be read is its text."""
        return value if isinstance(value, str) and value[:1] in "[{" else as_json(value)

    def change(self, old: Any, new: Any) -> SafeString:
        """Return what differs, path by path."""
        if not (isinstance(old, dict | list) and isinstance(new, dict | list)):
            return super().change(old, new)
        found = json_paths.differing(old, new, most=MOST_PATHS + 1)
        lines = [self._line(one) for one in found[:MOST_PATHS]]
        if len(found) > MOST_PATHS:
            lines.append(format_html('<li class="pgh-delta">{}</li>', _("… and more")))
        return format_html('<ul class="pgh-paths">{}</ul>', format_html_join("", "{}", zip(lines)))

    def _line(self, found: json_paths.Difference) -> SafeString:
        path = format_html('<code class="pgh-path">{}</code>', safe(found.path[:200]))
        if found.kind == "added":
            return format_html("<li>{} {}</li>", path, self.added(_Inner(found.new)))
        if found.kind == "removed":
            return format_html("<li>{} {}</li>", path, self.removed(_Inner(found.old)))
        return format_html(
            '<li>{} {} <span class="pgh-arrow" aria-hidden="true">→</span> {}</li>',
            path,
            self.removed(_Inner(found.old)),
            self.added(_Inner(found.new)),
        )

    def show(self, value: Any) -> SafeString:
        """Return a value, or one inside of a document, whose ``null`` is JSON's."""
        if isinstance(value, _Inner):
            return self.value(value.value)
        return super().show(value)

    def delta(self, old: Any, new: Any) -> str:
        """Return how many elements more or fewer there are."""
        if not (isinstance(old, list) and isinstance(new, list)) or len(old) == len(new):
            return ""
        count = len(new) - len(old)
        said = ngettext("%(count)d element", "%(count)d elements", abs(count))
        return f"{'−' if count < 0 else '+'}{said % {'count': abs(count)}}"


class _Inner:
    """A value inside of a document."""

    def __init__(self, value: Any) -> None:
        self.value = value
