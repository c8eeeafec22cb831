"""Links: where the screens are of what a page names; outside the admin, nowhere."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlencode

from django.db import models

Mode = Literal["revert", "undo", "restore"]
"""How an object goes back: to a state, by taking an event back, or by coming back."""

MODES: tuple[Mode, ...] = ("revert", "undo", "restore")


class Links:
    """The addresses of the screens, each empty: a project's own pages have none of them."""

    def trail(self, **query: Any) -> str:
        """Return where the trail is, with a filter."""
        return ""

    def event(self, id: int) -> str:
        """Return where one event is shown."""
        return ""

    def transaction(self, event: Any) -> str:
        """Return where all events of an event's transaction are."""
        return ""

    def transaction_number(self, txid: int) -> str:
        """Return where all events of a transaction are of which only the number is known."""
        return ""

    def context(self, id: Any) -> str:
        """Return where all events of a context are, such as a request."""
        return ""

    def timeline(self, model: type[models.Model], key: str) -> str:
        """Return where the timeline of an object is."""
        return ""

    def comparison(self, timeline: str, a: int | str, b: int | str) -> str:
        """Return where two states of the object of a timeline are compared."""
        return f"{timeline}compare/?{urlencode({'a': a, 'b': b})}" if timeline else ""

    def reversal(self, timeline: str, mode: Mode, event: int) -> str:
        """Return where an object goes back by an event: ``revert``, ``undo`` or ``restore`` it."""
        return f"{timeline}{mode}/?{urlencode({'event': event})}" if timeline else ""

    def as_of(self, timeline: str, **moment: Any) -> str:
        """Return where the object of a timeline is shown as of a moment: ``t``, or ``event``."""
        return f"{timeline}at/?{urlencode(moment)}" if timeline else ""

    def change(self, model: type[models.Model], key: str) -> str:
        """Return where an object is changed."""
        return ""
