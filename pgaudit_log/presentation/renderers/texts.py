"""How texts are shown: short ones in a line, long ones by what differs in them."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from pgaudit_log.diffs.display import safe
from pgaudit_log.presentation import text_diffs
from pgaudit_log.presentation.renderers.base import Renderer, length_of
from pgaudit_log.presentation.renderers.registry import register_renderer

SHORT = 120
"""Up to how many characters a text stands in a line."""

LONGEST = 200_000
"""Up to how many characters a text is shown."""

_SPACES = str.maketrans({" ": "␣", "\t": "⇥", "\u00a0": "⍽", "\r": "␍"})


def is_short(text: str) -> bool:
    """Return whether a text can stand in a line."""
    return len(text) <= SHORT and "\n" not in text


def visible(text: str) -> str:
    """Return a text in which whitespace at its ends can be seen, and nothing that steers a reader."""
    core = text.strip()
    if not core:
        return text.replace("\n", "⏎").translate(_SPACES)
    start = len(text) - len(text.lstrip())
    ends = text[:start], text[start + len(core) :]
    before, after = (end.replace("\n", "⏎").translate(_SPACES) for end in ends)
    return safe(f"{before}{core}{after}", keep="\n\t")


@register_renderer(models.CharField, models.TextField)
class TextRenderer(Renderer):
    """Texts: words that were struck out and put in."""

    css = "pgh-text"

    def value(self, value: Any) -> SafeString:
        """Return a short text in a line, a long one folded."""
        text = str(value)
        if is_short(text):
            return format_html('<span class="pgh-value pgh-text">{}</span>', visible(text))
        if len(text) > LONGEST:
            return self.too_large(text)
        return format_html(
            '<details class="pgh-long"><summary>{}… <span class="pgh-delta">{}</span></summary>'
            '<div class="pgh-block">{}</div></details>',
            visible(" ".join(text[:80].split())),
            length_of(text),
            safe(text, keep="\n\t"),
        )

    def change(self, old: Any, new: Any) -> SafeString:
        """Return what differs between two texts."""
        if not (isinstance(old, str) and isinstance(new, str)) or not (old and new):
            return super().change(old, new)
        if max(len(old), len(new)) > LONGEST:
            return format_html("{} → {}", self.too_large(old), self.too_large(new))
        if is_short(old) and is_short(new):
            return self._in_a_line(old, new)
        pieces = text_diffs.compared(old, new)
        return format_html(
            '<div class="pgh-block pgh-text-diff">{}</div>'
            '<details class="pgh-long"><summary>{}</summary><div class="pgh-sides">'
            '<div class="pgh-block">{}</div><div class="pgh-block">{}</div></div></details>',
            self._marked(text_diffs.in_context(pieces)),
            _("View both in full"),
            safe(old, keep="\n\t"),
            safe(new, keep="\n\t"),
        )

    def _in_a_line(self, old: str, new: str) -> SafeString:
        pieces = text_diffs.compared(old, new)
        kept = sum(len(text) for kind, text in pieces if kind == "=")
        if old.strip() == new.strip() or kept * 2 < max(len(old), len(new)):
            # Little is left of it, or only what cannot be seen differs.
            return super().change(old, new)
        return format_html(
            '<span class="pgh-text-diff pgh-text" title="{}">{}</span>',
            f"{safe(old)} → {safe(new)}",
            self._marked(pieces),
        )

    @staticmethod
    def _marked(pieces: list[text_diffs.Piece]) -> SafeString:
        html = {
            "=": "{}",
            "-": '<del><span class="pgh-sr">' + "{}" + " </span>{}</del>",
            "+": '<ins><span class="pgh-sr">' + "{}" + " </span>{}</ins>",
            "…": '<span class="pgh-delta">{}</span>',
        }
        said = {"-": _("removed:"), "+": _("added:")}
        found = []
        for kind, text in pieces:
            shown = safe(text, keep="\n\t")
            arguments = (said[kind], shown) if kind in said else (shown,)
            found.append((format_html(html[kind], *arguments),))
        return format_html_join("", "{}", found)

    @staticmethod
    def too_large(text: str) -> SafeString:
        """Return what is shown of a text that is too large for a page."""
        return format_html(
            '<span class="pgh-none">{} ({})</span>', _("too large to show"), length_of(text)
        )
