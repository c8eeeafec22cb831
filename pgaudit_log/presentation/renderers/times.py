"""How dates, times and durations are shown: as the language writes them, and by how much they moved."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import models
from django.utils import formats
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from pgaudit_log.diffs.display import exact, in_current_zone
from pgaudit_log.presentation.renderers.base import Renderer
from pgaudit_log.presentation.renderers.registry import register_renderer


@register_renderer(models.DateField, models.TimeField)
class TimeRenderer(Renderer):
    """A date, a time, or both in the current time zone, with the zone beside it."""

    css = "pgh-when"

    def value(self, value: Any) -> SafeString:
        """Return the moment as the language writes it, with the whole of it as a tooltip."""
        match value:
            case datetime():
                local = in_current_zone(value)
                said = formats.date_format(local, "DATETIME_FORMAT")
                # A date of the language's may leave the seconds out.
                clock = f"{local:%H:%M:%S}"
                zone = local.tzname() or ""
                return format_html(
                    '<time class="pgh-value pgh-when" datetime="{}" title="{}">{}</time>',
                    value.isoformat(),
                    f"{exact(value)}",
                    f"{said} ({clock} {zone})" if zone else said,
                )
            case date():
                return format_html(
                    '<time class="pgh-value pgh-when" datetime="{}" title="{}">{}</time>',
                    value.isoformat(),
                    value.isoformat(),
                    formats.date_format(value, "DATE_FORMAT"),
                )
            case time():
                return self.whole(value.isoformat(), value)
            case _:
                return super().value(value)

    def delta(self, old: Any, new: Any) -> str:
        """Return how much later or earlier it is."""
        if isinstance(old, time) or isinstance(new, time):
            return ""
        if not isinstance(old, date) or type(old) is not type(new):
            return ""
        try:
            difference = new - old
        except (OverflowError, TypeError):
            return ""
        return signed(difference)


@register_renderer(models.DurationField)
class DurationRenderer(Renderer):
    """``3 days 04:00:00``."""

    css = "pgh-num"

    def text(self, value: Any) -> str:
        """Return the duration."""
        return _words(value) if isinstance(value, timedelta) else exact(value)

    def delta(self, old: Any, new: Any) -> str:
        """Return how much longer or shorter it is."""
        if not (isinstance(old, timedelta) and isinstance(new, timedelta)):
            return ""
        try:
            return signed(new - old)
        except OverflowError:
            return ""


def signed(difference: timedelta) -> str:
    """Return a difference of two moments, such as ``+3 days``."""
    if not difference:
        return ""
    return f"{'−' if difference < timedelta() else '+'}{_words(abs(difference))}"


def _words(duration: timedelta) -> str:
    if duration < timedelta():
        return f"−{_words(-duration)}"
    days, rest = duration.days, duration - timedelta(days=duration.days)
    said = []
    if days:
        said.append(ngettext("%(count)d day", "%(count)d days", days) % {"count": days})
    if rest or not days:
        said.append(str(rest) if rest else _("0 seconds"))
    return " ".join(said)
