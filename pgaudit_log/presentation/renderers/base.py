"""The base of renderers: a value, and how it changed, as HTML that is built by ``format_html`` alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.db import models
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from pgaudit_log.diffs.display import exact, safe
from pgaudit_log.presentation.labels import Labels
from pgaudit_log.values.row_json import ERASED, JSON_NULL, MASKED, MISSING, Absence
from pgaudit_log.values.tables import Field

MOST_CHARACTERS = 200
"""How many characters of a value stand in a line."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a renderer may ask the page that it renders for."""

    labels: Labels
    url_of: Callable[[type[models.Model], str], str]
    """Returns where the timeline of an object is; empty where the person may not see it."""


class Renderer:
    """Shows values of one field. Subclass it, and override what is shown otherwise.

    Whatever a method returns must be built by ``format_html``: values are what anybody wrote.
    """

    is_block: ClassVar[bool] = False
    """Whether a change takes lines of its own, instead of standing in one."""
    css: ClassVar[str] = ""
    """The class of the element around a value."""

    def __init__(self, field: Field | None, surroundings: Surroundings) -> None:
        self.field = field
        self.surroundings = surroundings

    def show(self, value: Any) -> SafeString:
        """Return a value, also one that is none."""
        if isinstance(value, Absence):
            return _ABSENCES[value](value)
        if value is None:
            return format_html(
                '<span class="pgh-none">–<span class="pgh-sr"> {}</span></span>', _("empty")
            )
        if value == "" and isinstance(value, str):
            return format_html('<span class="pgh-none">{}</span>', '""')
        return self.value(value)

    def value(self, value: Any) -> SafeString:
        """Return a value that is one."""
        return self.whole(self.text(value), value)

    def text(self, value: Any) -> str:
        """Return the words for a value: what ``value()`` shows where nothing else is needed."""
        return exact(value)

    def json(self, value: Any) -> Any:
        """Return a value for programs: what JSON has, or what stands for it, such as a ``date``.

        What ``value()`` does not show must not be told here: return ``MASKED`` then.
        """
        return value

    def whole(self, text: str, value: Any) -> SafeString:
        """Return a text in the element of this kind, its beginning where it is long."""
        shown = safe(text[: MOST_CHARACTERS + 1])
        if len(text) > MOST_CHARACTERS:
            shown = f"{shown[:MOST_CHARACTERS]}… ({length_of(text)})"
        return format_html('<span class="{}">{}</span>', f"pgh-value {self.css}".strip(), shown)

    def change(self, old: Any, new: Any) -> SafeString:
        """Return how a value became another."""
        if old is MASKED or new is MASKED:
            return format_html("{} {}", self.show(MASKED), _("changed"))
        return format_html(
            '{} <span class="pgh-arrow" aria-hidden="true">→</span> {}{}',
            self.removed(old),
            self.added(new),
            self.aside(self.delta(old, new)),
        )

    def delta(self, old: Any, new: Any) -> str:
        """Return by how much a value changed, such as ``+3 days``; empty where that says nothing."""
        return ""

    def removed(self, value: Any) -> SafeString:
        """Return a value that was there before."""
        if value is None or isinstance(value, Absence):
            return self.show(value)
        return format_html(
            '<del><span class="pgh-sr">{} </span>{}</del>', _("before:"), self.show(value)
        )

    def added(self, value: Any) -> SafeString:
        """Return a value that is there after."""
        if value is None or isinstance(value, Absence):
            return self.show(value)
        return format_html(
            '<ins><span class="pgh-sr">{} </span>{}</ins>', _("after:"), self.show(value)
        )

    @staticmethod
    def aside(text: str) -> SafeString:
        """Return what is said beside a change."""
        return format_html(' <span class="pgh-delta">{}</span>', text) if text else SafeString("")


def _masked(value: Absence) -> SafeString:
    return format_html(
        '<span class="pgh-masked">••••<span class="pgh-sr"> {}</span></span>', _("hidden")
    )


def _erased(value: Absence) -> SafeString:
    return format_html('<span class="pgh-none">{}</span>', _("erased"))


def _missing(value: Absence) -> SafeString:
    return format_html('<span class="pgh-none">{}</span>', _("unknown"))


def _json_null(value: Absence) -> SafeString:
    return format_html('<code class="pgh-value">{}</code>', "null")


_ABSENCES: Mapping[Absence, Callable[[Absence], SafeString]] = {
    MASKED: _masked,
    ERASED: _erased,
    MISSING: _missing,
    JSON_NULL: _json_null,
}


def length_of(text: str) -> str:
    """Return how many characters a text has, in words."""
    count = len(text)
    return ngettext("%(count)d character", "%(count)d characters", count) % {"count": count}
