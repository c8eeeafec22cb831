"""Probes: what the admin shows."""

from __future__ import annotations

from typing import Any

from benchmarks.comparison.answers import Answer, either, no, partly, yes
from benchmarks.comparison.browser import send_form
from benchmarks.comparison.probes import probe
from benchmarks.comparison.rows import client, line, order, save, user
from benchmarks.comparison.ways.base import Way

ADMIN = "In the admin"


@probe(ADMIN, "an object's history, with old and new values")
def object_page(way: Way) -> Answer:
    """The history of an order is looked at."""
    own = order(way, status="early")
    save(way, own, status="late")
    text = _text(way.object_page(own))
    if text is None:
        return no("the page is not there")
    if "early" in text and "late" in text:
        return yes()
    return partly("a list of events or versions, without old and new values")


@probe(ADMIN, "one list of the events of all models")
def trail_page(way: Way) -> Answer:
    """The list is looked at, after a line was added to an order."""
    own = order(way)
    line(way, own)
    text = _text(way.trail_page())
    if text is None:
        return no("the page is not there")
    words = text.lower()
    return either("line" in words and "order" in words, "not both models")


@probe(ADMIN, "any two versions compared")
def comparison_page(way: Way) -> Answer:
    """The first and the third version of an order are compared."""
    own = order(way, status="early")
    save(way, own, status="middle")
    save(way, own, status="late")
    text = _text(way.comparison_page(own))
    if text is None:
        return no("the page is not there")
    return either("early" in text and "late" in text, "the page does not have both values")


@probe(ADMIN, "an object is reverted")
def revert_page(way: Way) -> Answer:
    """The page for reverting an order is looked at, and its form is sent."""
    own = order(way, status="early")
    save(way, own, status="late")
    if not send_form(_client(), way.revert_page(own), reason="by mistake"):
        return no("the page is not there")
    own.refresh_from_db()
    return either(own.status == "early", "not reverted")


@probe(ADMIN, "deleted objects are listed, to be restored")
def deleted_page(way: Way) -> Answer:
    """An order is deleted, and looked for in the list."""
    own = order(way)
    key = own.pk
    with way.block():
        own.delete()
    text = _text(way.deleted_page(key))
    if text is None:
        return no("the page is not there")
    return either(f"Order {key}" in text, "not in the list")


def _client() -> Any:
    return client(user())


def _text(url: str) -> str | None:
    """Return the text of a page, wherever it leads."""
    answer: Any = _client().get(url, follow=True)
    return answer.content.decode() if answer.status_code == 200 else None
