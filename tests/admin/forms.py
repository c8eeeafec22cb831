"""Forms of pages, filled in and sent as a browser without JavaScript does it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from django.test import Client


class Form(HTMLParser):
    """The form of a page that is sent by POST."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.data: dict[str, list[str]] = {}
        self.boxes: list[tuple[str, str]] = []
        """The names and values of the boxes that can be ticked."""
        self._is_inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        """Take what a browser would send."""
        own = dict(attrs)
        if tag == "form":
            self._is_inside = own.get("method") == "post" and "pgh-reversal" in own.get("class", "")
        if not self._is_inside or tag != "input" or "name" not in own:
            return
        is_box = own.get("type") == "checkbox"
        value = own.get("value", "on" if is_box else "")
        if is_box:
            self.boxes.append((own["name"], value))
            if "checked" not in own:
                return
        self.data.setdefault(own["name"], []).append(value)

    def handle_endtag(self, tag: str) -> None:
        """Leave a form."""
        if tag == "form":
            self._is_inside = False

    def tick(self, name: str, value: str = "on") -> None:
        """Tick a box, which must be there."""
        assert (name, value) in self.boxes, self.boxes
        self.data.setdefault(name, []).append(value)

    def untick(self, name: str, value: str) -> None:
        """Untick a box, which must be ticked."""
        self.data[name].remove(value)

    def send(self, client: Client, url: str, **more: Any) -> Any:
        """Return the answer."""
        return client.post(url, {**self.data, **more})
