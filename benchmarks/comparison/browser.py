"""A browser, as far as probes need one: it sends the form that a page shows, as it is filled in."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any


class _Forms(HTMLParser):
    """The forms of a page that are sent by POST, each with what a browser would send of it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, list[str]]] = []
        self._form: dict[str, list[str]] | None = None
        self._select: str | None = None
        self._text: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = {name: value or "" for name, value in attrs}
        if tag == "form" and own.get("method", "").lower() == "post":
            self._form = {}
            self.found.append(self._form)
        if self._form is None:
            return
        name = own.get("name", "")
        if tag == "input" and name:
            kind = own.get("type", "text")
            is_box = kind in ("checkbox", "radio")
            if kind not in ("submit", "button", "file") and (not is_box or "checked" in own):
                value = own.get("value", "on" if is_box else "")
                self._form.setdefault(name, []).append(value)
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in own:
            self._form.setdefault(self._select, []).append(own.get("value", ""))
        elif tag == "textarea" and name:
            self._text = name
            self._form[name] = [""]

    def handle_data(self, data: str) -> None:
        if self._form is not None and self._text is not None:
            self._form[self._text][0] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea" and self._text is not None and self._form is not None:
            # The line break behind the tag is none of the text.
            self._form[self._text][0] = (
                self._form[self._text][0].removeprefix("\r\n").removeprefix("\n")
            )
            self._text = None


def send_form(client: Any, url: str, **values: str) -> bool:
    """Send the largest form of a page; return whether there was one.

    Args:
        client: Django's test client.
        url: where the page is.
        values: what is filled in where the form asks for it.
    """
    page = client.get(url)
    if page.status_code != 200:
        return False
    forms = _Forms()
    forms.feed(page.content.decode())
    if not forms.found:
        return False
    form = max(forms.found, key=len)
    filled = {name: [value] for name, value in values.items() if name in form}
    client.post(url, {**form, **filled})
    return True
