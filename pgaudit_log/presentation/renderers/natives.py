"""How PostgreSQL's own types are shown: keys, addresses, ranges, bytes, geometries."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from django.contrib.postgres.fields.ranges import RangeField
from django.db import models
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from pgaudit_log.diffs.display import exact, safe
from pgaudit_log.presentation.renderers.base import Renderer
from pgaudit_log.presentation.renderers.registry import register_renderer

_RANGE = re.compile(r'([\[(])("(?:[^"]|"")*"|[^,"]*),("(?:[^"]|"")*"|[^,"]*)([\])])')


@register_renderer(models.UUIDField, models.GenericIPAddressField)
class NativeRenderer(Renderer):
    """The text that PostgreSQL writes, in letters of one width."""

    def value(self, value: Any) -> SafeString:
        """Return the text."""
        return format_html('<code class="pgh-value">{}</code>', safe(exact(value)[:200]))


@register_renderer(RangeField)
class RangeRenderer(Renderer):
    """``[a, b)``; of a change, only the bound that moved."""

    def text(self, value: Any) -> str:
        """Return the range as it is written, without the quotes of its bounds."""
        found = _RANGE.fullmatch(str(value))
        if found is None:
            return exact(value)
        opens, lower, upper, closes = found.groups()
        return f"{opens}{_bound(lower)}, {_bound(upper)}{closes}"

    def change(self, old: Any, new: Any) -> SafeString:
        """Return how each bound moved."""
        before, after = (_RANGE.fullmatch(str(side)) for side in (old, new))
        if before is None or after is None:
            return super().change(old, new)
        pairs = zip(before.groups(), after.groups(), strict=True)
        opens, lower, upper, closes = (self._bound_change(*pair) for pair in pairs)
        return format_html('<span class="pgh-value">{}{}, {}{}</span>', opens, lower, upper, closes)

    def _bound_change(self, old: str, new: str) -> SafeString:
        before, after = (safe(_bound(side)) for side in (old, new))
        if before == after:
            return format_html("{}", before)
        return format_html(
            '<del><span class="pgh-sr">{} </span>{}</del>'
            '<ins><span class="pgh-sr">{} </span>{}</ins>',
            _("before:"),
            before,
            _("after:"),
            after,
        )


def _bound(text: str) -> str:
    return text[1:-1].replace('""', '"') if text.startswith('"') else text or "∞"


@register_renderer(models.BinaryField)
class BinaryRenderer(Renderer):
    """How many bytes there are, and the beginning of their hash."""

    def text(self, value: Any) -> str:
        """Return size and hash."""
        if not isinstance(value, bytes):
            return exact(value)
        digest = hashlib.sha256(value).hexdigest()[:8]
        return f"{filesizeformat(len(value))} (SHA-256 {digest}…)"

    def delta(self, old: Any, new: Any) -> str:
        """Return how the size changed."""
        if not (isinstance(old, bytes) and isinstance(new, bytes)):
            return ""
        difference = len(new) - len(old)
        if not difference:
            return ""
        return f"{'−' if difference < 0 else '+'}{filesizeformat(abs(difference))}"


class GeometryRenderer(Renderer):
    """The kind of a geometry, and how much there is of it."""

    def text(self, value: Any) -> str:
        """Return a summary of GeoJSON; anything else as it is."""
        if not isinstance(value, dict):
            return exact(value)
        kind, coordinates = value.get("type"), value.get("coordinates")
        if not isinstance(kind, str):
            return exact(value)
        count = _points(coordinates)
        return exact(coordinates) if count == 1 else f"{kind} ({count})"


def _points(coordinates: Any) -> int:
    """Return how many points there are in the coordinates of GeoJSON."""
    todo, count = [coordinates], 0
    while todo:
        own = todo.pop()
        if isinstance(own, list):
            if own and not isinstance(own[0], list):
                count += 1
            else:
                todo += own
    return count


try:
    from django.contrib.gis.db.models.fields import BaseSpatialField
except Exception:  # GDAL is missing, or whatever it asks of the machine
    pass
else:
    register_renderer(BaseSpatialField)(GeometryRenderer)
